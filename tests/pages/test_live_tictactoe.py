"""Tic-tac-toe in the page: the network's values beside Python's, and games as readers play them.

Run after `make book`.
"""

import re

import jax
import numpy as np
import pytest
from book import built
from conftest import faults, in_node, leaves, published

from dl_core import mlp
from dl_worlds import lost, play, tictactoe, value

PAGE = built("games")
LIVE = "[data-live=tictactoe]"
SQUARE = ".ttt-board button"

ANSWERS = """
import { read } from "./weights.js";

const { defaultDevice, init } = await import("@jax-js/jax");
const { exact, mistakes, network, positions } = await import("./tictactoe_net.js");
await init("wasm");
defaultDevice("wasm");
const net = network(read(given));
const boards = positions();
const use = () => {
  net(boards);
  for (const board of boards.slice(0, 200)) net([board]);
  return memory();
};
const [once, ...later] = [use(), use(), use()];
console.log(JSON.stringify({
  boards, once, later, values: net(boards).map((v) => Array.from(v)),
  single: boards.slice(0, 200).map((board) => Array.from(net([board])[0])),
  exact: boards.map(exact), mistakes: mistakes(net) }));
"""


@pytest.fixture(scope="module")
def script():
    """What the page's program computes, in node."""
    return in_node(ANSWERS, published("tictactoe"))


@pytest.fixture(scope="module")
def values():
    """The network's values of all moves in all positions, by `dl_core.mlp`."""
    arrays = list(leaves(published("tictactoe")).values())
    boards = tictactoe().boards
    sides = np.concatenate([boards == 1, boards == -1], axis=-1).astype("float32")
    return np.asarray(mlp(list(zip(arrays[::2], arrays[1::2])), sides, jax.nn.relu))


def greedy(values):
    return np.where(tictactoe().boards == 0, values, -np.inf).argmax(axis=1)


def test_values_are_those_of_python(script, values):
    assert script["boards"] == tictactoe().boards.tolist()
    assert np.abs(np.array(script["values"]) - values).max() < 1e-5
    assert np.abs(np.array(script["single"]) - values[:200]).max() < 1e-5


def test_exact_values_and_mistakes_are_those_of_python(script, values):
    boards, best, _ = tictactoe()
    for board, exact in zip(map(tuple, boards.tolist()), script["exact"]):
        assert exact == [None if cell else -value(play(board, i)) for i, cell in enumerate(board)]
    moves = greedy(values)
    wrong = ~best[np.arange(len(boards)), moves]
    assert [m["board"] for m in script["mistakes"]] == boards[wrong].tolist()
    assert [m["move"] for m in script["mistakes"]] == moves[wrong].tolist()


def test_use_takes_no_more_memory(script):
    assert sum(script["once"]) > 0
    assert script["later"] == [script["once"]] * 2


def test_what_the_lecture_says(values):
    """Most mistakes are where its own play never leads; some values lie beyond -1 and 1."""
    boards, best, _ = tictactoe()
    moves = dict(zip(map(tuple, boards.tolist()), greedy(values).tolist()))
    wrong = {tuple(b) for b, m, good in zip(boards.tolist(), moves.values(), best) if not good[m]}
    reached = set()

    def visit(board, own):
        if (board, own) in reached or board not in moves:
            return
        reached.add((board, own))
        for move in [moves[board]] if own else [i for i in range(9) if not board[i]]:
            visit(play(board, move), not own)

    visit((0,) * 9, True)
    visit((0,) * 9, False)
    assert len(wrong & {board for board, own in reached if own}) < 0.5 * len(wrong)
    assert len(wrong) > 0
    assert np.abs(values[boards == 0]).max() > 1


# In a browser


@pytest.fixture
def open_page(open_file):
    """Opens the lecture at the board."""
    def open_page(**options):
        page = open_file(PAGE, LIVE, **options)
        page.wait_for_selector(f"{LIVE} .ttt-board")
        return page
    return open_page


def labels(page):
    """What a screen reader hears of the nine squares."""
    return page.locator(SQUARE).evaluate_all(
        "all => all.map((button) => button.ariaLabel.replaceAll('\\u2212', '-'))")


def marks(page):
    return "".join({"X": "X", "O": "O"}.get(label.split(", ")[2], ".") for label in labels(page))


