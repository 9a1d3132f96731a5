"""Networks against independent programs: lax's convolution, equinox, plain loops."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from dl_core import Layer, init_mlp, mlp, mse, train
from dl_nets import (
    CNN,
    RNN,
    attend,
    calm,
    cnn,
    conv,
    empty_cache,
    generate,
    gpt,
    gpt_next,
    gpt_weights,
    gru,
    init_cnn,
    init_gpt,
    init_gru,
    init_lstm,
    init_resnet,
    init_rnn,
    lstm,
    max_pool,
    patches,
    relu_mlp,
    residual_mlp,
    resnet,
    rnn,
)
from dl_tools import count

KEYS = jax.random.split(jax.random.key(0), 4)


def test_calm_starts_near_its_bias():
    theta = init_mlp(KEYS[0], (3, 8, 2))
    x = jax.random.normal(KEYS[1], (5, 3))
    assert jnp.allclose(mlp(calm(theta, [1.0, -2.0]), x) - jnp.array([1.0, -2.0]),
                        0.1 * mlp(theta, x), atol=1e-6)
    assert calm(theta, 3)[-1].b.dtype == theta[-1].b.dtype
    assert theta[-1].b.sum() == 0


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


def resnet_by_lax(theta, x, skips, gates):
    """Block by block, with lax's convolution."""
    def by_lax(x, W, b):
        W = W.reshape(3, 3, x.shape[-1], len(b))
        return lax.conv_general_dilated(
            x, W, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")) + b

    x = max_pool(by_lax(x.reshape(-1, 14, 14, 1), *theta.stem))
    for *layers, skip, gate in zip(*theta.blocks[0], *theta.blocks[1], skips, gates):
        inside = by_lax(jax.nn.relu(x), *layers[:2])
        x = skip * x + gate * by_lax(jax.nn.relu(inside), *layers[2:])
    return jax.nn.relu(x).reshape(len(x), -1) @ theta.out.W + theta.out.b


@pytest.mark.parametrize(("skip", "gate"), [
    (1.0, 1.0), (0.0, 1.0), (0.5, (1.0, 0.0, 2.0)), (np.array([1.0, 0.0, 1.0]), 0.3)])
def test_resnet_is_a_loop_over_its_blocks(skip, gate):
    theta = init_resnet(KEYS[0], blocks=3, d=5)
    draw = (0.3 * jax.random.normal(k, a.shape) for k, a in zip(
        jax.random.split(KEYS[1], 8), jax.tree.leaves(theta), strict=True))
    theta = jax.tree.unflatten(jax.tree.structure(theta), draw)
    x = np.asarray(jax.random.normal(KEYS[2], (4, 196)))
    loop = resnet_by_lax(theta, x, *(np.broadcast_to(a, 3) for a in (skip, gate)))
    np.testing.assert_allclose(resnet(theta, x, skip, gate), loop, rtol=1e-4, atol=1e-4)


def test_blocks_of_a_new_resnet_add_nothing():
    theta = init_resnet(KEYS[0], blocks=4, d=3)
    x = np.asarray(jax.random.normal(KEYS[1], (4, 196)))
    np.testing.assert_array_equal(resnet(theta, x), resnet(theta, x, 1.0, 0.0))
    assert count(theta) == 10 * 3 + 8 * (9 * 3 + 1) * 3 + 49 * 3 * 10 + 10


def test_resnet_refuses_pictures_of_another_size():
    with pytest.raises(ValueError, match=r"784.*196"):
        resnet(init_resnet(KEYS[0]), np.zeros((2, 784)))


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


def by_equinox(model, theta, x):
    """The same weights in equinox's cells; its order of the LSTM's blocks is a, f, g, o."""
    k, J = x.shape[-1], len(theta.out.W)
    W, b = theta.state
    if model is lstm:
        order = np.r_[: 2 * J, 3 * J : 4 * J, 2 * J : 3 * J]
        W, b, cell = W[:, order], b[order], eqx.nn.LSTMCell(k, J, key=KEYS[3])
    else:
        cell = eqx.nn.GRUCell(k, J, key=KEYS[3])
        cell = eqx.tree_at(lambda c: c.bias_n, cell, jnp.zeros(J))
    cell = eqx.tree_at(lambda c: (c.weight_ih, c.weight_hh, c.bias), cell, (W[:k].T, W[k:].T, b))
    out = []
    for row in x:
        state = (jnp.zeros(J), jnp.zeros(J)) if model is lstm else jnp.zeros(J)
        hs = []
        for x_t in row:
            state = cell(x_t, state)
            hs.append(state[0] if model is lstm else state)
        out.append(jnp.stack(hs) @ theta.out.W + theta.out.b)
    return jnp.stack(out)


@pytest.mark.parametrize(("model", "init"), [(lstm, init_lstm), (gru, init_gru)])
def test_gated_networks_are_those_of_equinox(model, init):
    theta = jax.tree.map(lambda p: p + 0.1, init(KEYS[0], 2, 5, 3))
    x = jax.random.normal(KEYS[1], (4, 6, 2))
    np.testing.assert_allclose(model(theta, x), by_equinox(model, theta, x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("model", "init"), [(lstm, init_lstm), (gru, init_gru)])
def test_a_mask_hides_what_it_covers(model, init):
    theta = init(KEYS[0], 2, 5, 3)
    x = jax.random.normal(KEYS[1], (2, 6, 2))
    mask = jnp.arange(6) < jnp.array([[6], [4]])
    y = model(theta, x, mask)
    np.testing.assert_allclose(y[0], model(theta, x)[0], atol=1e-6)
    np.testing.assert_allclose(y[1, :4], model(theta, x[1:, :4])[0], atol=1e-6)
    np.testing.assert_array_equal(y[1, 4:], np.tile(y[1, 3], (2, 1)))


def test_init_of_gates():
    theta = init_lstm(KEYS[0], 2, 5, 3, forget=3.0)
    assert count(theta) == 4 * (2 + 5 + 1) * 5 + (5 + 1) * 3
    np.testing.assert_array_equal(theta.state.b, np.repeat([0.0, 3, 0, 0], 5))
    theta = init_gru(KEYS[0], 2, 5, 3, keep=3.0)
    assert count(theta) == 3 * (2 + 5 + 1) * 5 + (5 + 1) * 3
    np.testing.assert_array_equal(theta.state.b, np.repeat([0.0, 3, 0], 5))


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


# Attention

THETA = init_gpt(KEYS[0], vocabulary=11, width=12, blocks=2, heads=3, length=9)
TOKENS = jax.random.randint(KEYS[1], (4, 7), 0, 11)


def gpt_loop(theta, tokens):
    """One sequence, place by place, head by head, in double precision."""
    theta = jax.tree.map(lambda p: np.asarray(p, float), theta)

    def norm(row):
        return row / np.sqrt(np.mean(row**2) + 1e-6)

    x = [theta.embed[i] + place for i, place in zip(tokens, theta.place)]
    for block in theta.blocks:
        read, x = [norm(row) for row in x], list(x)
        for t in range(len(x)):
            for (W_q, W_k, W_v), out in zip(block.qkv.swapaxes(0, 1), block.out):
                scores = [read[t] @ W_q @ (row @ W_k) / 2 for row in read[: t + 1]]  # sqrt(d) = 2
                w = np.exp(scores) / np.sum(np.exp(scores))
                x[t] = x[t] + sum(a * (row @ W_v) for a, row in zip(w, read)) @ out
        x = [row + np.asarray(jax.nn.gelu(norm(row) @ block.up)) @ block.down for row in x]
    return np.array([norm(row) @ theta.read for row in x])


def test_gpt_is_a_loop():
    logits = gpt(THETA, TOKENS)
    assert logits.shape == (4, 7, 11)
    for row, tokens in zip(logits, TOKENS):
        np.testing.assert_allclose(row, gpt_loop(THETA, tokens), rtol=1e-3, atol=1e-4)


def test_attend_is_that_of_jax():
    q, k, v = jax.random.normal(KEYS[2], (3, 2, 5, 3, 4))  # (n, T, heads, d)
    by_jax = jax.nn.dot_product_attention(q, k, v, is_causal=True)
    mean, weights = attend(*(jnp.swapaxes(a, 1, 2) for a in (q, k, v)), jnp.tri(5, dtype=bool))
    np.testing.assert_allclose(jnp.swapaxes(mean, 1, 2), by_jax, atol=1e-5)
    assert not jnp.triu(weights, 1).any()


def test_weights_of_gpt_obey_the_mask():
    past = np.tri(7, dtype=bool)
    logits, weights = gpt_weights(THETA, TOKENS)
    np.testing.assert_array_equal(logits, gpt(THETA, TOKENS))
    hidden = np.broadcast_to(past, (4, 1, 7, 7)).copy()
    hidden[2, :, 3:, 1] = False  # of one sequence
    others = [0, 1, 3]
    now, looks = gpt_weights(THETA, TOKENS, hidden)
    np.testing.assert_allclose(now[jnp.array(others)], logits[jnp.array(others)], atol=1e-5)
    assert (abs(now - logits)[2, 3:].max(axis=-1) > 1e-4).all()
    for each, masked in zip(weights, looks):
        assert each.shape == (4, 3, 7, 7)
        np.testing.assert_allclose(masked.sum(axis=-1), 1, atol=1e-5)
        assert not np.triu(each, 1).any()
        assert not masked[2, :, 3:, 1].any()


def test_gpt_does_not_see_the_future():
    changed = TOKENS.at[:, 4].set((TOKENS[:, 4] + 1) % 11)
    before, after = gpt(THETA, TOKENS), gpt(THETA, changed)
    np.testing.assert_array_equal(before[:, :4], after[:, :4])
    assert (abs(before - after)[:, 4:].max(axis=-1) > 0).all()


def test_the_cache_changes_nothing():
    cache, rows = empty_cache(THETA, 4), []
    for t in range(7):
        logits, cache = gpt_next(THETA, cache, t, TOKENS[:, t])
        rows.append(logits)
    np.testing.assert_allclose(np.stack(rows, axis=1), gpt(THETA, TOKENS), rtol=1e-3, atol=1e-4)


def test_generate_keeps_what_is_given_and_takes_the_likeliest():
    ask = TOKENS.at[0, 2:].set(-1).at[1, 4:].set(-1)
    text = generate(THETA, KEYS[2], ask, 0.0)
    np.testing.assert_array_equal(text[ask >= 0], ask[ask >= 0])
    likeliest = gpt(THETA, text)[:, :-1].argmax(axis=-1)
    np.testing.assert_array_equal(text[:, 1:], np.where(ask < 0, jnp.pad(
        likeliest, [(0, 0), (1, 0)]), ask)[:, 1:])


def test_generate_draws_with_the_probabilities_of_the_model():
    ask = jnp.full((4000, 2), -1).at[:, 0].set(3)
    drawn = generate(THETA, KEYS[2], ask, 2.0)[:, 1]
    p = jax.nn.softmax(gpt(THETA, ask[:1, :1])[0, 0] / 2)
    np.testing.assert_allclose(np.bincount(drawn, minlength=11) / 4000, p, atol=0.04)
    np.testing.assert_array_equal(drawn, generate(THETA, KEYS[2], ask, 2.0)[:, 1])


def test_init_gpt_counts_and_scales():
    assert count(THETA) == 12 * (11 + 9 + 11) + 2 * 12 * 12**2
    wide = init_gpt(KEYS[0], vocabulary=50, width=64, blocks=2, heads=4, length=20)
    np.testing.assert_allclose(wide.blocks[1].qkv.var() * 64, 1, rtol=0.1)
    np.testing.assert_allclose(wide.blocks[1].down.var() * 256, 1 / 4, rtol=0.1)


def test_gpt_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="10 tokens, but theta has 9 places"):
        gpt(THETA, jnp.zeros((1, 10), int))
    with pytest.raises(ValueError, match="10 tokens"):
        generate(THETA, KEYS[0], jnp.zeros((1, 10), int))
    with pytest.raises(ValueError, match="divided among 5 heads"):
        init_gpt(KEYS[0], vocabulary=3, width=12, blocks=1, heads=5, length=4)
