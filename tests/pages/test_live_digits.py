"""The digits in the page: its network beside Python's, strokes of many hands, and readers' ways.

Run after `make book`.
"""

import ast
from itertools import product

import jax
import numpy as np
import pytest
from book import built, cells
from conftest import faults, in_node, leaves, published

from dl_core import Layer
from dl_data import mnist
from dl_nets import ResNet, conv, max_pool, resnet

PAGE = built("images")
LIVE = "[data-live=digits]"

# Control points of strokes, x to the right and y down, in a box of 0 to 10; three hands each.
FORMS = {
    0: ["5,0 1,2 .5,6 3,10 7,10 9.5,6 9,2 5,0", "6,.5 2,0 0,5 2,10 6,10 8,5 7,1 4,.5",
        "5,0 2.5,1.5 2,5 3,9 5,10 7,9 8,5 7.5,1.5 5,0"],
    1: ["5,0 5,10", "2.5,3 5.5,0 5.5,10", "6.5,0 4,10"],
    2: ["1,3 2,.5 6,0 8.5,2 7,5 3,8 .5,10 .5,10 9,10",
        "1,2 4,0 8,1 8,4 3,9 1,10 1,8.5 3,8.5 6,10 9,9.5", "1.5,1.5 5,0 8,2 6,6 1,10 1,10 9,9.7"],
    3: ["1,1 4,0 8,1 8,3.5 4,4.7 4,4.7 8.5,6 8.5,9 4.5,10 1,9",
        "1,.3 8,.3 8,.3 4,4 4,4 8.5,6 8,9.5 4,10 1,9",
        "2,.5 6,0 7,2.5 4,5 4,5 7.5,6.5 6.5,9.5 2,10"],
    4: ["6.5,0 .5,6.5 .5,6.5 9,6.5|6.5,0 6.5,10", "1.5,0 1.5,5.5 1.5,5.5 8.5,5.5|8,0 7.5,10",
        "3,0 1,6 1,6 9,5.5|6.5,2.5 6,10"],
    5: ["8.5,0 2,0 2,0 1.5,4.5 1.5,4.5 5,3.7 8.5,5.5 8,9 4,10 1,9",
        "2.5,0 2,4.5 2,4.5 6,4 8.5,6.5 7,9.7 1.5,9.7|2.5,0 8.5,0",
        "8,.3 3,.3 3,.3 2,4 2,4 7,4.5 7.5,8 5,10 1,9"],
    6: ["7.5,0 3,2.5 1,7 3,10 7,9.7 8.5,7 6,5 2.5,6 1.3,7.5",
        "6,0 2.5,5 2,8.5 5,10 8,8 6,5.5 2.5,7",
        "8,.5 4,1 1,5 1.5,9 5,10 8.5,8 7,5.2 3,5.5 1.5,7.5"],
    7: ["1,.3 9,.3 9,.3 4,10", "1,1.5 1,0 1,0 8.5,0 8.5,0 5.5,5 4,10",
        "1,.3 8.5,.3 8.5,.3 4,10|2.5,5 8,5"],
    8: ["7.5,1.5 4.5,0 1.5,1.5 2.5,4 7.5,6.3 8,9 4.5,10 1.3,8.7 2,6.3 6.5,4 7.7,1.7",
        "5,4.7 2,3.5 2,1 5,0 8,1 8,3.5 5,4.7 1.7,6 1.5,9 5,10 8.5,9 8.3,6 5,4.7",
        "5,4.8 2.5,2.5 5,0 7.5,2.5 5,4.8|5,4.8 1.7,7.4 5,10 8.3,7.4 5,4.8"],
    9: ["8,2 5.5,0 2,1 1.5,4 4.5,5.5 8,3.5 8,1.5 8,1.5 7.5,10",
        "7.5,3 5,0 2,2 3,5 6.5,4.5 7.8,1 7.8,1 7.5,7 5,10 2,9.5",
        "7.5,1 4.5,0 2,2.5 4,5 7.5,3 7.5,1 7.5,1 6,10"],
}


def strokes(form):
    """Corners cut three times: lists of arrays (points, 2)."""
    def rounded(p, times=3):
        if times == 0:
            return p
        between = [p[:-1] + share * np.diff(p, axis=0) for share in (0.25, 0.75)]
        inner = np.stack(between, axis=1).reshape(-1, 2)
        return rounded(np.concatenate([p[:1], inner, p[-1:]]), times - 1)

    return [rounded(np.array([pair.split(",") for pair in stroke.split()], float))
            for stroke in form.split("|")]


