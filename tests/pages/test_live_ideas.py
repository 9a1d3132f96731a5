"""Five figures that a reader moves: what they compute beside NumPy, and hands on each of them.

Run after `make book`, which makes the pages, the language model's script and fetches packages.
"""

import math
import re

import jax
import numpy as np
import pytest
from book import HTML, built
from conftest import faults, in_node, leaves, packed, published
from numpy.polynomial.legendre import legvander
from scipy.signal import correlate2d

from dl_nets import Block, init_gpt, rms_norm, self_attention

PLACES = {"units": "neurons", "valley": "gradient_descent", "convolution": "inductive_bias",
          "weights": "attention", "degree": "overfitting"}
WINDOW = 16  # letters that the language model reads

ANSWERS = """
import { looks } from "./attention_net.js";
import { convolve, shift } from "./convolution_net.js";
import { fit, parts, regressors } from "./degree_net.js";
import { pieces, sum } from "./units_net.js";
import { descend, factors, loss } from "./valley_net.js";
import { read } from "./weights.js";

const { units, valley, pictures, models, tokens, samples } = given;
console.log(JSON.stringify({
  units: units.map(({ at, x }) => ({ sums: x.map((v) => sum(at, v)), pieces: pieces(at) })),
  valley: valley.map(({ start, rate, h }) => {
    const path = descend(start, rate, 20, h);
    return { path, losses: path.map((theta) => loss(theta, h)), factors: factors(rate, h) };
  }),
  pictures: pictures.map(({ picture, weights }) =>
    [convolve(picture, weights), convolve(shift(picture), weights)]),
  looks: models.map((model, i) =>
    tokens[i].map((_, t) => looks(read(model), tokens[i].slice(0, t + 1)))),
  samples: samples.map(({ x, f, y, points, truth, sd }) => {
    const basis = regressors(x, points, 15);
    return { parts: parts(basis, f, truth, sd), fits: [0, 5, 15].map((d) => fit(basis, y, d)) };
  }),
}));
"""


@jax.jit
def attend(block, embed, place, tokens):
    past = jax.numpy.tri(len(tokens), dtype=bool)
    return self_attention(block, rms_norm(embed[tokens] + place)[None], past)[1][0]


def weights_of(model, tokens):
    """Weights (heads, T, T) of the first block, by `dl_nets`."""
    of = leaves(model)
    block = Block(*(of[f"['net'].blocks[0].{name}"] for name in Block._fields))
    return np.asarray(attend(block, of["['net'].embed"], of["['net'].place"], np.array(tokens)))


@pytest.fixture(scope="module")
def models():
    """The language model of the page, and one of random weights."""
    theta = init_gpt(jax.random.key(0), vocabulary=20, width=24, blocks=2, heads=3, length=10)
    return [published("language"), packed(theta)]


@pytest.fixture(scope="module")
def given(models):
    rng = np.random.default_rng(0)
    points = (np.arange(200) + 0.5) / 100 - 1
    samples = []
    for n, sd in ((20, 0.1), (40, 0.3), (100, 1.0)):
        x = rng.uniform(-1, 1, n)
        f = np.sin(3 * x)
        samples.append({"x": x, "f": f, "y": f + sd * rng.standard_normal(n), "sd": sd,
                        "points": points, "truth": np.sin(3 * points)})
    limits = [[leaf.shape[0] for leaf in (leaves(m)["['net'].embed"], leaves(m)["['net'].place"])]
              for m in models]
    return {
        "units": [{"at": rng.integers(-2, 3, (3, 2)), "x": np.linspace(-3, 4, 57)}
                  for _ in range(20)],
        "valley": [{"start": rng.standard_normal(2), "h": h, "rate": rng.uniform(0.2, 2.2) / h[1]}
                   for h in ([1, 10], [0.5, 3]) for _ in range(5)],
        "pictures": [{"picture": rng.standard_normal((9, 11)), "weights": rng.standard_normal(9)}
                     for _ in range(3)],
        "models": models,
        "tokens": [rng.integers(0, m, length) for m, length in limits],
        "samples": samples}


@pytest.fixture(scope="module")
def answers(given):
    """What the page's program computes, in node."""
    return in_node(ANSWERS, given)


