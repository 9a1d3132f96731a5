# @title Setup: run this cell first { display-mode: "form" }
# It installs what is missing, and writes the book's files that this lecture
# uses beside the notebook. Nothing else has to be fetched.
import subprocess
import sys
import zlib
from importlib.metadata import PackageNotFoundError, version
from itertools import count
from pathlib import Path

from IPython import get_ipython
from packaging.version import Version

LIBRARIES = []
LEAST = {}
DATA = []
ON_PURPOSE = []
FILES = {}


def is_missing(requirement):
    try:
        return not version(requirement.split("==")[0])
    except PackageNotFoundError:
        return True


def install(requirements, *options):
    wanted = [r for r in requirements if is_missing(r)]
    if wanted:
        print("installing", *wanted)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", *options, *wanted]
        subprocess.run(pip, check=True)


def check(name, least):
    if Version(version(name)) < Version(least):
        raise RuntimeError(
            f"{name} {version(name)} is installed, this notebook needs {least} or newer: "
            f"run  %pip install --upgrade '{name}>={least}'  and restart the kernel")


def write(path, text):
    if path.exists() and path.read_bytes() != text:
        names = (f"{path.stem}_yours_{n}{path.suffix}" for n in count(1))
        aside = next(name for name in names if not Path(name).exists())
        path.rename(aside)
        print(f"{path} was not the book's; it is now {aside}")
    path.write_bytes(text)


install(LIBRARIES)
install(DATA, "--no-deps")  # only for the data files inside
for name, least in LEAST.items():
    check(name, least)
for name, text in FILES.items():
    write(Path(name), text.encode())

# Cells that raise an error on purpose print it, and "Run all" goes on.
SHELL = get_ipython()
if SHELL is None:
    raise SystemExit("this file was a notebook: run it with ipython, not with python")
show_error = SHELL._showtraceback


def is_on_purpose(info):
    return zlib.crc32(info.raw_cell.strip().encode()) in ON_PURPOSE


def print_error(kind, error, lines):
    print("\n".join(lines))


def before(info):
    SHELL._showtraceback = print_error if is_on_purpose(info) else show_error


def after(result):
    if is_on_purpose(result.info):
        result.error_before_exec = result.error_in_exec = None


SHELL.events.register("pre_run_cell", before)
SHELL.events.register("post_run_cell", after)
