"""Run lectures, or the portable notebooks made from them, with several seeds; report what fails.

    python tools/seeds.py 0 1 2                     every lecture with seeds 0, 1 and 2
    python tools/seeds.py 0 1 --lectures neurons --jobs 1
    python tools/seeds.py 1 --portable              the notebooks that the build wrote
    python tools/seeds.py 1 --portable --python .venv-colab/bin/python
    python tools/seeds.py 0 --lower                 lower each jitted function for cuda and tpu too
    python tools/seeds.py 1 --portable --folder .nbmake --write     write them, run nothing
    python tools/seeds.py 1 --clock-lies            with clocks that show random times

Each notebook runs in a folder of its own that holds nothing else.
"""

import argparse
import shutil
import sys
from functools import partial
from itertools import product
from pathlib import Path

import jupytext
from find_ext import book, execution
from joblib import cpu_count
from nbformat.v4 import new_code_cell
from papermill.iorw import load_notebook_node, write_ipynb
from papermill.parameterize import parameterize_notebook


def write(name, seed, folder, portable, first=()):
    """A lecture as a notebook in a new folder, its `parameters` cell overridden by `seed`.

    The files `first` of this folder are its first cells.
    """
    path = Path(folder) / f"{name}-seed-{seed}" / f"{name}.ipynb"
    shutil.rmtree(path.parent, ignore_errors=True)
    path.parent.mkdir(parents=True)
    if portable:
        shutil.copy(book.NOTEBOOKS / f"{name}.ipynb", path)
    else:
        jupytext.write(jupytext.read(book.source(name)), path)
    notebook = load_notebook_node(str(path))
    notebook = parameterize_notebook(notebook, {"seed": seed}, report_mode=True)
    notebook.cells = [*map(tool_cell, first), *notebook.cells]
    write_ipynb(notebook, str(path))
    return path


def tool_cell(name):
    """A file of this folder as a cell."""
    return new_code_cell(Path(__file__).with_name(name).read_text(encoding="utf-8"))


async def run(path, python):
    """Execute the notebook at `path`, with a last cell that says what it used.

    Returns: (Run, what that cell printed or, if a cell failed, that cell and its error).
    """
    notebook = load_notebook_node(str(path))
    notebook.cells.append(tool_cell("usage_cell.py"))
    result = await execution.execute(notebook, path.parent, python)
    write_ipynb(notebook, str(path))
    return result, result.trace or notebook.cells[-1].outputs[0].text


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seeds", type=int, nargs="+")
    parser.add_argument("--lectures", nargs="+", default=book.WITH_CODE)
    parser.add_argument("--portable", action="store_true", help="the notebooks of the built book")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the kernels")
    parser.add_argument("--lower", action="append_const", dest="first", const="lower_cell.py",
                        default=[], help="for cuda and tpu, too")
    parser.add_argument("--clock-lies", action="append_const", dest="first",
                        const="lying_clock_cell.py", default=[], help="clocks show random times")
    parser.add_argument("--jobs", type=int, default=cpu_count(),
                        help="notebooks at a time, as many as cores if not given")
    parser.add_argument("--folder", default="_build/seeds")
    parser.add_argument("--write", action="store_true", help="write the notebooks, run nothing")
    return parser.parse_args()


def main():
    args, failed = arguments(), []
    python = str(Path(args.python).absolute())

    async def check(name, seed):
        path = write(name, seed, args.folder, args.portable, args.first)
        return await run(path, python)

    def report(pair, outcome):
        (name, seed), (result, text) = pair, outcome
        failed.extend([pair] if result.error else [])
        verdict = "FAILED" if result.error else "all claims hold"
        print(f"{name}, seed {seed}: {verdict} ({result.seconds:.0f} s, {text})", flush=True)

    pairs = list(product(args.lectures, args.seeds))
    if args.write:
        for name, seed in pairs:
            write(name, seed, args.folder, args.portable, args.first)
    else:
        execution.side_by_side({pair: partial(check, *pair) for pair in pairs}, args.jobs, report)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
