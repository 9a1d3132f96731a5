"""The savings problem in the page: its numbers are the lecture's, and a reader can move it.

Run after `make book`, which makes the page, the script of its network and fetches packages.
"""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from book import built, cells
from conftest import faults, in_node, leaves, published

from dl_core import Layer, mlp

PAGE = built("optimal_savings")
LECTURE = {"gamma": 1.5, "beta": 0.96, "R": 1.01}
SAVED = 60 * np.linspace(0, 1, 100) ** 3

PROGRAM = """
const { defaultDevice, init } = await import("@jax-js/jax");
const { egm, incomes, network, value } = await import("./savings_net.js");
const { read } = await import("./weights.js");
await init("wasm");
defaultDevice("wasm");
const { model, saved, wealth, cases, grid } = given;
const weights = read(model);
const use = () => {
  for (let i = 0; i < 100; i++) network(weights, wealth);
  return memory();
};
console.log(JSON.stringify({
  incomes: cases.map(({ sd }) => incomes(sd)),
  policies: cases.map((numbers) => egm(saved, incomes(numbers.sd), numbers)),
  values: cases.map((numbers) =>
    value(grid, network(weights, grid), incomes(numbers.sd), numbers)),
  network: network(weights, wealth),
  memory: [use(), use(), use()],
}));
"""


def lecture_cell(words):
    (cell,) = [cell for cell in cells("optimal_savings") if words in cell.source]
    return cell.source


def lecture(numbers, sd):
    """The lecture's `egm` and `value`, with the numbers of another household."""
    names = {"np": np, **numbers}
    exec(lecture_cell("def egm("), names)
    z = np.polynomial.hermite_e.hermegauss(15)[0]
    names["y"] = np.exp(0.105 - sd**2 / 2 + sd * z)
    exec(lecture_cell("def value("), names)
    return names


@pytest.fixture(scope="module")
def cases():
    """Numbers within the sliders' limits, the lecture's first; beta R is below 1."""
    rng, found = np.random.default_rng(0), [{**LECTURE, "sd": 0.1}]
    while len(found) < 8:
        gamma, beta, R, sd = rng.uniform([1.0, 0.9, 0.98, 0.0], [5.0, 0.99, 1.06, 0.4])
        if beta * R < 0.99:
            found.append({"gamma": gamma, "beta": beta, "R": R, "sd": sd})
    return found


@pytest.fixture(scope="module")
def given(cases):
    grid = 0.4 + 39.6 * np.linspace(0, 1, 150) ** 2
    return {"model": published("savings"), "saved": SAVED, "cases": cases, "grid": grid,
            "wealth": np.geomspace(0.2, 40, 300)}


@pytest.fixture(scope="module")
def found(given):
    """What the page's program makes of `given`, in node."""
    return in_node(PROGRAM, given)


def test_the_grid_is_the_lectures(cases, found):
    for numbers, income, policy in zip(cases, found["incomes"], found["policies"]):
        names = lecture(numbers, numbers["sd"])
        np.testing.assert_allclose(income["y"], names["y"], rtol=1e-12)
        np.testing.assert_allclose(income["p"], names["p"], rtol=1e-9)
        a, c = names["egm"](SAVED, names["y"], names["p"],
                            **{name: numbers[name] for name in LECTURE})
        np.testing.assert_allclose(policy["a"], a, atol=1e-5, rtol=0)
        np.testing.assert_allclose(policy["c"], c, atol=1e-5, rtol=0)


def test_at_the_lectures_numbers_incomes_are_the_lectures(found):
    names = {"np": np}
    exec(lecture_cell("def egm("), names)
    np.testing.assert_allclose(found["incomes"][0]["y"], names["y"], rtol=1e-12)


@pytest.fixture(scope="module")
def theta(given):
    arrays = list(leaves(given["model"]).values())
    return list(map(Layer, arrays[::2], arrays[1::2]))


def test_the_network_is_the_lectures(given, found, theta):
    names = {"jax": jax, "jnp": jnp, "mlp": mlp}
    exec(lecture_cell("def clip_saved("), names)
    wealth = given["wealth"]
    consumed = wealth * (1 - np.asarray(names["clip_saved"](theta, jnp.array(wealth))))
    np.testing.assert_allclose(found["network"], consumed, rtol=1e-5, atol=1e-5)


