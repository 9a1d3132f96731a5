"""Notebooks executed side by side, each by a kernel of its own. No Sphinx extension itself."""

import asyncio
import os
import sys
import time
from importlib.metadata import entry_points
from typing import NamedTuple

from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

QUIET = "--log-level=40"  # a kernel warns at each start that it does not encrypt
# Threads of BLAS wait in loops for each other, which takes twice the time beside another lecture.
BESIDE_OTHERS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
if entry_points(group="jax_plugins"):  # on a GPU the first kernel would take most of the memory
    BESIDE_OTHERS["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"


class Run(NamedTuple):
    """How an execution went; the last three say where and why it stopped, if it did."""

    seconds: float
    cell: int = 0
    error: str = ""  # one line
    trace: str = ""


def kernel(python):
    """A manager for a kernel of the given interpreter."""
    specs = KernelSpecManager()
    argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    specs.get_kernel_spec = lambda name: KernelSpec(
        argv=argv, language="python", env={"PYDEVD_DISABLE_FILE_VALIDATION": "1"})
    return AsyncKernelManager(kernel_spec_manager=specs)


async def execute(notebook, folder, python=sys.executable, timeout=None):
    """Run all cells of a notebook in `folder`; it keeps their outputs.

    Args: python: interpreter of its kernel; timeout: seconds for a cell.
    Returns: Run.
    """
    reached = 0

    def note(cell, cell_index):
        nonlocal reached
        reached = cell_index

    client = NotebookClient(
        notebook, km=kernel(python), timeout=timeout, on_cell_execute=note,
        extra_arguments=[QUIET], record_timing=False, resources={"metadata": {"path": str(folder)}})
    start = time.perf_counter()
    try:
        await client.async_execute(cleanup_kc=True, env=BESIDE_OTHERS | os.environ)
    except (CellExecutionError, CellTimeoutError, RuntimeError) as error:  # a dead kernel is one
        kind, words = getattr(error, "ename", type(error).__name__), getattr(error, "evalue", error)
        line = f"{kind}: {words}".strip(": ").splitlines()[0]
        return Run(time.perf_counter() - start, reached, line, str(error))
    return Run(time.perf_counter() - start)


class Loop(asyncio.SelectorEventLoop):
    """An event loop in which Ctrl-C ends all kernels: each client would take it for its own."""

    def add_signal_handler(self, *args):
        raise NotImplementedError

    def remove_signal_handler(self, number):
        return False


def side_by_side(executions, at_once, report):
    """Execute notebooks, so many at once, in the order given; report each when it has ended.

    Args: executions: dictionary of name and asynchronous function, as `execute` with arguments;
        report: function of a name and what that returned.
    """
    async def one(name, execution, turn):
        async with turn:
            outcome = await execution()
            if not asyncio.current_task().cancelling():
                report(name, outcome)

    async def all_of_them():
        turn = asyncio.Semaphore(at_once)
        async with asyncio.TaskGroup() as group:
            for name, execution in executions.items():
                group.create_task(one(name, execution, turn))

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(all_of_them())
