"""The shared module against formulas, other libraries and its own promises."""

import ast
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import export
from jax.test_util import check_grads

import dl_checks
import dl_core
from dl_core import (
    Layer,
    cross_entropy,
    init_mlp,
    minimise,
    mlp,
    mse,
    sgd_update,
    squared_weights,
    train,
)

if hasattr(jax, "enable_x64"):
    enable_x64 = partial(jax.enable_x64, True)
else:  # JAX 0.7
    from jax.experimental import enable_x64

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(12, 2)).astype(np.float32)
Y = RANDOM.normal(size=(12, 1)).astype(np.float32)
LABELS = np.arange(12) % 3
KEY = jax.random.key(0)
THETA = init_mlp(KEY, (2, 4, 1))
CLASSIFIER = init_mlp(KEY, (2, 4, 3))
ADAM = optax.adam(0.05)


def assert_close(a, b, rtol=1e-5, atol=1e-6):
    """Two pytrees of one structure, equal to rounding."""
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for p, q in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(p, q, rtol=rtol, atol=atol)


def assert_equal(a, b):
    """Two pytrees of one structure, equal bit for bit."""
    assert_close(a, b, rtol=0, atol=0)


def hand_run(theta, x, y, steps, lr=0.1, loss=mse):
    """Gradient descent as a Python loop; lr is a function of the step or a number."""
    value_and_grad, losses = jax.jit(jax.value_and_grad(loss)), []
    for i in range(steps):
        value, grads = value_and_grad(theta, x, y)
        theta = sgd_update(theta, grads, lr(i) if callable(lr) else lr)
        losses.append(value)
    return theta, jnp.stack(losses)


def linear(theta, x):
    return x @ theta


def constant(theta, x):
    """A model that is its parameters, whatever x."""
    return theta


def linear_mse(theta, x, y):
    return mse(theta, x, y, model=linear)


def schedule(i):
    return 0.1 / (1 + i)


# The module itself


def test_imports_jax_and_the_standard_library_only():
    core = Path(dl_core.__file__).read_text()
    checks = Path(dl_checks.__file__).read_text()

    def roots(nodes):
        names = [a.name for n in nodes if isinstance(n, ast.Import) for a in n.names]
        names += [n.module for n in nodes if isinstance(n, ast.ImportFrom)]
        return {name.split(".")[0] for name in names}

    known = {"jax"} | sys.stdlib_module_names
    assert roots(ast.walk(ast.parse(core))) <= known | {"dl_checks"}
    assert roots(ast.parse(checks).body) <= known
    assert roots(ast.walk(ast.parse(checks))) <= known | {"tqdm"}


def test_source_is_short():
    assert len(Path(dl_core.__file__).read_text().splitlines()) <= 375


# The network


@pytest.mark.parametrize("sizes", [(2, 1), (2, 4, 3), (2, 5, 4, 1)])
@pytest.mark.parametrize(
    ("sigma", "formula"),
    [(jnp.tanh, np.tanh), (jax.nn.relu, lambda z: np.maximum(z, 0))], ids=["tanh", "relu"])
def test_mlp_equals_numpy(sizes, sigma, formula):
    theta = init_mlp(KEY, sizes)
    out = X.astype(np.float64)
    for depth, (W, b) in enumerate(theta, start=1):
        out = out @ np.float64(W) + np.float64(b)
        out = formula(out) if depth < len(theta) else out
    np.testing.assert_allclose(mlp(theta, X, sigma), out, rtol=1e-5, atol=1e-6)
    if sigma is jnp.tanh:
        assert_equal(mlp(theta, X), mlp(theta, X, sigma))


def test_mlp_equals_equinox():
    net = eqx.nn.MLP(2, 3, width_size=5, depth=2, activation=jnp.tanh, key=KEY)
    theta = [Layer(layer.weight.T, layer.bias) for layer in net.layers]
    assert_close(mlp(theta, X), jax.jit(jax.vmap(net))(X))


def test_mlp_takes_one_row():
    assert mlp(CLASSIFIER, X[0]).shape == (3,)
    assert_close(mlp(CLASSIFIER, X[0]), mlp(CLASSIFIER, X)[0])
    assert_close(jax.vmap(mlp, (None, 0))(CLASSIFIER, X), mlp(CLASSIFIER, X))


def test_init_mlp_shapes_and_biases():
    theta = init_mlp(KEY, [3, 5, 4, 2])
    assert [W.shape for W, _ in theta] == [(3, 5), (5, 4), (4, 2)]
    assert [b.shape for _, b in theta] == [(5,), (4,), (2,)]
    assert not any(b.any() for _, b in theta)
    assert all(isinstance(layer, Layer) for layer in theta)


@pytest.mark.parametrize(
    ("init", "variance"), [("lecun", 1 / 400), ("he", 2 / 400), ("glorot", 2 / (400 + 600))])
def test_init_mlp_variance(init, variance):
    ((W, _),) = init_mlp(KEY, (400, 600), init=init)
    assert jnp.mean(W) == pytest.approx(0, abs=4 * (variance / W.size) ** 0.5)
    assert jnp.var(W) == pytest.approx(variance, rel=0.02)


def test_init_mlp_defaults_to_lecun():
    assert_equal(init_mlp(KEY, (2, 4, 1)), init_mlp(KEY, (2, 4, 1), init="lecun"))


def test_init_mlp_draws_from_the_key():
    a, b = init_mlp(KEY, (4, 4, 4))
    (other, _) = init_mlp(jax.random.key(1), (4, 4, 4))
    assert (a.W != b.W).all(), "layers share their draws"
    assert (a.W != other.W).all()


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_init_mlp_dtype(dtype):
    theta = init_mlp(KEY, (2, 3, 1), dtype=dtype)
    assert {p.dtype for p in jax.tree.leaves(theta)} == {jnp.dtype(dtype)}


# Losses


def test_losses_equal_numpy_and_optax():
    y = np.column_stack([Y, 2 * Y, Y**2])  # m = 3: a sum over outputs, a mean over observations
    out = np.float64(mlp(CLASSIFIER, X))
    value = mse(CLASSIFIER, X, y)
    np.testing.assert_allclose(value, ((y - out) ** 2).sum() / 12, rtol=1e-5)
    np.testing.assert_allclose(value, optax.squared_error(out, y).sum(axis=1).mean(), rtol=1e-5)

    value = cross_entropy(CLASSIFIER, X, LABELS)
    p = np.exp(out) / np.exp(out).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(value, -np.log(p[np.arange(12), LABELS]).mean(), rtol=1e-5)
    expected = optax.softmax_cross_entropy_with_integer_labels(jnp.asarray(out), LABELS).mean()
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_losses_by_hand():
    theta = [Layer(jnp.array([[2.0]]), jnp.array([1.0]))]
    x, y = jnp.array([[1.0], [3.0]]), jnp.array([[0.0], [5.0]])  # predictions 3 and 7
    assert mse(theta, x, y) == 6.5
    step = sgd_update(theta, jax.grad(mse)(theta, x, y), lr=0.5)
    assert_equal(step, [Layer(jnp.array([[2 - 0.5 * 9.0]]), jnp.array([1 - 0.5 * 5.0]))])
    logits = jnp.log(jnp.array([[1.0, 3.0], [1.0, 1.0]]))  # probabilities (1/4, 3/4), (1/2, 1/2)
    expected = (np.log(4 / 3) + np.log(2)) / 2
    assert cross_entropy(logits, x, [1, 0], model=constant) == pytest.approx(expected)


