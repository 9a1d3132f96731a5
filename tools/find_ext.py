"""The modules of _ext/ that programs use; Sphinx and pytest find that folder on their own."""

import sys
from importlib import import_module
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "_ext"))
book, execution = import_module("book"), import_module("execution")
