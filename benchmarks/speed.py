"""The speed of `dl_core.train` beside its peers: python benchmarks/speed.py

Three trainings (`problems.py`) by every library (`peers.py`), from the same weights on the same
data with the same update, each in processes of its own (`worker.py`):

    warm     microseconds a step of the later trainings of a process; the peers take turns, as a
             machine's speed drifts
    cold     seconds to the first trained model in a new process, imports not counted
    imports  seconds that the imports take
    memory   peak of the process, MB
    loss     of the trained network; a row whose loss differs from dl_core's is void

Each as [median, smallest, largest]. Beside them the machine's own limits, measured in the same
run, and how the time of `train` grows. Prints tables and writes code/speed.json, which the
lecture "Rolling Our Own" draws.
"""

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
from problems import PROBLEMS, make, save

FOLDER = Path(__file__).resolve().parent
PAUSE = 0.2  # seconds; threads of the peer before may wait for more work, at full load
COLD, WARM = 2, 5  # repetitions; cold ones one less for the larger problems
PACKAGES = ["jax", "numpy", "optax", "equinox", "flax", "keras", "torch", "scikit-learn"]
THREADS = {"OMP_WAIT_POLICY": "PASSIVE"}  # or PyTorch stalls when other programs run


class Worker:
    """A process that has trained once, and trains again when asked."""

    def __init__(self, peer, path):
        command = [sys.executable, str(FOLDER / "worker.py"), peer, str(path)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            stderr=subprocess.DEVNULL, env=os.environ | THREADS)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{peer} ended before it had trained; benchmarks/worker.py says why")
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


def measure(name, path):
    """The rows of one problem, a dictionary for each peer."""
    problem = make(name)
    save(problem, path)
    firsts = {peer: [] for peer in PEERS}
    starts = COLD if name == "small" else COLD - 1
    for turn in range(starts):
        workers = {}
        for peer in PEERS:
            workers[peer] = Worker(peer, path)
            firsts[peer].append(workers[peer].first)
            if turn < starts - 1:
                workers[peer].stop()
    turns = [{peer: worker.seconds() for peer, worker in workers.items()} for _ in range(WARM)]
    reference = firsts["dl_core"][0]["loss"]
    return {
        peer: {
            "warm_us": spread([turn[peer] for turn in turns], problem.steps / 1e6),
            "cold_s": spread([first["cold_s"] for first in firsts[peer]]),
            "imports_s": spread([first["imports_s"] for first in firsts[peer]]),
            "memory_mb": round(worker.stop()),
            "loss": round(firsts[peer][0]["loss"], 6),
            "agrees": abs(firsts[peer][0]["loss"] / reference - 1) < 1e-3,
        }
        for peer, worker in workers.items()
    }


def machine():
    info = Path("/proc/cpuinfo")
    names = [line.split(": ")[1] for line in info.read_text().splitlines()
             if line.startswith("model name")] if info.exists() else []
    return {"processor": (names or [platform.processor()])[0], "cores": os.cpu_count(),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version()}


def show(name, result):
    print(f"\n{name}: {'-'.join(map(str, result['sizes']))}, {result['n']} rows, "
          f"{result['steps']} steps, {result['flops'] / 1e6:.3g} Mflop a step")
    print(f"{'':20}{'us a step':>10}{'range':>18}{'ratio':>7}{'cold s':>8}{'imports s':>11}"
          f"{'MB':>6}  loss")
    ours = result["rows"]["dl_core"]["warm_us"][0]
    for peer, row in result["rows"].items():
        mid, low, high = row["warm_us"]
        print(f"{peer:20}{mid:10.1f}{f'{low:.0f} to {high:.0f}':>18}{mid / ours:7.2f}"
              f"{row['cold_s'][0]:8.2f}{row['imports_s'][0]:11.2f}{row['memory_mb']:6}  "
              f"{row['loss']:.5f}{'' if row['agrees'] else '  VOID: another loss'}")


def main():
    record = {
        "date": date.today().isoformat(),
        "machine": machine(),
        "load": os.getloadavg()[0],  # other programs that ran beside
        "versions": {package: version(package) for package in PACKAGES},
        "limits": limits(),
        "problems": {},
    }
    print(record)
    for name, setting in PROBLEMS.items():
        with tempfile.TemporaryDirectory() as folder:
            rows = measure(name, Path(folder) / "problem.npz")
        record["problems"][name] = {**setting._asdict(), **work_of_a_step(name), "rows": rows}
        show(name, record["problems"][name])
    record["growth"] = growth()
    for quantity, line in record["growth"].items():
        print(f"{quantity:6} {line['values']} -> {line['us']} us a step, slope {line['slope']}")
    (FOLDER.parent / "code" / "speed.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