def test_losses_take_a_model():
    theta = RANDOM.normal(size=(2, 3)).astype(np.float32)
    y = np.repeat(Y, 3, axis=1)
    assert_close(mse(theta, X, y, linear), np.mean(np.sum((y - X @ theta) ** 2, axis=1)))
    p = np.exp(X @ theta) / np.exp(X @ theta).sum(axis=1, keepdims=True)
    expected = -np.mean(np.log(p[np.arange(12), LABELS]))
    assert_close(cross_entropy(theta, X, LABELS, linear), expected)


def test_mse_of_vectors_is_a_mean_over_observations():
    y = np.ones(12, np.float32)
    theta = np.ones(2, np.float32)
    assert_close(mse(theta, X, y, linear), mse(theta[:, None], X, y[:, None], linear))


@pytest.mark.parametrize("sizes", [(2, 4, 3), (3, 4, 3), (3, 3), (2, 1)])
def test_one_row_is_one_observation(sizes):
    theta = init_mlp(KEY, sizes)
    x, y = (RANDOM.normal(size=(5, size)).astype(np.float32) for size in (sizes[0], sizes[-1]))
    rows = jax.vmap(mse, (None, 0, 0))(theta, x, y)
    assert_close(rows.mean(), mse(theta, x, y))
    assert_close(mse(theta, x[0], y[0]), mse(theta, x[:1], y[:1]))


def test_vectors_of_scalars_are_many_observations():
    def line(theta, x):
        return theta[0] + theta[1] * x

    x, y = np.arange(4.0, dtype=np.float32), np.ones(4, np.float32)
    assert mse([0.0, 1.0], x, y, line) == np.mean((x - y) ** 2)
    assert mse([0.0, 1.0], x[2], y[2], line) == 1.0
    assert_close(jax.jit(partial(mse, model=line))([0.0, 1.0], x, y), np.mean((x - y) ** 2))


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_losses_in_half_precision_count_in_single(dtype):
    n = 70_000
    x, y = jnp.ones((n, 1), dtype), jnp.full((n, 1), 2, dtype)
    theta = [Layer(jnp.zeros((1, 1), dtype), jnp.zeros(1, dtype))]
    value, grads = jax.value_and_grad(mse)(theta, x, y)
    assert value == 4.0
    assert_close(grads, [Layer(jnp.full((1, 1), -4, dtype), jnp.full(1, -4, dtype))], rtol=0.1)
    two = [Layer(jnp.zeros((1, 2), dtype), jnp.zeros(2, dtype))]
    labels = jnp.zeros(n, int)
    assert cross_entropy(two, x, labels) == pytest.approx(np.log(2), rel=1e-6)
    assert squared_weights([jnp.full((n, 1), 2, dtype)]) == 4 * n


def test_labels_in_another_byte_order_are_labels():
    theta, labels = init_mlp(KEY, (2, 3)), np.array([0, 1, 2, 0])
    x = np.ones((4, 2))
    assert cross_entropy(theta, x, labels.astype(">i4")) == cross_entropy(theta, x, labels)


def test_squared_weights():
    assert squared_weights([Layer(jnp.full((2, 3), 2.0), jnp.ones(3))]) == 24
    with pytest.raises(ValueError, match="no weights to penalise"):
        squared_weights([jnp.ones(3)])


def test_sgd_update_on_any_pytree():
    theta = {"a": [jnp.array(1.0)], "b": Layer(jnp.array([[2.0]]), jnp.array([4.0]))}
    assert_equal(sgd_update(theta, theta, lr=0.5), jax.tree.map(lambda p: 0.5 * p, theta))
    assert_close(sgd_update(theta, theta), jax.tree.map(lambda p: 0.99 * p, theta))


@pytest.mark.parametrize(
    ("loss", "theta", "y"), [(mse, THETA, Y), (cross_entropy, CLASSIFIER, LABELS)],
    ids=["mse", "cross_entropy"])
def test_gradients_equal_finite_differences(loss, theta, y):
    with enable_x64():
        theta = jax.tree.map(lambda p: jnp.asarray(p, jnp.float64), theta)
        check_grads(
            jax.jit(lambda theta: loss(theta, X, y)), (theta,), order=1, modes=("rev",),
            rtol=1e-6, atol=1e-8)


def test_cross_entropy_does_not_overflow():
    logits = jnp.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4]])
    labels = jnp.array([1, 2])
    value, grads = jax.value_and_grad(cross_entropy)(logits, logits, labels, model=constant)
    assert value == pytest.approx((2e4 + np.log(2)) / 2)
    np.testing.assert_allclose(grads, [[0.5, -0.5, 0], [0, 0.25, -0.25]], atol=1e-7)


def test_cross_entropy_gradient_is_softmax_minus_one_hot():
    logits = mlp(CLASSIFIER, X)
    grads = jax.grad(cross_entropy)(logits, X, LABELS, model=constant)
    assert_close(grads, (jax.nn.softmax(logits) - np.eye(3)[LABELS]) / 12)


@pytest.mark.parametrize("wrong", [-1, 3])
def test_cross_entropy_is_nan_for_wrong_labels_inside_jit(wrong):
    labels = np.where(np.arange(12) == 5, wrong, LABELS)
    assert jnp.isnan(jax.jit(cross_entropy)(CLASSIFIER, X, labels))


def test_short_integers_number_many_classes():
    wide, labels = init_mlp(KEY, (2, 300)), np.arange(12, dtype=np.int8)
    assert_close(jax.jit(cross_entropy)(wide, X, labels), cross_entropy(wide, X, labels))
    assert jnp.isnan(jax.jit(cross_entropy)(wide, X, -labels))


@settings(max_examples=7, deadline=None, derandomize=True)
@given(
    n=st.integers(1, 5), k=st.integers(1, 4), hidden=st.lists(st.integers(1, 4), max_size=2),
    m=st.integers(1, 3), seed=st.integers(0, 99))
def test_shapes(n, k, hidden, m, seed):
    draw = np.random.default_rng(seed).normal
    sizes = (k, *hidden, m)
    theta = [Layer(draw(size=(a, b)), draw(size=b)) for a, b in pairwise(sizes)]
    x, y = draw(size=(n, k)), draw(size=(n, m))
    prediction, (value, grads) = jax.jit(
        lambda *args: (mlp(*args[:2]), jax.value_and_grad(mse)(*args)))(theta, x, y)
    assert prediction.shape == (n, m)
    assert value.shape == ()
    assert value >= 0
    assert jax.tree.map(jnp.shape, grads) == jax.tree.map(jnp.shape, theta)
    assert_close(prediction, mlp(theta, x))
    assert_close(value, mse(theta, x, y))


def test_jit_equals_eager():
    for loss, theta, y in [(mse, THETA, Y), (cross_entropy, CLASSIFIER, LABELS)]:
        eager = jax.value_and_grad(loss)(theta, X, y)
        assert_close(jax.jit(jax.value_and_grad(loss))(theta, X, y), eager)


# Training: the updates


def test_train_equals_a_python_loop():
    assert_close(tuple(train(THETA, X, Y, lr=0.1, steps=20)), hand_run(THETA, X, Y, 20))


def test_loss_is_recorded_before_the_update():
    losses = train(THETA, X, Y, lr=0.1, steps=4).losses
    assert_close(losses[0], mse(THETA, X, Y))
    assert_close(losses[3], mse(train(THETA, X, Y, lr=0.1, steps=3).theta, X, Y))


def test_train_has_the_rate_of_sgd_update():
    grads = jax.grad(mse)(THETA, X, Y)
    assert_close(train(THETA, X, Y, steps=1).theta, sgd_update(THETA, grads))