def test_sums_of_units_and_their_slopes(given, answers):
    for (at, x), found in zip(map(dict.values, given["units"]), answers["units"], strict=True):
        sums = sum(slope * np.maximum(x - kink, 0) for kink, slope in at)
        np.testing.assert_allclose(found["sums"], sums, atol=1e-12)
        begins = [-np.inf if piece["from"] is None else piece["from"] for piece in found["pieces"]]
        slopes = np.array([piece["slope"] for piece in found["pieces"]])
        assert (np.diff(slopes) != 0).all()
        middles = (x[1:] + x[:-1]) / 2
        np.testing.assert_allclose(slopes[np.searchsorted(begins, middles) - 1],
                                   np.diff(sums) / np.diff(x), atol=1e-9)


def test_descents_in_the_valley(given, answers):
    for case, found in zip(given["valley"], answers["valley"], strict=True):
        each = 1 - case["rate"] * np.array(case["h"])
        path = case["start"] * each ** np.arange(21)[:, None]
        np.testing.assert_allclose(found["path"], path, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found["losses"], path**2 @ case["h"] / 2, rtol=1e-9, atol=1e-20)
        np.testing.assert_allclose(found["factors"], each, atol=1e-12)


def test_convolutions_are_those_of_scipy(given, answers):
    for case, found in zip(given["pictures"], answers["pictures"], strict=True):
        weights = case["weights"].reshape(3, 3)
        for picture, out in zip((case["picture"], np.roll(case["picture"], 1, axis=1)), found):
            wanted = correlate2d(picture, weights, mode="same")
            np.testing.assert_allclose(out, wanted, atol=1e-12)


@pytest.mark.parametrize("which", [0, 1], ids=["page", "random"])
def test_weights_of_attention_are_those_of_dl_nets(given, answers, which):
    weights = weights_of(given["models"][which], given["tokens"][which])
    for t, found in enumerate(answers["looks"][which]):
        np.testing.assert_allclose(found, weights[:, t, :t + 1], atol=1e-5)


def test_bias_and_variance_are_those_of_least_squares(given, answers):
    for case, found in zip(given["samples"], answers["samples"], strict=True):
        for degree, part in enumerate(found["parts"]):
            phi, at = legvander(case["x"], degree), legvander(case["points"], degree)
            hat = at @ np.linalg.pinv(phi, rcond=1e-15)
            assert part["bias2"] == pytest.approx(
                np.mean((hat @ case["f"] - case["truth"]) ** 2), rel=1e-5, abs=1e-12)
            assert part["variance"] == pytest.approx(
                case["sd"] ** 2 * np.mean(np.sum(hat**2, axis=1)), rel=1e-5)
        for degree, fit in zip((0, 5, 15), found["fits"]):
            w = np.linalg.lstsq(legvander(case["x"], degree), case["y"])[0]
            np.testing.assert_allclose(fit, legvander(case["points"], degree) @ w,
                                       rtol=1e-5, atol=1e-5)


# In a browser, from the page's file


@pytest.fixture
def open_piece(open_file):
    """Opens the lecture of a piece at it."""
    def open_piece(name, **options):
        page = open_file(built(PLACES[name]), f"[data-live={name}]", **options)
        page.wait_for_selector(f"[data-live={name}] .fig")
        return page
    return open_piece


def says(page, words):
    """The line of words, with plain minus signs, once it contains `words`."""
    line = page.locator(".live-status.fig-words")
    page.wait_for_function("words => document.querySelector('.live-status.fig-words')"
                           ".textContent.replaceAll('\\u2212', '-').includes(words)", arg=words)
    return line.inner_text().replace("\u2212", "-")


def spoken(page, label):
    """What a screen reader says of a handle's place."""
    text = page.get_by_role("slider", name=label).get_attribute("aria-valuetext")
    return text.replace("\u2212", "-")


def middle(page, label):
    box = page.get_by_role("slider", name=label).locator(".fig-touch").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


