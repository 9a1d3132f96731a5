"""Networks beside `mlp`: with ReLU, with skips, convolutional, recurrent, transformers.

As in dl_core, a network is a pair of pure functions: one draws the parameters from a key, the
other maps parameters and inputs to outputs. Shapes use, besides the letters of dl_core,

    h, w, d   lines, columns and channels of an image
    T, J      dates of a sequence, states of a recurrent network
    w, h, d   of a transformer: its width, its heads, the entries of a head

The lecture that explains a network shows it, shorter, and asserts that both agree.
"""

import math
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from dl_core import Layer, init_mlp, mlp

# Layers in a row


def calm(theta, bias):
    """Layers from `init_mlp` that start near a chosen answer: the last weights a tenth, b = bias.

    Before training the network then says about `bias`, a number or (m,), for any input, so that a
    policy starts where a sensible person would and no simulation runs away at the first step.
    """
    *hidden, last = theta
    return [*hidden, Layer(W=0.1 * last.W, b=jnp.full_like(last.b, jnp.asarray(bias)))]


@jax.jit
def relu_mlp(theta, x):
    """`mlp` with the activation max(0, z): theta from `init_mlp`, x (n, k) -> (n, m).

    One function for all lectures, so that what is compiled for it is compiled once.
    """
    return mlp(theta, x, sigma=jax.nn.relu)


def residual_mlp(theta, x, gates=None):
    """Layers that add to what they are given, x + gate * relu(x @ W + b).

    The first layer brings x to the width of the blocks, the last one reads the result.

    Args: theta: list of `Layer` of sizes (k, J, ..., J, m), from `init_mlp`; x: (n, k);
        gates: a number a block, 0 to skip it. None: all are 1.
    Returns: (n, m).
    Source: He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", 2016, with
        one layer a block; gates as in Huang et al., "Deep Networks with Stochastic Depth", 2016.
    """
    first, *blocks, (W, b) = theta
    x = jax.nn.relu(x @ first.W + first.b)
    for gate, block in zip([1] * len(blocks) if gates is None else gates, blocks):
        x = x + gate * jax.nn.relu(x @ block.W + block.b)
    return x @ W + b


# Images


def patches(x, pad="constant"):
    """The 3 x 3 neighbourhood of each pixel as a row: x (n, h, w, d) -> (n, h, w, 9d).

    Args: x: images; pad: beyond the border are zeros ("constant"), or the other side ("wrap").
    """
    _, h, w, _ = x.shape
    x = jnp.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], mode=pad)
    return jnp.concatenate(
        [x[:, a : a + h, c : c + w] for a in range(3) for c in range(3)], axis=-1)


def conv(layer, x, pad="constant"):
    """A 3 x 3 convolution, one regression for all pixels.

    y_rs = sum_ac x_(r+a, s+c) W_ac + b, with a and c from -1 to 1

    Args: layer: `Layer`, W (9d, m), b (m,); x: (n, h, w, d); pad: as for `patches`.
    Returns: (n, h, w, m).
    """
    return patches(x, pad) @ layer.W + layer.b


