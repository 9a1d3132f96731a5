"""Sphinx extension: each lecture as a notebook that runs anywhere, and buttons that lead to it.

`_build/html/notebooks/NAME.ipynb` is made from the finished page of the lecture, so that
theorems, numbers, references and citations read as on the page, and from the lecture's source,
whose code cells it holds unchanged. Its first code cell installs what is missing, and writes the
files of code/ that the lecture uses beside the notebook: nothing is fetched from the project.
"""

import ast
import re
import tomllib
import zlib
from importlib.metadata import packages_distributions
from pathlib import Path
from pprint import pformat

import jupytext
import nbformat
from bs4 import BeautifulSoup
from executed_book import CODE, LOCK, shared_files, syntax_nodes
from markdownify import MarkdownConverter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx.errors import SphinxError

with (CODE.parent / "pyproject.toml").open("rb") as file:
    PROJECT = tomllib.load(file)["project"]
DIRECT = {re.split("[<>=]", line)[0] for line in PROJECT["dependencies"]}

SETUP = '''\
# @title Setup: run this cell first {{ display-mode: "form" }}
# It installs what is missing, and writes the book's files that this lecture
# uses beside the notebook. Nothing else has to be fetched.
import subprocess
import sys
import zlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def is_missing(requirement):
    try:
        return not version(requirement.split("==")[0])
    except PackageNotFoundError:
        return True


def install(requirements, *options):
    wanted = [r for r in requirements if is_missing(r)]
    if wanted:
        print("installing", *wanted)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", *options, *wanted]
        subprocess.run(pip, check=True)


# Cells that raise an error on purpose print it, and "Run all" goes on.
SHELL, ON_PURPOSE = get_ipython(), {on_purpose}
show_error = SHELL._showtraceback


def is_on_purpose(info):
    return zlib.crc32(info.raw_cell.strip().encode()) in ON_PURPOSE


def print_error(kind, error, lines):
    print("\\n".join(lines))


def before(info):
    SHELL._showtraceback = print_error if is_on_purpose(info) else show_error


def after(result):
    if is_on_purpose(result.info):
        result.error_before_exec = result.error_in_exec = None


SHELL.events.register("pre_run_cell", before)
SHELL.events.register("post_run_cell", after)
install({libraries})
install({data}, "--no-deps")  # only for the data files inside
{files}
{magics}
print("ready")'''

FILE = """
Path("{name}").write_text(r'''{source}''', encoding="utf-8")
"""

ON_PURPOSE = ("*The next cell raises an error on purpose. "
              "If that stops the run, go on with the cell after it.*")

ORIGIN = (
    "*This notebook is the lecture {where} of the book Deep Learning with JAX, version {version}. "
    "It stands alone: the first code cell sets everything up. "
    "Text CC BY-SA 4.0, code BSD-3-Clause.*")


# The page as Markdown


def tex(element):
    """The formula that was typeset in `element`."""
    return element.select_one('annotation[encoding="application/x-tex"]').get_text().strip()


class Markdown(MarkdownConverter):
    """HTML of a page to Markdown that Jupyter and Colab show."""

    class Options(MarkdownConverter.DefaultOptions):
        heading_style = "atx"
        bullets = "-"
        escape_asterisks = False
        escape_underscores = False
        escape_misc = False

    def convert_span(self, el, text, parent_tags):
        if "math" not in el.get("class", []):
            return text
        formula = tex(el)
        if "td" in parent_tags or "th" in parent_tags:
            formula = formula.replace("|", r"\vert ")
        return f"${' '.join(formula.split())}$"

    def convert_div(self, el, text, parent_tags):
        classes = el.get("class", [])
        if "math" in classes:
            number = el.select_one(".eqno")
            tag = rf" \tag{{{number.extract().get_text().strip('()#')}}}" if number else ""
            lines = ["$$", tex(el) + tag, "$$"]
            if el.find_parent(class_="admonition"):  # a quotation would put > into the formula
                lines = ["$$" + " ".join(lines[1].split()) + "$$"]
            return "\n\n" + "\n".join(lines) + "\n\n"
        if "admonition" in classes:
            lines = text.strip().splitlines()
            return "\n\n" + "\n".join(f"> {line}".rstrip() for line in lines) + "\n\n"
        if "sd-card-title" in classes:
            return f"\n\n**{text.strip()}**\n\n"
        return f"\n\n{text.strip()}\n\n"

    convert_section = convert_aside = convert_div

    def convert_p(self, el, text, parent_tags):
        if "admonition-title" in el.get("class", []):
            return f"\n\n**{' '.join(text.split())}**\n\n"
        return super().convert_p(el, text, parent_tags)

    def convert_summary(self, el, text, parent_tags):
        """Nothing within its fold, which writes it itself; a title where cells took it apart."""
        return "" if el.find_parent("details") else f"\n\n**{' '.join(text.split())}**\n\n"

    def convert_details(self, el, text, parent_tags):
        title = el.select_one(".sd-summary-text")  # stays HTML: no Markdown inside a summary
        for formula in title.select("span.math"):
            formula.replace_with(f"${tex(formula)}$")
        for element in title.select("span, p"):
            element.unwrap()
        for element in title.select("[class]"):
            del element["class"]
        return (f"\n\n<details><summary>{' '.join(title.decode_contents().split())}</summary>\n\n"
                f"{text.strip()}\n\n</details>\n\n")

    def convert_a(self, el, text, parent_tags):
        href = el.get("href", "")
        if not href.startswith("http"):  # another page of the book, or a place on this one
            page = self.options.get("site")
            if href.startswith("#") or not page:
                return text
            el["href"] = page + "lectures/" + href
        el.attrs.pop("title", None)
        return super().convert_a(el, text, parent_tags)