HANDS = {  # handle; where it begins; keys; where they bring it; what is then said
    "units": (
        "Unit 2", "kink at 1, slope -2", ["ArrowRight", "Shift+ArrowUp"], "kink at 1.1, slope -1.5",
        "Slope of the sum: 0 up to 0, then 1 up to 1.1, then -0.5 up to 2, then 0.5."),
    "valley": (
        "Start", "-1 along the valley, 0.25 across it", ["ArrowRight"] * 2 + ["Shift+ArrowDown"],
        "-0.9 along the valley, 0 across it", "20 steps take it from 0.9 to 0.013."),
    "convolution": (
        "Window", "row 5, column 5", ["ArrowUp", "ArrowLeft"], "row 4, column 4",
        "Row 4, column 4: under the weights 0, 1, 0, 2, 0, 1 lies ink, so the sum is 4."),
    "weights": (
        "The letter that looks", "letter 22, \u201ce\u201d", ["Shift+ArrowLeft", "ArrowRight"],
        "letter 18, \u201co\u201d", "At letter 18, \u201co\u201d, the heads look on average most"),
    "degree": (
        "Degree", "degree 1", ["Shift+ArrowRight", "ArrowLeft"], "degree 5", "Degree 5: "),
}


@pytest.mark.parametrize("name", PLACES)
def test_by_keyboard_and_by_mouse(open_piece, name):
    page = open_piece(name)
    label, before, keys, after, words = HANDS[name]
    handle = page.get_by_role("slider", name=label)
    assert spoken(page, label) == before
    handle.focus()
    for key in keys:
        page.keyboard.press(key)
    assert spoken(page, label) == after
    says(page, words)

    x, y = middle(page, label)
    page.mouse.move(x + 3, y - 3)  # not at its middle, and it does not jump there
    page.mouse.down()
    page.mouse.move(x + 4, y - 2)
    assert spoken(page, label) == after
    page.mouse.move(x - 32, y - 28)
    page.mouse.up()
    dragged = spoken(page, label)
    assert dragged != after
    page.mouse.move(x, y)
    assert spoken(page, label) == dragged
    x, y = middle(page, label)
    page.mouse.click(x + 60, y)  # beside it
    assert spoken(page, label) != dragged

    for key in ("ArrowLeft", "ArrowUp", "ArrowRight", "ArrowDown"):
        for _ in range(5):  # towards the ends, and no further
            handle.press(f"Shift+{key}")
        x, y = middle(page, label)
        box = handle.locator("..").bounding_box()
        assert box["x"] <= x <= box["x"] + box["width"]
        assert box["y"] <= y <= box["y"] + box["height"]


@pytest.mark.parametrize("name", PLACES)
def test_by_touch_on_a_phone(open_piece, name):
    page = open_piece(name, viewport={"width": 390, "height": 800}, has_touch=True)
    label, before, *_ = HANDS[name]
    x, y = middle(page, label)
    piece = page.locator(f"[data-live={name}]")
    height = piece.bounding_box()["height"]
    page.touchscreen.tap(x - 45 if name == "weights" else x + 32, y - 12)  # beside the handle
    assert spoken(page, label) != before
    page.wait_for_timeout(500)  # the words have changed, and nothing has moved
    assert piece.bounding_box()["height"] == height
    for theme in ("light", "dark"):
        page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
        assert faults(page, where=f"'[data-live={name}]'") == []


@pytest.mark.parametrize("name", PLACES)
def test_nothing_moves_when_it_starts(browser, name):
    page = browser.new_page(viewport={"width": 390, "height": 700})
    page.goto(built(PLACES[name]).as_uri())
    piece, reserved = page.locator(f"[data-live={name}]"), {}
    for width in (320, 600, 1280):
        page.set_viewport_size({"width": width, "height": 700})
        reserved[width] = piece.bounding_box()["height"]
    piece.scroll_into_view_if_needed()
    page.wait_for_selector(f"[data-live={name}] .fig")
    for width, height in reserved.items():
        page.set_viewport_size({"width": width, "height": 700})
        assert piece.bounding_box()["height"] == pytest.approx(height, abs=1)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()


