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


def reference(problem):
    """Loss after the training, by NumPy in double precision: what every library should end at."""
    theta = [(np.float64(W), np.float64(b)) for W, b in problem.theta]
    x, y = np.float64(problem.x), np.float64(problem.y)
    for _ in range(problem.steps):
        values = forward(theta, x)
        delta = 2 * (values[-1] - y) / len(y)
        for i in reversed(range(len(theta))):
            (W, b), h = theta[i], values[i]
            theta[i] = W - problem.lr * (h.T @ delta), b - problem.lr * delta.sum(axis=0)
            delta = (delta @ W.T) * (1 - h**2)
    return loss(theta, x, y)


def forward(theta, x):
    """The values of all layers, from the inputs to the outputs."""
    values = [x]
    for W, b in theta[:-1]:
        values.append(np.tanh(values[-1] @ W + b))
    W, b = theta[-1]
    return [*values, values[-1] @ W + b]


def loss(theta, x, y):
    """Mean over rows of the squared error, in double precision."""
    theta = [(np.float64(W), np.float64(b)) for W, b in theta]
    return float(((y - forward(theta, x)[-1]) ** 2).sum(axis=1).mean())


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