def pieces(node, address):
    """The page in order: Markdown texts, and None for each code cell.

    A theorem or a list is one text; a heading starts a new one; a solution, which holds code
    cells, is taken apart.
    """
    if node.name == "div" and "cell" in node.get("class", []):
        yield None
        for caption in node.select("figcaption"):
            yield to_markdown(f"<p>{caption.decode_contents()}</p>", address)
    elif node.select_one("div.cell") or (node.name == "section" and node.select_one("h2, h3")):
        for child in node.find_all(True, recursive=False):
            yield from pieces(child, address)
    elif text := to_markdown(node, address):
        yield text


def to_markdown(html, address):
    """Markdown of a piece of a page; links into the book lead to its address, if known."""
    text = Markdown(site=address).convert(str(html))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def article(path):
    """The text of a built page, without what only a browser can use."""
    page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    body = page.select_one("article.bd-article")
    for element in body.select(
            "a.headerlink, a:has(img), svg, script, style, .sd-summary-state-marker"):
        element.decompose()
    for number in body.select("span.caption-number"):
        number.name = "strong" if number.find_parent("figcaption") else "span"
        number.string = f"{number.get_text().strip().rstrip('.')}."
        number.insert_after(" ")
    return body


def citations(body, order):
    """The works that a page cites, as a section; nothing if it cites none.

    Args: body: article of the page; order: identifiers of all works, as the bibliography has them.
    """
    links = body.select('a[href^="references.html#"][title]')
    works = {a["href"].split("#")[1]: a["title"] for a in links}
    lines = [f"- {works[work]}" for work in order if work in works]
    return ["\n".join(["## References", "", *lines])] if lines else []


def bibliography(path):
    """The identifiers of the works in the built bibliography, in its order; none without one."""
    if not path.exists():
        return []
    page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    return [entry["id"] for entry in page.select("article [id]")]


# The code


def third_party(sources):
    """Names on the lock of the distributions that Python `sources` import."""
    modules = set()
    for node in (n for source in sources for n in syntax_nodes(source)):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
        modules |= {name.split(".")[0] for name in names}
    owners = packages_distributions()
    return {o.lower().replace("_", "-") for m in modules for o in owners.get(m, [])} & DIRECT


def data_packages(cells):
    """Names of the distributions whose files the functions read that are taken from dl_data."""
    taken = {a.name for cell in cells for n in syntax_nodes(cell)
             if isinstance(n, ast.ImportFrom) and n.module == "dl_data" for a in n.names}
    if not taken:
        return set()
    functions = [n for n in syntax_nodes((CODE / "dl_data.py").read_text(encoding="utf-8"))
                 if isinstance(n, ast.FunctionDef) and n.name in taken]
    calls = [n for f in functions for n in ast.walk(f) if isinstance(n, ast.Call)]
    return {c.args[0].value.replace("_", "-") for c in calls
            if getattr(c.func, "id", "") in ("_table", "_images")}


