"""Small tools that the lectures share: a clock, and counts of what a program does.

A time holds for the machine that took it, and for what else that machine did meanwhile. So the
lectures print times, and rest their claims on counts: parameters, operations, bytes.
"""

from time import get_clock_info, perf_counter

import jax
import jax.numpy as jnp
import numpy as np

# Time


def seconds(f, *args, repeat=5):
    """Least time of `repeat` calls of f(*args), after one that compiles and does not count.

    Each call is waited for, as JAX returns before the work is done. The least is the time of
    the call that other programs disturbed least.

    Args: f: function; args: what it is called with; repeat: number of calls that count.
    Returns: seconds, a positive float: at least what the clock can tell apart from zero.
    """
    jax.block_until_ready(f(*args))
    times = []
    for _ in range(repeat):
        start = perf_counter()
        jax.block_until_ready(f(*args))
        times.append(perf_counter() - start)
    return max(min(times), get_clock_info("perf_counter").resolution)


# Parameters


def count(theta):
    """Number of parameters: the entries of all arrays of floats in theta.

    Args: theta: pytree of arrays, or of their shapes, such as `jax.eval_shape` returns. Other
        leaves (whole numbers, random keys, functions) count for nothing.
    """
    return sum(leaf.size for leaf in jax.tree.leaves(theta)
               if hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating))


def distance(a, b):
    """Largest absolute difference between two pytrees, entry by entry.

    max_i |a_i - b_i|

    Args: a, b: pytrees of arrays of numbers, of one structure and with the same shapes.
    Returns: float, NaN if an entry is; 0 if there are none.
    Raises: ValueError if the structures or the shapes differ.
    """
    here, there = jax.tree.structure(a), jax.tree.structure(b)
    if here != there:
        raise ValueError(f"pytrees of two structures, {here} and {there}, have no distance")
    gaps = [0.0]
    for p, q in zip(jax.tree.leaves(a), jax.tree.leaves(b)):
        if np.shape(p) != np.shape(q):
            raise ValueError(f"leaves of shapes {np.shape(p)} and {np.shape(q)} have no distance")
        p, q = np.asarray(p, dtype=float), np.asarray(q, dtype=float)
        gaps.append(np.max(abs(p - q), initial=0.0))
    return float(np.max(gaps))


# Work


def flops(f, *args):
    """Floating-point operations of f's compiled program, as the compiler counts them.

    The program is the one that runs, after the compiler has simplified it. The body of a loop
    counts once, however often it runs.

    Args: f: function, compiled here; args: arrays, or shapes (`jax.ShapeDtypeStruct`).
    """
    return _cost(f, args, "flops")


def bytes_accessed(f, *args):
    """Bytes that f's compiled program reads and writes; arguments as for `flops`."""
    return _cost(f, args, "bytes accessed")


def _cost(f, args, name):
    return jax.jit(f).lower(*args).compile().cost_analysis().get(name, 0.0)
