"""The browser of the tests of the built pages."""

import pytest
from playwright.sync_api import sync_playwright
from print_book import find_browser


@pytest.fixture(scope="module")
def browser():
    chromium = find_browser()
    if chromium is None:
        pytest.skip("NO CHROMIUM FOUND, so no page was tested in a browser. Install one (Debian: "
                    "apt-get install chromium) and run: pytest tests/test_book.py "
                    "tests/test_playground.py")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()
