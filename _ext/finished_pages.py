"""Sphinx extension: what the book mends in each page that the theme has written.

A template bridge finishes a page before it is saved, one function a fault. Once all pages
are there, their styles become one file, which holds the rules that some page uses.
"""

import re
from base64 import b64decode
from collections import Counter
from copy import copy
from hashlib import sha256
from pathlib import Path, PurePosixPath

from bs4 import BeautifulSoup
from PIL import Image
from sphinx.jinja2glue import BuiltinTemplateLoader
from stylesheet import one_stylesheet

STYLESHEET = "_static/pages.css"
FIRST_FONTS = ["KaTeX_Main-Regular", "KaTeX_Math-Italic"]

SCRIPTS_FOR = {  # what a script works on: pages without it do not load the script
    "/togglebutton.js": ".toggle",
    "/design-tabs.js": ".sd-tab-set",
    "/sphinx-thebe.js": ".thebe",
    "/fontawesome.js": ".icons-are-a-font-here",
    "/clipboard.min.js": "div.highlight",
    "/copybutton.js": "div.highlight",
    "/copy-tex.min.js": ".katex",
    "searchtools.js": "#search-results",
    "language_data.js": "#search-results",
    "searchindex.js": "#search-results",
}
INLINE_FOR_ABSENT = re.compile(r"THEBE|thebe|kernelName|toggle|DOCUMENTATION_OPTIONS\.")

COLOURS = """
{
  const mode = localStorage.getItem("mode") || "auto"
  const dark = matchMedia("(prefers-color-scheme: dark)").matches
  document.documentElement.dataset.mode = mode
  document.documentElement.dataset.theme = mode === "auto" ? (dark ? "dark" : "light") : mode
}"""

SUMMARY = """
const summary = Search.makeSearchSummary
Search.makeSearchSummary = (...place) => summary(...place) ?? document.createElement("p")
"""


# One function a fault


def load_one_stylesheet(page, context):
    """A dozen style files keep the page blank for seconds on a phone."""
    for link in page.select("link[rel=stylesheet]"):
        link.decompose()
    path = context["pathto"]
    link = page.new_tag("link", rel="stylesheet", href=path(STYLESHEET, resource=True))
    page.head.append(link)
    if page.select_one(".katex"):
        for font in FIRST_FONTS:
            href = path(f"_static/fonts/{font}.woff2", resource=True)
            page.head.append(page.new_tag("link", rel="preload", href=href, type="font/woff2",
                                          crossorigin="", attrs={"as": "font"}))


def load_scripts_late(page, context):
    """Scripts wait until the page is shown; those without work here are not loaded."""
    for link in page.select("link[rel=preload][as=script]"):
        link.decompose()
    for script in page.select("script"):
        source = script.get("src", "").split("?")[0]
        works_on = [what for end, what in SCRIPTS_FOR.items() if source.endswith(end)]
        if any(not page.select_one(what) for what in works_on):
            script.decompose()
        elif source:
            script.attrs = {"src": script["src"], "defer": ""}
        elif "localStorage" in script.text:
            script.attrs, script.string = {}, COLOURS
        elif INLINE_FOR_ABSENT.search(script.get("type", "") + script.text):
            script.decompose()


def size_images(page, context):
    """Room is kept for an image before it arrives; one far down waits until it is near."""
    for number, image in enumerate(page.select("main img[src]")):
        source = context["image_files"].get(PurePosixPath(image["src"]).name)
        if source and not image.has_attr("width"):
            image["width"], image["height"] = image_size(source)
        if number:
            image["loading"] = "lazy"
        image["decoding"] = "async"


def keep_frames_beside_the_page(page, context):
    """The frames of an animation would delay the words of its page: they become files."""
    folder = context["outdir"] / "_images"
    folder.mkdir(exist_ok=True)
    for image in page.select("img[src^='data:image/']"):
        kind, data = image["src"].removeprefix("data:image/").split(";base64,")
        content = b64decode(data)
        name = f"{sha256(content).hexdigest()}.{kind}"
        (folder / name).write_bytes(content)
        image["src"] = context["pathto"](f"_images/{name}", resource=True)


