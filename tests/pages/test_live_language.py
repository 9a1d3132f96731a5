"""The language model in the page: its logits beside Python's, and texts as readers write them.

Run after `make book`.
"""

import base64
import re
import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from book import built, cells
from conftest import faults, in_node, leaves, packed, published
from numpy.lib.stride_tricks import sliding_window_view

from dl_nets import GPT, Block, gpt, init_gpt

PAGE = built("language")
LIVE = "[data-live=language]"
ORDER = 7

ANSWERS = """
import { read } from "./weights.js";

const { defaultDevice, init } = await import("@jax-js/jax");
const { counts, draw, fitCounts, nats, network, softmax, unpack } =
  await import("./language_net.js");
await init("wasm");
defaultDevice("wasm");
const { models, bible, prompts, m } = given;
const list = (values) => Array.from(values);
const answers = {};
for (const [name, model] of Object.entries(models)) {
  const net = network(read(model));
  answers[name] = prompts[name].map((tokens) => list(net(tokens)));
  const use = () => {
    for (let i = 0; i < 200; i++) net(prompts[name][i % prompts[name].length]);
    return memory();
  };
  answers[`${name} memory`] = [use(), use(), use()];
}
const bytes = await unpack(bible);
const code = [...new Set(bytes)].sort((a, b) => a - b);
const tables = await fitCounts(bytes.map((byte) => code.indexOf(byte)), 1024, 7, m);
const model = counts(tables, m);
answers.counts = prompts.counts.map((tokens) => list(model(tokens)));
answers.nats = prompts.counts.map((tokens) => nats(model, tokens));
answers.strings = tables.map(({ share }) => share.length);
const noise = Array.from({ length: 5 }, (_, i) => Math.sin(i));
answers.drawn = [0, 0.5, 1.5].map((t) => [draw([1, 2, 3, 2, 1], t, noise),
  list(softmax([1, 2, 3, 2, 1], t))]);
console.log(JSON.stringify(answers));
"""


@pytest.fixture(scope="module")
def alphabet():
    return "".join(chr(int(c)) for c in leaves(published("language"))["['alphabet']"])


@pytest.fixture(scope="module")
def nets():
    """The network of the page, and one of random weights with two blocks."""
    of = leaves(published("language"))
    block = Block(*(of[f"['net'].blocks[0].{name}"] for name in Block._fields))
    one = GPT(of["['net'].embed"], of["['net'].place"], [block], of["['net'].read"])
    return {"page": one, "random": init_gpt(jax.random.key(0), vocabulary=20, width=24, blocks=2,
                                            heads=3, length=10)}


@pytest.fixture(scope="module")
def lecture(alphabet):
    """The functions of the lecture that count, and their tables of the text that travels."""
    names = {"np": np, "m": len(alphabet), "sliding_window_view": sliding_window_view}
    for start in ("def grams(", "def discounts(", "def fit_counts(", "def kneser_ney("):
        (cell,) = [c for c in cells("language") if c.source.startswith(start)]
        exec(cell.source.split("\ncounted =")[0], names)
    text = zlib.decompress(base64.b64decode(published("bible")["base64"])).decode()
    rows = np.array([alphabet.index(c) for c in text]).reshape(-1, 1024)
    strings = sliding_window_view(rows, ORDER, axis=1).reshape(-1, ORDER)
    return names | {"tables": names["fit_counts"](strings, len(alphabet))}


def by_net(net, tokens):
    return np.asarray(gpt(net, jnp.array([tokens[-len(net.place):]]))[0, -1])


def by_counts(lecture, m, tokens):
    """As `by_counts` of the lecture; fewer letters than it looks at leave the low orders."""
    rows = np.column_stack([np.tile(tokens[1 - ORDER:], (m, 1)), np.arange(m)])
    return np.log(lecture["kneser_ney"](lecture["tables"][:rows.shape[1]], rows, m))


@pytest.fixture(scope="module")
def prompts(alphabet, nets):
    """Random letters, and for the counts pieces of the text too; from one letter to many."""
    rng = np.random.default_rng(0)
    text = zlib.decompress(base64.b64decode(published("bible")["base64"])).decode()
    some = {name: [rng.integers(0, len(net.embed), n).tolist() for n in range(1, 41)]
            for name, net in nets.items()}
    pieces = [[alphabet.index(c) for c in text[1000 * n:1001 * n]] for n in range(1, 41)]
    return some | {"counts": pieces + some["page"][:20]}


