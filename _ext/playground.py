"""Sphinx extension: the playground's program, made from playground/ when the book is built.

esbuild joins our modules and jax-js into one script, which runs from a folder as well as from a
server.
"""

import shutil
from pathlib import Path

import npm_packages
from book import ROOT

LICENCE = npm_packages.PACKAGES / "@jax-js" / "jax" / "LICENSE"  # a copy of jax-js needs it


def write_playground(app):
    if app.builder.name == "html":
        script = Path(app.outdir, "_static", "playground.js")
        npm_packages.run(
            "esbuild", "main.js", "--bundle", "--minify", "--format=iife", "--target=es2022",
            "--legal-comments=eof", "--inject:instances.js", f"--outfile={script}",
            folder=ROOT / "playground")
        shutil.copy(LICENCE, script.with_suffix(".js.LICENSE.txt"))


def setup(app):
    app.connect("builder-inited", write_playground)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
