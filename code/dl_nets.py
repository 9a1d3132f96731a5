"""Networks beside `mlp`: with ReLU, with skips, convolutional, recurrent.

As in dl_core, a network is a pair of pure functions: one draws the parameters from a key, the
other maps parameters and inputs to outputs. Shapes use, besides the letters of dl_core,

    h, w, d   lines, columns and channels of an image
    T, J      dates of a sequence, states of a recurrent network

The lecture that explains a network shows it, shorter, and asserts that both agree.
"""

from itertools import pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from dl_core import Layer, init_mlp, mlp

# Layers in a row


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
