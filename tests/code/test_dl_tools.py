"""The tools that lectures share: a clock that waits, and counts against formulas."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import dl_tools
from dl_core import init_mlp, mlp
from dl_tools import bytes_accessed, count, distance, flops, seconds


def test_seconds_leaves_out_the_first_call_and_takes_the_least(monkeypatch):
    now, calls = [0.0], []

    def work(takes):
        now[0] += next(takes)
        calls.append(now[0])

    monkeypatch.setattr(dl_tools, "perf_counter", lambda: now[0])
    assert seconds(work, iter([100.0, 3.0, 2.0, 4.0]), repeat=3) == 2.0
    assert len(calls) == 4


def test_seconds_waits_for_the_result(monkeypatch):
    waited = []
    monkeypatch.setattr(dl_tools.jax, "block_until_ready", waited.append)
    seconds(lambda: "result", repeat=2)
    assert waited == 3 * ["result"]


def test_seconds_is_never_zero(monkeypatch):
    monkeypatch.setattr(dl_tools, "perf_counter", lambda: 1.0)
    assert 0 < seconds(lambda: None) == time.get_clock_info("perf_counter").resolution


def test_count_is_that_of_the_formula():
    theta = init_mlp(jax.random.key(0), (3, 7, 2))
    assert count(theta) == (3 + 1) * 7 + (7 + 1) * 2
    assert count(jax.eval_shape(lambda: theta)) == count(theta)


def test_count_leaves_out_what_is_no_array_of_floats():
    theta = {"W": np.ones((2, 3)), "half": jnp.ones(4, jnp.bfloat16), "step": np.arange(5),
             "key": jax.random.key(0), "mask": np.ones(6, bool), "name": "tanh", "f": jnp.tanh}
    assert count(theta) == 2 * 3 + 4
    assert count([]) == 0


def test_distance_is_the_largest_difference():
    a = {"W": np.array([[1.0, 2.0], [3.0, 4.0]]), "b": (np.zeros(2), 5)}
    b = {"W": np.array([[1.0, 2.5], [3.0, 4.0]]), "b": (jnp.array([0.0, -0.75]), 5)}
    assert distance(a, b) == distance(b, a) == 0.75
    assert distance(a, a) == 0
    assert distance([], []) == distance(np.zeros(0), np.zeros(0)) == 0


def test_distance_does_not_overlook_what_is_no_number():
    for a in ([np.nan, 0.0], [0.0, np.nan]):
        assert np.isnan(distance([np.float32(p) for p in a], [np.float32(0)] * 2))


def test_distance_is_taken_in_double_precision():
    unsigned = np.array([0], np.uint8), np.array([1], np.uint8)
    assert distance(*unsigned) == 1
    assert distance(jnp.ones((), jnp.bfloat16), 1 + 2.0**-20) == 2.0**-20


@pytest.mark.parametrize(("a", "b", "message"), [
    ((1.0, 2.0), [1.0, 2.0], r"structures, PyTreeDef\(\(\*, \*\)\) and PyTreeDef\(\[\*, \*\]\)"),
    ([np.zeros((3, 1))], [np.zeros(3)], r"shapes \(3, 1\) and \(3,\)"),
])
def test_distance_refuses_what_does_not_match(a, b, message):
    with pytest.raises(ValueError, match=message):
        distance(a, b)


def test_flops_and_bytes_are_those_of_the_formula():
    a, b = (jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((32, 64), (64, 128)))
    assert flops(jnp.matmul, a, b) == 2 * 32 * 64 * 128
    assert bytes_accessed(jnp.matmul, a, b) == 4 * (32 * 64 + 64 * 128 + 32 * 128)


def test_the_optimised_program_is_counted():
    x = np.ones(1000, np.float32)
    assert flops(lambda x: (jnp.sin(x).sum(), x + x)[1], x) == len(x)
    assert bytes_accessed(lambda x: jnp.exp(2 * x) + 1, x) == 2 * x.nbytes  # fused
    assert flops(lambda x: x, x) == 0


def test_a_compiled_function_counts_as_itself():
    theta, x = init_mlp(jax.random.key(0), (2, 3, 1)), np.ones((5, 2), np.float32)
    assert flops(jax.jit(mlp), theta, x) == flops(mlp, theta, x) > 0
