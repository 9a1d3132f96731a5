"""Sphinx extension: the programs that run in the pages, made when the book is built.

For each of two folders, `playground` and `live`, esbuild joins our modules and jax-js into one
script, which runs from a folder as well as from a server, and the styles into one file.
`live/check.js`, `live/ideas.js` and `live/load.js`, which do without it, become small scripts.
"""

import shutil
from pathlib import Path

import npm_packages
from book import ROOT

LICENCE = npm_packages.PACKAGES / "@jax-js" / "jax" / "LICENSE"  # a copy of jax-js needs it


def write_programs(app):
    if app.builder.name != "html":
        return
    static = Path(app.outdir, "_static")
    for name, *others in (["playground"], ["live", "check.js", "ideas.js", "load.js"]):
        npm_packages.run(
            "esbuild", f"{name}=main.js", f"{name}={name}.css", *others, "--bundle", "--minify",
            "--format=iife", "--target=es2022", "--legal-comments=eof",
            "--inject:../playground/instances.js", f"--outdir={static}",
            folder=ROOT / name)
        shutil.copy(LICENCE, static / f"{name}.js.LICENSE.txt")


def setup(app):
    app.connect("builder-inited", write_programs)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
