"""Every lecture keeps the book's promises to its reader: structure, figures, exercises, claims."""

import ast
import re
import shutil
import subprocess
import sys
from functools import cache
from statistics import median

import book
import check_yourself
import pytest
from book import PAGES, cells, text
from book import WITH_CODE as EXECUTED
from jupyter_server.services.contents.largefilemanager import LargeFileManager
from jupytext.sync_contentsmanager import build_sync_jupytext_contents_manager_class
from reading import reading

BIBLIOGRAPHY = (book.ROOT / "references.bib").read_text("utf-8")
FRONT = ["intro", "playground", "when_it_fails"]  # executed pages that are no lectures
LECTURES = [p for p in EXECUTED if p not in FRONT]

JUPYTEXT = build_sync_jupytext_contents_manager_class(LargeFileManager)
FILLER = (r"simply|just|obviously|clearly|of course|powerful|seamless\w*|delve\w*|crucial\w*"
          r"|leverag\w*")
SECTIONS = ["Overview", "What can go wrong", "Summary", "Check yourself", "Exercises"]
FORBIDDEN_TAGS = {"skip-execution", "remove-input", "remove-output", "hide-cell"}


@cache
def prose(page):
    """The words of a page: no code, no mathematics, no addresses."""
    body = "\n".join(cell.source for cell in cells(page, "markdown"))
    body = re.sub(r"^---\n.*?\n---\n", "", body, flags=re.S)
    body = re.sub(r"^<!-- try$|^- \[[ x]\] [\d.]+( ± .*)?$", " ", body, flags=re.M)
    for pattern in (r"\$\$.*?\$\$", r"\$[^$]*\$", r"```\{math\}.*?```", r"`[^`]*`", r"\(http\S*\)"):
        body = re.sub(pattern, " ", body, flags=re.S)
    return body


def headings(page, level):
    body = "\n".join(cell.source for cell in cells(page, "markdown"))
    return re.findall(rf"^{'#' * level} (.+)$", body, re.M)


def figures(page):
    return [cell for cell in cells(page) if "plt.show()" in cell.source]


def is_python(source):
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def is_claim(cell):
    return re.search(r"^\s*assert ", cell.source, re.M) is not None


def test_toc_lists_every_page():
    assert sorted(PAGES) == sorted(path.stem for path in book.LECTURES.glob("*.md"))


@pytest.mark.parametrize("page", PAGES)
def test_one_title(page):
    (title,) = headings(page, 1)
    words = title.split()
    small = {"a", "an", "and", "as", "at", "by", "for", "from", "in", "of", "on", "the", "to",
             "with"}
    assert all(word[0].isupper() or word in small for word in words)
    assert words[0][0].isupper()


@pytest.mark.parametrize("page", LECTURES)
def test_template(page):
    found = headings(page, 2)
    assert [h for h in found if h in SECTIONS] == SECTIONS
    assert found[0] == "Overview"
    assert found[-1] == "Exercises"


@pytest.mark.parametrize("page", PAGES)
def test_no_leftovers(page):
    assert not re.findall(r"TODO|FIXME|XXX|lorem|sys\.path|pip install|allow_errors", text(page))
    assert not re.findall(rf"\b({FILLER})\b", prose(page), re.I)
    assert "!" not in re.sub(r"!\[", "[", prose(page))


@pytest.mark.parametrize("page", EXECUTED)
def test_seed_is_a_parameter(page):
    (cell,) = [c for c in cells(page) if "parameters" in c.metadata.get("tags", [])]
    assert re.fullmatch(r"seed = \d+", cell.source)
    sources = "\n".join(c.source for c in cells(page))
    assert not re.search(r"random\.(key|PRNGKey|default_rng|seed|RandomState)\(\d*\)", sources)


@pytest.mark.parametrize("page", EXECUTED)
def test_cells_are_short_and_all_run(page):
    lengths = [len(c.source.splitlines()) for c in cells(page)]
    assert max(lengths) <= 30
    assert median(lengths) <= 14
    for cell in cells(page):
        tags = set(cell.metadata.get("tags", []))
        assert not FORBIDDEN_TAGS & tags
        assert "remove-cell" not in tags or cell.source.startswith("%"), "only magics are hidden"
        title = cell.metadata.get("mystnb", {}).get("code_prompt_show", "")
        assert "`" not in title, f"a fold's title is plain text: {title}"


@pytest.mark.parametrize("page", LECTURES)
def test_a_reader_who_opens_no_fold_has_a_short_lesson(page):
    seen = reading(page)
    assert seen.asserts == 0
    assert seen.longest <= 17
    assert seen.lines <= 280
    assert seen.minutes <= 46