@pytest.fixture(scope="module")
def script(nets, prompts, alphabet):
    """What the page's program computes, in node."""
    models = {"page": published("language"), "random": packed(nets["random"])}
    return in_node(ANSWERS, {"models": models, "bible": published("bible"), "prompts": prompts,
                             "m": len(alphabet)})


@pytest.mark.parametrize("name", ["page", "random"])
def test_logits_are_those_of_python(script, nets, prompts, name):
    """Up to the full context, and beyond it, where the window moves as in the lecture."""
    for tokens, logits in zip(prompts[name], script[name], strict=True):
        wanted = by_net(nets[name], tokens)
        assert np.abs(logits - wanted).max() < 1e-5 * np.abs(wanted).max()
    once, *later = script[f"{name} memory"]
    assert sum(once) > 0
    assert later == [once] * 2


def test_counts_are_those_of_the_lecture(script, lecture, prompts, alphabet):
    assert script["strings"] == [len(seen) for seen, *_ in lecture["tables"]]
    for tokens, logits in zip(prompts["counts"], script["counts"], strict=True):
        wanted = by_counts(lecture, len(alphabet), tokens)
        np.testing.assert_allclose(logits, wanted, rtol=1e-10)
        assert np.exp(logits).sum() == pytest.approx(1, abs=1e-9)
    for tokens, nats in zip(prompts["counts"][1:9], script["nats"][1:9]):
        each = [-by_counts(lecture, len(alphabet), tokens[:i])[tokens[i]]
                for i in range(1, len(tokens))]
        assert nats == pytest.approx(np.mean(each), rel=1e-9)


def test_draws_and_probabilities(script):
    logits, noise = np.array([1.0, 2, 3, 2, 1]), np.sin(np.arange(5))
    for t, (drawn, p) in zip((1e-6, 0.5, 1.5), script["drawn"], strict=True):
        assert drawn == (logits / t + noise).argmax()
        np.testing.assert_allclose(p, jax.nn.softmax(logits / t), atol=1e-6)


# In a browser


@pytest.fixture
def open_page(open_file):
    """Opens the lecture at the models."""
    def open_page(script="", **options):
        page = open_file(PAGE, LIVE, script, **options)
        page.wait_for_selector(f"{LIVE} .lang-columns")
        return page
    return open_page


def texts(page):
    return page.locator(".lang-text").evaluate_all("all => all.map((box) => box.textContent)")


def says(page, text):
    page.wait_for_function("text => document.querySelector('[data-live=language] [role=status]')"
                           ".textContent.includes(text)", arg=text)


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def finished(page, length):
    page.wait_for_function("n => [...document.querySelectorAll('.lang-text')]"
                           ".every((box) => box.textContent.length === n)", arg=length)
    page.get_by_role("button", name="Write on").wait_for()


def test_the_likeliest_letters_are_those_of_python(open_page, nets, lecture, alphabet):
    page, prompt = open_page(reduced_motion="reduce"), "Then he sent"
    assert all(len(text) > 100 for text in texts(page))  # something is there from the start
    page.fill(f"{LIVE} textarea", prompt)
    assert texts(page) == [prompt] * 2
    page.get_by_label("Temperature").focus()
    page.keyboard.press("Home")
    page.get_by_label("Length").focus()
    page.keyboard.press("Home")
    press(page, "Write on")
    says(page, "Words that occur in the 400 blocks: network ")
    tokens = [alphabet.index(c) for c in prompt]
    for text, model in zip(texts(page), (lambda t: by_net(nets["page"], t),
                                         lambda t: by_counts(lecture, len(alphabet), t))):
        written = list(tokens)
        for _ in range(20):
            written.append(int(model(written).argmax()))
        assert text == "".join(alphabet[i] for i in written)


