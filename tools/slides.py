"""A deck for teaching, _build/html/slides/index.html, from the built pages. Run by `make slides`.

slides/deck.md says in words what is on each slide; figures, equations, cells and live pieces come
from the pages by their labels, and links from the table of slides in Notation. The deck needs no
network, and opens from its file, too.
"""

import re
import shutil
from collections import namedtuple
from copy import copy
from functools import cache
from html import escape

from bs4 import BeautifulSoup
from find_ext import book as place
from find_ext import import_module
from markdown_it import MarkdownIt

npm_packages = import_module("npm_packages")

HERE = place.ROOT / "slides"
DECK = HERE / "deck.md"
LIBRARY = npm_packages.PACKAGES / "reveal.js"
COPIES = [HERE / "deck.css", HERE / "deck.js", *(
    LIBRARY / "dist" / name for name in ("reveal.css", "reveal.js", "plugin/notes.js"))]


# What the deck says of a slide; `sections` are "page#section" or "page", `label` may be empty.
Slide = namedtuple("Slide", "part title source sections label statement question")


class Missing(SystemExit):
    """The deck names something that is not there, or leaves something out."""


def table():
    """The sections that treat each slide of the source, by the last table of Notation."""
    rows = re.findall(r"(?m)^\| (.+) \| (.+) \|$", place.text("notation").split("| slide |")[-1])
    link = re.compile(r"\((\w+)\.md(#[\w-]+)\)|\{doc\}`(\w+)`")
    return {name: ["".join(found) for found in link.findall(cell)] for name, cell in rows}


def slides(text):
    """The slides of a deck in plain text."""
    rows, part = table(), ""
    for block in re.split(r"\n+(?=#{1,2} )", text)[1:]:
        heading, *lines = block.splitlines()
        if heading.startswith("# "):
            part = heading[2:]
            continue
        said = dict(re.findall(r"(?m)^(source: |show: |> |)(\S.*)$", "\n".join(lines)))
        if not {"source: ", "", "> "} <= said.keys():
            raise Missing(f"slides/deck.md: {heading[3:]!r} needs source, statement and question")
        source, _, section = said["source: "].partition(" -> ")
        yield Slide(part, heading[3:], source, [section] if section else rows.get(source),
                    said.get("show: ", ""), said[""], said["> "])


@cache
def page(name):
    if not place.built(name).exists():
        raise Missing(f"there is no page {name!r}; make book writes the pages")
    return BeautifulSoup(place.built(name).read_text(encoding="utf-8"), "html.parser")


def bare(element):
    """A copy without numbers and links to itself."""
    element = copy(element)
    for part in element.select(".section-number, .caption-number, .eqno, .headerlink"):
        part.decompose()
    return element


def find(section):
    """The element of a "page#section", or of a whole page."""
    name, _, anchor = section.partition("#")
    element = page(name).find(id=anchor) if anchor else page(name).article
    if element is None:
        raise Missing(f"the page {name!r} has no section {anchor!r}")
    return element


def link(section):
    """A link that says where it leads: the lecture's title and the section's."""
    name, sign, anchor = section.partition("#")
    headings = page(name).h1, find(section).find(re.compile("^h[1-6]$"))
    said = ": ".join(dict.fromkeys(bare(heading).get_text().strip() for heading in headings))
    return f'<a href="../lectures/{name}.html{sign}{anchor}">{escape(said)}</a>'


def shown(label):
    """A copy of what has this label, and its kind."""
    if "#" in label and (code := find(label).select_one("div.cell:not(.tag_hide-input) pre")):
        return code.parent, "code"
    mark = re.compile(f'<figure [^>]*id="{label}"|id="equation-{label}"|data-live="{label}"|'
                      f'<img [^>]*class="{label}[ "]')
    for name in place.PAGES:
        if place.built(name).exists() and mark.search(place.built(name).read_text("utf-8")):
            thing = bare(page(name).select_one(
                f'figure#{label}, #equation-{label}, [data-live="{label}"], img.{label}'))
            image = thing.find("img")
            wide = image and float(image["width"]) > 2 * float(image["height"])
            kind = "live" if thing.has_attr("data-live") else thing.name
            there = f'href="../lectures/{name}.html#'  # what a caption refers to
            return str(thing).replace('href="#', there), "wide" if wide else kind
    raise Missing(f"nothing in the pages is called {label!r}: no figure, equation,"
                  " live piece or section with a cell in sight")


def section(slide):
    """A slide as HTML."""
    if not slide.sections:
        raise Missing(f"no row of the last table of Notation is called {slide.source!r}")
    say = MarkdownIt().renderInline
    thing, kind = shown(slide.label) if slide.label else ("", "words")
    name = re.sub(r"\W+", "-", slide.title.lower()).strip("-")
    return f"""<section id="{name}"><div class="slide" data-kind="{kind}">
<div><p class="part">{slide.part}</p><h1>{say(slide.title)}</h1>
<p class="statement">{say(slide.statement)}</p>
<p class="where">{"<br>".join(map(link, slide.sections))}</p>
<aside class="notes"><p>{say(slide.question)}</p><p>Mirrors: {say(slide.source)}</p></aside></div>
<div class="shown bd-content"><div class="cell_output">{thing}</div></div></div></section>"""


def deck(text):
    """The deck as a page of HTML; an error names the slide and what is missing."""
    colours, sections = page("intro").find("script", string=re.compile("look.theme")), []
    for slide in slides(text):
        try:
            sections.append(section(slide))
        except Missing as error:
            raise Missing(f"slides/deck.md, slide {slide.title!r}: {error}") from None
    return (HERE / "deck.html").read_text("utf-8").format(colours=colours, slides="".join(sections))


def write():
    """The deck in a folder of its own among the pages."""
    npm_packages.install()
    path = place.HTML / "slides" / "index.html"
    path.parent.mkdir(exist_ok=True)
    path.write_text(deck(DECK.read_text(encoding="utf-8")), encoding="utf-8")
    for file in COPIES:
        shutil.copy(file, path.parent)
    shutil.copy(LIBRARY / "LICENSE", path.with_name("reveal.js.LICENSE.txt"))
    return path


if __name__ == "__main__":
    print(write())
