"""Run lectures, or the portable notebooks made from them, with several seeds; report what fails.

    python tests/seeds.py 0 1 2                     every lecture with seeds 0, 1 and 2
    python tests/seeds.py 0 1 --lectures neurons
    python tests/seeds.py 1 --portable              the notebooks that the build wrote
    python tests/seeds.py 1 --portable --python .venv-colab/bin/python --jobs 2
    python tests/seeds.py 0 --lower                 lower each jitted function for cuda and tpu too
    python tests/seeds.py 1 --portable --folder .nbmake --write     write them, run nothing

Each notebook runs in a folder of its own that holds nothing else.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import jupytext
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat.v4 import new_code_cell
from papermill.iorw import load_notebook_node, write_ipynb
from papermill.parameterize import parameterize_notebook

ROOT = Path(__file__).resolve().parent.parent
LECTURES = ROOT / "lectures"
PORTABLE = ROOT / "_build" / "html" / "notebooks"

LOWER = """\
import jax

class LoweredElsewhere:
    'A jitted function that at its first call is lowered for other machines as well.'
    jit = jax.jit
    count = 0

    def __init__(self, function, **options):
        self.jitted = LoweredElsewhere.jit(function, **options)
        self.fresh = True

    def __call__(self, *args, **kwargs):
        leaves = jax.tree.leaves((args, kwargs))
        if self.fresh and not any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
            self.fresh = False
            traced = self.jitted.trace(*args, **kwargs)
            traced.lower(lowering_platforms=("cuda", "tpu"))
            LoweredElsewhere.count += 1
        return self.jitted(*args, **kwargs)

    def __getattr__(self, name):
        return getattr(self.jitted, name)

jax.jit = lambda function=None, **options: (
    LoweredElsewhere(function, **options) if function else
    lambda function: LoweredElsewhere(function, **options))"""

USED = """\
import sys
import jax
print(f"JAX {jax.__version__} on {jax.devices()[0].device_kind}", end="")
if sys.platform != "win32":
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f", {peak / 2 ** (30 if sys.platform == 'darwin' else 20):.1f} GiB", end="")"""


def runnable():
    """The names of the lectures with code, in alphabetical order."""
    return sorted(p.stem for p in LECTURES.glob("*.md") if "{code-cell}" in p.read_text("utf-8"))


def write(name, seed, folder, portable):
    """A lecture as a notebook in a new folder, its `parameters` cell overridden by `seed`."""
    path = Path(folder) / f"{name}-seed-{seed}" / f"{name}.ipynb"
    shutil.rmtree(path.parent, ignore_errors=True)
    path.parent.mkdir(parents=True)
    if portable:
        shutil.copy(PORTABLE / f"{name}.ipynb", path)
    else:
        jupytext.write(jupytext.read(LECTURES / f"{name}.md"), path)
    notebook = load_notebook_node(str(path))
    write_ipynb(parameterize_notebook(notebook, {"seed": seed}, report_mode=True), str(path))
    return path


def kernel(python, folder):
    """A kernel manager for the given Python interpreter, described by a file in folder."""
    spec = {"argv": [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": "Python 3", "language": "python",
            "env": {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}}
    (Path(folder) / "kernels" / "chosen").mkdir(parents=True)
    (Path(folder) / "kernels" / "chosen" / "kernel.json").write_text(json.dumps(spec))
    specs = KernelSpecManager(
        kernel_dirs=[str(Path(folder) / "kernels")], ensure_native_kernel=False)
    return AsyncKernelManager(kernel_name="chosen", kernel_spec_manager=specs)


def run(path, python, lower=False):
    """Execute the notebook at `path`, and say what it used; if it fails, the cell and the error.

    Returns: (whether all cells ran, text).
    """
    notebook = load_notebook_node(str(path))
    notebook.cells.append(new_code_cell(USED))
    if lower:
        notebook.cells.insert(0, new_code_cell(LOWER))
        notebook.cells[-1].source += (
            "\nprint(f', {LoweredElsewhere.count} functions lowered for cuda and tpu', end='')")
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook, km=kernel(python, folder), resources={"metadata": {"path": str(path.parent)}})
        try:
            client.execute(cleanup_kc=True)
        except (CellExecutionError, DeadKernelError) as error:
            return False, str(error)
        finally:
            write_ipynb(notebook, str(path))
    return True, notebook.cells[-1].outputs[0].text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seeds", type=int, nargs="+")
    parser.add_argument("--lectures", nargs="+", default=runnable())
    parser.add_argument("--portable", action="store_true", help="the notebooks of the built book")
    parser.add_argument("--python", default=sys.executable, help="interpreter of the kernels")
    parser.add_argument("--lower", action="store_true", help="for cuda and tpu, too")
    parser.add_argument("--jobs", type=int, default=1, help="notebooks at a time")
    parser.add_argument("--folder", default="_build/seeds")
    parser.add_argument("--write", action="store_true", help="write the notebooks, run nothing")
    args = parser.parse_args()

    def check(name, seed):
        path = write(name, seed, args.folder, args.portable)
        if args.write:
            return True
        start = time.perf_counter()
        holds, text = run(path, str(Path(args.python).absolute()), args.lower)
        verdict = "all claims hold" if holds else "FAILED"
        print(f"{name}, seed {seed}: {verdict} ({time.perf_counter() - start:.0f} s, {text})",
              flush=True)
        return holds

    with ThreadPoolExecutor(args.jobs) as pool:
        pairs = list(product(args.lectures, args.seeds))
        results = list(pool.map(check, *zip(*pairs)))
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
