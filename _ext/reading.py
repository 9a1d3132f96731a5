"""Sphinx extension: each lecture says at its head how long it takes; alone, a table of them all.

    python _ext/reading.py
"""

import re
from typing import NamedTuple

import book
from docutils import nodes
from sphinx.transforms import SphinxTransform

WORDS, LINES = 150, 12  # of a text book, that one takes in a minute
UNSEEN = re.compile(r"^(`{3,}|:{3,})\{(?:index|dropdown|prf:proof\}\n:class: dropdown).*?^\1$"
                    r"|^<!--.*?^-->$", re.DOTALL | re.MULTILINE)
SOLUTION = re.compile(r"\{solution-(?:start|end)\}")
FOLDED = {"hide-input", "hide-cell", "remove-cell", "remove-input", "parameters"}


class Reading(NamedTuple):
    """What meets a reader who opens no fold: words, and cells as lists of lines."""

    words: int
    cells: list

    @property
    def lines(self):
        return sum(map(len, self.cells))

    @property
    def longest(self):
        return max(map(len, self.cells), default=0)

    @property
    def asserts(self):
        return sum(line.lstrip().startswith("assert") for cell in self.cells for line in cell)

    @property
    def minutes(self):
        return round(self.words / WORDS + self.lines / LINES)


def reading(name):
    """Of a page, the solutions of its exercises left out."""
    words, cells, inside = 0, [], False
    for cell in book.cells(name, "markdown", "code"):
        if cell.cell_type == "markdown":
            parts = SOLUTION.split(UNSEEN.sub("", cell.source))
            words += sum(len(part.split()) for part in parts[inside::2])
            inside ^= len(parts) % 2 == 0
        elif not inside and not FOLDED.intersection(cell.metadata.get("tags", [])):
            cells.append([line for line in cell.source.splitlines() if line.strip()])
    return Reading(words, cells)


class ReadingTime(SphinxTransform):
    """A line under the title of each page that has code, but for the first of the book."""

    default_priority = 500

    def apply(self):
        name = self.env.docname.rpartition("/")[2]
        title = next(self.document.findall(nodes.title), None)
        if name in book.WITH_CODE and name != book.PAGES[0] and title:
            words = f"About {reading(name).minutes} minutes to read."
            place = title.parent.index(title) + 1
            title.parent.insert(place, nodes.paragraph("", words, classes=["reading-time"]))


def setup(app):
    app.add_transform(ReadingTime)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    for name in book.WITH_CODE:
        r = reading(name)
        print(f"{name:24} {r.words:5} words {r.lines:4} lines, {r.longest:2} in a cell, "
              f"{r.asserts:2} asserts in sight, {r.minutes:2} minutes")