@pytest.mark.parametrize("page", EXECUTED)
def test_nothing_unused_or_undefined(page):
    """ruff's F rules on all cells of a page, but those that are no Python on purpose."""
    code = "\n".join(cell.source for cell in cells(page) if is_python(cell.source))
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select=F", "-"]
    result = subprocess.run(ruff, input=code, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("page", EXECUTED)
def test_figures_speak(page):
    assert figures(page)
    for cell in figures(page):
        about = cell.metadata.get("mystnb", {})
        assert about["figure"]["name"].startswith("fig-"), cell.source
        assert len(about["figure"]["caption"].split()) >= 4, cell.source
        assert len(about["image"]["alt"].split()) >= 8, cell.source
        ink = re.search(r"\b(black|white|bright\w*|dark\w*)\b", about["figure"]["caption"], re.I)
        assert not ink, f"{ink[0]} is another colour on a dark page"
        assert not re.search(r"set_title|suptitle|plt\.title", cell.source), cell.source


@pytest.mark.parametrize("page", LECTURES)
def test_figures_are_referred_to(page):
    for cell in figures(page):
        assert f"{{numref}}`{cell.metadata['mystnb']['figure']['name']}`" in text(page)


@pytest.mark.parametrize("page", EXECUTED)
def test_claims_are_executed(page):
    claims = [cell for cell in cells(page) if is_claim(cell)]
    asserts = re.findall(r"^\s*assert ", "\n".join(cell.source for cell in claims), re.M)
    assert len(asserts) >= (1 if page in FRONT else 12)
    for cell in claims:
        assert not re.search(r"assert (True|1)\b|isinstance|is not None", cell.source), cell.source


@pytest.mark.parametrize("page", LECTURES)
def test_something_fails_in_sight(page):
    assert any("raises-exception" in cell.metadata.get("tags", []) for cell in cells(page))


@pytest.mark.parametrize("page", LECTURES)
def test_exercises_have_executed_solutions(page):
    labels = re.findall(r"\{exercise(?:-start)?\}[^\n]*\n:label: (\S+)", text(page))
    assert 3 <= len(labels) <= 6
    solutions = re.findall(r"\{solution-start\} (\S+)\n(.*?)\{solution-end\}", text(page), re.S)
    assert [label for label, _ in solutions] == labels
    for label, body in solutions:
        assert ":class: dropdown" in body, label
        code = re.findall(r"```\{code-cell\}.*?```", body, re.S)
        assert any(re.search(r"^\s*assert ", cell, re.M) for cell in code), label


@pytest.mark.parametrize("page", LECTURES)
def test_answers_can_be_tried(page):
    """Two at least; each below its question; one right, no mistake within its tolerance."""
    (section,) = re.findall(r"^## Check yourself\n(.*?)^## ", text(page), re.M | re.S)
    comments = check_yourself.COMMENT.findall(section)
    assert len(comments) == text(page).count("<!--") >= 2
    for comment in comments:
        keys, answers, reasons = zip(*check_yourself.entries(comment))
        assert len(set(answers)) == len(answers)
        assert all(reason.endswith(".") for reason in reasons)
        if numbers := [key for key in keys if "value" in key]:
            (right,) = [key for key in numbers if key["right"]]
            for mistake in numbers:
                apart = abs(mistake["value"] - right["value"])
                assert mistake is right or apart > mistake["within"] + right["within"], comment


@pytest.mark.parametrize("page", PAGES)
def test_no_result_is_typed(page):
    """A number with three or more decimals in prose would be a result that the run should print."""
    assert not re.findall(r"\b\d+\.\d{3,}\b", prose(page))


@pytest.mark.parametrize("page", PAGES)
def test_citations_are_in_the_bibliography(page):
    cited = ",".join(re.findall(r"\{cite:\w+\}`([^`]+)`", text(page)))
    keys = {key.strip() for key in cited.split(",") if key}
    assert all(re.search(rf"^@\w+\{{{re.escape(key)},", BIBLIOGRAPHY, re.M) for key in keys)


@pytest.mark.parametrize("page", [p for p in EXECUTED if p != "scaling"])
def test_no_device_is_chosen_by_hand(page):
    """Arrays go where JAX puts them; `scaling` is the lecture on placing them."""
    for cell in cells(page):
        if "raises-exception" not in cell.metadata.get("tags", []):
            assert not re.search(
                r"device_put|default_device|jax_platforms|JAX_PLATFORM|devices\([\"']", cell.source)


TECHNIQUES = {  # on the slides: the lecture, and what its running cell must contain
    "early stopping": ("overfitting", "patience="),
    "SGD noise": ("randomization", "batch_size=batch_size"),
    "DropConnect": ("randomization", "def dropconnect"),
    "stochastic depth": ("randomization", "def stochastic_depth"),
    "translation invariance": ("inductive_bias", r"np\.roll\("),
    "localisation": ("inductive_bias", "permut"),
    "parameter sharing": ("inductive_bias", "def rnn"),
}


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_technique_is_indexed_and_runs_in_its_section(technique):
    page, code = TECHNIQUES[technique]
    sections = re.split(r"^## ", text(page), flags=re.M)
    indexed = [s for s in sections if f"```{{index}} single: {technique}\n" in s]
    assert indexed, "no index entry"
    runs = [c for s in indexed for c in re.findall(r"^```\{code-cell\}.*?^```$", s, re.M | re.S)]
    assert any(re.search(code, cell) for cell in runs), "no cell in that section runs it"


def test_labels_are_unique():
    labels = [
        label for page in PAGES
        for label in re.findall(r"^:label: (\S+)|^\((\S+)\)=$|\(eq-(\S+)\)$", text(page), re.M)
    ]
    assert len(labels) == len(set(labels))


@pytest.mark.parametrize("page", EXECUTED)
def test_jupyterlab_saves_a_lecture_as_it_is(page, tmp_path):
    """If it does not: jupytext --to md:myst lectures/NAME.md"""
    shutil.copy(book.LECTURES / "jupytext.toml", tmp_path)
    shutil.copy(book.source(page), tmp_path)
    notebooks = JUPYTEXT(root_dir=str(tmp_path))
    notebooks.save(notebooks.get(f"{page}.md", type="notebook"), f"{page}.md")
    assert (tmp_path / f"{page}.md").read_text("utf-8") == text(page)
