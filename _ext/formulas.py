"""Sphinx extension: formulas set by KaTeX while the book is built.

A page then holds its formulas as text: it needs no script and no network, nothing moves while
it loads, a screen reader finds MathML, and the TeX stands in `annotation`. KaTeX comes from an
installed package and runs in V8, from another. A formula that KaTeX cannot read is a warning,
and so an error of the build.
"""

import re
import shutil
from functools import cache
from html import escape
from importlib.util import find_spec
from pathlib import Path

from docutils import nodes
from py_mini_racer import JSEvalException, MiniRacer
from sphinx.errors import SphinxError
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

KATEX = Path(find_spec("djangocms_katex").origin).parent / "static/djangocms_katex/vendor/katex"
COPY_TEX = KATEX / "contrib" / "copy-tex.min.js"

logger = logging.getLogger(__name__)


@cache
def engine():
    context = MiniRacer()
    context.eval((KATEX / "katex.min.js").read_text(encoding="utf-8"))
    return context


@cache
def typeset(tex, display):
    """HTML and MathML of a formula. Raises JSEvalException if KaTeX does not understand it."""
    return engine().call("katex.renderToString", tex, {"displayMode": display, "strict": "error"})


def typeset_node(node, tex, display):
    try:
        return typeset(tex, display)
    except JSEvalException as error:
        logger.warning("%s", str(error).splitlines()[0], location=node)
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
    """Copy style, fonts and the script by which a copied formula is TeX."""
    if app.builder.format != "html":
        return
    static = Path(app.outdir) / "_static"
    (static / "fonts").mkdir(parents=True, exist_ok=True)
    for font in (KATEX / "fonts").glob("*.woff2"):
        shutil.copyfile(font, static / "fonts" / font.name)
    css = (KATEX / "katex.min.css").read_text(encoding="utf-8")
    css = re.sub(r',url\([^)]*\) format\("(woff|truetype)"\)', "", css)
    (static / "katex.css").write_text(css, encoding="utf-8")
    shutil.copyfile(COPY_TEX, static / COPY_TEX.name)


def close_engine(app, exception):
    """End V8's thread: Python 3.13 would wait for it at its own end, for ever."""
    if engine.cache_info().currsize:
        engine().close()
        engine.cache_clear()


def setup(app):
    if not COPY_TEX.exists():
        raise SphinxError(f"KaTeX is not at {KATEX}; install requirements.txt again")
    app.add_html_math_renderer("katex", (visit_math, None), (visit_math_block, None))
    app.add_css_file("katex.css")
    app.add_js_file(COPY_TEX.name)
    app.connect("builder-inited", copy_katex)
    app.connect("build-finished", close_engine)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
