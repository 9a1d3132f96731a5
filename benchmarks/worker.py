"""One peer in a process of its own: python worker.py PEER PROBLEM.npz

Prints a line of JSON when its first model is trained. Then every line on standard input asks for
one more training, and is answered with its seconds; the end of input with the peak memory.
"""

import json
import resource
import sys
import time
from importlib import import_module
from pathlib import Path

import numpy as np

from peers import PEERS
from problems import load


def timed(function, *args):
    start = time.perf_counter()
    result = function(*args)
    return result, time.perf_counter() - start


def loss(theta, x, y):
    """Mean over rows of the squared error, in double precision."""
    *hidden, (W, b) = [(np.float64(W), np.float64(b)) for W, b in theta]
    for W_h, b_h in hidden:
        x = np.tanh(x @ W_h + b_h)
    return float(((y - x @ W - b) ** 2).sum(axis=1).mean())


def peak_memory():
    """Largest resident size of this process so far, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux; getrusage there counts the process that started this one
        line = next(s for s in status.read_text().splitlines() if s.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def main(name, path):
    out, sys.stdout = sys.stdout, sys.stderr  # libraries may print
    problem = load(path)
    build, modules = PEERS[name]
    _, imports = timed(lambda: [import_module(module) for module in modules])
    run, build_seconds = timed(build, problem)
    theta, first = timed(run)
    answer = {"imports_s": imports, "cold_s": build_seconds + first,
              "loss": loss(theta, problem.x, problem.y)}
    print(json.dumps(answer), file=out, flush=True)
    for _ in sys.stdin:
        print(timed(run)[1], file=out, flush=True)
    print(peak_memory(), file=out, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
