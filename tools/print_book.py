"""One PDF of the built book, printed by Chromium. Run by `make pdf`.

All pages become one long page, whose links lead from part to part, with the contents in front.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from bs4 import BeautifulSoup
from find_ext import book as place

PDF = place.BUILD / "deep-learning-with-jax.pdf"
BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
PRINT = ["--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer",
         "--generate-pdf-document-outline", "--virtual-time-budget=60000"]


def find_browser():
    """Path of a Chromium; None if there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def chapter(name):
    """The article of a page, its anchors made unique in the book."""
    page = BeautifulSoup(place.built(name).read_text(encoding="utf-8"), "html.parser")
    article = page.select_one("article")
    for tag in article.select("[id]"):
        tag["id"] = f"{name}--{tag['id']}"
    for link in article.select("a[href]"):
        link["href"] = inside(link["href"], name)
    for image in article.select("img"):
        del image["loading"]
    for script in article.select("script"):
        script.decompose()
    article["id"] = name
    return article


def inside(href, stem):
    """A link between pages as a link within the book; others stay."""
    if href.startswith("#"):
        return f"#{stem}--{href[1:]}" if href != "#" else f"#{stem}"
    match = re.fullmatch(r"(?:\.\./lectures/)?(\w+)\.html(?:#(.*))?", href)
    if not match:
        return href
    return f"#{match[1]}--{match[2]}" if match[2] else f"#{match[1]}"


def contents(toc, chapters):
    """The table of contents: parts, and the titles of their chapters."""
    parts = []
    for part in toc["parts"]:
        names = [Path(c["file"]).name for c in part["chapters"]]
        titles = {n: chapters[n].h1.get_text().rstrip("#") for n in names}
        lines = "".join(f'<li><a href="#{n}">{title}</a></li>' for n, title in titles.items())
        parts.append(f"<h3>{part['caption']}</h3><ul>{lines}</ul>")
    return f'<nav><h2>Contents</h2>{"".join(parts)}</nav>'


def book():
    """The whole book as one page of HTML, which belongs beside its chapters."""
    toc = yaml.safe_load((place.ROOT / "_toc.yml").read_text(encoding="utf-8"))
    chapters = {name: chapter(name) for name in place.PAGES}
    front, *rest = chapters.values()
    return (
        '<!doctype html><html lang="en" data-theme="light"><meta charset="utf-8">'
        "<title>Deep Learning with JAX</title>"
        '<link rel="stylesheet" href="../_static/pages.css">'
        "<style>main { display: block; } article ~ * { break-before: page; }</style>"
        f'<body><main class="bd-content">{front}{contents(toc, chapters)}'
        f'{"".join(map(str, rest))}</main></body></html>')


def main():
    browser = find_browser()
    if browser is None:
        sys.exit(f"make pdf prints with Chromium, and none of these was found: {BROWSERS}")
    page = place.built("whole-book")
    page.write_text(book(), encoding="utf-8")
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run([browser, *PRINT, f"--user-data-dir={profile}", f"--print-to-pdf={PDF}",
                        page.as_uri()], check=True, capture_output=True, timeout=600)
    page.unlink()
    print(PDF)


if __name__ == "__main__":
    main()