def pins(names):
    """The lines of the lock for these distributions."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.split("==")[0] in names]


def has_tag(cell, tag):
    return tag in cell.metadata.get("tags", [])


def setup_cell(lecture):
    """The first code cell: requirements, files, and the lecture's hidden cells.

    Args: lecture: its code cells, hidden ones included, which are magics only.
    Raises: SphinxError if a file cannot travel inside a string.
    """
    sources = [cell.source for cell in lecture if not has_tag(cell, "remove-cell")]
    files = {path.name: path.read_text(encoding="utf-8") for path in shared_files(sources)}
    if unfit := [name for name, text in files.items() if "'''" in text]:
        raise SphinxError(f"{unfit} in code/ contain ''', and cannot travel in a notebook")
    modules = [text for name, text in files.items() if name.endswith(".py")]
    libraries = third_party(sources + modules)
    return SETUP.format(
        libraries=pformat(pins(libraries), width=90),
        data=pformat(pins(data_packages(sources) - libraries)),
        on_purpose=[zlib.crc32(cell.source.strip().encode())
                    for cell in lecture if has_tag(cell, "raises-exception")],
        files="".join(FILE.format(name=name, source=text) for name, text in files.items()),
        magics="\n".join(cell.source for cell in lecture if has_tag(cell, "remove-cell")),
    ).strip()


# The notebook


def portable(name, source, body, order, address):
    """The notebook of a lecture.

    Args: name: of the lecture; source: path of its MyST file; body: article of its page;
        order: of the works in the bibliography; address: of the published book, or None.
    Raises: SphinxError if page and source differ in their code cells.
    """
    lecture = [c for c in jupytext.read(source).cells if c.cell_type == "code"]
    shown = [c for c in lecture if not has_tag(c, "remove-cell")]
    parts = list(pieces(body, address))
    if parts.count(None) != len(shown):
        raise SphinxError(f"{name}: {parts.count(None)} cells on the page, {len(shown)} in source")
    queue, cells, text = iter(shown), [], []

    def flush():
        if text:
            cells.append(new_markdown_cell("\n\n".join(text)))
            text.clear()

    for part in [*parts, *citations(body, order)]:
        if part is None:
            cell = next(queue)
            text.extend([ON_PURPOSE] if has_tag(cell, "raises-exception") else [])
            flush()
            tags = {"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {}
            cells.append(new_code_cell(cell.source, metadata=tags))
        else:
            if part.startswith("#"):
                flush()
            text.append(part)
    flush()

    where = f"[{name}]({address}lectures/{name}.html)" if address else name
    cells[0].source += "\n\n" + ORIGIN.format(where=where, version=PROJECT["version"])
    form = {"cellView": "form", "jupyter": {"source_hidden": True}}
    cells.insert(1, new_code_cell(setup_cell(lecture), metadata=form))
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"  # not random: the same book twice is the same file
    return new_notebook(cells=cells, metadata={
        "accelerator": "GPU",
        "colab": {"gpuType": "T4", "provenance": []},
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    })


# Sphinx


def lectures(env):
    """Paths of the pages that are notebooks, by their names."""
    paths = {name: Path(env.doc2path(name)) for name in sorted(env.found_docs)}
    return {name: path for name, path in paths.items()
            if "{code-cell}" in path.read_text(encoding="utf-8")}


def write_notebooks(app, exception):
    if exception is not None or app.builder.name != "html":
        return
    folder = Path(app.outdir) / "notebooks"
    folder.mkdir(exist_ok=True)
    order = bibliography(Path(app.outdir) / "lectures" / "references.html")
    for docname, source in lectures(app.env).items():
        page, target = Path(app.outdir) / f"{docname}.html", folder / f"{source.stem}.ipynb"
        if target.exists() and target.stat().st_mtime > page.stat().st_mtime:
            continue  # the page is as it was
        notebook = portable(source.stem, source, article(page), order, app.config.html_baseurl)
        nbformat.validate(notebook)
        nbformat.write(notebook, target)


def add_buttons(app, pagename, templatename, context, doctree):
    """Download and, if the repository is known, Colab, among the buttons of a lecture."""
    if pagename not in lectures(app.env):
        return
    name = Path(pagename).name
    buttons = [{
        "type": "link", "url": f"../notebooks/{name}.ipynb", "icon": "fas fa-file-arrow-down",
        "tooltip": "Download as a notebook that runs anywhere", "label": "portable-notebook",
        "text": "Notebook"}]
    if repository := app.config.github_repository:
        colab = "https://colab.research.google.com/github"
        buttons.append({
            "type": "link", "url": f"{colab}/{repository}/blob/gh-pages/notebooks/{name}.ipynb",
            "icon": "fas fa-rocket", "tooltip": "Open in Colab", "label": "open-in-colab",
            "text": "Colab"})
    context["header_buttons"] = buttons + context.get("header_buttons", [])


def setup(app):
    app.connect("html-page-context", add_buttons, priority=900)
    app.connect("build-finished", write_notebooks)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