def max_pool(x):
    """Largest value in blocks of 2 x 2: x (n, h, w, d) -> (n, h/2, w/2, d).

    Raises: ValueError if h or w is odd.
    """
    n, h, w, d = x.shape
    if h % 2 or w % 2:
        raise ValueError(f"images of {h} x {w} pixels have no blocks of 2 x 2; pad or crop them")
    return x.reshape(n, h // 2, 2, w // 2, 2, d).max(axis=(2, 4))


class CNN(NamedTuple):
    """Parameters of a convolutional network."""

    convs: list  # of `Layer`, W (9d, m)
    out: Layer  # W (places left * channels, m)


def init_cnn(key, *, size=(28, 28), channels=(1, 8, 16), m=10):
    """Random weights ("he") and zero biases for rounds of convolution, ReLU and pooling.

    Args: key: random key; size: (h, w) of the images, divisible by 2 in each round;
        channels: of the images, then after each round; m: outputs.
    Returns: `CNN`.
    Raises: ValueError if the size cannot be halved so often.
    """
    rounds = len(channels) - 1
    if any(side % 2**rounds for side in size):
        raise ValueError(f"size = {size} must be divisible by {2**rounds}, 2 in each round")
    places = (size[0] >> rounds) * (size[1] >> rounds)
    shapes = [(9 * d, c) for d, c in pairwise(channels)] + [(places * channels[-1], m)]
    *convs, out = (init_mlp(key, shape, init="he")[0]
                   for key, shape in zip(jax.random.split(key, len(shapes)), shapes))
    return CNN(convs, out)


def cnn(theta, x):
    """Rounds of convolution, ReLU and pooling, then one layer on all places that are left.

    Args: theta: `CNN`; x: (n, h, w, d).
    Returns: (n, m), such as logits.
    Source: LeCun, Bottou, Bengio and Haffner, "Gradient-Based Learning Applied to Document
        Recognition", 1998, with max pooling and ReLU.
    """
    for layer in theta.convs:
        x = jax.nn.relu(max_pool(conv(layer, x)))  # ReLU of the max = max of ReLU
    return x.reshape(len(x), -1) @ theta.out.W + theta.out.b


class ResNet(NamedTuple):
    """Parameters of a residual network for pictures of 14 x 14 and ten answers."""

    stem: Layer  # W (9, d)
    blocks: tuple  # two layers, W (blocks, 9d, d)
    out: Layer  # W (49d, 10)


def init_resnet(key, blocks=2, d=12):
    """Random weights, but for the second ones of each block: they are zero, so it adds nothing.

    Args: key: random key; blocks: their number; d: channels.
    Returns: `ResNet`.
    """
    key_stem, key_blocks, key_out = jax.random.split(key, 3)
    first = jax.vmap(lambda k: init_mlp(k, (9 * d, d), init="he")[0])(
        jax.random.split(key_blocks, blocks))
    second = jax.tree.map(jnp.zeros_like, first)
    stem = init_mlp(key_stem, (9, d), init="he")[0]
    return ResNet(stem, (first, second), init_mlp(key_out, (49 * d, 10))[0])


@jax.jit
def resnet_features(theta, x, skip=1.0, gate=1.0):
    """What the last layer of `resnet` reads: its arguments -> (n, 49d)."""
    if x.shape[1:] != (196,):
        raise ValueError(f"x of shape {x.shape}: a row holds the 196 numbers of 14 x 14 pixels")

    def block(x, at):
        (first, second), skip, gate = at
        return skip * x + gate * conv(second, jax.nn.relu(conv(first, jax.nn.relu(x)))), None

    x = max_pool(conv(theta.stem, x.reshape(-1, 14, 14, 1)))
    switches = [jnp.full(len(theta.blocks[0].W), jnp.asarray(switch), theta.out.b.dtype)
                for switch in (skip, gate)]
    x, _ = lax.scan(block, x, (theta.blocks, *switches))
    return jax.nn.relu(x).reshape(len(x), -1)


@jax.jit
def resnet(theta, x, skip=1.0, gate=1.0):
    """A stem, blocks that add to what they are given, one layer on all places.

    x -> skip * x + gate * conv(relu(conv(relu(x)))) in each block; a scan runs through them.

    Args: theta: `ResNet`; x: (n, 196), rows of pictures; skip, gate: a number, or one a block:
        what is handed on, and what is added to it.
    Returns: (n, 10), logits.
    Raises: ValueError if a row is no picture of 14 x 14.
    Source: He, Zhang, Ren and Sun, "Identity Mappings in Deep Residual Networks", 2016, without
        batch normalisation.
    """
    return resnet_features(theta, x, skip, gate) @ theta.out.W + theta.out.b


# Sequences


class RNN(NamedTuple):
    """Parameters of a recurrent network, the same at each date."""

    state: Layer  # W (k + J, J)
    out: Layer  # W (J, m)


def init_rnn(key, k, J, m):
    """Random weights and zero biases for k inputs, J states and m outputs: `RNN`."""
    key_state, key_out = jax.random.split(key)
    return RNN(init_mlp(key_state, (k + J, J))[0], init_mlp(key_out, (J, m))[0])


def rnn(theta, x, sigma=jnp.tanh):
    """A state that is carried from date to date, and an output at each.

    h_t = sigma((x_t, h_(t-1)) W + b), h_0 = 0; y_t = h_t V + c

    Args: theta: `RNN`; x: (n, T, k), n sequences.
    Returns: (n, T, m).
    Source: Elman, "Finding Structure in Time", 1990.
    """

    def step(h, x_t):
        h = sigma(jnp.concatenate([x_t, h], axis=-1) @ theta.state.W + theta.state.b)
        return h, h

    h = jnp.zeros((len(x), len(theta.state.b)), jnp.result_type(theta.state.b))
    _, h = lax.scan(step, h, jnp.swapaxes(x, 0, 1))
    return jnp.swapaxes(h, 0, 1) @ theta.out.W + theta.out.b


def init_lstm(key, k, J, m, forget=1.0):
    """As `init_rnn`, W (k + J, 4J), for `lstm`; forget: bias of the forget gate at the start."""
    state, out = _gated(key, k, J, m, 4)
    return RNN(state._replace(b=state.b.at[J : 2 * J].set(forget)), out)


def init_gru(key, k, J, m, keep=0.0):
    """As `init_rnn`, W (k + J, 3J), for `gru`; keep: bias of the keep gate at the start."""
    state, out = _gated(key, k, J, m, 3)
    return RNN(state._replace(b=state.b.at[J : 2 * J].set(keep)), out)


def _gated(key, k, J, m, blocks):
    key_state, key_out = jax.random.split(key)
    return init_mlp(key_state, (k + J, blocks * J))[0], init_mlp(key_out, (J, m))[0]


def lstm_step(layer, state, x_t):
    """One date of a long short-term memory, with s the logistic function.

    (a, f, o, g) = (x_t, h) W + b; c <- s(f) c + s(a) tanh(g); h <- s(o) tanh(c)

    Args: layer: `Layer`, W (k + J, 4J); state: (n, 2J), h beside c; x_t: (n, k).
    Returns: the new state.
    Source: Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997, with a forget gate.
    """
    h, c = jnp.split(state, 2, axis=-1)
    z = jnp.concatenate([x_t, h], axis=-1) @ layer.W + layer.b
    write, forget, show, new = jnp.split(z, 4, axis=-1)
    c = jax.nn.sigmoid(forget) * c + jax.nn.sigmoid(write) * jnp.tanh(new)
    return jnp.concatenate([jax.nn.sigmoid(show) * jnp.tanh(c), c], axis=-1)


def gru_step(layer, h, x_t):
    """One date of a gated recurrent unit, with s the logistic function.

    h <- s(z) h + (1 - s(z)) tanh(x_t W_g + b_g + s(r) (h U_g)); r, z = x_t W + h U + b

    Args: layer: `Layer`, W (k + J, 3J), columns of r, z and g; h: (n, J); x_t: (n, k).
    Returns: the new h.
    Source: as equinox's `GRUCell` without its second bias: r stands outside the product, so
        that a date takes one product with h.
    """
    J, k = h.shape[-1], x_t.shape[-1]
    by_x, by_h = x_t @ layer.W[:k] + layer.b, h @ layer.W[k:]
    reset, keep = jnp.split(jax.nn.sigmoid((by_x + by_h)[:, : 2 * J]), 2, axis=-1)
    new = jnp.tanh(by_x[:, 2 * J :] + reset * by_h[:, 2 * J :])
    return keep * h + (1 - keep) * new


def lstm(theta, x, mask=None):
    """Outputs of `lstm_step` at each date; arguments and result as for `gru`."""
    return _read(lstm_step, 2 * len(theta.out.W), theta, x, mask)


def gru(theta, x, mask=None):
    """Outputs of `gru_step` at each date.

    Args: theta: `RNN` from `init_gru`; x: (n, T, k); mask: (n, T), true where there is an
        input. Where it is false, the state stays. None: everywhere.
    Returns: (n, T, m).
    """
    return _read(gru_step, len(theta.out.W), theta, x, mask)


def _read(step, size, theta, x, mask):
    def next_state(state, now):
        x_t, real = now
        state = jnp.where(real[:, None], step(theta.state, state, x_t), state)
        return state, state

    mask = jnp.ones(x.shape[:2], bool) if mask is None else mask
    state = jnp.zeros((len(x), size), jnp.result_type(theta.state.b))
    dates_first = jnp.swapaxes(x, 0, 1), jnp.swapaxes(mask, 0, 1)
    _, states = lax.scan(next_state, state, dates_first)
    h = jnp.swapaxes(states, 0, 1)[..., : len(theta.out.W)]
    return h @ theta.out.W + theta.out.b


# Attention


class Block(NamedTuple):
    """Parameters of a block of a transformer, with h heads of d = w / h entries."""

    qkv: jax.Array  # (3, h, w, d): queries, keys, values
    out: jax.Array  # (h, d, w)
    up: jax.Array  # (w, 4w)
    down: jax.Array  # (4w, w)


class GPT(NamedTuple):
    """Parameters of a transformer that predicts the next of m tokens."""

    embed: jax.Array  # (m, w): a vector for each token
    place: jax.Array  # (length, w): and one for each place
    blocks: list  # of `Block`
    read: jax.Array  # (w, m)


@partial(jax.jit, static_argnames=("vocabulary", "width", "blocks", "heads", "length"))
def init_gpt(key, *, vocabulary, width, blocks, heads, length):
    """Random weights with variance 1 / inputs; less for what a block adds, the more blocks.

    Args: key: random key; vocabulary: number of tokens m; width: w, divisible by heads;
        blocks, heads: how many; length: most tokens in a sequence.
    Returns: `GPT`.
    Raises: ValueError if the width cannot be divided among the heads.
    """
    if width % heads:
        raise ValueError(f"width = {width} cannot be divided among {heads} heads")
    w, d, small = width, width // heads, (2 * blocks) ** -0.5
    size = (2 * vocabulary + length) * w + blocks * 12 * w**2
    rest = jax.random.normal(key, (size,))  # one draw compiles faster than one an array

    def take(*shape, inputs=w, scale=1.0):
        nonlocal rest
        mine, rest = jnp.split(rest, [math.prod(shape)])
        return scale * mine.reshape(shape) / inputs**0.5

    return GPT(
        take(vocabulary, w), take(length, w),
        [Block(take(3, heads, w, d), take(heads, d, w, scale=small),
               take(w, 4 * w), take(4 * w, w, inputs=4 * w, scale=small))
         for _ in range(blocks)],
        take(w, vocabulary))


def rms_norm(x):
    """Rows scaled to a mean square of one, whatever their size: x / sqrt(mean of x**2)."""
    return x * lax.rsqrt(jnp.mean(x**2, axis=-1, keepdims=True) + 1e-6)


def attend(q, k, v, seen):
    """Weighted averages of values, with weights from a query's products with the keys.

    softmax over s of (q_t . k_s / sqrt(d)), times v_s, where seen[t, s]

    Args: q: (..., T, d); k, v: (..., S, d); seen: (T, S), or (..., T, S), of bool, at least one
        in each row.
    Returns: averages (..., T, d), weights (..., T, S).
    """
    scores = jnp.einsum("...td,...sd->...ts", q, k) / q.shape[-1] ** 0.5
    weights = jax.nn.softmax(jnp.where(seen, scores, -jnp.inf))
    return weights @ v, weights


def self_attention(block, x, seen):
    """Each token looks at those it may see: x (n, T, w) -> (n, T, w), weights (n, h, T, T)."""
    q, k, v = jnp.einsum("ntw,jhwd->jnhtd", x, block.qkv)
    mean, weights = attend(q, k, v, seen)
    return jnp.einsum("nhtd,hdw->ntw", mean, block.out), weights


@jax.jit
def gpt(theta, tokens):
    """Logits of the next token at each place, from this token and those before.

    Args: theta: `GPT`; tokens: (n, T) integers from 0 to m - 1, T at most theta's length.
    Returns: (n, T, m).
    Raises: ValueError if the sequence is longer than theta has places.
    Source: Vaswani et al., "Attention Is All You Need", 2017, the decoder alone, normed before
        each part.
    """
    return gpt_weights(theta, tokens)[0]


@jax.jit
def gpt_weights(theta, tokens, seen=None):
    """`gpt`, and where it looks: logits (n, T, m), weights (n, h, T, T) of each block.

    Args: theta, tokens: as for `gpt`; seen: (T, T), or (n, 1, T, T), True where token t (row) may
        look at token s (column), in each block. None: at itself and at those before.
    """
    _places(theta, tokens)
    T = tokens.shape[1]
    seen = jnp.tri(T, dtype=bool) if seen is None else seen
    x, weights = theta.embed[tokens] + theta.place[:T], []
    for block in theta.blocks:
        change, looks = self_attention(block, rms_norm(x), seen)
        x = x + change
        x = x + jax.nn.gelu(rms_norm(x) @ block.up) @ block.down
        weights.append(looks)
    return rms_norm(x) @ theta.read, weights


def _places(theta, tokens):
    if tokens.shape[1] > len(theta.place):
        raise ValueError(f"{tokens.shape[1]} tokens, but theta has {len(theta.place)} places; "
                         "pass fewer, or train with a larger length")


def empty_cache(theta, n):
    """Room for the keys and values of n sequences: an array (2, n, h, length, d) a block."""
    _, h, _, d = theta.blocks[0].qkv.shape
    return [jnp.zeros((2, n, h, len(theta.place), d), theta.place.dtype) for _ in theta.blocks]


def gpt_next(theta, cache, t, token):
    """`gpt` for the token at place t, when the cache has the keys and values of those before.

    Args: cache: from `empty_cache`, or from the call for place t - 1; t: place, from 0;
        token: (n,) integers.
    Returns: logits (n, m) of the token after it, cache.
    """
    x = theta.embed[token] + theta.place[t]
    seen, new = jnp.arange(len(theta.place)) <= t, []
    for block, kv in zip(theta.blocks, cache):
        q, *now = jnp.einsum("nw,jhwd->jnhd", rms_norm(x), block.qkv)
        kv = kv.at[:, :, :, t].set(jnp.stack(now))
        mean, _ = attend(q[:, :, None], *kv, seen)
        x = x + jnp.einsum("nhd,hdw->nw", mean[:, :, 0], block.out)
        x = x + jax.nn.gelu(rms_norm(x) @ block.up) @ block.down
        new.append(kv)
    return rms_norm(x) @ theta.read, new


@jax.jit
def generate(theta, key, tokens, temperature=1.0):
    """Write the tokens that are -1, from left to right, each drawn given all before it.

    p(token) = softmax(logits / temperature)

    Args: theta: `GPT`; key: random key; tokens: (n, T) integers, the first not -1, those that
        are given are kept; temperature: 0 for the likeliest token each time.
    Returns: (n, T) tokens.
    Raises: ValueError if the sequence is longer than theta has places.
    """
    _places(theta, tokens)

    def step(state, inputs):
        cache, token = state
        t, key, given = inputs
        logits, cache = gpt_next(theta, cache, t, token)
        drawn = jax.random.categorical(key, logits / jnp.maximum(temperature, 1e-9))
        drawn = jnp.where(temperature > 0, drawn, logits.argmax(axis=-1))
        token = jnp.where(given < 0, drawn, given)
        return (cache, token), token

    n, T = tokens.shape
    keys, start = jax.random.split(key, T - 1), (empty_cache(theta, n), tokens[:, 0])
    _, rest = lax.scan(step, start, (jnp.arange(T - 1), keys, tokens[:, 1:].T))
    return jnp.concatenate([tokens[:, :1], rest.T], axis=1)
