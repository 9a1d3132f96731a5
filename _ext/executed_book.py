"""Sphinx extension: what this book adds to MyST-NB's execution of its lectures.

1. A lecture is executed again when a file in code/ that it imports or names, or the lock file,
   has changed: both enter the key under which its outputs are cached.
2. Before Sphinx reads any page, all lectures whose outputs are not cached are executed, as many
   at a time as there are cores, so that MyST-NB finds the outputs of every page in the cache.
3. Lectures whose code raises or warns are all named, with the line of the cell and the words.
4. After a failure there is no book: the pages are removed, and so is Sphinx's memory of them.
5. All pages are written anew when one of them has changed, as its citations and titles stand on
   others, too, or when an extension, a style or a template has.
"""

import hashlib
import logging
import shutil
import sys
from functools import partial
from pathlib import Path

import book
from execution import execute, platform, side_by_side
from joblib import cpu_count
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from myst_nb.core.read import create_nb_reader
from sphinx.util.logging import getLogger

logger = getLogger(__name__)
logging.basicConfig(level=logging.WARNING)  # else a11y_pygments shows what any library logs


def digest(paths):
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


# The key


def files_behind(name):
    """The files, but for its own, on which the outputs of a lecture rest."""
    return [*book.shared_files(cell.source for cell in book.cells(name)), book.LOCK]


def keyed(name):
    """The source of a lecture with a digest of these files in its kernelspec.

    MyST-NB's cache compares the code cells and the kernelspec, so that a new digest means
    a new execution.
    """
    key = f"\nkernelspec:\n  rests_on: {digest(files_behind(name))[:16]}\n"
    return book.text(name).replace("\nkernelspec:\n", key, 1)


def key_outputs_by_code(app, docname, content):
    """Give MyST-NB the keyed source; Sphinx reads it again when one of the files has changed."""
    name = Path(docname).name
    if name in book.WITH_CODE:
        content[0] = keyed(name)
        for path in files_behind(name):
            app.env.note_dependency(str(path))


# Execution


def read(name, env):
    """A lecture as a notebook, as MyST-NB reads it."""
    path, text = str(book.source(name)), keyed(name)
    return create_nb_reader(path, env.myst_config, env.mystnb_config, text).read(text)


def stale(names, cache, env):
    """Notebooks, by name, whose outputs are not cached; those that took longest come first."""
    seconds = {Path(record.uri).stem: (record.data or {}).get("execution_seconds", 0)
               for record in cache.list_cache_records()}
    notebooks = {}
    for name in sorted(names, reverse=True, key=lambda name: (
            seconds.get(name, float("inf")), len(book.text(name)))):
        notebook = read(name, env)
        try:
            cache.match_cache_notebook(notebook)
        except KeyError:
            notebooks[name] = notebook
    return notebooks


def execute_before_reading(app, env, docnames):
    """Put the outputs of all lectures that Sphinx is going to read into the cache."""
    env.pages_were_read = bool(docnames)
    cache = get_cache(env.mystnb_config.execution_cache_path)
    names = {Path(docname).name for docname in docnames}
    notebooks = stale(names.intersection(book.WITH_CODE), cache, env)
    runs = {}

    def report(name, run):
        run = run if run.error else warned(notebooks[name], run)
        runs[name] = run
        logger.info("%s %s in %.0f s (%d of %d)", "failed" if run.error else "executed", name,
                    run.seconds, len(runs), len(notebooks))
        if not run.error:
            bundle = CacheBundleIn(notebooks[name], str(book.source(name)),
                                   data={"execution_seconds": run.seconds})
            cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)

    if notebooks:
        logger.info("lectures to execute: %d, %d at a time, on %s",
                    len(notebooks), cpu_count(), platform())
    run_one = partial(execute, folder=book.LECTURES, timeout=env.mystnb_config.execution_timeout)
    executions = {name: partial(run_one, notebook) for name, notebook in notebooks.items()}
    side_by_side(executions, cpu_count(), report)
    if any(run.error for run in runs.values()):
        end_build(app, notebooks, runs)


def warned(notebook, run):
    """A run that printed to stderr has failed: a warning on a page is an error of the build."""
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                line, *_ = output.text.strip().splitlines()
                return run._replace(cell=number, error=f"on stderr: {line}", trace=output.text)
    return run


def end_build(app, notebooks, runs):
    """Say what failed in all `runs`, the lines that matter last, and stop."""
    failures = {name: run for name, run in runs.items() if run.error}
    for run in failures.values():
        logger.info("%s", run.trace)
    for name, run in failures.items():
        line = notebooks[name].metadata.source_map[run.cell] - 1  # the key is a line, too
        logger.info("FAILED lectures/%s.md:%d: %s", name, line, run.error)
    remove_book(app)
    sys.exit(1)


# The book


def write_anew_after_changes(app, config):
    """A changed digest of these folders is a changed setting, on which all pages depend."""
    folders = (book.ROOT / name for name in ("_ext", "_static", "_templates", "live", "playground"))
    config.machinery = digest(sorted(file for folder in folders for file in folder.glob("*.*")))


def write_all_or_none(app, env):
    return env.found_docs if env.pages_were_read else []


def remove_book(app):
    for folder in (app.outdir, app.doctreedir):
        shutil.rmtree(folder, ignore_errors=True)
    logger.info("No book was built: the pages in %s are removed.", app.outdir)


def leave_no_half_book(app, exception):
    """Delete the pages of a failed build."""
    warnings_are_errors = app.warningiserror or app.keep_going  # the flag -W, alone or not
    if exception is not None or (warnings_are_errors and app._warncount):
        remove_book(app)


def setup(app):
    app.add_config_value("machinery", "", rebuild="html")
    app.connect("config-inited", write_anew_after_changes)
    app.connect("source-read", key_outputs_by_code)
    app.connect("env-before-read-docs", execute_before_reading)
    app.connect("env-updated", write_all_or_none)
    app.connect("build-finished", leave_no_half_book, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
