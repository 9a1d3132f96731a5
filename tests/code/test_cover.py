"""The cover and the mark are drawn from what the landing page computes: tools/cover.py."""

import re

import cover
import jax
import numpy as np

from dl_data import curve, noisy_curve


def numbers(text):
    return np.array(re.findall(r"-?[\d.]+", text), dtype=float)


def test_the_cover_ends_on_the_true_curve():
    drawn = (cover.STATIC / "cover.svg").read_text(encoding="utf-8")
    paths = re.findall(r' d="(M[^"]+)" stroke', drawn)
    assert len(paths) == len(cover.UPDATES) + 1
    start, first, *rest = re.split("[cs]", paths[-1].removeprefix("M"))
    moves = [numbers(start), numbers(first)[-2:], *(numbers(piece)[-2:] for piece in rest)]
    x, y = np.cumsum(moves, axis=0).T
    x, y = x / cover.WIDTH * 5, cover.HIGH - y / cover.HEIGHT * (cover.HIGH - cover.LOW)
    np.testing.assert_allclose(x, cover.NODES / 20, atol=1e-6)
    assert np.abs(y - curve(x)).max() < 0.12


def test_the_mark_is_the_fit_of_three_hidden_units():
    x, y = noisy_curve(jax.random.split(jax.random.key(0))[0])
    x, y = (np.asarray(a[:, 0], dtype=float) for a in (x, y))
    ends, fit = cover.three_units(x, y)
    mark = (cover.STATIC / "favicon.svg").read_text(encoding="utf-8")
    drawn = numbers(re.search(r'd="M(-[^H]+)H', mark)[1]).reshape(-1, 2)
    np.testing.assert_allclose(drawn, cover.marked(ends, fit), atol=0.2)

    def error(kinks):  # a network of other kinks, fitted by least squares, is not better
        bent = np.column_stack([kinks[0] - x, x - kinks[1], x - kinks[2]])
        bent = np.column_stack([np.ones_like(x), np.maximum(bent, 0)])
        return np.mean((bent @ np.linalg.lstsq(bent, y, rcond=None)[0] - y) ** 2)

    nearby = ends[1:4] + np.random.default_rng(0).normal(0, 0.3, (200, 3))
    assert error(ends[1:4]) <= min(map(error, nearby))