def test_bars_are_the_probabilities_at_this_temperature(open_page, nets, alphabet):
    page, prompt = open_page(), "In the beginning God created the heaven and the eart"
    page.fill(f"{LIVE} textarea", prompt)
    page.get_by_label("Temperature").fill("0.5")
    logits = by_net(nets["page"], [alphabet.index(c) for c in prompt])
    p = np.asarray(jax.nn.softmax(logits / 0.5))
    rows = page.locator(f"{LIVE} ol").first.locator("li").all_inner_texts()
    assert len(rows) == 5
    for row, i in zip(rows, np.argsort(-p)):
        letter, share = re.fullmatch(r"(\S+|new line)\s+([\d.]+) %", row).groups()
        assert letter == {" ": "space", "\n": "new line"}.get(alphabet[i], alphabet[i])
        assert float(share) == pytest.approx(100 * p[i], abs=0.51 if p[i] >= 0.0995 else 0.051)


def test_letters_come_one_by_one_until_stopped(open_page):
    page = open_page()
    press(page, "Start again")
    says(page, "Back to the prompt")
    (start, _) = texts(page)
    press(page, "One letter")
    assert [len(text) for text in texts(page)] == [len(start) + 1] * 2
    press(page, "Write on")
    page.wait_for_function("n => document.querySelector('.lang-text').textContent.length > n + 5",
                           arg=len(start))
    press(page, "Stop")
    stopped = texts(page)
    page.wait_for_timeout(200)
    assert texts(page) == stopped
    assert len(stopped[0]) == len(stopped[1]) < len(start) + 101
    press(page, "Write on")
    finished(page, len(stopped[0]) + 100)
    assert all(text.startswith(before) for text, before in zip(texts(page), stopped))


def test_what_the_alphabet_lacks_is_said(open_page):
    page = open_page()
    page.fill(f"{LIVE} textarea", "In 2026 don\u2019t 20")
    says(page, "Left out, since the models' alphabet lacks it: 2 0 6")
    assert texts(page) == ["In  don't "] * 2
    page.fill(f"{LIVE} textarea", "42")
    assert page.get_by_role("button", name="Write on").is_disabled()
    page.fill(f"{LIVE} textarea", "")
    says(page, "Type a prompt first.")
    page.fill(f"{LIVE} textarea", "A")
    press(page, "One letter")
    assert [len(text) for text in texts(page)] == [2, 2]


def test_by_keyboard_alone(open_page):
    page = open_page(reduced_motion="reduce")
    page.focus(f"{LIVE} textarea")
    page.keyboard.press("Control+a")
    page.keyboard.type("Let us go")
    for key in ("Tab", "ArrowLeft", "Tab", "Home", "Tab"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.textContent") == "Write on"
    page.keyboard.press("Space")
    assert [len(text) for text in texts(page)] == [29, 29]
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert [len(text) for text in texts(page)] == [30, 30]
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.ariaLabel") == "Text, network"


@pytest.mark.parametrize("lacks", ["DecompressionStream", "Blob"])
def test_without_the_counts_the_network_still_writes(open_page, lacks):
    page = open_page(f"delete window.{lacks}")
    says(page, "The counts cannot be shown in this browser")
    assert len(texts(page)) == 1
    press(page, "One letter")
    assert len(texts(page)[0]) > 100


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_by_touch_on_a_phone(open_page, theme):
    page = open_page(viewport={"width": 390, "height": 800}, color_scheme=theme, has_touch=True)
    height = page.locator(LIVE).bounding_box()["height"]
    (before, _) = texts(page)
    page.get_by_role("button", name="One letter").tap()
    assert [len(text) for text in texts(page)] == [len(before) + 1] * 2
    for text in ("x", "You and I " * 12):
        page.fill(f"{LIVE} textarea", text)
        page.wait_for_timeout(500)
        assert page.locator(LIVE).bounding_box()["height"] == height
    for width in (390, 320):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert faults(page, where=f"'{LIVE}'") == []


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_moves_when_it_starts(browser, open_page, width):
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(PAGE.as_uri())
    reserved = page.locator(LIVE).bounding_box()["height"]
    page.close()
    started = open_page(viewport={"width": width, "height": 800}).locator(LIVE).bounding_box()
    assert started["height"] == pytest.approx(reserved, abs=1)
