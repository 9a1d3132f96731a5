"""Sphinx extension: what this book adds to MyST-NB's execution of its lectures.

1. A lecture is executed again when a file in code/ that it imports or names, or the lock file,
   has changed: both enter the key under which its outputs are cached.
2. A lecture whose code raises is named with the line of its cell and the error.
3. After a failure there is no book: the pages are removed, and so is Sphinx's memory of them.
4. All pages are written anew when an extension or a style of the book has changed.
"""

import ast
import hashlib
import re
import shutil
from pathlib import Path

from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.util import logging

ROOT = Path(__file__).resolve().parent.parent
CODE = ROOT / "code"
LOCK = ROOT / "requirements.txt"

logger = logging.getLogger(__name__)


def syntax_nodes(source):
    """The nodes of Python source; none if it does not parse, as a lecture may show on purpose."""
    try:
        return list(ast.walk(ast.parse(source)))
    except SyntaxError:
        return []


def shared_files(sources):
    """The files in code/ that Python `sources` name or import, directly or through one another."""
    here = {path.name: path for path in CODE.iterdir() if path.is_file()}
    found, queue = set(), list(sources)
    while queue:
        names = set()
        for node in syntax_nodes(queue.pop()):
            if isinstance(node, ast.Import):
                names |= {f"{alias.name}.py" for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(f"{node.module}.py")
            elif isinstance(node, ast.Constant):
                names.add(node.value)
        new = {here[name] for name in names & here.keys()} - found
        queue += [path.read_text(encoding="utf-8") for path in new if path.suffix == ".py"]
        found |= new
    return sorted(found)


def code_cells(text):
    """The Python source of a MyST notebook, magics left out, as (first line number, source)."""
    cells, lines, start = [], text.splitlines(), None
    for number, line in enumerate(lines, 1):
        if start is None and line.startswith("```{code-cell}"):
            start = number
        elif start is not None and line.startswith("```"):
            body = lines[start : number - 1]
            if body and body[0] == "---":
                body = body[body.index("---", 1) + 1 :]
            body = [b for b in body if not b.startswith((":", "%", "!"))]
            cells.append((start, "\n".join(body).strip()))
            start = None
    return cells


def key_outputs_by_code(app, docname, source):
    """Write a digest of everything that a lecture's outputs rest on into its kernelspec.

    MyST-NB's cache compares the code cells and the kernelspec, so that a new digest means
    a new execution; Sphinx reads the lecture again because the files are its dependencies.
    """
    if "\nkernelspec:\n" not in source[0]:
        return
    files = [*shared_files(cell for _, cell in code_cells(source[0])), LOCK]
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
        app.env.note_dependency(str(path))
    key = f"\nkernelspec:\n  rests_on: {digest.hexdigest()[:16]}\n"
    source[0] = source[0].replace("\nkernelspec:\n", key, 1)


def write_anew_after_changes(app, config):
    """A changed digest of _ext/ and _static/ is a changed setting, on which all pages depend."""
    digest = hashlib.sha256()
    for path in sorted([*(ROOT / "_ext").glob("*.py"), *(ROOT / "_static").iterdir()]):
        digest.update(path.read_bytes())
    config.machinery = digest.hexdigest()


def failures(env):
    """A line for each lecture whose execution failed: file, line of the cell, error."""
    for docname in sorted(env.found_docs):
        result = NbMetadataCollector.get_exec_data(env, docname)
        if result is None or result["succeeded"]:
            continue
        path = Path(env.doc2path(docname))
        trace = re.sub(r"\x1b\[[\d;]*m", "", result["traceback"])  # without colours
        cells = code_cells(path.read_text(encoding="utf-8"))
        line = next((n for n, cell in cells if f"---\n{cell}\n---" in trace), 1)
        message = trace.strip().splitlines()[-1]
        yield f"{path.relative_to(env.srcdir)}:{line}: {message}"


def leave_no_half_book(app, exception):
    """Delete the pages of a failed build, and say which lecture failed where."""
    warnings_are_errors = app.warningiserror or app.keep_going  # the flag -W, alone or not
    if exception is None and not (warnings_are_errors and app._warncount):
        return
    for line in failures(app.env):
        logger.info("FAILED %s", line)
    shutil.rmtree(app.outdir, ignore_errors=True)
    shutil.rmtree(app.doctreedir, ignore_errors=True)
    logger.info("No book was built: the pages in %s are removed.", app.outdir)


def setup(app):
    app.add_config_value("machinery", "", rebuild="html")
    app.connect("config-inited", write_anew_after_changes)
    app.connect("source-read", key_outputs_by_code)
    app.connect("build-finished", leave_no_half_book, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
