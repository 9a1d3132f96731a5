"""The built pages in a real browser, served as a static host does. Run after `make book`.

Nothing but the pages themselves can be reached: a request to another host is a failure.
"""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import book
import pytest
from book import HTML
from conftest import faults

ROOT, *LECTURES = map(book.docname, book.PAGES)
PAGES = [ROOT, *LECTURES, "genindex", "search", "404"]

RAW_TEX = r"""
() => {
  const found = []
  const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) {
    const { data, parentElement } = walker.currentNode
    if (/\\\(|\\\[|\$[^$]*\\|\\(frac|sum|theta|ell)/.test(data) &&
        !parentElement.closest("pre, code, script, annotation")) found.push(data)
  }
  return found
}"""

NUMBER_COVERED = """() => [...document.querySelectorAll("div.math > .eqno")].filter(number => {
  const formula = number.parentElement.querySelector(".katex-display");
  return formula.scrollWidth > formula.clientWidth + 1
    && getComputedStyle(formula).overflowX !== "auto";
}).map(number => number.textContent)"""
TOO_WIDE = """
() => [...document.querySelectorAll("main *")]
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
  .slice(0, 3).map(e => e.outerHTML.slice(0, 200))
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        """Say nothing about each request."""


@pytest.fixture(scope="module")
def address():
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=HTML))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def context(browser, address):
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
    context.faults = []
    context.route(lambda url: not url.startswith((address, "data:")),
                  lambda route: context.faults.append(f"asked for {route.request.url}"))
    return context


@pytest.fixture(scope="module")
def tab(context):
    """One tab for all tests; what goes wrong in it is noted in `context.faults`."""
    tab = context.new_page()
    tab.on("console", lambda m: m.type in ("error", "warning") and context.faults.append(m.text))
    tab.on("pageerror", lambda error: context.faults.append(str(error)))
    tab.on("requestfailed", lambda request: request.failure != "net::ERR_ABORTED"  # by leaving
           and context.faults.append(f"failed: {request.url}"))
    tab.on("response", lambda r: r.status >= 400 and context.faults.append(f"{r.status} {r.url}"))
    return tab


def open_page(tab, address, name):
    tab.goto("about:blank")  # ends what the last page was still asking for
    tab.context.faults.clear()
    tab.goto(f"{address}/{name}.html")


@pytest.fixture(scope="module", params=PAGES)
def page(request, tab, address):
    open_page(tab, address, request.param)
    return tab


def test_loads_without_a_fault(page):
    pictures = "[...document.images].filter(i => i.src)"
    page.evaluate(f"{pictures}.forEach(i => i.loading = 'eager')")
    page.wait_for_function(f"{pictures}.every(i => i.complete)")
    assert page.evaluate(f"{pictures}.filter(i => !i.naturalWidth).map(i => i.src)") == []
    assert page.context.faults == []


def test_every_formula_is_typeset(page):
    assert page.locator(".katex-error").count() == 0
    formulas = "[...document.querySelectorAll('.math')]"
    assert page.evaluate(f"{formulas}.filter(m => !m.querySelector('.katex')).length") == 0
    assert page.evaluate(RAW_TEX) == []


@pytest.mark.parametrize("phone", [320, 390])
def test_stays_within_a_phone(page, phone):
    page.set_viewport_size({"width": phone, "height": 844})
    width = page.evaluate("document.documentElement.scrollWidth")
    found = page.evaluate(TOO_WIDE) if width > phone else []
    covered = page.evaluate(NUMBER_COVERED)
    page.set_viewport_size({"width": 1280, "height": 800})
    assert width <= phone, found
    assert covered == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible(page, scheme):
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    rules = ["color-contrast"] if scheme == "dark" else None  # the same page in other colours
    assert faults(page, rules=rules) == []


@pytest.mark.parametrize(("words", "lecture"), [
    ("DropConnect", "randomization"), ("universal approximation", "universal_approximation"),
])
def test_search_finds(tab, address, words, lecture):
    open_page(tab, address, ROOT)
    tab.keyboard.press("Control+k")
    tab.keyboard.type(words)
    tab.keyboard.press("Enter")
    tab.wait_for_selector(f"#search-results a[href*='{lecture}.html']")
    assert tab.context.faults == []


@pytest.mark.parametrize("words", ["convex", "theorem", "softmax"])
def test_an_excerpt_reads_a_formula_once(tab, address, words):
    tab.goto(f"{address}/search.html?q={words}")
    # Each page found is fetched for its excerpt after the search calls itself finished.
    tab.wait_for_function("document.querySelectorAll('#search-results p.context').length > 2")
    tab.wait_for_load_state("networkidle")
    excerpts = tab.locator("#search-results p.context").all_inner_texts()
    assert not [text for text in excerpts if "\\" in text]


def test_blocked_cookies_leave_a_page_whole(tab, address):
    """In a sandbox, as where a browser blocks cookies, asking for storage is an error."""
    open_page(tab, address, LECTURES[0])
    tab.set_content(f'<iframe sandbox="allow-scripts" src="{address}/{ROOT}.html"></iframe>')
    inside = tab.frame_locator("iframe")
    inside.locator(".theme-switch-button").first.dispatch_event("click")
    inside.locator("html[data-theme]").wait_for()
    assert not [fault for fault in tab.context.faults if "torage" in fault]


def test_paper_is_white(tab, address):
    """Browsers print no backgrounds, so that the light words of a dark page would be lost."""
    tab.emulate_media(color_scheme="dark")
    open_page(tab, address, ROOT)
    shown = "document.documentElement.dataset.theme"
    seen = [tab.evaluate(shown)]
    for event in "beforeprint", "afterprint":
        tab.evaluate("event => { dispatchEvent(new Event(event)) }", event)
        seen.append(tab.evaluate(shown))
    tab.emulate_media(color_scheme="light")
    assert seen == ["dark", "light", "dark"]


def test_solutions_open_by_keyboard(tab, address):
    open_page(tab, address, LECTURES[0])
    solution = tab.locator("details.solution").last
    solution.locator("summary").focus()
    tab.keyboard.press("Enter")
    assert solution.evaluate("d => d.open")
    assert solution.locator("div.highlight").first.is_visible()


def test_focus_is_seen(tab, address):
    open_page(tab, address, LECTURES[0])
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert tab.evaluate(outline) != "none", tab.evaluate("document.activeElement.outerHTML")


def test_copy_button_copies_the_cell(tab, address):
    open_page(tab, address, ROOT)
    cell = tab.locator("div.cell_input").first
    cell.hover()
    cell.locator("button.copybtn").click()
    copied = tab.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == cell.locator("pre").inner_text().strip()
    tab.get_by_role("status").filter(has_text="Copied!").wait_for(state="attached")


def test_a_copied_formula_is_tex(tab, address):
    open_page(tab, address, LECTURES[0])
    tab.evaluate("getSelection().selectAllChildren(document.querySelector('main p:has(.math)'))")
    tab.keyboard.press("Control+c")
    assert "$" in tab.evaluate("navigator.clipboard.readText()")


def test_switch_to_dark_and_back(tab, address):
    tab.emulate_media(color_scheme="light")
    open_page(tab, address, ROOT)
    figure = tab.locator("div.cell_output img").first
    look = {}
    for _ in range(3):
        tab.locator(".theme-switch-button").click()
        theme = tab.evaluate("document.documentElement.dataset.theme")
        colour = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        look[theme] = (colour, figure.evaluate("i => getComputedStyle(i).filter"))
    tab.evaluate("localStorage.clear()")
    assert look["light"][1] == "none"
    assert "invert" in look["dark"][1]
    assert look["light"][0] != look["dark"][0]


def test_an_animation_is_played_by_keyboard(tab, address):
    pages = {name: (HTML / f"{name}.html").read_text("utf-8") for name in LECTURES}
    open_page(tab, address, next(name for name in LECTURES if 'class="player"' in pages[name]))
    player = tab.locator(".player").first
    player.locator("input").focus()
    tab.keyboard.press("Home")
    assert player.locator("img").first.is_visible()
    tab.keyboard.press("ArrowRight")
    assert player.locator("img").nth(1).is_visible()
    assert player.locator("img:visible").count() == 1


def test_print_opens_what_is_folded(tab, address):
    open_page(tab, address, next(
        name for name in LECTURES if "<details" in (HTML / f"{name}.html").read_text("utf-8")))
    inner = tab.locator("main details:not([open]) p").last
    seen = {}
    for media in "screen", "print":
        tab.emulate_media(media=media)
        seen[media] = inner.is_visible()
    tab.emulate_media(media="screen")
    assert seen == {"screen": False, "print": True}
