"""Networks against independent programs: lax's convolution, equinox, plain loops."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from dl_core import Layer, init_mlp, mse, train
from dl_nets import (
    CNN,
    RNN,
    cnn,
    conv,
    init_cnn,
    init_rnn,
    max_pool,
    patches,
    relu_mlp,
    residual_mlp,
    rnn,
)
from dl_tools import count

KEYS = jax.random.split(jax.random.key(0), 4)


def test_relu_mlp_is_that_of_equinox():
    theta = init_mlp(KEYS[0], (3, 8, 8, 2))
    model = eqx.nn.MLP(3, 2, 8, 2, activation=jax.nn.relu, key=KEYS[1])
    for i, (W, b) in enumerate(theta):
        layer = eqx.tree_at(lambda p: (p.weight, p.bias), model.layers[i], (W.T, b))
        model = eqx.tree_at(lambda m, i=i: m.layers[i], model, layer)
    x = jax.random.normal(KEYS[2], (20, 3))
    np.testing.assert_allclose(relu_mlp(theta, x), jax.vmap(model)(x), atol=1e-6)


def test_relu_mlp_refuses_as_mlp_does():
    with pytest.raises(ValueError, match="shape"):
        relu_mlp(init_mlp(KEYS[0], (3, 8, 2)), np.ones((5, 4)))


def residual_loop(theta, x, gates):
    """Row by row, unit by unit."""
    rows = []
    for row in x:
        first, *blocks, (W, b) = [(np.asarray(W, float), np.asarray(b, float)) for W, b in theta]
        h = [max(0, row @ first[0][:, j] + first[1][j]) for j in range(len(first[1]))]
        for gate, (W_h, b_h) in zip(gates, blocks):
            h = [h[j] + gate * max(0, np.dot(h, W_h[:, j]) + b_h[j]) for j in range(len(h))]
        rows.append(np.dot(h, W) + b)
    return np.array(rows)


@pytest.mark.parametrize("gates", [None, (1.0, 0.0, 2.0)])
def test_residual_mlp_is_a_loop(gates):
    theta = init_mlp(KEYS[0], (3, 5, 5, 5, 5, 2))
    theta = [Layer(W, b + 0.1) for W, b in theta]
    x = np.asarray(jax.random.normal(KEYS[1], (4, 3)))
    loop = residual_loop(theta, x, gates or (1, 1, 1))
    np.testing.assert_allclose(residual_mlp(theta, x, gates), loop, rtol=1e-5, atol=1e-5)


def test_a_closed_gate_skips_its_block():
    theta = init_mlp(KEYS[0], (3, 5, 5, 2))
    x = np.asarray(jax.random.normal(KEYS[1], (4, 3)))
    np.testing.assert_allclose(
        residual_mlp(theta, x, (0.0,)), relu_mlp([theta[0], theta[-1]], x), atol=1e-6)


def test_patches_are_neighbourhoods_in_reading_order():
    x = np.arange(1.0, 10).reshape(1, 3, 3, 1)
    assert patches(x).shape == (1, 3, 3, 9)
    np.testing.assert_array_equal(patches(x)[0, 1, 1], np.arange(1, 10))
    np.testing.assert_array_equal(patches(x)[0, 0, 0], [0, 0, 0, 0, 1, 2, 0, 4, 5])
    np.testing.assert_array_equal(patches(x, "wrap")[0, 0, 0], [9, 7, 8, 3, 1, 2, 6, 4, 5])


@pytest.mark.parametrize(("shape", "m"), [((2, 5, 7, 3), 4), ((1, 1, 1, 1), 1), ((3, 8, 6, 2), 5)])
@pytest.mark.parametrize("pad", ["constant", "wrap"])
def test_conv_is_that_of_lax(shape, m, pad):
    x = jax.random.normal(KEYS[0], shape)
    layer = Layer(jax.random.normal(KEYS[1], (9 * shape[-1], m)),
                  jax.random.normal(KEYS[2], (m,)))
    around = jnp.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], mode=pad)
    by_lax = lax.conv_general_dilated(
        around, layer.W.reshape(3, 3, shape[-1], m), (1, 1), "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"))
    np.testing.assert_allclose(conv(layer, x, pad), by_lax + layer.b, rtol=1e-4, atol=1e-5)


def test_max_pool_is_that_of_lax():
    x = jax.random.normal(KEYS[0], (2, 6, 8, 3))
    by_lax = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    np.testing.assert_array_equal(max_pool(x), by_lax)
    with pytest.raises(ValueError, match="5 x 8 pixels"):
        max_pool(x[:, :5])


def test_cnn_is_that_of_equinox():
    theta = init_cnn(KEYS[0], size=(8, 12), channels=(3, 4, 5), m=7)
    x = jax.random.normal(KEYS[1], (6, 8, 12, 3))

    def by_equinox(image):  # channels first
        h = jnp.moveaxis(image, -1, 0)
        for W, b in theta.convs:
            d, c = W.shape[0] // 9, W.shape[1]
            layer = eqx.nn.Conv2d(d, c, 3, padding=1, key=KEYS[2])
            kernel = W.reshape(3, 3, d, c).transpose(3, 2, 0, 1)
            layer = eqx.tree_at(lambda p: (p.weight, p.bias), layer, (kernel, b[:, None, None]))
            h = eqx.nn.MaxPool2d(2, 2)(jax.nn.relu(layer(h)))
        return jnp.moveaxis(h, 0, -1).ravel() @ theta.out.W + theta.out.b

    assert cnn(theta, x).shape == (6, 7)
    np.testing.assert_allclose(cnn(theta, x), jax.vmap(by_equinox)(x), rtol=1e-4, atol=1e-4)


def test_init_cnn_counts_and_scales():
    theta = init_cnn(KEYS[0])
    assert count(theta) == (9 * 1 + 1) * 8 + (9 * 8 + 1) * 16 + (7 * 7 * 16 + 1) * 10
    for W, b in (*theta.convs, theta.out):
        assert not b.any()
        np.testing.assert_allclose(W.var(), 2 / len(W), rtol=0.6)
    with pytest.raises(ValueError, match="divisible by 4"):
        init_cnn(KEYS[0], size=(28, 30))


def test_rnn_is_a_loop_over_dates():
    theta = init_rnn(KEYS[0], 2, 5, 3)
    theta = jax.tree.map(lambda p: p + 0.1, theta)
    x = np.asarray(jax.random.normal(KEYS[1], (4, 6, 2)), float)
    (W, b), (V, c) = jax.tree.map(lambda p: np.asarray(p, float), theta)
    loop = np.zeros((4, 6, 3))
    for i in range(4):
        h = np.zeros(5)
        for t in range(6):
            h = np.tanh(x[i, t] @ W[:2] + h @ W[2:] + b)
            loop[i, t] = h @ V + c
    np.testing.assert_allclose(rnn(theta, x), loop, rtol=1e-5, atol=1e-5)
    assert count(theta) == (2 + 5 + 1) * 5 + (5 + 1) * 3


def test_rnn_does_not_see_the_future():
    theta = init_rnn(KEYS[0], 1, 5, 1)
    x = jax.random.normal(KEYS[1], (3, 8, 1))
    changed = x.at[:, 5:].set(9.0)
    before, after = rnn(theta, x), rnn(theta, changed)
    np.testing.assert_array_equal(before[:, :5], after[:, :5])
    assert (before[:, 5:] != after[:, 5:]).all()


def test_rnn_keeps_half_precision():
    theta = jax.tree.map(lambda p: p.astype(jnp.bfloat16), init_rnn(KEYS[0], 1, 5, 1))
    assert rnn(theta, jnp.ones((2, 3, 1), jnp.bfloat16)).dtype == jnp.bfloat16


@pytest.mark.parametrize(("model", "theta", "x", "m"), [
    (cnn, init_cnn(KEYS[0], size=(4, 4), channels=(1, 2), m=1), np.ones((5, 4, 4, 1)), 1),
    (rnn, init_rnn(KEYS[0], 1, 3, 1), np.ones((5, 7, 1)), (7, 1)),
    (relu_mlp, init_mlp(KEYS[0], (3, 4, 1)), np.ones((5, 3)), 1),
    (residual_mlp, init_mlp(KEYS[0], (3, 4, 4, 1)), np.ones((5, 3)), 1),
])
def test_train_takes_them(model, theta, x, m):
    def loss(theta, x, y):
        return mse(theta, x, y, model=model)

    y = np.full((5, *np.atleast_1d(m)), 2.0)
    fit = train(theta, x, y, loss=loss, steps=50, lr=0.01)
    assert fit.losses[-1] < fit.losses[0]
    assert isinstance(fit.theta, CNN if model is cnn else type(theta))


def test_rnn_takes_weights_of_numpy_in_double_precision():
    theta = RNN(Layer(np.ones((2, 1)), np.zeros(1)), Layer(np.ones((1, 1)), np.zeros(1)))
    assert rnn(theta, np.ones((2, 3, 1))).shape == (2, 3, 1)
