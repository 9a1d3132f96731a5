"""Sphinx extension: answers under *Check yourself* that can be tried in the page.

In the source a comment below a question, or at the end of its answer, says how. One entry is
right, each has its reason below it. If the right one is a number, it has a tolerance, maybe a
unit, and the others are mistakes:

    <!-- try
    - [x] 1.25 ± 0.01
      A unit is kept with probability 0.8; divided by that, its mean is what it was.
    - [ ] 0.8
      That is the probability of being kept; to make up for it, one divides by it.
    -->

A notebook, paper and a page without script show nothing of it. The page holds it as a template,
of which `live/check.js` makes a form.
"""

import json
import re

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

COMMENT = re.compile(r"^<!-- try\n(.*?)^-->$", re.M | re.S)
ENTRY = re.compile(r"^- \[([ x])\] (\S.*)\n  (\S.*)$", re.M)
NUMBER = re.compile(r"(\S+) ± (\S+)(?: (.+))?")


def entries(text):
    """What a comment says, entry by entry: what the script has to know, the answer, the reason.

    A mistake is recognised within the tolerance, or two per cent if that is less.
    """
    found = ENTRY.findall(text)
    right = [answer for mark, answer, _ in found if mark == "x"]
    if ENTRY.sub("", text).strip() or len(right) != 1 or not (found[1:] or "±" in right[0]):
        raise ValueError(f"not one right answer, with a reason below each:\n{text}")
    keys = [{"right": mark == "x"} for mark, *_ in found]
    if number := NUMBER.fullmatch(right[0]):
        for key, (_, answer, _) in zip(keys, found):
            value = float(number[1] if key["right"] else answer)
            within = float(number[2]) if key["right"] else min(float(number[2]), abs(value) / 50)
            key.update(value=value, within=within, unit=number[3] or "")
    return [(key, answer, reason) for key, (_, answer, reason) in zip(keys, found)]


class trial(nodes.comment):  # which it is to all but the HTML page; the search does not find it
    pass


class Try(SphinxDirective):
    has_content = True

    def run(self):
        keys, answers, reasons = zip(*entries("\n".join(self.content)))
        words = [nodes.inline("", "", *self.parse_inline(text)[0])
                 for pair in zip(answers, reasons) for text in pair]
        return [trial("", "", *words, key=json.dumps(keys))]


def make_directives(app, docname, content):
    """The comments become directives, so that their words are read as Markdown."""
    content[0] = COMMENT.sub(r":::{try}\n\1:::", content[0])


def load_script(app, pagename, templatename, context, doctree):
    if doctree and next(doctree.findall(trial), None):
        app.add_js_file("check.js")  # on this page alone


def visit_trial(self, node):
    data = {"data-key": node["key"]}
    self.body.append(self.starttag(node, "template", "", CLASS="check", **data))


def setup(app):
    app.add_directive("try", Try)
    app.add_node(trial, html=(visit_trial, lambda self, node: self.body.append("</template>\n")))
    app.connect("source-read", make_directives, priority=600)  # when the text is the final one
    app.connect("html-page-context", load_script)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
