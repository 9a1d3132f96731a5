"""The deck of slides: the source's order, what it shows and links to, and a speaker's ways with it.

Run after `make book`.
"""

import re
from urllib.parse import urldefrag

import pytest
import slides
from bs4 import BeautifulSoup
from conftest import faults

TEXT = slides.DECK.read_text(encoding="utf-8")
DECK = list(slides.slides(TEXT))

# Slides of the source that share a row of the table in Notation, or have none, and what is before.
BETWEEN = {
    "Topics": "Title: a workshop on computational economics",
    "Training: fit the data, predict well": "Before we get too excited",
    "On top of, because of, this: investment": "The alternative story",
    "JAX is more general than libraries for deep learning": "What JAX is, NumPy's API",
}


def test_every_slide_of_the_source_has_its_place():
    title, *rest = dict.fromkeys(slide.source for slide in DECK)
    *rows, last = slides.table()
    assert title == last
    assert [name for name in rest if name not in BETWEEN] == rows
    order = [title, *rest]
    assert {name: order[order.index(name) - 1] for name in BETWEEN} == BETWEEN


def test_a_slide_is_a_statement_and_a_question():
    for slide in DECK:
        assert slide.statement.endswith(("?", ".")), slide.title
        assert slide.question.endswith("?"), slide.title
        assert not re.search(r"\d", slide.statement), f"{slide.title}: a typed result?"
    assert len({slide.title for slide in DECK}) == len(DECK)


@pytest.mark.parametrize(("old", "new", "words"), [
    ("show: fig-nn-tent", "show: fig-gone", "'A flexible .*: nothing .* is called 'fig-gone'"),
    ("source: Major successes: games", "source: Chess", "'Games.*: no row .* called 'Chess'"),
    ("intro#the-whole", "intro#no", "'The whole idea .*: the page 'intro' has no section 'no-"),
])
def test_what_is_not_there_is_said(old, new, words):
    assert TEXT.count(old) == 1
    with pytest.raises(slides.Missing, match=words):
        slides.deck(TEXT.replace(old, new, 1))


@pytest.fixture(scope="module")
def path():
    return slides.write()


def test_what_a_slide_shows_and_links_to_exists(path):
    page = BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
    sections = page.select(".slides > section")
    assert len(sections) == len(DECK)
    for slide, section in zip(DECK, sections):
        assert section.select_one("aside.notes").get_text().startswith(slide.question[:9])
        assert bool(slide.label) == bool(section.select_one(".shown .cell_output > *")), slide.title
        for image in section.select("img"):
            assert image["alt"], slide.title
        for piece in section.select("[data-model]"):
            assert (path.parent / f"../models/{piece['data-model']}.js").exists()
        links = section.select(".where a")
        assert len(links) == len(slide.sections)
    for tag in page.select("[href], [src]"):
        file, anchor = urldefrag(tag.get("href") or tag["src"])
        target = path.parent / file
        assert target.exists(), file
        assert not anchor or f'id="{anchor}"' in target.read_text(encoding="utf-8"), tag


# In a browser


@pytest.fixture
def open_deck(browser, path):
    """Opens the deck from its file; at the end there was no error on the page."""
    contexts, errors = [], []

    def open_deck(slide=0, query="", **options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: said.type == "error" and errors.append(said.text))
        page.goto(f"{path.as_uri()}{query}#/{slide}")
        page.wait_for_function("Reveal.isReady()")
        return page

    yield open_deck
    for context in contexts:
        context.close()
    # axe asks for the style sheets, which no page may read from a file
    assert [e for e in errors if "CORS policy" not in e and not e.endswith("ERR_FAILED")] == []


def live(name):
    return next(i for i, slide in enumerate(DECK) if slide.label == name)


PIECE = "Reveal.getCurrentSlide().querySelector('[data-live]')"


def test_keys_lead_through_the_deck(open_deck):
    page = open_deck()
    for slide in DECK:
        assert page.inner_text("section.present h1") == slide.title
        if page.evaluate(f"Boolean({PIECE})"):
            page.wait_for_function(f"{PIECE}.querySelector('svg, button, [role=slider]')")
            assert "failed" not in page.inner_text("section.present [data-live]")
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Home")
    assert page.inner_text("section.present h1") == DECK[0].title


def test_question_on_the_slide_and_for_the_speaker(open_deck):
    page = open_deck()
    assert not page.is_visible("section.present .notes")
    page.keyboard.press("q")
    assert DECK[0].question in page.inner_text("section.present .notes")
    with page.expect_popup() as popup:
        page.keyboard.press("s")
    popup.value.wait_for_function(
        "question => document.body.innerText.includes(question)", arg=DECK[0].question)


def test_keys_in_a_live_piece_are_its_own(open_deck):
    at = live("savings")
    page = open_deck(at)
    page.wait_for_selector("section.present [type=range]")
    slider = page.locator("section.present [type=range]").first
    before = slider.input_value()
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert slider.input_value() != before
    assert page.evaluate("Reveal.getIndices().h") == at
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("Reveal.getIndices().h") == at - 1


def test_on_paper_a_slide_is_a_page(open_deck):
    page = open_deck(query="?print-pdf", color_scheme="dark")
    page.wait_for_selector(".pdf-page")
    pdf = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type /Page\b", pdf)) == len(DECK)
    page.emulate_media(media="print")
    for slide, sheet in zip(DECK, page.locator(".pdf-page > section").all(), strict=True):
        assert sheet.evaluate("sheet => sheet.scrollWidth <= 1280 && sheet.scrollHeight <= 720"
                              ), slide.title
    assert page.locator(".live :is(svg, button)").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
def test_accessible_and_within_the_screen(open_deck, theme, size):
    width, height = size
    page = open_deck(viewport={"width": width, "height": height}, color_scheme=theme)
    assert page.evaluate("document.documentElement.dataset.theme") == theme
    for at in (0, 2, 7, live("digits"), live("jax_on_one_slide#the-slide")):
        page.evaluate(f"Reveal.slide({at})")
        slide = page.locator("section.present")
        assert slide.evaluate("slide => slide.scrollWidth") <= width
        assert slide.evaluate("slide => slide.scrollHeight") <= height or width < height
        assert faults(page) == [], DECK[at].title