@pytest.mark.parametrize("name", ["units", "weights"])
def test_what_needs_no_jax_loads_nothing_large(name, open_piece):
    page = open_piece(name)
    loaded = page.locator("head script").evaluate_all("all => all.map((script) => script.src)")
    assert sum(file.endswith("/ideas.js") for file in loaded) == 1
    assert not [file for file in loaded if file.endswith("/live.js")]
    assert (HTML / "_static" / "ideas.js").stat().st_size <= 20_480


def test_the_tent_comes_back(open_piece):
    page = open_piece("units")
    first = says(page, "0 up to 0, then 1 up to 1, then -1 up to 2, then 0.")
    page.get_by_role("slider", name="Unit 1").press("ArrowUp")
    says(page, "then 1.1 up to 1")
    page.get_by_role("button", name="The tent again").click()
    assert says(page, "then 1 up to 1") == first
    assert spoken(page, "Unit 1") == "kink at 0, slope 1"


def test_across_two_over_l(open_piece):
    page = open_piece("valley")
    rate = page.get_by_role("slider", name="Learning rate")
    for share, two in (("1", "-1"), ("1.1", "-1.2"), ("0.5", "0")):
        rate.fill(share)
        line = says(page, f"by {two} across it")
        begin, end = map(float, re.search(r"from ([\d.]+) to ([\d.]+)\.", line).groups())
        path = np.array([-1, 0.25]) * (1 - float(share) * 0.2 * np.array([1, 10])) ** 20
        assert begin == pytest.approx(math.hypot(1, 0.25), abs=0.006)
        assert end == pytest.approx(np.hypot(*path), rel=0.06)


def test_other_weights_and_a_moved_picture(open_piece):
    """Until it meets the border, the convolution moves with the picture."""
    page = open_piece("convolution")

    def shades():
        cells = page.locator("[data-live=convolution] svg.fig").last.locator(".fig-cell")
        shown = cells.evaluate_all("all => all.map((cell) => [cell.classList.contains('fig-low')"
                                   " ? -1 : 1, cell.getAttribute('fill-opacity')])")
        return np.prod(np.array(shown, float), axis=1).reshape(14, 14)

    before = shades()
    page.get_by_role("button", name="Move the picture right").click()
    assert (shades()[:, 1:] == before[:, :-1]).all()
    page.get_by_label("Weights for").select_option("sum of neighbours")
    says(page, "so the sum is 6.")
    assert shades().min() >= 0
    page.get_by_label("Weight middle", exact=True).fill("-7")
    assert page.get_by_label("Weights for").input_value() == ""
    assert shades().min() < 0


def test_a_sentence_of_ones_own(open_piece, models):
    alphabet = "".join(chr(int(c)) for c in leaves(models[0])["['alphabet']"])
    page, sentence = open_piece("weights"), "And there was light"
    page.get_by_label("Sentence").fill(sentence)
    line = says(page, "At letter 19, \u201ct\u201d")
    tokens = [alphabet.index(c) for c in sentence][-WINDOW:]
    weights = weights_of(models[0], tokens)[:, -1]
    sure, mean = weights.max(axis=1), weights.mean(axis=0)
    shown = re.findall(r"\((\d\.\d\d)\)", line)
    np.testing.assert_allclose(np.array(shown, float), [mean.max(), sure.max()], atol=0.0051)
    assert f"head {sure.argmax() + 1}, the surest" in line
    page.get_by_label("Sentence").fill("In 2026")
    says(page, "Left out, since its alphabet lacks it: 2 0 6. At letter 3, a space")
    page.get_by_label("Sentence").fill("")
    says(page, "Type a sentence first.")
    assert set(page.locator("[data-live=weights] .fig-cell").evaluate_all(
        "all => all.map((cell) => cell.getAttribute('fill-opacity'))")) == {"0.000"}


def test_noise_moves_variance_alone(open_piece):
    page = open_piece("degree")

    def part(name):
        return float(re.search(rf"{name} ([\d.]+)", says(page, name))[1])

    bias, variance = part("bias"), part("variance")
    page.get_by_role("slider", name="Noise s").fill("0.6")
    page.wait_for_timeout(600)
    assert part("bias") == bias
    assert part("variance") == pytest.approx(4 * variance, rel=0.06)
    page.get_by_role("slider", name="Observations").fill("100")
    page.wait_for_timeout(600)
    assert part("variance") < 4 * variance
