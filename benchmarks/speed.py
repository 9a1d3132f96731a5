"""Speed of `dl_core.train`, as ratios measured in one run: python benchmarks/speed.py

1. The small regression of the book, 1-10-10-10-1 on 400 points, 4000 full-batch steps, beside
   the fastest published program for it: QuantEcon's `jax_nn` compiles the whole loop with
   `lax.fori_loop` and keeps no losses. `peer` below is written after its description.
   Warm: the second and later calls. Cold: the first call in a new process.
2. A large network, 784-1024-1024-10 on 512 rows, beside the machine's own limit: the rate of
   a compiled product of two 2048 x 2048 matrices.

The two sides take turns, and the ratio is the median over the turns, as a machine's speed
drifts. Ratios carry over to other machines better than seconds do.
"""

import statistics
import subprocess
import sys
import time
from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
from jax import lax

from dl_core import init_mlp, mlp, train
from dl_data import noisy_curve

STEPS, LR = 4_000, 0.01


def peer_loss(theta, x, y):
    return jnp.mean((mlp(theta, x) - y) ** 2)


@partial(jax.jit, static_argnames=("steps", "lr"))
def peer(theta, x, y, steps, lr):
    """The whole loop compiled, with the gradient of a mean of squares and a tree map."""
    def update(_, theta):
        grads = jax.grad(peer_loss)(theta, x, y)
        return jax.tree.map(lambda p, g: p - lr * g, theta, grads)
    return lax.fori_loop(0, steps, update, theta)


def small_problem():
    x, y = noisy_curve(jax.random.key(0))
    return init_mlp(jax.random.key(1), (1, 10, 10, 10, 1), init="he"), x, y


def run_ours(theta, x, y):
    return train(theta, x, y, lr=LR, steps=STEPS).theta


def run_peer(theta, x, y):
    return peer(theta, x, y, STEPS, LR)


def seconds(function, *args):
    start = time.perf_counter()
    jax.block_until_ready(function(*args))
    return time.perf_counter() - start


def alternate(repetitions, ours, theirs):
    """Median of each measurement and of their ratio, the two taken in turn."""
    rounds = [(a := ours(), b := theirs(), a / b) for _ in range(repetitions)]
    return [statistics.median(column) for column in zip(*rounds)]


def cold(name):
    """Seconds of the first training call in a new process."""
    command = [sys.executable, __file__, name]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def flops_of_a_step(sizes, n):
    """Multiplications and additions in the products of one step: forward, weights, inputs."""
    first, *others = (2 * n * k * j for k, j in pairwise(sizes))
    return 2 * first + 3 * sum(others)  # nobody asks for the gradient of the data


def row(label, a, b, ratio, digits):
    print(f"{label:45}{a:10.{digits}f}{b:10.{digits}f}{ratio:8.2f}")


def small():
    problem = small_problem()
    ours, theirs = run_ours(*problem), run_peer(*problem)  # warm up, and compare the results
    gap = max(float(jnp.abs(a - b).max()) for a, b in zip(*map(jax.tree.leaves, (ours, theirs))))
    assert gap < 1e-3, f"the two programs differ by {gap}"
    warm = alternate(41, partial(seconds, run_ours, *problem), partial(seconds, run_peer, *problem))
    first = alternate(11, partial(cold, "ours"), partial(cold, "peer"))
    print(f"{'1-10-10-10-1, 400 rows, 4000 steps':45}   dl_core      peer   ratio")
    ours, theirs, ratio = warm
    row("  warm, microseconds a step", ours / STEPS * 1e6, theirs / STEPS * 1e6, ratio, 1)
    row("  cold, seconds to the first result", *first, 2)


def large(sizes=(784, 1024, 1024, 10), n=512, steps=30):
    key_x, key_y, key_theta, key_a = jax.random.split(jax.random.key(0), 4)
    x, y = jax.random.normal(key_x, (n, sizes[0])), jax.random.normal(key_y, (n, sizes[-1]))
    theta = init_mlp(key_theta, sizes)
    a = jax.random.normal(key_a, (2048, 2048))
    product = jax.jit(jnp.matmul)

    def ours():
        return train(theta, x, y, lr=1e-4, steps=steps).losses

    def our_rate():
        return flops_of_a_step(sizes, n) * steps / seconds(ours) / 1e9

    def limit():
        return 2 * 2048**3 / seconds(product, a, a) / 1e9

    our_rate(), limit()  # warm up
    rates = alternate(21, our_rate, limit)
    print(f"{'784-1024-1024-10, 512 rows':45}   dl_core    matmul   ratio")
    row("  10^9 operations a second", *rates, 0)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(seconds({"ours": run_ours, "peer": run_peer}[sys.argv[1]], *small_problem()))
    else:
        print(f"jax {jax.__version__} on {jax.devices()[0].device_kind}")
        small()
        large()