def test_schedule_equals_a_python_loop():
    fit = train(THETA, X, Y, lr=schedule, steps=8)
    assert_close(tuple(fit), hand_run(THETA, X, Y, 8, lr=schedule))


@pytest.mark.parametrize(
    "optimizer",
    [optax.sgd(0.1, momentum=0.9), ADAM, optax.adamw(optax.cosine_decay_schedule(0.1, 20))],
    ids=["sgd", "adam", "adamw"])
def test_optimizer_equals_a_python_loop(optimizer):
    value_and_grad, update = jax.jit(jax.value_and_grad(mse)), jax.jit(optimizer.update)
    theta, memory, losses = THETA, optimizer.init(THETA), []
    for _ in range(10):
        value, grads = value_and_grad(theta, X, Y)
        changes, memory = update(grads, memory, theta)
        theta = optax.apply_updates(theta, changes)
        losses.append(value)
    fit = train(THETA, X, Y, optimizer=optimizer, steps=10)
    assert_close(tuple(fit), (theta, jnp.stack(losses)), rtol=1e-4, atol=1e-5)


def test_optimizer_needs_only_init_and_update():
    class SignDescent:
        def init(self, theta):
            return jnp.zeros((), int)

        def update(self, grads, memory, theta):
            return jax.tree.map(lambda g: -0.5 * jnp.sign(g), grads), memory + 1

    x = np.ones((4, 1), np.float32)
    fit = train(jnp.zeros((1, 1)), x, 3 * x, loss=linear_mse, optimizer=SignDescent(), steps=4)
    assert fit.theta == 2.0
    assert_equal(fit.losses, jnp.array([9.0, 6.25, 4.0, 2.25]))


def ridge(theta, x, y, l2):
    return mse(theta, x, y) + l2 * squared_weights(theta)


def test_a_penalty_is_data_of_the_loss():
    def penalised(theta, x, y):
        return mse(theta, x, y) + 0.3 * sum(jnp.sum(W**2) for W, _ in theta)

    fit = minimise(ridge, THETA, X, Y, 0.3, lr=0.1, steps=8)
    assert_close(tuple(fit), hand_run(THETA, X, Y, 8, loss=penalised))
    assert_close(tuple(train(THETA, X, Y, loss=penalised, lr=0.1, steps=8)), tuple(fit))


# Training: mini-batches


