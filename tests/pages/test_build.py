"""What the build does when a lecture fails, and when a shared module changes.

A small book with the real configuration and the real extension is built in an empty folder.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from book import ROOT
from bs4 import BeautifulSoup
from joblib import cpu_count

LECTURE = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  name: python3
---

# {title}

```{{code-cell}} ipython3
{first}
```

A paragraph.

```{{code-cell}} ipython3
{second}
```
"""
# No locale, so that a file read or a program heard in its encoding, not in UTF-8, is an error.
ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
ADDRESS = "https://economist.example/book/"
TOC = "format: jb-book\nroot: lectures/one\nchapters:\n  - file: lectures/two\n"
MEET = """
import time
from pathlib import Path

def meet(me, other):
    'Say that this lecture is running, and wait until the other is.'
    Path(me).touch()
    deadline = time.monotonic() + 100
    while not Path(other).exists():
        assert time.monotonic() < deadline, f'{other} does not run beside {me}'
        time.sleep(0.1)
"""


def write(book, name, first, second):
    text = LECTURE.format(title=name.title(), first=first, second=second)
    (book / "lectures" / f"{name}.md").write_text(text)


def build(book):
    """Exit status, output, and the names of the lectures that were executed."""
    program = shutil.which("jupyter-book", path=str(Path(sys.executable).parent))
    command = [program, "build", ".", "-W", "-n", "--keep-going"]
    env = os.environ | {"PYTHONPATH": str(book / "code"), "BOOK_URL": ADDRESS.rstrip("/")} | ASCII
    result = subprocess.run(command, cwd=book, env=env, capture_output=True,
                            encoding="utf-8", timeout=300)
    out = result.stdout + result.stderr
    executed = sorted(re.findall(r"^(?:executed|failed) (\w+) in \d+ s", out, re.M))
    assert not re.search("Executing notebook|encrypt|^INFO", out, re.M), out
    return result.returncode, out, executed


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    book = tmp_path_factory.mktemp("book") / "a#b 100% it's"
    book.mkdir()
    for name in ("_config.yml", "pyproject.toml", "references.bib", "requirements.txt", "_ext",
                 "_static", "_templates", "live", "playground", "package.json",
                 "package-lock.json", ".npmrc"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, book / name)
    (book / "code").mkdir()
    (book / "lectures").mkdir()
    (book / "code" / "shared.py").write_text("answer = 42\n")
    (book / "code" / "record.json").write_text("{}\n")
    (book / "_toc.yml").write_text(TOC)
    write(book, "one", "import math", "print(math.pi, 'record.json')")
    write(book, "two", "from shared import answer", "assert answer == 42")
    return book


def check_addresses(html):
    """Search engines and shared links are told where the book is, in full."""
    pages = ["lectures/one.html", "lectures/two.html"]
    for file, page in [("index.html", pages[0]), *zip(pages, pages)]:
        head = BeautifulSoup((html / file).read_text("utf-8"), "html.parser").head
        assert head.select_one("link[rel=canonical]")["href"] == ADDRESS + page
        assert head.select_one("meta[property='og:url']")["content"] == ADDRESS + page
        picture = head.select_one("meta[property='og:image']")["content"]
        assert (html / picture.removeprefix(ADDRESS)).is_file(), picture
    sitemap = (html / "sitemap.xml").read_text("utf-8")
    assert re.findall("<loc>(.*?)</loc>", sitemap) == [ADDRESS + page for page in pages]


def test_life_of_a_book(book):
    """One story rather than many tests: each build stands on the one before."""
    status, out, executed = build(book)
    assert (status, executed) == (0, ["one", "two"]), out
    check_addresses(book / "_build/html")

    status, out, executed = build(book)
    assert (status, executed) == (0, []), "nothing changed, so nothing is executed"

    (book / "code" / "shared.py").write_text("answer = 42  # as before\n")
    status, out, executed = build(book)
    assert (status, executed) == (0, ["two"]), "only the lecture that imports the module"

    (book / "code" / "record.json").write_text("[]\n")
    status, out, executed = build(book)
    assert (status, executed) == (0, ["one"]), "only the lecture that names the file"

    write(book, "two", "from shared import answer", "assert answer == 43, 'not forty-three'")
    for _ in range(2):  # the second time nothing has changed, and it must fail again
        status, out, executed = build(book)
        assert status != 0
        assert executed == ["two"]
        assert "FAILED lectures/two.md:19: AssertionError: not forty-three" in out
        assert not (book / "_build/html").exists()

    write(book, "two", "import warnings", "warnings.warn('mind the gap')")
    status, out, executed = build(book)
    assert status != 0, "a warning on a page is an error"
    assert re.search(r"FAILED lectures/two.md:19: on stderr: .*UserWarning: mind the gap", out), out
    assert not (book / "_build/html").exists()

    write(book, "two", "from shared import answer", "assert answer == 42")
    with (book / "lectures" / "two.md").open("a") as lecture:
        lecture.write("\nA formula that is not closed: $\\frac{1}$.\n")
    status, out, executed = build(book)
    assert status != 0, "a formula that KaTeX cannot read is an error"
    assert re.search(r"two\.md:\d+: WARNING: KaTeX parse error", out), out

    write(book, "two", "from shared import answer", "assert answer == 42")
    status, out, executed = build(book)
    assert (status, executed) == (0, []), "the outputs of the sound lectures were kept"
    assert (book / "_build/html/index.html").exists()


def test_lectures_run_side_by_side(book):
    if cpu_count() == 1:
        pytest.skip("one core executes one lecture at a time")
    (book / "code" / "shared.py").write_text(MEET)
    write(book, "one", "from shared import meet", "meet('one.runs', 'two.runs')")
    write(book, "two", "from shared import meet", "meet('two.runs', 'one.runs')")
    status, out, executed = build(book)
    assert (status, executed) == (0, ["one", "two"]), out
    assert re.search(r"^executed (one|two) in \d+ s \(2 of 2\)$", out, re.M)


def test_what_the_machine_remarks_ends_no_book(book):
    """A library of C++ writes past Python; JAX, told where to compute, does not look for cards."""
    write(book, "one", "import os", "_ = os.write(2, b'a card may be present')")
    write(book, "two", "import os", "assert os.environ['JAX_PLATFORMS'] in ('cpu', 'gpu', 'tpu')")
    status, out, executed = build(book)
    assert (status, executed) == (0, ["one", "two"]), out
    assert "a card may be present" in out
    page = BeautifulSoup((book / "_build/html/lectures/one.html").read_text("utf-8"), "html.parser")
    assert not page.select(".output")


def test_all_failures_are_named(book):
    write(book, "one", "print(1)", "raise ValueError('of one')")
    write(book, "two", "1 / 0", "print(2)")
    status, out, executed = build(book)
    assert (status, executed) == (1, ["one", "two"]), out
    assert "FAILED lectures/one.md:19: ValueError: of one\n" in out
    assert "FAILED lectures/two.md:13: ZeroDivisionError: division by zero\n" in out
    assert not (book / "_build/html").exists()
