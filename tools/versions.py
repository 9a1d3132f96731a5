"""Run the unit tests and all lectures on every supported Python, and on old and new JAX.

    python tools/versions.py                   all of them, each in an environment of its own
    python tools/versions.py 3.12 3.13-oldest
    python tools/versions.py --find 3.13       print where that interpreter is

It needs the standard library only, and interpreters on the path or among pyenv's.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent  # book.py is for the environments made here
CASES = {  # Python, and what is installed after the lock
    "3.11": [],
    "3.12": [],
    "3.13": [],
    "3.13-oldest": ["jax==0.7.2", "jaxlib==0.7.2", "flax"],  # a Flax that knows this JAX
    "3.13-newest": ["--upgrade", "--pre", "jax", "jaxlib"],
}
COST = ("On two cores each version takes about 10 minutes, and 2 GB of disk in .venv-versions. "
        "What one has compiled, the next with the same JAX finds in _build/versions.")
CACHE = {"JAX_COMPILATION_CACHE_DIR": str(ROOT / "_build" / "versions" / "compiled"),
         "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.2"}


def find(version):
    """Path of a Python of this version that runs; None if there is none."""
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}*/bin/python{version}"))
    for program in [f"python{version}", *pyenv]:
        command = [program, "-c", "import sys; print(sys.executable)"]
        try:
            return subprocess.run(
                command, capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            continue
    return None


def succeeds(*command):
    return subprocess.run(command, cwd=ROOT, env=os.environ | CACHE).returncode == 0


def check(case, lectures):
    """What became of a version: a word or two for the table."""
    interpreter = find(case.split("-")[0])
    if interpreter is None:
        return "no such Python"
    folder = ROOT / ".venv-versions" / case
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    install = [python, "-m", "pip", "install", "--quiet"]
    installed = succeeds(interpreter, "-m", "venv", "--clear", folder) and all(
        succeeds(*install, *wanted)
        for wanted in (["-r", "requirements.txt"], CASES[case], ["--no-deps", "--editable", "."])
        if wanted)
    if not installed:
        return "INSTALLATION FAILS"
    parts = {
        "unit tests": [python, "-m", "pytest", "-n", "2", "tests/code"],
        "lectures": [python, "tools/seeds.py", "0", "--jobs", "2",
                     "--folder", f"_build/versions/{case}", *lectures],
    }
    failing = [part for part, command in parts.items() if not succeeds(*command)]
    return f"{' and '.join(failing)} FAIL" if failing else "passes"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog=COST)
    parser.add_argument("cases", nargs="*", default=list(CASES))
    parser.add_argument("--lectures", nargs="+", default=[], help="those and no others")
    parser.add_argument("--find", metavar="VERSION", help="print the path of an interpreter")
    args = parser.parse_args()
    if args.find:
        print(find(args.find) or "")
        return
    lectures = ["--lectures", *args.lectures] if args.lectures else []
    table = []
    for case in args.cases:
        start = time.perf_counter()
        verdict = check(case, lectures)
        table.append(f"{case:12} {verdict:30} {(time.perf_counter() - start) / 60:4.0f} min")
    print("\n".join(table))
    sys.exit(0 if all(" passes " in line for line in table) else 1)


if __name__ == "__main__":
    main()
