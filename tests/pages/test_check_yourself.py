"""Answers under Check yourself, tried as a reader would. Run after `make book`."""

import json
import re

import pytest
from book import HTML, NOTEBOOKS, WITH_CODE, built
from bs4 import BeautifulSoup
from conftest import faults

NO_STORAGE = """Object.defineProperty(window, "localStorage", {
  configurable: true, get() { throw new DOMException("blocked", "SecurityError") } })"""


@pytest.fixture
def open_page(open_file):
    return lambda name, script="", **options: open_file(built(name), script=script, **options)


def form(page, words):
    """Of the question in which these words are."""
    return page.locator("form.check", has=page.get_by_role("group", name=words))


def attempt(form, text):
    """What is said of a written answer."""
    form.get_by_role("textbox").fill(text)
    form.get_by_role("button", name="Try").click()
    return form.get_by_role("status").inner_text()


def choose(form, words):
    form.get_by_role("radio", name=words, exact=True).check()
    form.get_by_role("button", name="Try").click()
    return form.get_by_role("status").inner_text()


def progress(page):
    return page.locator(".check-n").get_by_role("status").inner_text()


def test_numbers_as_people_write_them(open_page):
    page = open_page("losses")
    decay = form(page, "L2 penalty 0.05")
    for text in ("0.99", ".99", "0,99", " 99 %", "99/100", "9.9e-1", "+0.9905"):
        assert attempt(decay, text).startswith("Right. "), text
    assert "factor 2" in attempt(decay, "0.995")
    assert attempt(decay, "7") == "Not right. The answer is smaller."
    assert attempt(decay, "-1/3") == "Not right. The answer is larger."
    for text in ("", "x", "1/", "1 000 e", "1..2"):
        assert attempt(decay, text).startswith("Write a number"), text
    error = form(page, "standard error")
    assert error.get_by_role("textbox", name="Your answer %").count() == 1
    for text in ("1.1", "1,1 %", "1.09"):
        assert attempt(error, text).startswith("Right. "), text
    gradients = form(open_page("stochastic_gradients"), "tuned over nine rates")
    for text in ("13500", "13,500", "13 500", "1.35e4", "13500 gradients"):
        assert attempt(gradients, text).startswith("Right. "), text
    assert "nine rates are missing" in attempt(gradients, "1,500")


def test_choices_and_the_answer_by_keyboard_alone(open_page):
    page = open_page("pytrees")
    order = form(page, "In which order")
    assert choose(order, "1.0, 2.0, 3.0").startswith("Not right. That is the order in which")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("ArrowDown")
    assert order.get_by_role("status").inner_text() == "", "it was about another choice"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert order.get_by_role("status").inner_text() == (
        'Right. Keys are sorted as strings: "B", "W", "b".')
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    answer = page.get_by_text("keys are sorted as strings, capitals first")
    assert not answer.is_visible()
    page.keyboard.press("Enter")
    assert answer.is_visible()
    order.get_by_role("button", name="Hide the answer").press("Space")
    assert not answer.is_visible()
    other = form(page, "share one")
    other.get_by_role("button", name="Try").click()
    assert other.get_by_role("status").inner_text() == "Choose an answer first."


def test_what_was_right_is_remembered_until_it_is_forgotten(open_page):
    page = open_page("pytrees")
    total = page.locator("form.check").count()
    assert progress(page) == f"{total} of these can be tried here."
    assert not page.get_by_role("button", name="Forget").is_visible()
    choose(form(page, "In which order"), "3.0, 1.0, 2.0")
    choose(form(page, "How many containers"), "Four containers, three leaves")
    one = f"1 of {total} answered right here, remembered in this browser only."
    assert progress(page) == one
    page.reload()
    assert progress(page) == one
    said = form(page, "In which order").get_by_role("status")
    assert said.inner_text() == "Answered right before."
    page.get_by_role("button", name="Forget").press("Enter")
    assert said.inner_text() == ""
    assert page.evaluate("document.activeElement.role") == "status"
    page.reload()
    assert progress(page) == f"{total} of these can be tried here."


def test_a_question_in_other_words_is_a_new_one(open_page):
    page = open_page("pytrees")
    choose(form(page, "In which order"), "3.0, 1.0, 2.0")
    page.evaluate("""() => {
      const [key] = Object.keys(localStorage).filter(key => key.startsWith("check-yourself"))
      localStorage.setItem(key, localStorage.getItem(key).replace("order", "sequence"))
    }""")
    page.reload()
    assert "can be tried here" in progress(page)


def test_without_storage_it_is_known_until_the_page_is_left(open_page):
    page = open_page("pytrees", script=NO_STORAGE)
    choose(form(page, "In which order"), "3.0, 1.0, 2.0")
    assert re.fullmatch(r"1 of \d answered right here\.", progress(page))
    page.reload()
    assert "can be tried here" in progress(page)


def test_without_script_the_answer_is_in_its_fold(open_page):
    page = open_page("pytrees", java_script_enabled=False)
    assert page.locator("form.check, .check-n").count() == 0
    assert "which JAX does not keep for a dictionary" not in page.inner_text("article")
    page.get_by_text("In which order does JAX list the leaves").click()
    assert page.get_by_text("keys are sorted as strings, capitals first").is_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_narrow_and_accessible(open_page, theme):
    page = open_page("losses", viewport={"width": 320, "height": 700}, color_scheme=theme)
    attempt(form(page, "standard error"), "21.8")
    attempt(form(page, "L2 penalty"), "0.99")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert faults(page, where="'#check-yourself'") == []
    choices = open_page("pytrees", color_scheme=theme)
    choose(form(choices, "In which order"), "1.0, 3.0, 2.0")
    assert faults(choices, where="'#check-yourself'") == []


def test_the_script_is_small_and_where_it_is_needed():
    assert (HTML / "_static" / "check.js").stat().st_size <= 4096
    for name in WITH_CODE:
        page = BeautifulSoup(built(name).read_text("utf-8"), "html.parser")
        templates = page.select("template.check")
        scripts = page.select('script[defer][src*="/check.js"]')
        assert len(scripts) == bool(templates), name
        for template in templates:
            above = template.find_parent("details") or template.find_previous_sibling()
            assert above.name == "details", name
            keys = json.loads(template["data-key"])
            assert len(template.find_all("span", recursive=False)) == 2 * len(keys), name


def test_notebooks_hold_the_answers_alone():
    notebook = (NOTEBOOKS / "pytrees.ipynb").read_text("utf-8")
    assert "capitals first" in notebook
    assert "which JAX does not keep for a dictionary" not in notebook
