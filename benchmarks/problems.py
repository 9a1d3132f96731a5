"""The three trainings that every peer runs: data, start weights, steps and rate."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np


class Setting(NamedTuple):
    """What a training is, but for its numbers."""

    sizes: tuple  # of the layers, (k, ..., m)
    n: int  # rows
    steps: int
    lr: float


PROBLEMS = {
    "small": Setting((1, 10, 10, 10, 1), n=400, steps=4_000, lr=0.01),
    "middle": Setting((64, 256, 256, 10), n=128, steps=400, lr=0.01),
    "large": Setting((784, 1024, 1024, 10), n=512, steps=20, lr=0.01),
}


class Problem(NamedTuple):
    """A training, in NumPy arrays of float32."""

    sizes: tuple  # (k, ..., m)
    x: np.ndarray  # (n, k)
    y: np.ndarray  # (n, m)
    theta: list  # [(W, b), ...], W (k, j), b (j,)
    steps: int
    lr: float


def make(name, seed=0):
    """The small problem is the book's regression; the others are noise, as only time counts."""
    sizes, n, steps, lr = PROBLEMS[name]
    rng = np.random.default_rng(seed)
    if name == "small":
        x = np.linspace(0, 5, n)[:, None]
        y = np.sqrt(x) + np.sin(x) + 0.2 * rng.standard_normal((n, 1))
    else:
        x, y = rng.standard_normal((n, sizes[0])), rng.standard_normal((n, sizes[-1]))
    theta = [
        (np.float32(rng.standard_normal((k, j)) * np.sqrt(1 / k)), np.zeros(j, np.float32))
        for k, j in pairwise(sizes)
    ]
    return Problem(sizes, np.float32(x), np.float32(y), theta, steps, lr)


def save(problem, path):
    """Write a problem for `load`, so that all processes read the same numbers."""
    layers = {f"{name}{i}": a for i, layer in enumerate(problem.theta)
              for name, a in zip("Wb", layer)}
    np.savez(path, x=problem.x, y=problem.y, steps=problem.steps, lr=problem.lr, **layers)


def load(path):
    with np.load(path) as file:
        theta = [(file[f"W{i}"], file[f"b{i}"]) for i in range((len(file) - 4) // 2)]
        sizes = (theta[0][0].shape[0], *[len(b) for _, b in theta])
        return Problem(sizes, file["x"], file["y"], theta, int(file["steps"]), float(file["lr"]))