def hands(seed=0):
    """(digit, strokes): each form upright and slanted, narrow and wide, of any size and place."""
    rng = np.random.default_rng(seed)
    for digit, forms in FORMS.items():
        for form, slant, width in product(forms, (-0.15, 0.1, 0.35), (0.7, 1.0)):
            turn, size, place = rng.uniform(-0.1, 0.1), rng.uniform(4, 24), rng.uniform(0, 60, 2)
            turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
            moved = size * turned @ np.array([[width, -slant], [0, 1]])
            yield digit, [((p + np.cumsum(rng.normal(0, 0.05, p.shape), axis=0)) @ moved.T
                           + place).tolist() for p in strokes(form)]


# The computation


@pytest.fixture(scope="module")
def lecture():
    """The lecture's own functions."""
    wanted = {"overlap", "prepare", "resnet_by_loop", "covered_falls"}
    names = {"np": np, "jax": jax, "relu": jax.nn.relu, "conv": conv, "max_pool": max_pool,
             "resnet": resnet}
    parts = [part for cell in cells("images") if "%" not in cell.source[:1]
             for part in ast.parse(cell.source).body if getattr(part, "name", None) in wanted]
    exec(compile(ast.Module(parts, []), "images", "exec"), names)
    return names


@pytest.fixture(scope="module")
def theta(lecture):
    arrays = list(leaves(published("digits")).values())
    stem, first, second, out = map(Layer, arrays[::2], arrays[1::2])
    lecture["theta"] = ResNet(stem, (first, second), out)
    return lecture["theta"]


PROGRAM = """
const { start } = await import("../playground/model.js");
const { PLACES, network, prepare, scan } = await import("./digits_net.js");
const { read } = await import("./weights.js");
await start();
const { model, pictures, hands } = given;
const net = network(read(model));
const answers = (frame) => Array.from(net.logProbabilities(frame));
const covered = (frame) => Array.from({ length: PLACES }, (_, top) =>
  Array.from(net.covered(frame, top))).flat();
const frames = pictures.map((picture) => prepare(picture, 28, 28));
const result = {
  frames: frames.map((frame) => Array.from(frame)), answers: frames.map(answers),
  covered: frames.slice(0, 5).map(covered),
  scans: hands.slice(0, 20).map((strokes) => Array.from(scan(strokes))),
  hands: hands.map((strokes) => {
    const frame = prepare(scan(strokes));
    return [Array.from(frame), answers(frame)];
  }),
};
const before = memory();
for (let i = 0; i < 1200; i++) answers(frames[0]); // were 64 bytes left each time, it would grow
for (let i = 0; i < 200; i++) net.covered(frames[0], i % PLACES);
console.log(JSON.stringify({ ...result, memory: [before, memory()] }));
"""


@pytest.fixture(scope="module")
def script():
    """What the page's program computes, in node, of digits and of strokes."""
    return in_node(PROGRAM, {"model": published("digits"), "pictures": mnist()[0][::100],
                             "hands": [strokes for _, strokes in hands()]})


def test_frames_are_those_of_the_lecture(script, lecture):
    prepare = lecture["prepare"]
    frames = [prepare(picture.reshape(28, 28)) for picture in mnist()[0][::100]]
    assert np.abs(np.array(script["frames"]) - frames).max() < 1e-5
    for scan, (frame, _) in zip(script["scans"], script["hands"]):
        picture = np.array(scan).reshape(64, 64)
        assert np.abs(prepare(picture) - frame).max() < 1e-5


def test_probabilities_are_those_of_the_lecture(script, lecture, theta):
    frames = np.float32(script["frames"])
    log_p = np.asarray(jax.nn.log_softmax(lecture["resnet_by_loop"](theta, frames)))
    assert np.abs(np.exp(script["answers"]) - np.exp(log_p)).max() < 1e-5
    np.testing.assert_allclose(script["answers"], log_p, rtol=1e-4, atol=1e-5)


def test_the_map_is_that_of_the_lecture(script, lecture, theta):
    for i, covered in enumerate(script["covered"]):
        frame, answers = np.float32(script["frames"][i]), np.array(script["answers"][i])
        label = answers.argmax()
        falls, _ = lecture["covered_falls"](frame, label)
        ours = answers[label] - np.array(covered).reshape(144, 10)[:, label]
        np.testing.assert_allclose(ours, falls, rtol=1e-4, atol=1e-5)


def test_use_takes_no_more_memory(script):
    before, after = script["memory"]
    assert sum(before) > 0
    assert after == before


def test_most_strokes_are_read(script):
    """Of each digit most, whoever writes; of all nine in ten."""
    digits = np.array([digit for digit, _ in hands()])
    right = np.array([np.argmax(answer) for _, answer in script["hands"]]) == digits
    assert right.mean() > 0.9
    assert min(right[digits == digit].mean() for digit in range(10)) > 0.6


# In a browser


