"""Run lectures with several seeds, and report the claims that fail.

    python tests/seeds.py 0 1 2                  every lecture with seeds 0, 1 and 2
    python tests/seeds.py 0 1 --lectures neurons
    python tests/seeds.py 1 --write FOLDER       write the notebooks, run nothing
"""

import argparse
import sys
import time
from pathlib import Path

import jupytext
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from papermill.iorw import load_notebook_node, write_ipynb
from papermill.parameterize import parameterize_notebook

LECTURES = Path(__file__).resolve().parent.parent / "lectures"


def runnable():
    """The names of the lectures with code, in alphabetical order."""
    return sorted(p.stem for p in LECTURES.glob("*.md") if "{code-cell}" in p.read_text("utf-8"))


def write(name, seed, folder):
    """Lecture `name` as a notebook in `folder`, its `parameters` cell overridden by `seed`."""
    path = Path(folder) / f"{name}-seed-{seed}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    jupytext.write(jupytext.read(LECTURES / f"{name}.md"), path)
    notebook = load_notebook_node(str(path))
    write_ipynb(parameterize_notebook(notebook, {"seed": seed}, report_mode=True), str(path))
    return path


def run(path):
    """Execute the notebook; None, or the failing cell with its error."""
    notebook = load_notebook_node(str(path))
    client = NotebookClient(notebook, resources={"metadata": {"path": str(path.parent)}})
    try:
        client.execute()
    except CellExecutionError as error:
        return str(error)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seeds", type=int, nargs="+")
    parser.add_argument("--lectures", nargs="+", default=runnable())
    parser.add_argument("--folder", default="_build/seeds")
    parser.add_argument("--write", action="store_true", help="write the notebooks, run nothing")
    args = parser.parse_args()
    failed = 0
    for name in args.lectures:
        for seed in args.seeds:
            path = write(name, seed, args.folder)
            if not args.write:
                start = time.perf_counter()
                error = run(path)
                failed += error is not None
                print(f"{name}, seed {seed}: {error or 'all claims hold'}"
                      f" ({time.perf_counter() - start:.0f} s)", flush=True)
    sys.exit(min(failed, 1))


if __name__ == "__main__":
    main()
