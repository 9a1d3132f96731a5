"""The built pages are whole. Run after `make book`."""

import base64
import hashlib
import json
import math
import re
from collections import Counter
from functools import cache
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
from book import HTML, PAGES, WITH_CODE, built, cells, docname, text
from bs4 import BeautifulSoup


@cache
def soup(path):
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


def article(name):
    return soup(built(name)).select_one("article")


def test_front_door():
    assert docname(PAGES[0]) in (HTML / "index.html").read_text()


@pytest.mark.parametrize("name", PAGES)
def test_every_link_and_anchor_exists(name):
    links = {a["href"] for a in soup(built(name)).select("a[href]")}
    inside = [urlsplit(href) for href in links if not urlsplit(href).scheme]
    assert inside
    for link in inside:
        target = (built(name).parent / unquote(link.path)).resolve() if link.path else built(name)
        assert target.exists(), link.geturl()
        if link.fragment and target.suffix == ".html":
            anchor = unquote(link.fragment)
            assert soup(target).find(id=anchor) or soup(target).find(attrs={"name": anchor}), link


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_loaded_from_elsewhere(name):
    tags = soup(built(name)).select("script[src], img[src], link[rel=stylesheet], iframe[src]")
    assert tags
    for tag in tags:
        source = urlsplit(tag.get("src") or tag.get("href"))
        assert not source.netloc
        assert (built(name).parent / unquote(source.path)).exists()


def test_cover_and_mark_are_on_the_page():
    cover = article(PAGES[0]).select_one("img.cover")
    assert (cover["width"], cover["height"]) == ("1200", "300")  # nothing moves when it arrives
    assert len(cover["alt"].split()) >= 8
    assert (built(PAGES[0]).parent / cover["src"]).stat().st_size <= 15_000
    for name in PAGES:
        for icon in soup(built(name)).select("link[rel*=icon]"):
            assert (built(name).parent / icon["href"]).exists(), name


@pytest.mark.parametrize("name", PAGES)
def test_no_raw_markup(name):
    words = article(name)
    text = "".join(
        str(string) for string in words.strings
        if not any(p.name in ("pre", "code", "script") or "math" in p.get("class", [])
                   for p in string.parents)
    )
    for mark in ("```", ":::", "{ref}", "{doc}", "{cite", "{numref}", "{eq}", "{prf:", "{glue"):
        assert mark not in text, mark


@pytest.mark.parametrize("name", PAGES)
def test_identifiers_are_unique(name):
    names = Counter(tag["id"] for tag in soup(built(name)).select("[id]"))
    assert [name for name, often in names.items() if often > 1] == []


def test_each_page_has_a_description_of_its_own():
    heads = [soup(built(name)).head for name in PAGES]
    said = [head.select_one("meta[name=description]")["content"] for head in heads]
    assert said == [head.select_one("meta[property='og:description']")["content"] for head in heads]
    assert len(set(said)) == len(PAGES)
    others = [soup(HTML / f"{name}.html").head for name in ("search", "genindex")]
    others = [head.select_one("meta[name=description]")["content"] for head in others]
    assert [words.partition(": ")[2] for words in others] == ["Search", "Index"]
    for words in said:
        assert 40 <= len(words) <= 160, words
        assert not re.search(r"[$\\{}\[\]]", words), words


@pytest.mark.parametrize("name", PAGES)
def test_a_proof_is_announced_once(name):
    for proof in article(name).select("details.proof"):
        assert proof.summary.get_text(strip=True) == "Proof"
        assert "Proof" not in proof.p.get_text()


@pytest.mark.parametrize("name", PAGES)
def test_images_have_words(name):
    for image in article(name).select("img"):
        assert len(image.get("alt", "").split()) >= 8, image


@pytest.mark.parametrize("name", PAGES)
def test_no_warning_on_the_page(name):
    stderr = article(name).select(".output.stderr")
    assert not stderr
    for output in article(name).select(".output"):
        assert "Warning:" not in output.get_text()
        assert "<Axes" not in output.get_text()


def test_one_traceback_for_each_promised_failure():
    for name in PAGES:
        promised = text(name).count("raises-exception")
        assert len(article(name).select(".output.traceback")) == promised, name


def test_published_models_are_whole():
    """Each model that a lecture publishes is a script with the numbers that it names."""
    sources = [cell.source for page in WITH_CODE for cell in cells(page)]
    names = sorted(re.findall(r'\bpublish\("(\w+)"', "\n".join(sources)))
    assert names == sorted(path.stem for path in (HTML / "models").glob("*.js"))
    for name in names:
        script = (HTML / "models" / f"{name}.js").read_text("utf-8")
        head, _, text = script.partition(" = ")
        model = json.loads(text.rstrip(";\n"))
        numbers = base64.b64decode(model["base64"])
        assert head == f"(globalThis.models ??= {{}}).{name}"
        assert hashlib.sha256(numbers).hexdigest() == model["sha256"]
        count = sum(math.prod(shape) for shape in model["shapes"])
        assert len(numbers) == count * np.dtype(model["dtype"]).itemsize
        assert len(script) < 320_000
