"""Make a virtual environment that belongs to this folder, unless it is there already.

    python tools/environment.py .venv requirements.txt --editable
    python tools/environment.py .venv requirements.txt --editable --any-python

It is made anew if it came from another folder or, without --any-python, of another Python, as
its programs would run that folder's code, or that Python. If only the lock or the list of
modules has changed, the packages are installed over those that are there.
"""

import argparse
import json
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("lock")
    parser.add_argument("--editable", action="store_true", help="with the modules of code/, too")
    parser.add_argument("--any-python", action="store_true", help="keep the Python that it has")
    return parser.parse_args()


def main():
    args = arguments()
    folder, lock = ROOT / args.name, ROOT / args.lock
    files = [lock, ROOT / "pyproject.toml"] if args.editable else [lock]
    wanted = {"folder": str(folder), "python": sys.version,
              "files": sha256(b"".join(file.read_bytes() for file in files)).hexdigest()}
    seal = folder / "made-from.json"
    had = json.loads(seal.read_text(encoding="utf-8")) if seal.exists() else {}
    if args.any_python and had:
        wanted["python"] = had["python"]
    if had == wanted:
        return
    if any(had.get(what) != wanted[what] for what in ("folder", "python")):
        if not (3, 11) <= sys.version_info[:2] <= (3, 13):
            sys.exit(f"Python 3.11 to 3.13 is needed, this is {sys.version}; "
                     "try make PYTHON=python3.12")
        seal.unlink(missing_ok=True)
        print(f"making {args.name} with Python {sys.version.split()[0]}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    install = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, "--requirement", lock], check=True)
    if args.editable:
        subprocess.run([*install, "--no-deps", "--editable", ROOT], check=True)
    seal.write_text(json.dumps(wanted), encoding="utf-8")


if __name__ == "__main__":
    main()
