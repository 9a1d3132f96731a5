"""What the machinery has to know of this book: its folders, its pages in their order, their code.

Extensions, tools and tests take these from here and nowhere else. A page goes by the name of its
file: "neurons" is lectures/neurons.md, and lectures/neurons.html when built.
"""

import ast
from functools import cache
from pathlib import Path

import jupytext
from IPython.core.inputtransformer2 import TransformerManager
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).resolve().parent.parent
CODE = ROOT / "code"
LECTURES = ROOT / "lectures"
LOCK = ROOT / "requirements.txt"
BUILD = ROOT / "_build"
HTML = BUILD / "html"
NOTEBOOKS = HTML / "notebooks"

PAGES = [Path(docname).name for docname in parse_toc_yaml(ROOT / "_toc.yml")]


def docname(name):
    """The name that Sphinx gives a page."""
    return f"lectures/{name}"


def source(name):
    return LECTURES / f"{name}.md"


def built(name):
    return HTML / "lectures" / f"{name}.html"


def text(name):
    """The source of a page."""
    return source(name).read_text(encoding="utf-8")


WITH_CODE = [name for name in PAGES if "\n```{code-cell}" in text(name)]


@cache
def cells(name, *kinds):
    """The cells of a page, as nodes of a notebook: those with code, or those of the kinds named."""
    kinds = kinds or ("code",)
    return [cell for cell in jupytext.read(source(name)).cells if cell.cell_type in kinds]


def has_tag(cell, tag):
    return tag in cell.metadata.get("tags", [])


# What the code uses


@cache
def syntax_nodes(source):
    """The nodes of a cell's source; none if it does not parse, as a lecture may show on purpose."""
    try:
        return list(ast.walk(ast.parse(TransformerManager().transform_cell(source))))
    except SyntaxError:
        return []


def imports(sources):
    """The modules that Python `sources` import, and the names that they take from modules."""
    nodes = [node for source in sources for node in syntax_nodes(source)]
    modules = {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return modules | {node.name for node in nodes if isinstance(node, ast.alias)}


def shared_files(sources):
    """The files in code/ that Python `sources` name or import, directly or through one another."""
    here = {path.name: path for path in CODE.iterdir() if path.is_file()}
    found, queue = set(), list(sources)
    while queue:
        names = {node.value for node in syntax_nodes(queue[-1]) if isinstance(node, ast.Constant)}
        names |= {f"{name}.py" for name in imports([queue.pop()])}
        new = {here[name] for name in names & here.keys()} - found
        queue += [path.read_text(encoding="utf-8") for path in new if path.suffix == ".py"]
        found |= new
    return sorted(found)
