"""Sphinx extension: each lecture as a notebook that runs anywhere, and buttons that lead to it.

`_build/html/notebooks/NAME.ipynb` is made from the finished page of the lecture, so that
theorems, numbers, references and citations read as on the page, and from the lecture's source,
whose code cells it holds unchanged. Its first code cell installs what is missing, and writes the
files of code/ that the lecture uses beside the notebook: nothing is fetched from the project.
"""

import re
import tomllib
import zlib
from importlib.metadata import packages_distributions
from pathlib import Path
from pprint import pformat

import book
import nbformat
from book import has_tag
from bs4 import BeautifulSoup
from markdownify import MarkdownConverter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx.errors import SphinxError

PROJECT = tomllib.loads((book.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LEAST = dict(line.split(">=") for line in PROJECT["dependencies"])  # by name, the oldest that works
SETUP = Path(__file__).with_name("setup_cell.py").read_text(encoding="utf-8").strip()

FOLD = {"cellView": "form", "jupyter": {"source_hidden": True}}  # for Colab, for JupyterLab

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
            "a.headerlink, a:has(img), svg, script, style, template, .sd-summary-state-marker"):
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
    modules = {name.split(".")[0] for name in book.imports(sources)}
    owners = packages_distributions()
    return {o.lower().replace("_", "-") for m in modules for o in owners.get(m, [])} & LEAST.keys()


def data_packages(sources):
    """Names of the distributions whose files the functions read that are taken from dl_data."""
    names = book.imports(sources)
    if "dl_data" not in names:
        return set()
    from dl_data import FILES

    return {package for name in names for package, _ in FILES.get(name, [])}


def pins(names):
    """The lines of the lock for these distributions."""
    lines = book.LOCK.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.split("==")[0] in names]


def as_source(files):
    """A dictionary of names and texts as Python source, in which the texts stay readable.

    Raises: SphinxError if a text cannot travel inside a string.
    """
    if unfit := [name for name, text in files.items() if "'''" in text]:
        raise SphinxError(f"{unfit} in code/ contain ''', and cannot travel in a notebook")
    items = (f"{name!r}: r'''{text}'''," for name, text in files.items())
    return "\n".join(["{", *items, "}"])


def setup_cell(lecture):
    """The first code cell: setup_cell.py with its variables set, then the lecture's hidden cells.

    Args: lecture: its code cells, hidden ones included, which are magics only.
    """
    hidden = [cell.source for cell in lecture if has_tag(cell, "remove-cell")]
    on_purpose = [cell.source for cell in lecture if has_tag(cell, "raises-exception")]
    sources = [cell.source for cell in lecture if cell.source not in hidden]
    files = {path.name: path.read_text(encoding="utf-8") for path in book.shared_files(sources)}
    libraries = third_party(sources + [files[name] for name in files if name.endswith(".py")])
    variables = {
        "LIBRARIES": pformat(pins(libraries), width=80),
        "LEAST": pformat({name: LEAST[name] for name in sorted(libraries)}, width=80),
        "DATA": pformat(pins(data_packages(sources) - libraries), width=80),
        "ON_PURPOSE": [zlib.crc32(source.strip().encode()) for source in on_purpose],
        "FILES": as_source(files),  # the last, as one of them may have a line like these
    }
    setup = SETUP
    for name, value in variables.items():
        before, after = re.split(rf"^{name} = .*$", setup, maxsplit=1, flags=re.M)
        setup = f"{before}{name} = {value}{after}"
    return "\n".join([setup, *hidden, 'print("ready")'])


# The notebook


def add_words(cells, words):
    """Words go on in the last cell, unless that is code, or a heading begins."""
    if words.startswith("#") or not cells or cells[-1].cell_type == "code":
        cells.append(new_markdown_cell(words))
    else:
        cells[-1].source += f"\n\n{words}"


def body_cells(parts, lecture):
    """The cells of a notebook: `parts` of the page, and for None the next cell of the lecture."""
    cells, queue = [], iter(lecture)
    for part in parts:
        if part is not None:
            add_words(cells, part)
            continue
        cell = next(queue)
        if has_tag(cell, "raises-exception"):
            add_words(cells, ON_PURPOSE)
        tags = {"tags": cell.metadata["tags"]} if "tags" in cell.metadata else {}
        fold = FOLD if has_tag(cell, "hide-input") else {}
        cells.append(new_code_cell(cell.source, metadata=tags | fold))
    return cells


def portable(name, page, works, address):
    """The notebook of a lecture.

    Args: name: of the lecture; page: path of its HTML; works: in the bibliography, in order;
        address: of the published book, or None.
    Raises: SphinxError if page and source differ in their code cells.
    """
    lecture, body = book.cells(name), article(page)
    shown = [cell for cell in lecture if not has_tag(cell, "remove-cell")]
    parts = [*pieces(body, address), *citations(body, works)]
    if parts.count(None) != len(shown):
        raise SphinxError(f"{name}: {parts.count(None)} cells on the page, {len(shown)} in source")
    cells = body_cells(parts, shown)
    where = f"[{name}]({address}{book.docname(name)}.html)" if address else name
    cells[0].source += "\n\n" + ORIGIN.format(where=where, version=PROJECT["version"])
    cells.insert(1, new_code_cell(setup_cell(lecture), metadata=FOLD))
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"  # not random: the same book twice is the same file
    return new_notebook(cells=cells, metadata={
        "accelerator": "GPU",
        "colab": {"gpuType": "T4", "provenance": []},
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python", "file_extension": ".py",
                          "nbconvert_exporter": "python"},
    })


# Sphinx


def write_notebooks(app, exception):
    if exception is not None or app.builder.name != "html":
        return
    folder = Path(app.outdir) / "notebooks"
    folder.mkdir(exist_ok=True)
    works = bibliography(Path(app.outdir, "lectures", "references.html"))
    for name in book.WITH_CODE:
        page, target = Path(app.outdir, f"{book.docname(name)}.html"), folder / f"{name}.ipynb"
        if target.exists() and target.stat().st_mtime > page.stat().st_mtime:
            continue  # the page is as it was
        notebook = portable(name, page, works, app.config.html_baseurl)
        nbformat.validate(notebook)
        nbformat.write(notebook, target)


def add_buttons(app, pagename, templatename, context, doctree):
    """Download and, if the repository is known, Colab, among the buttons of a lecture."""
    name, repository = Path(pagename).name, app.config.github_repository
    if name not in book.WITH_CODE:
        return
    buttons = [{
        "type": "link", "url": f"../notebooks/{name}.ipynb", "icon": "fas fa-file-arrow-down",
        "tooltip": "Download as a notebook that runs anywhere", "label": "portable-notebook",
        "text": "Notebook"}]
    if repository:
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
