"""The browser of the tests of the built pages, and what they ask of each page in it."""

import npm_packages
import pytest
from playwright.sync_api import sync_playwright
from print_book import find_browser

npm_packages.install()
AXE = (npm_packages.PACKAGES / "axe-core" / "axe.min.js").read_text(encoding="utf-8")

# axe takes a header that is a formula alone for an empty one: it does not read MathML.
SKIP_FORMULAS_AS_HEADERS = """
axe.configure({rules: [{id: "empty-table-header", matches: th => !th.querySelector("math")}]})
"""


def faults(page, where="document", rules=None):
    """What axe finds wrong with a page: rule, first place, number of places."""
    page.evaluate(AXE)
    page.evaluate(SKIP_FORMULAS_AS_HEADERS)
    options = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
    found = page.evaluate(f"options => axe.run({where}, options)", options)["violations"]
    return [(v["id"], v["nodes"][0]["html"][:300], len(v["nodes"])) for v in found]


@pytest.fixture(scope="module")
def browser():
    chromium = find_browser()
    if chromium is None:
        pytest.skip("NO CHROMIUM FOUND, so no page was tested in a browser. Install one (Debian: "
                    "apt-get install chromium) and run: pytest tests/pages")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_file(browser):
    """Opens a page from its file, at `near` if given; at the end no error was thrown in any."""
    contexts, errors = [], []

    def open_file(path, near=None, script="", **options):
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.add_init_script(script)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(path.as_uri())
        if near:
            page.locator(near).scroll_into_view_if_needed()
        return page

    yield open_file
    for context in contexts:
        context.close()
    assert errors == []