def image_size(path):
    """Width and height of a figure in CSS pixels; PNG figures have two dots for one of them."""
    if path.suffix == ".svg":
        head = path.read_text(encoding="utf-8")[:3000]
        points = [re.search(rf'\b{side}="([\d.]+)pt"', head)[1] for side in ("width", "height")]
        return [round(float(p) * 4 / 3) for p in points]
    with Image.open(path) as image:
        return [side // 2 for side in image.size]


def colour_only_what_differs(page, context):
    """Half of the spans in code give a word the colour that it has without them."""
    for word in page.select(".highlight :is(.n, .p, .w)"):
        word.unwrap()


def open_solutions_natively(page, context):
    """A solution folds without a script, opens by keyboard, and is found by a search in it."""
    for solution in page.select("div.admonition.dropdown"):
        title = solution.select_one(".admonition-title")
        if title is None:  # a proof has it as its first word
            word, _, text = solution.p.contents[0].partition(". ")
            solution.p.contents[0].replace_with(text)
            title = page.new_tag("p", string=word)
            solution.insert(0, title)
        title.name = "span"
        title["class"] = ["sd-summary-text"]
        for link in title.select("a"):  # a fold cannot hold a link; its exercise stands above
            link.unwrap()
        title.wrap(page.new_tag("summary", attrs={"class": "admonition-title"}))
        solution.name = "details"


def identify_nothing_twice(page, context):
    """Extensions give all proofs, exercises and solutions of a page the same identifier."""
    often = Counter(tag["id"] for tag in page.select("[id]"))
    for tag in page.select("[id]"):
        if often[tag["id"]] > 1:
            del tag["id"]


def name_no_empty_header(page, context):
    """The corner of a table heads nothing."""
    for corner in page.select("th"):
        if not corner.get_text(strip=True) and not corner.img:
            corner.name = "td"


def align_words_left(page, context):
    """Numbers end below one another, words begin so: in a table's first column, or in all."""
    for table in page.select("table.dataframe"):
        for tag in ("th", "td"):
            cells = table.select(f"tbody {tag}")
            if all(re.search("[a-z]{3}", cell.get_text()) for cell in cells):
                table["class"].append(f"{tag}-in-words")


def say_success_in_a_word(page, context):
    """MyST-NB's sign for it is in no font of some systems."""
    for sign in page.find_all(string="✅"):
        sign.replace_with("succeeded")


def speak_plainly_of_works(page, context):
    """The roles of the bibliography are withdrawn from the standard."""
    for entry in page.select(".citation-list, .citation-list [role]"):
        entry.attrs.pop("role", None)


def mark_sidebar(page, context):
    """All of a page belongs to some landmark; the theme's sidebar does not."""
    for sidebar in page.select("div#pst-primary-sidebar"):
        sidebar["role"], sidebar["aria-label"] = "complementary", "Book"


def show_picture_of(page, context):
    """The landing page shows first, beside its first words, a figure that it computes later."""
    for link in page.select(".picture-of a[href^='#']"):
        picture = page.find(id=link["href"].lstrip("#")).find("img")
        link.insert(0, copy(picture))


def say_things_once(page, context):
    """The theme writes the viewport three times, and the contents once more for print.

    It also puts the book's title after that of the landing page, which is the same.
    """
    page.title.string = " — ".join(dict.fromkeys(page.title.string.split(" — ")))
    for meta in page.select("meta[name=viewport]")[1:]:
        meta.decompose()
    for double in page.select("#jb-print-docs-body, #ethical-ad-placement"):
        double.decompose()


def summarise_empty_places(page, context):
    """Sphinx's search stops at an index entry, whose place on its page holds no words."""
    for results in page.select("#search-results"):
        script = page.new_tag("script", type="module")  # runs after the deferred ones
        script.string = SUMMARY
        results.insert_after(script)


FAULTS = [
    load_one_stylesheet, open_solutions_natively, load_scripts_late, show_picture_of, size_images,
    keep_frames_beside_the_page, colour_only_what_differs, say_things_once,
    identify_nothing_twice, name_no_empty_header, align_words_left, say_success_in_a_word,
    speak_plainly_of_works, mark_sidebar, summarise_empty_places,
]


class FinishedPages(BuiltinTemplateLoader):
    """Sphinx's own template bridge, with the pages finished."""

    def init(self, builder, theme=None, dirs=None):
        super().init(builder, theme, dirs)
        self.builder = builder

    def render(self, template, context):
        text = super().render(template, context)
        if "<html" not in text[:500]:
            return text
        images = {name: Path(self.builder.srcdir, path)
                  for path, name in self.builder.images.items()}
        page = BeautifulSoup(text, "html.parser")
        self.styles = [link["href"] for link in page.select("link[rel=stylesheet]")]
        for mend in FAULTS:
            mend(page, context | {"image_files": images, "outdir": Path(self.builder.outdir)})
        return str(page)


def write_stylesheet(app, exception):
    styles = getattr(getattr(app.builder, "templates", None), "styles", None)
    if exception is None and styles:
        static = Path(app.outdir) / "_static"
        files = [static / style.partition("_static/")[2].split("?")[0] for style in styles]
        (Path(app.outdir) / STYLESHEET).write_text(one_stylesheet(app.outdir, files), "utf-8")


def setup(app):
    app.connect("build-finished", write_stylesheet, priority=800)  # the theme writes until then
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