@pytest.fixture
def open_page(open_file):
    """Opens the lecture at the paper."""
    def open_page(**options):
        page = open_file(PAGE, LIVE, **options)
        page.wait_for_selector(".digits-paper")
        return page
    return open_page


def says(page, text):
    page.wait_for_function("text => document.querySelector('[data-live=digits] [role=status]')"
                           ".textContent.includes(text)", arg=text)


def on_paper(page, form):
    """Points of strokes in the units of the window."""
    box = page.locator(".digits-paper").bounding_box()
    return [[(box["x"] + box["width"] * (0.2 + 0.06 * x), box["y"] + box["height"] * (
        0.2 + 0.06 * y)) for x, y in stroke] for stroke in strokes(form)]


def falls(page):
    """How many places of the map are orange."""
    return page.locator(".digits-map .positive").evaluate_all(
        "all => all.filter((rect) => rect.getAttribute('fill-opacity') > 0.05).length")


def test_nothing_is_loaded_before_the_reader_comes(browser):
    page = browser.new_page()
    loaded = []
    page.on("request", lambda request: loaded.append(request.url.split("/")[-1]))
    page.goto(PAGE.as_uri())
    page.wait_for_timeout(300)
    assert not {"live.js", "digits.js"} & set(loaded)
    height = page.locator(LIVE).bounding_box()["height"]
    page.locator(LIVE).scroll_into_view_if_needed()
    page.wait_for_selector(".digits-paper")
    says(page, "The network reads 3")
    assert loaded.count("live.js") == loaded.count("digits.js") == 1
    assert page.locator(LIVE).bounding_box()["height"] == height  # nothing below has moved
    page.close()


def test_by_mouse(open_page):
    page = open_page()
    page.wait_for_function("document.querySelector('.digits-map .positive')")
    assert falls(page) > 0
    for digit in (7, 2, 0):
        page.get_by_role("button", name="Clear").click()
        says(page, "The paper is empty.")
        for stroke in on_paper(page, FORMS[digit][0]):
            page.mouse.move(*stroke[0])
            page.mouse.down()
            for point in stroke:
                page.mouse.move(*point)
            page.mouse.up()
        says(page, f"The network reads {digit}")
        assert page.locator(".digits-bars .first b").inner_text() == str(digit)
    page.wait_for_function("document.querySelector('.digits-small:last-child svg').ariaLabel"
                           ".includes('the 0 depends most')")
    page.get_by_label("Show what it looked at").uncheck()
    assert page.locator(".digits-map .positive:visible").count() == 0
    right = 0
    for digit in (4, 5, 6, 7, 8, 9, 0, 1, 2, 3):
        page.get_by_role("button", name="Another example").click()
        page.wait_for_timeout(50)
        right += page.locator(".digits-bars .first b").inner_text() == str(digit)
    assert right >= 8


def test_by_keyboard_alone(open_page):
    page = open_page()
    page.get_by_role("button", name="Clear").focus()
    page.keyboard.press("Enter")
    for _ in range(3):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.classList.contains('digits-paper')")
    assert page.locator(".digits-tip").is_visible()
    for key, times in (("ArrowUp", 8), ("ArrowLeft", 4), (" ", 1), ("ArrowRight", 9)):
        for _ in range(times):
            page.keyboard.press(key)
    says(page, "The pen is down.")
    page.keyboard.down("ArrowLeft")
    for _ in range(3):
        page.keyboard.down("ArrowDown")  # two arrows move it aslant
    page.keyboard.up("ArrowLeft")
    page.keyboard.up("ArrowDown")
    for _ in range(14):
        page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    says(page, "The network reads 7")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_by_touch_on_a_phone(open_page, theme):
    page = open_page(viewport={"width": 390, "height": 800}, color_scheme=theme, has_touch=True,
                     is_mobile=True)
    touch = page.context.new_cdp_session(page)
    scrolled = page.evaluate("scrollY")

    def event(name, *point):
        touch.send("Input.dispatchTouchEvent", {
            "type": f"touch{name}", "touchPoints": [dict(zip("xy", p)) for p in point]})

    for stroke in on_paper(page, FORMS[2][0]):
        event("Start", stroke[0])
        for point in stroke:
            event("Move", point)
        event("End")
    says(page, "The network reads 2")
    assert page.evaluate("scrollY") == scrolled
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert faults(page, where=f"'{LIVE}'") == []


def test_says_so_without_webassembly(browser):
    page = browser.new_page()
    page.add_init_script("delete window.WebAssembly")
    page.goto(PAGE.as_uri())
    page.locator(LIVE).scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('[data-live=digits]').textContent"
                           ".includes('needs WebAssembly, which this browser does not have')")
    page.close()
