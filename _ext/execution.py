"""Notebooks executed side by side, each by a kernel of its own. No Sphinx extension itself."""

import asyncio
import os
import subprocess
import sys
import time
from functools import cache
from typing import NamedTuple

from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

# A kernel warns at each start that it does not encrypt; what libraries of C++ remark of the machine
# belongs in the log of the build, where it goes without being captured, and not in a lecture
# (not for another interpreter: older kernels complain at their end).
ARGUMENTS = ["--log-level=40", "--IPKernelApp.capture_fd_output=False"]
# Threads of BLAS wait in loops for each other, which takes twice the time beside another lecture;
# on a GPU the first kernel would take most of the memory.
BESIDE_OTHERS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
                 "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}


@cache
def ask_jax(expression, python=sys.executable):
    """What `jax` of an interpreter says, in a process of its own, which frees the device.

    What JAX remarks of the machine, and Matplotlib when it first looks for fonts, is said here,
    before any lecture.
    """
    program = f"import jax, matplotlib.font_manager; print({expression})"
    asked = subprocess.run([python, "-c", program], env=BESIDE_OTHERS | os.environ,
                           stdout=subprocess.PIPE, text=True, check=True)
    return asked.stdout.strip()


def platform(python=sys.executable):
    """Where lectures run: "cpu", "gpu" or "tpu"."""
    return ask_jax("jax.default_backend()", python)


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
        extra_arguments=ARGUMENTS[:2 if python == sys.executable else 1], record_timing=False,
        resources={"metadata": {"path": str(folder)}})
    start = time.perf_counter()
    try:
        here = {"JAX_PLATFORMS": platform(python)}
        await client.async_execute(cleanup_kc=True, env=BESIDE_OTHERS | here | os.environ)
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
