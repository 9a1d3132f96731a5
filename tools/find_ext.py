"""Importing this makes the modules of _ext/ importable, as Sphinx and pytest do on their own."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "_ext"))
