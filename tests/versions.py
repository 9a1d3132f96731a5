"""Run the unit tests and all lectures on every supported Python, and on old and new JAX.

    python tests/versions.py                   all of them, each in an environment of its own
    python tests/versions.py 3.12 3.13-oldest
    python tests/versions.py --find 3.13       print where that interpreter is

It needs the standard library only, and interpreters on the path or among pyenv's.
"""

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CASES = {  # Python, and what is installed after the lock
    "3.11": [],
    "3.12": [],
    "3.13": [],
    "3.13-oldest": ["jax==0.7.2", "jaxlib==0.7.2"],
    "3.13-newest": ["--upgrade", "--pre", "jax", "jaxlib"],
}


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


def check(case, lectures):
    """Whether unit tests and lectures pass in a new environment; None without an interpreter."""
    interpreter = find(case.split("-")[0])
    if interpreter is None:
        return None
    folder = ROOT / ".venv-versions" / case
    subprocess.run([interpreter, "-m", "venv", "--clear", folder], check=True)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    install = [python, "-m", "pip", "install", "--quiet"]
    for wanted in (["-r", "requirements.txt"], CASES[case], ["--no-deps", "--editable", "."]):
        if wanted:
            subprocess.run([*install, *wanted], cwd=ROOT, check=True)
    units = [python, "-m", "pytest", "tests/test_dl_core.py", "tests/test_dl_data.py"]
    runs = [python, "tests/seeds.py", "0", "--folder", f"_build/versions/{case}", *lectures]
    statuses = [subprocess.run(command, cwd=ROOT).returncode for command in (units, runs)]
    return not any(statuses)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", default=list(CASES))
    parser.add_argument("--lectures", nargs="+", default=[], help="those and no others")
    parser.add_argument("--find", metavar="VERSION", help="print the path of an interpreter")
    args = parser.parse_args()
    if args.find:
        print(find(args.find) or "")
        return
    lectures = ["--lectures", *args.lectures] if args.lectures else []
    verdicts = {case: check(case, lectures) for case in args.cases}
    for case, passed in verdicts.items():
        print(f"{case:12}", {True: "passes", False: "FAILS", None: "no such Python"}[passed])
    sys.exit(0 if all(verdicts.values()) else 1)


if __name__ == "__main__":
    main()
