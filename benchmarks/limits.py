"""What the machine could do at best, and how much work a step of training is."""

import time

import jax
import jax.numpy as jnp

from dl_core import mse
from problems import make


def best_seconds(function, *args, repetitions=5):
    """The fastest of several calls after a first one."""
    def once():
        start = time.perf_counter()
        jax.block_until_ready(function(*args))
        return time.perf_counter() - start

    once()
    return min(once() for _ in range(repetitions))


def limits(size=2048, floats=64 * 2**20):
    """Rate of a compiled product of square matrices, and of reading and writing an array."""
    a = jax.random.normal(jax.random.key(0), (size, size))
    c = jnp.ones(floats)
    product = best_seconds(jax.jit(jnp.matmul), a, a, repetitions=20)
    sweep = jax.jit(lambda c: jax.lax.fori_loop(0, 10, lambda _, c: c + 1, c))
    copy = best_seconds(sweep, c) / 10
    return {"gflop_per_s": round(2 * size**3 / product / 1e9, 1),
            "gbyte_per_s": round(2 * c.nbytes / copy / 1e9, 1)}


def work_of_a_step(name):
    """Floating-point operations and bytes of one compiled update, by the compiler's count."""
    p = make(name)

    def step(theta, x, y):
        return jax.tree.map(lambda w, g: w - p.lr * g, theta, jax.grad(mse)(theta, x, y))

    cost = jax.jit(step).lower(p.theta, p.x, p.y).compile().cost_analysis()
    return {"flops": cost["flops"], "bytes": cost["bytes accessed"]}
