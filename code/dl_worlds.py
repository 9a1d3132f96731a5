"""Worlds to act in, solved exactly, so that what a program has learned in them can be judged.

A position of tic-tac-toe is nine numbers, line by line, seen by the player to move:

    1, -1, 0  a cell of one's own, of the other player, empty
    move      the cell that is taken, 0 to 8; afterwards the other player sees the board, so
              all signs change
    value     1, 0 or -1: the result for the player to move if both play their best
"""

from functools import cache
from typing import NamedTuple

import numpy as np

LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))
EMPTY = (0,) * 9


class Positions(NamedTuple):
    """Positions in which a move is due, as arrays with one row each."""

    boards: np.ndarray  # (4520, 9) int, seen by the player to move; the first one is empty
    best: np.ndarray  # (4520, 9) bool: the moves that keep the value of the position
    values: np.ndarray  # (4520,) int


class Verdict(NamedTuple):
    """What `judge` says of a player: shares and counts."""

    best: float  # share of all positions in which the player takes one of the best moves
    lost_first: int  # lines of play lost when moving first, of lines_first
    lost_second: int
    lines_first: int  # the other player tries every move in every position
    lines_second: int


def play(board, move):
    """The board that the other player sees after `move`: tuples of nine numbers."""
    return tuple(-1 if i == move else -cell for i, cell in enumerate(board))


def lost(board):
    """Has the other player, who moved last, three in a line?"""
    return any(all(board[i] == -1 for i in line) for line in LINES)


@cache
def value(board):
    """Result for the player to move if both play their best: 1, 0 or -1."""
    if lost(board):
        return -1
    return max((-value(play(board, move)) for move in _free(board)), default=0)


@cache
def tictactoe():
    """All positions that are not over, with their values and best moves, by backward induction.

    Returns: `Positions`, with 4520 rows.
    """
    boards, seen = [EMPTY], {EMPTY}
    for board in boards:  # grows while it is read
        for after in (play(board, move) for move in _free(board)):
            if after not in seen and not lost(after) and 0 in after:
                seen.add(after)
                boards.append(after)
    best = np.zeros((len(boards), 9), bool)
    for row, board in zip(best, boards):
        for move in _free(board):
            row[move] = value(board) == -value(play(board, move))
    return Positions(np.array(boards), best, np.array([value(board) for board in boards]))


def judge(moves):
    """Play a deterministic player against every reply, from both sides.

    Args: moves: (4520,) its move in each position of `tictactoe()`.
    Returns: `Verdict`.
    Raises: ValueError if a move takes a cell that is not empty, or there are not 4520.
    """
    boards, best, _ = tictactoe()
    moves, rows = np.asarray(moves), np.arange(len(boards))
    if moves.shape != rows.shape:
        raise ValueError(f"moves has shape {moves.shape}; give one a position, {rows.shape}")
    if not ((moves >= 0) & (moves < 9)).all() or boards[rows, moves].any():
        raise ValueError("moves has one that is not to an empty cell")
    chosen = dict(zip(map(tuple, boards.tolist()), moves.tolist()))

    @cache
    def lines(board, own):
        """Lines of play from here: (lost by the player, all)."""
        if lost(board):
            return (1, 1) if own else (0, 1)
        replies = [chosen[board]] if own and 0 in board else _free(board)
        below = [lines(play(board, move), not own) for move in replies]
        return tuple(map(sum, zip(*below))) if below else (0, 1)

    first, second = lines(EMPTY, True), lines(EMPTY, False)
    return Verdict(float(best[rows, moves].mean()), first[0], second[0], first[1], second[1])


def _free(board):
    return [i for i, cell in enumerate(board) if cell == 0]