def rows_drawn(n, batch_size, epochs, key=KEY):
    """Set of rows of each batch, as a list of epochs; a batch's loss is the sum of 2**row."""

    def code(theta, x, y):
        return jnp.sum(y) + 0 * theta

    codes = 2.0 ** np.arange(n)
    fit = train(
        jnp.zeros(()), codes, codes, loss=code, batch_size=batch_size, key=key,
        steps=epochs * (n // batch_size))
    batches = [{r for r in range(n) if int(code) >> r & 1} for code in fit.losses]
    return [batches[i : i + n // batch_size] for i in range(0, len(batches), n // batch_size)]


@pytest.mark.parametrize("batch_size", [4, 5, 12])
def test_epoch_visits_each_row_at_most_once(batch_size):
    epochs = rows_drawn(12, batch_size, 5)
    for batches in epochs:
        assert {len(rows) for rows in batches} == {batch_size}
        assert len(set.union(*batches)) == 12 - 12 % batch_size, "a row twice in an epoch"
    if batch_size < 12:
        assert any(batches != epochs[0] for batches in epochs), "every epoch in one order"


def test_rows_left_out_change():
    left_out = [set(range(12)) - set.union(*batches) for batches in rows_drawn(12, 5, 60)]
    assert set.union(*left_out) == set(range(12))


def test_mini_batch_update_uses_its_rows():
    ((rows, *_),) = rows_drawn(12, 4, 1)
    rows = sorted(rows)
    fit = train(THETA, X, Y, lr=0.1, steps=1, batch_size=4, key=KEY)
    assert_close(tuple(fit), hand_run(THETA, X[rows], Y[rows], 1))


def test_same_key_same_bits():
    run = partial(train, THETA, X, Y, batch_size=4, steps=10)
    assert_equal(run(key=KEY), run(key=KEY))
    assert (run(key=KEY).losses != run(key=jax.random.key(1)).losses).any()
    assert_equal(run(key=KEY), run(key=jax.random.PRNGKey(0)))  # the older kind of key


# Training: a loss with a key of its own


def noisy_mse(theta, x, y, key):
    """mse with noise in the inputs."""
    return mse(theta, x + 0.3 * jax.random.normal(key, x.shape), y)


def test_the_key_of_the_loss_is_fresh_at_each_update_and_absent_from_the_record():
    theta, losses, values = THETA, [], []
    for i in range(4):
        noisy = partial(noisy_mse, key=jax.random.fold_in(KEY, i))
        value, grads = jax.value_and_grad(noisy)(theta, X, Y)
        theta = sgd_update(theta, grads, 0.1)
        losses.append(value)
        values.append(mse(theta, X, Y))
    for progress in (False, True):
        fit = minimise(noisy_mse, THETA, X, Y, lr=0.1, steps=4, key=KEY, record=(mse, X, Y),
                       progress=progress)
        assert_close(fit.losses, jnp.array(losses))
        assert_close(fit.recorded, jnp.array(values))
        assert_close(fit.theta, theta)


def test_keys_of_batches_and_of_the_loss_differ():
    def spy(theta, x, key):
        return 0 * theta + jax.random.uniform(key)

    run = partial(minimise, spy, jnp.zeros(()), jnp.arange(12.0), steps=5, key=KEY)
    draws = [jax.random.uniform(jax.random.fold_in(KEY, i)) for i in range(5)]
    assert_close(run().losses, jnp.array(draws))
    assert_close(run(batch_size=4).losses, jnp.array(draws))


def test_a_key_needs_a_loss_that_takes_it():
    with pytest.raises(ValueError, match=r"loss\(theta, ..., ..., key=\).*'key'"):
        minimise(mse, THETA, X, Y, steps=2, key=KEY)
    with pytest.raises(ValueError, match=r"loss\(theta, ..., ...\).*'key'"):
        minimise(noisy_mse, THETA, X, Y, steps=2)


# Minimising: any function of theta and data


def test_minimise_needs_no_data():
    fit = minimise(lambda theta: (theta - 3.0) ** 2, 0.0, lr=0.25, steps=3)
    assert_close(tuple(fit), (jnp.asarray(3 * (1 - 0.5**3)), jnp.array([9.0, 2.25, 0.5625])))


def test_minimise_takes_pytrees_and_numbers_as_data():
    def loss(theta, data, scale):
        return scale * mse(theta, data["x"], data["y"])

    data = {"x": X, "y": Y}
    fit = minimise(loss, THETA, data, 2, lr=0.05, steps=6)
    assert_close(fit.theta, train(THETA, X, Y, lr=0.1, steps=6).theta)
    batches = {"batch_size": 4, "key": KEY}
    assert_close(minimise(loss, THETA, data, 2, lr=0.05, steps=6, **batches).theta,
                 train(THETA, X, Y, lr=0.1, steps=6, **batches).theta)


def test_data_are_no_constants_of_the_program():
    traces = []

    def loss(theta, x, l2):
        traces.append(None)
        return jnp.sum((theta - x) ** 2) + l2 * theta**2

    for seed in range(3):
        minimise(loss, 0.0, jax.random.normal(jax.random.key(seed), (5,)), 0.1 * seed, steps=4)
    assert len(traces) <= 2 + 3, "compiled anew; one trace a call is the check of the loss"


def test_record_takes_a_function_or_one_with_its_data():
    fit = minimise(mse, THETA, X, Y, lr=0.1, steps=6, record=lambda theta: theta, eval_every=2)
    for j, step in enumerate((2, 4, 6)):
        expected = train(THETA, X, Y, lr=0.1, steps=step).theta
        assert_close(jax.tree.map(lambda a, j=j: a[j], fit.recorded), expected)
    fit = minimise(mse, THETA, X, Y, lr=0.1, steps=6, record=(mse, X[:5], Y[:5]))
    assert_close(fit.recorded, train(THETA, X, Y, lr=0.1, steps=6,
                                     validation=(X[:5], Y[:5])).val_losses)


# Going on from where a run ended

RUNS = {
    "SGD": {},
    "schedule": {"lr": schedule},
    "a loss with a key": {"loss": noisy_mse, "batch_size": 5, "key": KEY},
    "L-BFGS": {"optimizer": optax.lbfgs()},
    "Adam, batches": {"optimizer": ADAM, "batch_size": 5, "key": KEY},
    "validation": {"validation": (X, 2 * Y), "eval_every": 5},
    "patience": {"validation": (X, 2 * Y), "patience": 60, "optimizer": ADAM},
    "patience, stops": {"lr": 0.3, "validation": (X, Y / 2), "patience": 20},
    "patience, stops first": {"lr": 0.3, "validation": (X, Y / 2), "patience": 3},
    "patience, every": {"validation": (X, 2 * Y), "patience": 60, "eval_every": 7,
                        "batch_size": 4, "key": KEY},
}


@pytest.mark.parametrize("run", RUNS)
def test_two_runs_equal_one_bit_for_bit(run):
    first = 37
    run = partial(train, x=X, y=Y, **RUNS[run])
    whole = run(THETA, steps=100)
    begun = run(THETA, steps=first)
    rest = run(begun.theta, steps=100 - first, state=begun.state)
    assert_equal(rest.theta, whole.theta)
    assert_equal(jnp.concatenate([begun.losses, rest.losses]), whole.losses)
    if whole.val_losses is not None:
        assert_equal(jnp.concatenate([begun.val_losses, rest.val_losses]), whole.val_losses)
    assert_equal(rest.best_step, whole.best_step)
    assert_equal(rest.state, whole.state)


# Training: validation, patience, progress


def ones_fit(steps, **options):
    """theta = 1 - 0.9**steps from targets of 1; the validation loss is (theta - 1/2)**2."""
    x = np.ones((4, 1), np.float32)
    return train(
        jnp.zeros((1, 1)), x, x, loss=linear_mse, lr=0.05, steps=steps, validation=(x, x / 2),
        **options)


@pytest.mark.parametrize("eval_every", [1, 3])
def test_validation_loss_follows_the_update(eval_every):
    fit = ones_fit(10, eval_every=eval_every)
    t = np.arange(eval_every, 11, eval_every)
    np.testing.assert_allclose(fit.val_losses, (0.5 - 0.9**t) ** 2, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(fit.theta, 1 - 0.9**10, rtol=1e-5)
    assert fit.best_step is None


@pytest.mark.parametrize(
    ("steps", "patience", "eval_every", "best", "done"),
    [(50, 4, 1, 7, 11), (9, 4, 1, 7, 9), (50, 4, 3, 6, 10), (50, 5, 5, 5, 10)])
def test_patience(steps, patience, eval_every, best, done):
    fit = ones_fit(steps, patience=patience, eval_every=eval_every)
    assert fit.best_step == best
    assert fit.losses.shape == (done,)
    assert fit.val_losses.shape == (done // eval_every,)
    assert (fit.val_losses.argmin() + 1) * eval_every == best
    np.testing.assert_allclose(fit.theta, 1 - 0.9**best, rtol=1e-5)


@pytest.mark.parametrize(
    "options",
    [{"batch_size": 4, "key": KEY, "lr": schedule}, {"optimizer": ADAM}],
    ids=["batches", "adam"])
def test_patience_returns_the_theta_of_best_step(options):
    x, y = X[:8], Y[:8]
    fit = train(THETA, x, y, steps=100, validation=(X[8:], Y[8:]), patience=20, **options)
    best = int(fit.best_step)
    assert 0 < best <= 80, "the example should stop early"
    assert fit.val_losses.argmin() + 1 == best
    assert len(fit.losses) == best + 20
    assert_close(fit.theta, train(THETA, x, y, steps=best, **options).theta)
    assert_close(fit.val_losses[best - 1], mse(fit.theta, X[8:], Y[8:]))


def test_equal_validation_loss_is_no_improvement():
    x = np.ones((4, 1), np.float32)
    still = (0 * x, x)  # the same loss whatever theta
    fit = train(
        jnp.zeros((1, 1)), x, x, loss=linear_mse, lr=0.1, steps=9, validation=still, patience=3)
    assert fit.best_step == 1
    assert fit.losses.shape == (4,)


def test_patience_with_validation_data_of_another_dtype():
    theta = init_mlp(KEY, (2, 1), dtype=jnp.bfloat16)
    x, y = jnp.bfloat16(X), jnp.bfloat16(Y)
    fit = train(theta, x, y, steps=2, validation=(X, Y), patience=1)
    assert fit.best_step >= 1


@pytest.mark.parametrize(
    "options",
    [{"steps": 7}, {"steps": 205, "batch_size": 5, "key": KEY, "lr": schedule},
     {"steps": 205, "optimizer": ADAM, "validation": (X, 2 * Y), "patience": 7, "eval_every": 3}],
    ids=["short", "batches", "patience"])
def test_progress_changes_nothing(options, capsys):
    quiet, shown = train(THETA, X, Y, **options), train(THETA, X, Y, **options, progress=True)
    assert_close(shown, quiet, rtol=1e-4, atol=1e-5)
    assert "100%" in capsys.readouterr().err


# Training: any theta, any transformation


class Line(NamedTuple):
    slope: Any
    level: Any


@jax.tree_util.register_dataclass
@dataclass
class Curve:
    line: Line
    bend: Any


def line_mse(theta, x, y):
    return mse(theta, x, y, model=lambda theta, x: x @ theta.slope + theta.level)


def curve_mse(theta, x, y):
    return line_mse(theta.line, jnp.tanh(theta.bend * x), y)


def dicts_mse(theta, x, y):
    return mse([(theta["in"]["W"], theta["in"]["b"]), (theta["out"]["W"], 0.0)], x, y)


def rnn_mse(theta, x, y):
    """y (n, 1) from the last state after reading x (n, periods)."""

    def read(h, x_t):
        return jnp.tanh(x_t[:, None] * theta["in"] + h @ theta["W"]), None

    h, _ = jax.lax.scan(read, jnp.zeros((len(x), 3)), x.T)
    return jnp.mean((y - h @ theta["out"]) ** 2)


LINE = Line(jnp.ones((2, 1)), jnp.zeros(()))
MODELS = {
    "NamedTuple": (LINE, line_mse),
    "dataclass": (Curve(LINE, jnp.ones(2)), curve_mse),
    "dicts": ({"in": {"W": jnp.eye(2), "b": jnp.ones(2)}, "out": {"W": jnp.ones((2, 1))}},
              dicts_mse),
    "RNN": ({"in": jnp.arange(3.0), "W": 0.1 * jnp.eye(3), "out": jnp.ones((3, 1))}, rnn_mse),
    "array": (jnp.ones((2, 1)), linear_mse),
}


@pytest.mark.parametrize("model", MODELS)
def test_train_takes_any_pytree_and_loss(model):
    theta, loss = MODELS[model]
    fit = train(theta, X, Y, loss=loss, lr=0.1, steps=5)
    assert_close(tuple(fit), hand_run(theta, X, Y, 5, loss=loss))
    assert fit.losses[-1] < fit.losses[0]


def test_cross_entropy_trains():
    labels = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0)
    fit = train(CLASSIFIER, X, labels, loss=cross_entropy, lr=1.0, steps=300)
    assert (mlp(fit.theta, X).argmax(axis=1) == labels).all()


def test_lists_and_numpy_arrays_work():
    fit = train(jax.tree.map(np.asarray, THETA), X.tolist(), Y.tolist(), lr=0.1, steps=3)
    assert_close(tuple(fit), tuple(train(THETA, X, Y, lr=0.1, steps=3)))
    assert_close(mlp(THETA, X.tolist()), mlp(THETA, X))
    assert_close(mse(THETA, X.tolist(), Y.tolist()), mse(THETA, X, Y))
    assert_close(
        cross_entropy(CLASSIFIER, X.tolist(), LABELS.tolist()),
        cross_entropy(CLASSIFIER, X, LABELS))


@pytest.mark.parametrize("options", [{}, {"batch_size": 4, "key": KEY}], ids=["full", "batches"])
def test_train_inside_jit(options):
    run = partial(train, lr=0.1, steps=8, validation=(X, Y), **options)
    assert_close(jax.jit(run)(THETA, X, Y), run(THETA, X, Y))


@pytest.mark.parametrize("x", [
    pd.get_dummies(pd.Series(list("aab"))), pd.DataFrame({"a": [True, False], "b": [0.5, 2.0]}),
    pd.DataFrame({"a": [1, 2], "b": [3, 4]}, dtype="Int64"),
    np.array([[1, 2.5]], dtype=object), np.ones((2, 2), ">f4"), np.ones((2, 2), np.longdouble),
], ids=["bool", "bool and float", "Int64", "object", "big-endian", "longdouble"])
def test_tables_of_several_types_are_floats(x):
    y, floats = np.ones((len(x), 1)), np.asarray(x, dtype=float)
    assert_equal(mlp(THETA, x), mlp(THETA, floats))
    assert_equal(train(THETA, x, y, steps=2).losses, train(THETA, floats, y, steps=2).losses)


@pytest.mark.parametrize("vector", [list, pd.Series, np.array, jnp.array])
def test_advice_on_vectors_works(vector):
    y = vector([1.0] * 12)
    with pytest.raises(ValueError, match=r"table np.reshape\(y, \(-1, 1\)\)"):
        mse(THETA, X, y)
    assert_equal(mse(THETA, X, np.reshape(y, (-1, 1))), mse(THETA, X, np.ones((12, 1))))


@pytest.mark.parametrize(("switch", "value"), [
    ("jax_debug_nans", True), ("jax_debug_infs", True), ("jax_check_tracer_leaks", True),
    ("jax_debug_key_reuse", True), ("jax_enable_checks", True), ("jax_disable_jit", True),
    ("jax_legacy_prng_key", "error"), ("jax_numpy_dtype_promotion", "strict"),
    ("jax_default_prng_impl", "rbg"), ("jax_threefry_partitionable", False)])
def test_switches_for_debugging_stop_no_healthy_run(switch, value):
    def noisy(theta, x, y, key):
        return mse(theta, x + jax.random.normal(key, x.shape), y) + 0.01 * squared_weights(theta)

    before = getattr(jax.config, switch)
    jax.config.update(switch, value)
    try:
        theta = init_mlp(jax.random.key(1), (2, 3, 1))
        fit = train(theta, X, Y, loss=noisy, steps=4, batch_size=5, key=jax.random.key(2))
        train(fit.theta, X, Y, loss=noisy, steps=3, batch_size=5, key=jax.random.key(2),
              state=fit.state)
        stop = {"validation": (X, 3 - Y), "patience": 4, "eval_every": 2}
        assert len(train(theta, X, Y - 3, steps=60, lr=schedule, **stop).losses) < 60
        train(init_mlp(jax.random.key(3), (2, 3, 3)), X, LABELS, loss=cross_entropy, steps=3)
    finally:
        jax.config.update(switch, before)


def test_stopped_run_inside_jit_ends_in_nan():
    fit = jax.jit(partial(ones_fit, 50, patience=4))()
    assert fit.best_step == 7
    np.testing.assert_allclose(fit.theta, 1 - 0.9**7, rtol=1e-5)
    assert fit.losses.shape == fit.val_losses.shape == (50,)
    assert_equal(jnp.isnan(fit.losses), jnp.arange(50) >= 11)
    assert_equal(jnp.isnan(fit.val_losses), jnp.arange(50) >= 11)


@pytest.mark.parametrize("patience", [None, 3])
def test_train_under_vmap_equals_separate_runs(patience):
    def run(key):
        return train(
            jax.random.normal(key, (2, 1)), X[:8], Y[:8], loss=linear_mse, lr=0.3, steps=20,
            batch_size=4, key=key, validation=(X[8:], Y[8:]), patience=patience)

    keys = jax.random.split(KEY, 3)
    fits = jax.vmap(run)(keys)
    assert fits.losses.shape == (3, 20)
    for i, key in enumerate(keys):
        one = run(key)
        done = len(one.losses)
        assert_close(fits.theta[i], one.theta, rtol=1e-4, atol=1e-5)
        assert_close(fits.losses[i, :done], one.losses, rtol=1e-4)
        assert_close(fits.val_losses[i, :done], one.val_losses, rtol=1e-4)
        assert jnp.isnan(fits.losses[i, done:]).all()
        if patience:
            assert fits.best_step[i] == one.best_step
    if patience:
        assert (fits.best_step < 17).any(), "the example should stop early"


def test_rates_under_vmap_equal_separate_runs():
    rates = jnp.array([0.01, 0.1])
    def run(lr):
        return minimise(ridge, THETA, X, Y, lr, lr=lr, steps=5).losses

    for lr, one in zip(rates, jax.vmap(run)(rates)):
        assert_close(one, run(float(lr)))


@pytest.mark.parametrize(
    "options",
    [{"lr": np.float32(0.1)}, {"optimizer": ADAM, "batch_size": 4, "key": KEY}],
    ids=["sgd", "adam"])
def test_bfloat16_theta_keeps_its_dtype(options):
    theta = init_mlp(KEY, (2, 4, 1), dtype=jnp.bfloat16)
    fit = train(theta, X, Y, steps=20, **options)
    assert {p.dtype for p in jax.tree.leaves(fit.theta)} == {jnp.dtype(jnp.bfloat16)}
    exact = train(jax.tree.map(jnp.float32, theta), X, Y, steps=20, **options)
    np.testing.assert_allclose(fit.losses, exact.losses, rtol=0.05)


@pytest.mark.parametrize(
    "options",
    [{}, {"optimizer": ADAM, "batch_size": 4, "key": KEY, "validation": (X, Y), "patience": 2}],
    ids=["plain", "options"])
def test_float64(options):
    with enable_x64():
        theta = jax.tree.map(lambda p: jnp.asarray(p, jnp.float64), THETA)
        options = options or {"lr": 0.1}
        fit = train(theta, np.float64(X), np.float64(Y), steps=5, **options)
        assert {p.dtype for p in jax.tree.leaves(tuple(fit))} == {jnp.dtype(jnp.float64)}
        if "lr" in options:  # closer to float64 NumPy than single precision can be
            expected = hand_run(theta, np.float64(X), np.float64(Y), 5)
            assert_close(tuple(fit), expected, rtol=1e-13, atol=1e-14)


def test_train_is_not_compiled_again():
    traces = []

    def counting(theta, x, y):
        traces.append(None)
        return mse(theta, x, y)

    run = partial(train, THETA, loss=counting, steps=3, batch_size=4)
    run(X, Y, lr=0.1, key=KEY)
    first = len(traces)
    assert first > 1, "the first call traces the loss to check it and to compile"
    run(X + 1, Y + 1, lr=0.2, key=jax.random.key(1))
    assert len(traces) - first <= 1, "compiled anew; one trace is the check of the loss"
    traces.clear()
    run(X, Y, key=KEY, steps=20, progress=True)
    assert len(traces) <= first, "each block of the bar compiled anew"


# Training: what optax's optimizers ask for, without importing it


@pytest.mark.parametrize("optimizer", [
    optax.lbfgs(), optax.polyak_sgd(), optax.contrib.momo(),
    optax.chain(optax.adam(0.05), optax.contrib.reduce_on_plateau(patience=2)),
    optax.chain(optax.clip_by_global_norm(0.1), optax.adamw(optax.cosine_decay_schedule(0.1, 20))),
    optax.inject_hyperparams(optax.adam)(0.05), optax.MultiSteps(optax.adam(0.05), 3),
], ids=["lbfgs", "polyak", "momo", "plateau", "chain", "inject", "multi"])
def test_optimizers_get_what_they_ask_for(optimizer):
    theta, losses = THETA, []
    with_extras = optax.with_extra_args_support(optimizer)
    memory = optimizer.init(theta)

    def value_fn(theta):
        return mse(theta, X, Y)

    @jax.jit
    def step(theta, memory):
        value, grads = jax.value_and_grad(value_fn)(theta)
        changes, memory = with_extras.update(
            grads, memory, theta, value=value, grad=grads, value_fn=value_fn)
        return optax.apply_updates(theta, changes), memory, value

    for _ in range(6):
        theta, memory, value = step(theta, memory)
        losses.append(value)
    fit = train(THETA, X, Y, optimizer=optimizer, steps=6)
    assert_close(tuple(fit), (theta, jnp.stack(losses)), rtol=1e-3, atol=1e-4)


def test_equal_optimizers_compile_once():
    traces = []

    def counting(theta, x, y):
        traces.append(None)
        return mse(theta, x, y)

    def run(optimizer):
        traces.clear()
        train(THETA, X, Y, loss=counting, optimizer=optimizer, steps=3)
        return len(traces)

    assert run(optax.adam(0.0625)) > 1
    assert run(optax.adam(0.0625)) == 1, "compiled anew; one trace is the check of the loss"
    assert run(optax.adam(0.125)) > 1, "another rate is another program"
    cosine = optax.adam(optax.cosine_decay_schedule(0.1, 5))  # changes what it holds when called
    assert run(cosine) > 1
    assert run(cosine) == 1


def test_rates_read_from_globals_are_no_equal_optimizers():
    def optimizer(rate):
        held = [rate]
        return optax.chain(optax.scale_by_schedule(lambda i: -held[0]))

    a, b = (train(THETA, X, Y, optimizer=optimizer(rate), steps=2) for rate in (0.1, 0.2))
    assert (a.losses[1] != b.losses[1]).any()


# Training: leaves that are no arrays of floats


def test_other_leaves_are_kept():
    theta = {"W": jnp.ones((2, 1)), "power": 2, "rows": jnp.arange(3), "sigma": jnp.tanh,
             "none": None, "name": "unit", "key": KEY, "scale": 0.5}

    def loss(theta, x, y):
        out = theta["sigma"](x @ theta["W"]) ** theta["power"] * theta["scale"]
        return mse(theta, x, y, lambda theta, x: out) + 0 * theta["rows"].sum()

    def plain(floats, x, y):
        return loss(theta | floats, x, y)

    floats = {"W": theta["W"], "scale": jnp.asarray(0.5)}
    for options in ({"lr": 0.1}, {"optimizer": ADAM, "batch_size": 5, "key": KEY},
                    {"lr": 0.1, "validation": (X, Y), "patience": 3}):
        fit = train(theta, X, Y, loss=loss, steps=9, **options)
        one = train(floats, X, Y, loss=plain, steps=9, **options)
        assert_close({name: fit.theta[name] for name in floats}, one.theta)
        for name in ("power", "sigma", "none", "name"):
            assert fit.theta[name] is theta[name]
        assert (fit.theta["rows"] == theta["rows"]).all()
        assert fit.theta["key"] == KEY
        again = train(fit.theta, X, Y, loss=loss, steps=2, state=fit.state, **options)
        assert jax.tree.structure(again.theta) == jax.tree.structure(theta)


def test_an_equinox_module_trains_as_it_does_by_hand():
    net = eqx.nn.MLP(2, 1, width_size=4, depth=1, activation=jax.nn.relu, key=KEY)

    def loss(net, x, y):
        return jnp.mean((jax.vmap(net)(x) - y) ** 2)

    expected = net
    for _ in range(5):
        grads = eqx.filter_jit(eqx.filter_grad(loss))(expected, X, Y)
        expected = eqx.apply_updates(expected, jax.tree.map(lambda g: -0.1 * g, grads))
    fit = train(net, X, Y, loss=loss, lr=0.1, steps=5)
    assert fit.theta.activation is net.activation
    assert_close(eqx.filter(fit.theta, eqx.is_array), eqx.filter(expected, eqx.is_array))


# Training: memory


@pytest.mark.parametrize(("optimizer", "most"), [(None, 8.5), (ADAM, 16.5)], ids=["SGD", "Adam"])
def test_bytes_a_parameter(optimizer, most, monkeypatch):
    """The loop writes over its state, so that Adam needs theta, two moments and a gradient."""
    wide, x = init_mlp(KEY, (512, 512)), jnp.ones((4, 512))
    taken = []

    def measured(*args, loop=dl_core._run_in_place):
        memory = loop.lower(*args).compile().memory_analysis()
        taken.append(memory.argument_size_in_bytes + memory.output_size_in_bytes
                     + memory.temp_size_in_bytes - memory.alias_size_in_bytes)
        return loop(*args)

    monkeypatch.setattr(dl_core, "_run_in_place", measured)
    fit = train(wide, x, x, steps=3, optimizer=optimizer)
    assert taken[0] / sum(p.size for p in jax.tree.leaves(wide)) < most
    again = [train(fit.theta, x, x, steps=2, optimizer=optimizer, state=fit.state)
             for _ in range(2)]
    assert_equal(*again)  # a state can be gone on from twice
    assert_equal(tuple(train(wide, x, x, steps=3, optimizer=optimizer)), tuple(fit))


# Errors


@pytest.mark.parametrize(
    ("sizes", "options", "message"),
    [
        ((2,), {}, r"\[2\] needs an input and an output"),
        ((), {}, r"\[\] needs an input and an output"),
        (5, {}, r"\[5\] needs an input and an output"),
        ((2, 0, 1), {}, "0 must be a whole number, at least 1"),
        ((2, -3, 1), {}, "-3 must be a whole number, at least 1"),
        ((2, 3.0, 1), {}, "3.0 must be a whole number, at least 1"),
        ((2, 1), {"init": "xavier"}, "'xavier'.*lecun, glorot, he"),
    ],
    ids=str)
def test_init_mlp_errors(sizes, options, message):
    with pytest.raises(ValueError, match=message):
        init_mlp(KEY, sizes, **options)


BAD_X = {
    "columns": (X[:, :1], r"\(12, 1\).*takes 2 inputs.*\(n, 2\)"),
    "vector": (X[:, 0], r"\(12,\).*takes 2 inputs.*x\[:, None\]"),
    "number": (1.0, r"\(\).*takes 2 inputs"),
    "ragged": ([[1.0, 2.0], [3.0]], "x cannot be made an array.*rows of equal length"),
}


@pytest.mark.parametrize("bad", BAD_X)
def test_mlp_errors(bad):
    x, message = BAD_X[bad]
    with pytest.raises(ValueError, match=message):
        mlp(THETA, x)


@pytest.mark.parametrize("key", [0, None, np.float32(1), jax.random.split(KEY)], ids=str)
def test_init_mlp_needs_one_key(key):
    with pytest.raises(ValueError, match=r"must be one random key: pass jax.random.key"):
        init_mlp(key, (2, 1))


def test_mlp_without_layers():
    with pytest.raises(ValueError, match=r"no layers.*init_mlp"):
        mlp([], X)


BAD_Y = {
    "vector": (mse, Y[:, 0], r"\(12,\).*\(12, 1\).*broadcast.*y\[:, None\]"),
    "columns": (mse, np.ones((12, 3)), r"\(12, 3\).*\(12, 1\).*broadcast"),
    "rows": (mse, Y[:5], r"\(5, 1\).*\(12, 1\)"),
    "ragged": (mse, [[1.0], [1.0, 2.0]], "y cannot be made an array.*rows of equal length"),
    "float labels": (cross_entropy, np.float32(LABELS), r"float32.*astype\(int\)"),
    "bool labels": (cross_entropy, LABELS > 0, r"bool.*astype\(int\)"),
    "large labels": (cross_entropy, LABELS + 1, "from 1 to 3.*from 0 to 2"),
    "negative labels": (cross_entropy, LABELS - 1, "from -1 to 1.*from 0 to 2"),
    "one-hot labels": (cross_entropy, np.eye(3, dtype=int)[LABELS], r"\(12, 3\).*one-hot"),
    "column of labels": (cross_entropy, LABELS[:, None], r"\(12, 1\).*must be \(12,\)"),
    "too few labels": (cross_entropy, LABELS[:5], r"\(5,\).*must be \(12,\)"),
}


@pytest.mark.parametrize("bad", BAD_Y)
@pytest.mark.parametrize("call", ["loss", "train", "validation"])
def test_loss_errors(bad, call):
    loss, y, message = BAD_Y[bad]
    theta, good = (THETA, Y) if loss is mse else (CLASSIFIER, LABELS)
    if call != "loss" and bad in ("rows", "too few labels"):
        message = "same number of rows"
    calls = {
        "loss": lambda: loss(theta, X, y),
        "train": lambda: train(theta, X, y, loss=loss, steps=2),
        "validation": lambda: train(theta, X, good, loss=loss, steps=2, validation=(X, y)),
    }
    with pytest.raises(ValueError, match=message):
        calls[call]()


@pytest.mark.parametrize(
    ("loss", "theta", "y"), [(mse, THETA, Y[:0]), (cross_entropy, CLASSIFIER, LABELS[:0])],
    ids=["mse", "cross_entropy"])
def test_losses_of_no_data(loss, theta, y):
    with pytest.raises(ValueError, match=r"shape \(0,.*no observation"):
        loss(theta, X[:0], y)


def with_entry(a, value):
    return np.where(np.arange(a.size).reshape(a.shape) == 3, value, a)


def vector_loss(theta, x, y):
    return jnp.sum((y - mlp(theta, x)) ** 2, axis=1)


def pair_loss(theta, x, y):
    return mse(theta, x, y), mse(theta, x, y)


class Asking:
    """An optimizer that wants what the loop does not have."""

    def init(self, theta):
        return ()

    def update(self, grads, memory, theta, *, grad_fn):
        return grads, memory


VALID = {"validation": (X, Y)}
BAD_OPTIONS = {
    "lengths": ({"x": X[:5]}, r"\(5, 2\).*\(12, 1\).*same number of rows"),
    "no rows": ({"x": X[:0], "y": Y[:0]}, r"\(0, 2\).*at least 1"),
    "numbers": ({"x": 1.0, "y": 1.0}, r"x has shape \(\).*at least 1"),
    "x vector": ({"x": X[:, 0]}, r"\(12,\).*takes 2 inputs"),
    "x ragged": ({"x": [[1.0, 2.0], [3.0]]}, "x cannot be made an array.*equal length"),
    "x None": ({"x": None}, "x cannot be made an array"),
    "x of words": ({"x": pd.DataFrame({"a": list("uv")})}, "x cannot.*'u'.*pass numbers"),
    "x of dates": ({"x": np.full(X.shape, "2020-01-01", "M8[D]")}, "x cannot.*dates"),
    "x masked": ({"x": np.ma.masked_equal(X, X[0, 0])}, "x cannot.*masked.*filled"),
    "x with NA": ({"x": pd.DataFrame({"a": [1, None]}, dtype="Int64"), "y": Y[:2]},
                  "^x contains NaN"),
    "x NaN": ({"x": with_entry(X, np.nan)}, "^x contains NaN or inf.*drop or fill"),
    "y NaN": ({"y": with_entry(Y, np.nan)}, "^y contains NaN or inf.*drop or fill"),
    "x inf": ({"x": with_entry(X, np.inf)}, "^x contains NaN or inf"),
    "y -inf": ({"y": with_entry(Y, -np.inf)}, "^y contains NaN or inf"),
    "y beyond int32": ({"y": np.full(Y.shape, 3_000_000_000)}, "^y .*too large for int32.*floats"),
    "validation x": ({"validation": (with_entry(X, np.nan), Y)}, "validation x contains NaN"),
    "validation y": ({"validation": (X, with_entry(Y, np.inf))}, "validation y contains"),
    "validation rows": ({"validation": (X[:5], Y)}, r"validation x.*\(5, 2\).*\(12, 1\)"),
    "validation empty": ({"validation": (X[:0], Y[:0])}, r"validation x.*\(0, 2\).*at least 1"),
    "validation array": ({"validation": X}, "validation.*pair"),
    "validation triple": ({"validation": (X, Y, Y)}, "validation.*pair"),
    "validation share": ({"validation": 0.2}, "validation.*pair"),
    "steps 0": ({"steps": 0}, "steps = 0 must be a whole number, at least 1"),
    "steps -1": ({"steps": -1}, "steps = -1 must be a whole number"),
    "steps 2.5": ({"steps": 2.5}, "steps = 2.5 must be a whole number"),
    "lr 0": ({"lr": 0}, "lr = 0 must be positive"),
    "lr -0.1": ({"lr": -0.1}, "lr = -0.1 must be positive"),
    "lr NaN": ({"lr": float("nan")}, "lr = nan must be positive"),
    "lr inf": ({"lr": float("inf")}, "lr = inf must be positive"),
    "lr None": ({"lr": None}, "lr = None must be positive"),
    "lr text": ({"lr": "0.1"}, "lr = '0.1' must be positive, one number"),
    "two rates": ({"lr": np.ones(2)}, r"lr = array\(\[1., 1.\]\) must be positive, one number"),
    "rate in a vector": ({"lr": np.array([0.1])}, r"array\(\[0.1\]\) must be positive, one number"),
    "large batch": ({"batch_size": 13, "key": KEY}, "13 exceeds the 12 observations.*None"),
    "batch 0": ({"batch_size": 0, "key": KEY}, "batch_size = 0 must be a whole number"),
    "batch 2.5": ({"batch_size": 2.5, "key": KEY}, "batch_size = 2.5 must be a whole number"),
    "no key": ({"batch_size": 4}, r"^key = None must be one random key: pass jax.random.key"),
    "key 0": ({"batch_size": 4, "key": 0}, r"^key = 0.*pass jax.random.key"),
    "key 0.5": ({"batch_size": 4, "key": np.float32(0.5)}, r"^key = .*0.5.*pass jax.random.key"),
    "two keys": ({"batch_size": 4, "key": jax.random.split(KEY)}, r"must be one random key"),
    "optimizer": ({"optimizer": 0.1}, r"0.1 needs init and update.*optax.adam\("),
    "optimizer uncalled": ({"optimizer": optax.adam}, r"adam.*needs init and update"),
    "patience": ({"patience": 3}, "pass validation="),
    "patience 0": (VALID | {"patience": 0}, "patience = 0 must be a whole number"),
    "patience 2.5": (VALID | {"patience": 2.5}, "patience = 2.5 must be a whole number"),
    "patience short": (VALID | {"patience": 1, "eval_every": 2}, "1 must be at least eval"),
    "eval_every 0": (VALID | {"eval_every": 0}, "eval_every = 0 must be a whole number"),
    "eval_every 3": (VALID | {"eval_every": 3}, "eval_every = 3 exceeds steps = 2"),
    "vector loss": ({"loss": vector_loss}, r"\(12,\).*not one number; average"),
    "pair loss": ({"loss": pair_loss}, "not one number"),
    "no loss": ({"loss": "mse"}, "loss = 'mse' must be a function"),
    "x complex": ({"x": X * 1j}, "complex64.*not one number"),
    "theta empty": ({"theta": []}, "no arrays.*init_mlp"),
    "theta None": ({"theta": None}, "no arrays.*init_mlp"),
    "theta integers": ({"theta": jnp.ones((2, 1), int), "loss": linear_mse}, "int.*floats"),
    "theta complex": ({"theta": [Layer(THETA[0].W * 1j, THETA[0].b)]}, "complex64.*floats"),
    "rate and optimizer": ({"lr": 0.01, "optimizer": ADAM}, "lr = 0.01 and an opt.*one of them"),
    "what SAM asks for": ({"optimizer": Asking()}, "update needs grad_fn.*can give value, grad"),
    "state": ({"state": THETA}, "must be the state of a Fit"),
}


@pytest.mark.parametrize("bad", BAD_OPTIONS)
def test_train_errors(bad):
    options, message = BAD_OPTIONS[bad]
    with pytest.raises(ValueError, match=message):
        train(**{"theta": THETA, "x": X, "y": Y, "steps": 2} | options)


@pytest.mark.parametrize("progress", [False, True])
def test_diverging_run_warns_once_and_returns(progress):
    with pytest.warns(RuntimeWarning, match="not finite") as caught:
        theta, losses = train(THETA, X, Y, lr=100.0, steps=200, progress=progress)
    step = int(np.argmin(np.isfinite(losses)))
    assert 0 < step < 199
    (warning,) = caught
    assert f"step {step} on; lower lr" in str(warning.message)
    assert warning.filename == __file__, "the warning points at the caller's line"
    assert losses.shape == (200,)
    assert jax.tree.structure(theta) == jax.tree.structure(THETA)


def test_patience_ends_a_diverging_run_at_its_best():
    with pytest.warns(RuntimeWarning, match="not finite"):
        fit = train(THETA, X, Y, lr=100.0, steps=200, validation=(X, Y), patience=50)
    assert fit.losses.shape == (fit.best_step + 50,)
    assert all(jnp.isfinite(p).all() for p in jax.tree.leaves(fit.theta))


@pytest.mark.parametrize("patience", [None, 20])
def test_warns_of_validation_data_without_a_loss(patience):
    def log_mse(theta, x, y):
        return mse(theta, jnp.log(x + 4), y)

    with pytest.warns(RuntimeWarning, match="look at the validation data") as caught:
        fit = train(THETA, abs(X), Y, loss=log_mse, steps=50, patience=patience,
                    validation=(jnp.full_like(X, -5.0), Y))
    assert jnp.isfinite(fit.losses).all()
    assert caught[0].filename == __file__


def test_counts_may_be_arrays():
    plain = train(THETA, X, Y, steps=9, batch_size=4, key=KEY, validation=(X, Y), patience=3)
    steps, size, patience = jnp.array([9, 4, 3])
    same = train(THETA, X, Y, steps=steps, batch_size=size, key=KEY, validation=(X, Y),
                 patience=patience)
    assert (plain.losses == same.losses).all()


# Slow: other platforms, many devices


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (mlp, (THETA, X)),
        (mse, (THETA, X, Y)),
        (cross_entropy, (CLASSIFIER, X, LABELS)),
        (lambda *args: tuple(train(*args, steps=3)), (THETA, X, Y)),
        (lambda *args: tuple(train(
            *args, steps=3, batch_size=4, key=KEY, optimizer=ADAM, validation=(X, Y), patience=2)),
         (THETA, X, Y)),
    ],
    ids=["mlp", "mse", "cross_entropy", "train", "train with options"])
def test_lowers_for_cpu_cuda_and_tpu(function, args):
    exported = export.export(jax.jit(function), platforms=["cpu", "cuda", "tpu"])(*args)
    assert exported.platforms == ("cpu", "cuda", "tpu")
    assert_close(exported.call(*args), function(*args))


EIGHT_DEVICES = """
import jax, numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from dl_core import init_mlp, train

key = jax.random.key(0)
theta = init_mlp(key, (2, 4, 1))
x = jax.random.normal(key, (64, 2))
y = x[:, :1] ** 2
options = [{}, {"batch_size": 16, "key": key}, {"validation": (x, y), "patience": 5}]
one = [train(theta, x, y, lr=0.1, steps=20, **chosen) for chosen in options]
for axis_type in AxisType.Auto, AxisType.Explicit:
    mesh = jax.make_mesh((8,), ("rows",), axis_types=(axis_type,))
    sharded = jax.device_put((x, y), NamedSharding(mesh, PartitionSpec("rows")))
    assert len(sharded[0].sharding.device_set) == 8
    options[2]["validation"] = sharded
    with jax.set_mesh(mesh):
        eight = [train(theta, *sharded, lr=0.1, steps=20, **chosen) for chosen in options]
    pairs = ([tuple(fit) for fit in fits] for fits in (one, eight))
    for p, q in zip(*map(jax.tree.leaves, pairs), strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-4, atol=1e-6)
print("equal")
"""


def test_eight_devices_equal_one():
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=8", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", EIGHT_DEVICES], env=os.environ | flags,
        capture_output=True, text=True, timeout=120)
    assert done.stdout == "equal\n", done.stderr


CHAINS = """
import dl_checks
import jax, jax.numpy as jnp

def chain(scale, x, keys):
    sizes = []
    for key in keys:
        x = jax.nn.relu(scale * (x @ jax.random.normal(key, (256, 256))))
        sizes.append(jnp.mean(x**2))
    return jnp.stack(sizes)

key_x, *keys = jax.random.split(jax.random.key(0), 21)
x = jax.random.normal(key_x, (100, 256))
for _ in range(6):
    once, twice = chain(1 / 16, x, keys), chain(1 / 8, x, keys)
    assert jnp.allclose(twice / once, 4.0 ** jnp.arange(1, 21), rtol=1e-3), twice / once
"""


def test_products_are_right_on_a_busy_machine():
    """JAX 0.7.2 to 0.8.1 fails here without the flag that dl_checks sets."""
    spin = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(spin) for _ in range(4)]
    try:
        done = subprocess.run([sys.executable, "-c", CHAINS], capture_output=True, text=True)
    finally:
        for other in others:
            other.kill()
            other.wait()
    assert done.returncode == 0, done.stderr