def test_a_policy_is_worth_what_the_lecture_says(cases, given, found, theta):
    """Its Bellman equation is solved by rounds here, as a linear system there."""
    layers = [(np.float64(W), np.float64(b)) for W, b in theta]

    def policy(a):
        h = np.log(a)[:, None]
        for W, b in layers[:-1]:
            h = np.tanh(h @ W + b)
        return a * (1 - np.clip((h @ layers[-1][0] + layers[-1][1])[:, 0], 0, 0.97))

    for numbers, values in zip(cases, found["values"]):
        names = lecture(numbers, numbers["sd"])
        grid = given["grid"]
        expected = names["value"](policy, grid, n=len(grid))
        np.testing.assert_allclose(values, expected, rtol=1e-5)


def test_use_takes_no_more_memory(found):
    first, *later = found["memory"]
    assert first
    assert later == [first] * 2


# In a browser, from the page's file

BEST, NETWORK = ".sav-picture > .sav-best", ".sav-picture > .sav-network"


@pytest.fixture
def open_piece(open_file):
    """Opens the lecture at its piece."""
    def open_piece(**options):
        page = open_file(PAGE, "[data-live=savings]", **options)
        page.wait_for_selector(BEST)
        said(page, "The network was trained")
        return page
    return open_piece


def said(page, words):
    """The status once it contains `words`."""
    page.wait_for_function(
        "words => document.querySelector('.live-status').textContent.includes(words)", arg=words)
    return page.inner_text("[data-live=savings] .live-status")


def slider(page, label):
    return page.get_by_role("slider", name=label)


def lines(page):
    return [page.get_attribute(selector, "d") for selector in (BEST, NETWORK)]


def test_by_mouse_the_grid_moves_and_the_network_stays(open_piece):
    page = open_piece()
    best, network = lines(page)
    box = slider(page, "Patience").bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.65 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.2 * box["width"], y, steps=4)
    page.mouse.up()
    assert "until it is trained again" in said(page, "trained for other numbers")
    assert lines(page)[0] != best
    assert lines(page)[1] == network
    page.get_by_role("button", name="As in the lecture").click()
    said(page, "these numbers, the lecture's")
    assert lines(page) == [best, network]


def test_by_keyboard_it_says_the_lectures_numbers(open_piece):
    page = open_piece()
    slider(page, "Patience").focus()
    page.keyboard.press("Home")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    numbers = {"beta": 0.9, "R": 1.005, "gamma": 1.75}
    names = lecture(numbers, 0.1)
    a, c = names["egm"](SAVED, names["y"], names["p"], **numbers)
    words = said(page, f"less than {a[1]:.2f} consumes all")
    assert f"policy consumes {np.interp(2, a, c):.2f}," in words
    assert slider(page, "Risk").first.get_attribute("aria-valuetext") == "1.75"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    said(page, "these numbers, the lecture's")


def test_without_a_best_policy_it_says_why(open_piece):
    page = open_piece()
    network = lines(page)[1]
    slider(page, "Interest").press("End")
    assert "not below 1" in said(page, "No best policy")
    assert not page.is_visible(BEST)
    assert lines(page)[1] == network
    slider(page, "Patience").press("Home")
    said(page, "consumes all of it")
    assert page.is_visible(BEST)


def test_by_touch_on_a_phone(open_piece):
    page = open_piece(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    best = lines(page)[0]
    box = slider(page, "Income risk").bounding_box()
    page.touchscreen.tap(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2)
    said(page, "trained for other numbers")
    assert lines(page)[0] != best
    page.get_by_role("button", name="As in the lecture").tap()
    said(page, "these numbers, the lecture's")


def test_the_loss_at_the_lectures_numbers_is_small(open_piece):
    """As in the lecture's table, up to the grids, which are coarser here."""
    (loss,) = re.findall(r"on loses (?:less than )?([\d.e-]+) % of", said(open_piece(), "on loses"))
    assert float(loss) < 0.005


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_narrow_and_accessible(open_piece, theme):
    page = open_piece(viewport={"width": 320, "height": 700}, color_scheme=theme)
    box = page.locator("[data-live=savings]").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 320
    assert page.evaluate("document.querySelector('[data-live=savings]').scrollWidth") <= 320
    assert faults(page, where="'[data-live=savings]'") == []