def position(page):
    """The board as the player to move sees it, a tuple."""
    shown = marks(page)
    own = "XO"[(9 - shown.count(".")) % 2]
    return tuple(0 if mark == "." else 1 if mark == own else -1 for mark in shown)


def says(page, text):
    page.wait_for_function("text => document.querySelector('.ttt [role=status]')"
                           ".textContent.includes(text)", arg=text)


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def test_a_game_by_mouse(open_page, values):
    """The reader takes the squares of greatest exact value, the network those of its own."""
    page, board = open_page(), (0,) * 9
    row = {tuple(b): v for b, v in zip(tictactoe().boards.tolist(), values)}
    assert marks(page).count("X") == 1  # the network has begun
    assert "You play O" in page.inner_text(".ttt [role=status]")
    press(page, "New game")
    says(page, "You play X")
    page.get_by_label("exact values").check()
    while 0 in board and not lost(board):
        free = [i for i in range(9) if board[i] == 0]
        exact = {i: -value(play(board, i)) for i in free}
        choice = max(free, key=lambda i: row[board][i])
        for i in free:
            label = labels(page)[i]
            shown = [float(number) for number in re.findall(r"value (-?[\d.]+)", label)]
            assert shown == pytest.approx([row[board][i], exact[i]], abs=0.0051)
            assert label.startswith(f"row {i // 3 + 1}, column {i % 3 + 1}, empty, value ")
            assert label.endswith("the network's choice") == (i == choice)
        move = max(free, key=exact.get)
        page.locator(SQUARE).nth(move).click()
        board = play(board, move)
        if 0 in board and not lost(board):
            free.remove(move)
            board = play(board, max(free, key=lambda i: row[board][i]))
        assert position(page) == board
    says(page, "you win" if lost(board) else "The board is full: a draw.")
    page.locator(SQUARE).nth(4).click(force=True)  # the game is over
    assert position(page) == board
    press(page, "Undo")
    assert position(page) != board
    for text in ("the network's values", "the exact values"):
        page.get_by_label(text).uncheck()
    assert "value" not in "".join(labels(page))
    press(page, "New game")
    press(page, "Let the network begin")
    says(page, "The network takes row")


def test_the_positions_where_it_errs(open_page, values):
    page = open_page()
    boards, best, _ = tictactoe()
    wrong = ~best[np.arange(len(boards)), greedy(values)]
    for i, board in enumerate(boards[wrong][:3].tolist(), 1):
        press(page, "Where it errs")
        says(page, f"Position {i} of {wrong.sum()}")
        assert position(page) == tuple(board)
        press(page, "Let the network move")
        says(page, "The network takes row")
        assert position(page) == play(tuple(board), int(greedy(values)[wrong][i - 1]))
        press(page, "Undo")
        assert position(page) == tuple(board)


def test_by_keyboard_alone(open_page):
    page = open_page()
    board = page.locator(SQUARE)
    assert board.evaluate_all("all => all.filter((b) => b.tabIndex === 0).length") == 1
    page.locator(".ttt-board [tabindex='0']").focus()
    for key in ("ArrowUp", "ArrowUp", "ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.ariaLabel").startswith("row 1, column 1, ")
    first = marks(page)
    square = 0 if first[0] == "." else 1
    page.keyboard.press("ArrowRight" if square else "ArrowLeft")
    page.keyboard.press("Enter")
    assert marks(page)[square] == "O"
    assert marks(page).count("X") == 2
    assert page.evaluate("document.activeElement.ariaLabel").endswith("O")
    for name in ("New game", "Let the network move", "Undo"):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == name
    page.keyboard.press("Space")
    assert marks(page) == first


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_by_touch_on_a_phone(open_page, theme):
    page = open_page(viewport={"width": 390, "height": 800}, color_scheme=theme, has_touch=True)
    height = page.locator(LIVE).bounding_box()["height"]
    before = marks(page)
    page.locator(SQUARE).nth(before.index(".")).tap()
    says(page, "The network takes row")
    assert marks(page).count(".") == before.count(".") - 2
    page.get_by_role("button", name="Where it errs").tap()
    says(page, "where it errs")
    assert page.locator(LIVE).bounding_box()["height"] == height  # nothing below has moved
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert faults(page, where=f"'{LIVE}'") == []
