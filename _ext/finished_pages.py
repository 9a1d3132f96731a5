"""Sphinx extension: what the book mends in what Sphinx and its extensions write of a page's text.

What the theme writes around the text is mended in _templates/.
"""

import re
from base64 import b64decode
from hashlib import sha256
from pathlib import Path

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from PIL import Image
from pygments.formatters import HtmlFormatter
from pygments.token import Name, Punctuation, Whitespace
from sphinx.highlighting import PygmentsBridge
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.osutil import relative_uri

FRAME = re.compile(r"data:image/(\w+);base64,([\w+/=]+)")

# Extensions give these identifiers to all proofs, exercises and solutions of a page.
REPEATED = ["proof", "proof-content", "exercise-content", "solution-content"]


class fold(nodes.General, nodes.Element):
    """What a reader opens, without a script: its first child is the words to click on."""


class fold_title(nodes.General, nodes.TextElement):
    pass


class FinishedText(SphinxPostTransform):
    default_priority = 800  # when titles and references are known
    formats = ("html",)

    def run(self):
        for node in self.document.findall(nodes.Element):
            if node["ids"] and node["ids"][0] in REPEATED:
                node["ids"] = []
        for node in list(self.document.findall(nodes.Admonition)):
            if "dropdown" in node["classes"]:
                self.fold(node)
        for cell in list(self.document.findall(HideCodeCellNode)):
            title = fold_title("", cell["prompt_show"])
            cell.replace_self(fold("", title, *cell, classes=["admonition", *cell["classes"]]))
        for number, image in enumerate(self.document.findall(nodes.image)):
            if number:
                image["loading"] = "lazy"
        for raw in self.document.findall(nodes.raw):
            text = FRAME.sub(self.as_file, align_words_left(raw.astext()))
            raw.children = [nodes.Text(text)]

    def fold(self, node):
        """Make a fold of a solution, or of a proof, whose title is its first word."""
        title, *rest = node.children
        if isinstance(title, nodes.paragraph):
            word, _, text = title[0].partition(". ")
            title[0], rest = nodes.Text(text), node.children
            title = nodes.title("", word)
        for link in list(title.findall(nodes.reference)):  # a fold cannot hold a link
            place = link.parent.index(link)
            link.parent[place:place + 1] = link.children
        node.replace_self(fold("", fold_title("", "", *title.children), *rest, ids=node["ids"],
                               classes=["admonition", *node["classes"]]))

    def as_file(self, frame):
        """A frame of an animation would delay the words of its page: it becomes a file."""
        content = b64decode(frame[2])
        name = f"_images/{sha256(content).hexdigest()[:40]}.{frame[1]}"
        path = Path(self.app.outdir, name)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return relative_uri(self.app.builder.get_target_uri(self.env.docname), name)


def align_words_left(html):
    """Tables of pandas: numbers end below one another, words begin so; the corner heads nothing."""
    if 'class="dataframe"' in html:
        html = html.replace("<th></th>", "<td></td>")
        for tag in ("th", "td"):
            cells = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", html.partition("<tbody>")[2])
            if cells and all(re.search("[a-z]{3}", cell) for cell in cells):
                html = html.replace('"dataframe"', f'"dataframe {tag}-in-words"')
    return html


class ColourOnlyWhatDiffers(HtmlFormatter):
    """Half of the spans in code would give a word the colour that it has without them."""

    def _get_css_class(self, ttype):
        plain = ttype in (Name, Punctuation, Whitespace)
        return "" if plain else super()._get_css_class(ttype)


# What is written for a node


def visit_fold(self, node):
    self.body.append(self.starttag(node, "details"))


def depart_fold(self, node):
    self.body.append("</details>\n")


def visit_title(self, node):
    self.body.append('<summary class="admonition-title"><span class="sd-summary-text">')


def depart_title(self, node):
    self.body.append("</span></summary>\n")


def visit_image(self, node):
    """Room is kept for an image before it arrives. PNG figures have two dots for one pixel."""
    path = Path(self.builder.srcdir, node["uri"])
    type(self).visit_image(self, node)
    if path.suffix == ".svg":
        head = path.read_text(encoding="utf-8")[:3000]
        points = [re.search(rf'\b{side}="([\d.]+)pt"', head)[1] for side in ("width", "height")]
        size = [round(float(length) * 4 / 3) for length in points]
    else:
        with Image.open(path) as image:
            size = [side // 2 for side in image.size]
    self.body[-1] = self.body[-1].replace("<img", '<img width="{}" height="{}"'.format(*size))


def visit_entry(self, node):
    """The corner of a table heads nothing."""
    type(self).visit_entry(self, node)
    if not (node.astext().strip() or any(node.findall(nodes.image))):
        self.body[-1] = self.body[-1].replace("<th", "<td")
        self.context[-1] = "</td>\n"


def visit_citation(self, node):
    """The roles of the bibliography are withdrawn from the standard."""
    type(self).visit_citation(self, node)
    self.body[-2:] = [re.sub(' role="[^"]*"', "", text) for text in self.body[-2:]]


def setup(app):
    PygmentsBridge.html_formatter = ColourOnlyWhatDiffers
    app.add_post_transform(FinishedText)
    app.add_node(fold, html=(visit_fold, depart_fold))
    app.add_node(fold_title, html=(visit_title, depart_title))
    app.add_node(nodes.image, override=True, html=(visit_image, None))
    app.add_node(nodes.entry, override=True, html=(visit_entry, None))
    app.add_node(nodes.citation, override=True, html=(visit_citation, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
