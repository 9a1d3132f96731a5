"""The speed of the book's training beside other libraries', two by two: python benchmarks/speed.py

Three trainings (`problems.py`) by every library in two ways, a loop in Python and the whole loop
compiled (`peers.py`), from the same weights on the same data with the same update, each in
processes of its own (`worker.py`):

    warm     microseconds a step of the later trainings of a process; the peers take turns, as a
             machine's speed drifts
    cold     seconds to the first trained model in a new process, imports not counted
    imports  seconds that the imports take
    memory   peak of the process, MB
    threads  of a library that has its own: one or all, whichever trained faster
    loss     of the trained network; a cell that ends elsewhere than NumPy in double precision is
             void

Times as [median, smallest, largest]. The record says how each cell is written, and why a library
has none. Beside them the machine's own limits, measured in the same run, and how the time of
`train` grows. Prints tables and writes code/speed.json, which the lecture "Rolling Our Own" draws.

    python benchmarks/speed.py --cold 1 --warm 2 --write /tmp/speed.json     a quick look
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path
from statistics import median

from growth import growth
from limits import limits, work_of_a_step
from peers import PEERS
from problems import PROBLEMS, make, reference, save

FOLDER = Path(__file__).resolve().parent
WAYS = ("python", "whole")
CELLS = [(peer, way) for way in WAYS for peer in PEERS if callable(getattr(PEERS[peer], way))]
PAUSE = 0.2  # seconds; threads of the peer before may wait for more work, at full load
PACKAGES = ["jax", "numpy", "optax", "equinox", "flax", "keras", "torch", "scikit-learn"]
THREADS = {"OMP_WAIT_POLICY": "PASSIVE"}  # or PyTorch stalls when other programs run


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cold", type=int, default=2, help="processes a cell of the small problem")
    parser.add_argument("--warm", type=int, default=5, help="later trainings a cell")
    parser.add_argument("--write", type=Path, default=FOLDER.parent / "code" / "speed.json")
    return parser.parse_args()


class Worker:
    """A process that has trained once, and trains again when asked."""

    def __init__(self, peer, way, path):
        command = [sys.executable, str(FOLDER / "worker.py"), peer, way, str(path)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            stderr=subprocess.DEVNULL, env=os.environ | THREADS)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{peer}, {way}: ended before it had trained; "
                               "benchmarks/worker.py says why")
        self.first = json.loads(line)

    def seconds(self):
        time.sleep(PAUSE)
        self.process.stdin.write("again\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def stop(self):
        """Ends the process; its peak memory in MB."""
        return float(self.process.communicate()[0])


def spread(values, unit=1):
    return [float(f"{a / unit:.4g}") for a in (median(values), min(values), max(values))]


def measure(problem, path, cold, warm):
    """The loss to end at, and the cells {peer: {way: measures}} of one problem."""
    save(problem, path)
    target = reference(problem)
    firsts = {cell: [] for cell in CELLS}
    for turn in range(cold):
        workers = {}
        for cell in CELLS:
            workers[cell] = Worker(*cell, path)
            firsts[cell].append(workers[cell].first)
            if turn < cold - 1:
                workers[cell].stop()
    turns = [{cell: workers[cell].seconds() for cell in CELLS} for _ in range(warm)]
    rows = {peer: {} for peer in PEERS}
    for cell in CELLS:
        peer, way = cell
        rows[peer][way] = {
            "warm_us": spread([turn[cell] for turn in turns], problem.steps / 1e6),
            "cold_s": spread([first["cold_s"] for first in firsts[cell]]),
            "imports_s": spread([first["imports_s"] for first in firsts[cell]]),
            "memory_mb": round(workers[cell].stop()),
            "threads": firsts[cell][-1]["threads"],
            "loss": round(firsts[cell][0]["loss"], 6),
            "agrees": all(abs(first["loss"] / target - 1) < 1e-3 for first in firsts[cell]),
        }
    return round(target, 6), rows


def machine():
    info = Path("/proc/cpuinfo")
    names = [line.split(": ")[1] for line in info.read_text().splitlines()
             if line.startswith("model name")] if info.exists() else []
    return {"processor": (names or [platform.processor()])[0], "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version()}


def ways():
    """How each cell is written, or why there is none."""
    def told(way):
        return {"how": way.__doc__.splitlines()[0]} if callable(way) else {"none": way}

    return {peer: {way: told(getattr(PEERS[peer], way)) for way in WAYS} for peer in PEERS}


def show(name, result):
    print(f"\n{name}: {'-'.join(map(str, result['sizes']))}, {result['n']} rows, "
          f"{result['steps']} steps, {result['flops'] / 1e6:.3g} Mflop a step, "
          f"loss {result['loss']:.6f}")
    print(f"{'':28}{'way':8}{'us a step':>10}{'range':>18}{'ratio':>7}"
          f"{'cold s':>8}{'imports s':>11}{'MB':>6}  loss")
    ours = result["rows"]["dl_core"]["whole"]["warm_us"][0]
    for peer, way in CELLS:
        cell = result["rows"][peer][way]
        mid, low, high = cell["warm_us"]
        print(f"{peer:28}{way:8}{mid:10.1f}{f'{low:.0f} to {high:.0f}':>18}{mid / ours:7.2f}"
              f"{cell['cold_s'][0]:8.2f}{cell['imports_s'][0]:11.2f}{cell['memory_mb']:6}  "
              f"{cell['loss']:.6f}{'' if cell['agrees'] else '  VOID: another loss'}", flush=True)


def main():
    args, start = arguments(), time.perf_counter()
    record = {
        "date": date.today().isoformat(),
        "machine": machine(),
        "load": round(os.getloadavg()[0], 2),  # other programs that ran before
        "repetitions": {"cold": args.cold, "warm": args.warm},
        "versions": {package: version(package) for package in PACKAGES},
        "limits": limits(),
        "ways": ways(),
        "problems": {},
    }
    print(record)
    for name, setting in PROBLEMS.items():
        cold = args.cold if name == "small" else max(args.cold - 1, 1)
        with tempfile.TemporaryDirectory() as folder:
            target, rows = measure(make(name), Path(folder) / "problem.npz", cold, args.warm)
        record["problems"][name] = {
            **setting._asdict(), **work_of_a_step(name), "loss": target, "rows": rows}
        show(name, record["problems"][name])
    record["growth"] = growth()
    for quantity, line in record["growth"].items():
        print(f"{quantity:6} {line['values']} -> {line['us']} us a step, slope {line['slope']}")
    args.write.write_text(json.dumps(record, indent=1) + "\n")
    print(f"{(time.perf_counter() - start) / 60:.1f} minutes; wrote {args.write}")


if __name__ == "__main__":
    main()
