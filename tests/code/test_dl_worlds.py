"""Tic-tac-toe against a search that shares no code with it."""

import numpy as np
import pytest

from dl_worlds import LINES, judge, lost, play, tictactoe, value

WINS = [(0b111 << 3 * i) for i in range(3)] + [(0b1001001 << i) for i in range(3)] + [273, 84]


def result(mine, theirs):
    """Of the player to move; cells as bits of two whole numbers."""
    if any(theirs & win == win for win in WINS):
        return -1
    free = [1 << i for i in range(9) if not (mine | theirs) >> i & 1]
    return max((-result(theirs, mine | bit) for bit in free), default=0)


def bits(board, sign):
    return sum(1 << i for i, cell in enumerate(board) if cell == sign)


def test_lines_are_the_wins():
    assert sorted(sum(1 << i for i in line) for line in LINES) == sorted(WINS)


def test_values_are_those_of_a_search_on_bits():
    positions = tictactoe()
    rows = np.random.default_rng(0).choice(np.arange(1, 4520), 300, replace=False)
    for row in [0, *rows]:
        board = positions.boards[row]
        assert positions.values[row] == result(bits(board, 1), bits(board, -1))


def test_positions():
    boards, best, values = tictactoe()
    assert boards.shape == best.shape == (4520, 9)
    assert len({*map(tuple, boards)}) == 4520
    assert not boards[0].any()
    assert best[0].all()
    assert values[0] == 0
    assert (best.sum(axis=1) > 0).all()
    assert not (best & (boards != 0)).any()
    assert np.isin(boards.sum(axis=1), [0, -1]).all()  # who moves has as many, or one less


def test_play_and_lost():
    board = play(play((0,) * 9, 4), 0)
    assert board == (-1, 0, 0, 0, 1, 0, 0, 0, 0)
    assert lost((-1, -1, -1, 1, 1, 0, 0, 0, 0))
    assert not lost((1, 1, 1, -1, -1, 0, 0, -1, 0))
    assert value((1, 1, 0, -1, -1, 0, 0, 0, 0)) == 1


def test_best_moves_never_lose():
    _, best, _ = tictactoe()
    verdict = judge(best.argmax(axis=1))
    assert verdict.best == 1
    assert verdict.lost_first == verdict.lost_second == 0


def test_judge_counts_as_a_loop_over_all_replies_does():
    boards, best, _ = tictactoe()
    draws = np.random.default_rng(1).random(boards.shape)
    moves = np.where(boards == 0, draws, -1).argmax(axis=1)
    chosen = {tuple(b): m for b, m in zip(boards.tolist(), moves.tolist())}
    ends = []

    def walk(board, own):
        if lost(board) or 0 not in board:
            ends.append(lost(board) and own)
            return
        replies = [chosen[board]] if own else [i for i in range(9) if board[i] == 0]
        for move in replies:
            walk(play(board, move), not own)

    for own, name in ((True, "first"), (False, "second")):
        ends.clear()
        walk((0,) * 9, own)
        verdict = judge(moves)
        assert getattr(verdict, f"lost_{name}") == sum(ends)
        assert getattr(verdict, f"lines_{name}") == len(ends)
    assert verdict.best == best[np.arange(4520), moves].mean()


def test_judge_refuses():
    _, best, _ = tictactoe()
    with pytest.raises(ValueError, match="shape"):
        judge(np.zeros(9, int))
    with pytest.raises(ValueError, match="not to an empty cell"):
        judge(np.zeros(4520, int))
    with pytest.raises(ValueError, match="not to an empty cell"):
        judge(np.where(np.arange(4520) == 0, 9, best.argmax(axis=1)))
