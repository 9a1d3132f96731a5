"""One peer in a process of its own: python worker.py PEER python|whole PROBLEM.npz

Prints a line of JSON when its first model is trained. Then every line on standard input asks for
one more training, and is answered with its seconds; the end of input with the peak memory.
"""

import json
import os
import resource
import sys
import time
from importlib import import_module
from pathlib import Path

from peers import PEERS
from problems import load, loss


def timed(function, *args):
    start = time.perf_counter()
    result = function(*args)
    return result, time.perf_counter() - start


def peak_memory():
    """Largest resident size of this process so far, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux; getrusage there counts the process that started this one
        line = next(s for s in status.read_text().splitlines() if s.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def choose_threads(peer, run):
    """One thread or all, whichever trains faster, where a library has threads of its own."""
    if peer.threads is None:
        return None
    times = {}
    for n in {1, os.cpu_count()}:
        peer.threads(n)
        times[n] = min(timed(run)[1] for _ in range(2))
    fastest = min(times, key=times.get)
    peer.threads(fastest)
    return fastest


def main(name, way, path):
    out, sys.stdout = sys.stdout, sys.stderr  # libraries may print
    problem = load(path)
    peer = PEERS[name]
    _, imports = timed(lambda: [import_module(module) for module in peer.imports])
    run, build_seconds = timed(getattr(peer, way), problem)
    theta, first = timed(run)
    answer = {"imports_s": imports, "cold_s": build_seconds + first,
              "loss": loss(theta, problem.x, problem.y), "threads": choose_threads(peer, run)}
    print(json.dumps(answer), file=out, flush=True)
    for _ in sys.stdin:
        print(timed(run)[1], file=out, flush=True)
    print(peak_memory(), file=out, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
