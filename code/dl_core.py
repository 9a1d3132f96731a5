"""The shared module of the book: a network, two losses and a training loop.

Everything here is plain JAX, meant to be read in one sitting.

Notation, in shapes and in names:

    n, k, m   observations, inputs, outputs
    theta     parameters: any pytree of arrays; for `mlp` a list of layers
    W, b      weights (k, j) and bias (j,) of a layer; inputs are rows, y = x @ W + b
    sigma     activation function, applied to each entry
    lr        learning rate, written lambda in the mathematics
    key       a JAX random key; nothing is random without one

Source: John Stachurski, "Deep Learning", IMF Workshop on Computational Economics, 2025.
"""

import operator
import warnings
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

INITS = {  # variance of a weight with k inputs and j outputs
    "lecun": lambda k, j: 1 / k,
    "glorot": lambda k, j: 2 / (k + j),
    "he": lambda k, j: 2 / k,
}


# The network


class Layer(NamedTuple):
    """Parameters of one layer, x -> x @ W + b."""

    W: jax.Array  # (k, j)
    b: jax.Array  # (j,)


def init_mlp(key, sizes, *, init="lecun", dtype=None):
    """Random weights and zero biases for layers of the given sizes.

    Args: key: random key; sizes: (k, ..., m), inputs first, outputs last;
        init: variance of the weights, "lecun" 1/k (tanh), "he" 2/k (ReLU), "glorot" 2/(k+j);
        dtype: of the arrays, JAX's default float if None.
    Returns: list of `Layer`, W (k, j) and b (j,).
    Raises: ValueError if key, sizes or init are not as above.
    """
    _check_key("key", key)
    sizes = [_count("each of sizes", s) for s in (sizes if hasattr(sizes, "__iter__") else [sizes])]
    if len(sizes) < 2:
        raise ValueError(f"sizes = {sizes} needs an input and an output, such as (1, 10, 1)")
    if init not in INITS:
        raise ValueError(f"init = {init!r} is not known; use one of {', '.join(INITS)}")
    return _draw_layers(key, tuple(sizes), init, dtype)


@partial(jax.jit, static_argnames=("sizes", "init", "dtype"))
def _draw_layers(key, sizes, init, dtype):
    pairs = list(pairwise(sizes))
    ends = list(accumulate(k * j for k, j in pairs))
    draws = jax.random.normal(key, (ends[-1],), dtype)  # one draw compiles faster than one a layer
    return [
        Layer(
            W=INITS[init](k, j) ** 0.5 * draws[end - k * j : end].reshape(k, j),
            b=jnp.zeros(j, dtype),
        )
        for (k, j), end in zip(pairs, ends)
    ]


def mlp(theta, x, sigma=jnp.tanh):
    """Multilayer perceptron: x = sigma(x @ W + b) in hidden layers, the last one affine.

    Args: theta: list of pairs of arrays (W, b); x: (n, k), or one row (k,).
    Returns: (n, m), or (m,).
    Raises: ValueError if x does not fit the first layer.
    Source: slides, "Definition of an ANN", with the identity as last activation.
    """
    x = _array("x", x)
    if len(theta) == 0:
        raise ValueError("theta has no layers; make one with init_mlp(key, (k, ..., m))")
    k = theta[0][0].shape[0]
    if x.ndim == 0 or x.shape[-1] != k:
        raise ValueError(
            f"x has shape {x.shape} but the first layer takes {k} inputs; "
            f"x must be (n, {k}), and a vector of n scalar inputs becomes x[:, None]"
        )
    *hidden, (W, b) = theta
    for W_h, b_h in hidden:
        x = sigma(x @ W_h + b_h)
    return x @ W + b


# Losses


def mse(theta, x, y, model=mlp):
    """Mean squared error of `model(theta, x)` against `y`.

    (1/n) sum_i |y_i - f_theta(x_i)|^2

    Args: theta: pytree; x: (n, k); y: (n, m), or (n,) if the model returns that; same unit
        as the model's output. One row y (m,) counts as m observations.
    Returns: scalar, in squared units of y.
    Raises: ValueError if there is no data or the prediction's shape differs from y's.
    Source: slides, "Nonlinear regression".
    """
    y, prediction = _array("y", y), model(theta, x)
    if y.shape != prediction.shape:
        raise ValueError(
            f"y has shape {y.shape} but the model returns {prediction.shape}; "
            "subtracting them would broadcast. For scalar outcomes use y[:, None]"
        )
    if y.size == 0:
        raise ValueError(f"y has shape {y.shape}: no observation to average over")
    return jnp.sum((y - prediction) ** 2) / (len(y) if y.ndim else 1)


def cross_entropy(theta, x, labels, model=mlp):
    """Mean negative log-likelihood of `labels` when `model(theta, x)` are logits.

    -(1/n) sum_i log softmax(f_theta(x_i))[labels_i], by log-sum-exp, so nothing overflows

    Args: theta: pytree; x: (n, k); labels: (n,) integers from 0 to m - 1.
    Returns: scalar, in nats. Inside jit, a label out of range makes it NaN.
    Raises: ValueError if labels are no integers, out of range, or of the wrong shape.
    Source: slides, "Extensions".
    """
    labels, logits = _array("labels", labels), model(theta, x)
    if not jnp.issubdtype(labels.dtype, jnp.integer):
        raise ValueError(
            f"labels have dtype {labels.dtype}; they number the classes, "
            "so convert them with labels.astype(int)"
        )
    if labels.shape != logits.shape[:-1]:
        raise ValueError(
            f"labels have shape {labels.shape} but logits {logits.shape}; labels must be "
            f"{logits.shape[:-1]}: class numbers, one an observation, not one-hot rows"
        )
    if labels.size == 0:
        raise ValueError(f"labels have shape {labels.shape}: no observation to average over")
    m = logits.shape[-1]
    if _is_concrete(labels):
        low, high = jax.device_get(labels).min(), jax.device_get(labels).max()
        if low < 0 or high >= m:
            raise ValueError(f"labels run from {low} to {high}, the classes from 0 to {m - 1}")
    index = labels.astype(int)  # wide enough for m
    index = jnp.where(index < 0, m, index)  # a negative index would count from the end
    log_p = jnp.take_along_axis(jax.nn.log_softmax(logits), index[..., None], axis=-1)
    return -jnp.mean(log_p)


# Training


def sgd_update(theta, grads, lr=0.01):
    """One step against the gradient, theta - lr * grads, for any pytree.

    Args: theta, grads: pytrees of one structure; lr: positive number.
    Returns: pytree like theta.
    Source: slides, "JAX pytrees".
    """
    return jax.tree.map(lambda p, g: p - lr * g, theta, grads)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Fit:
    """What `train` returns; `theta, losses = train(...)` takes the first two."""

    theta: Any  # parameters: the last ones, or with patience the best ones
    losses: Any  # (steps,) loss before each update, on its batch, penalty included
    val_losses: Any = None  # (steps // eval_every,) validation loss after each eval_every updates
    best_step: Any = None  # number of updates in theta, when patience chose it

    def __iter__(self):
        return iter((self.theta, self.losses))


class Best(NamedTuple):
    """The lowest validation loss so far, and where it was."""

    value: Any
    step: Any
    theta: Any


class State(NamedTuple):
    """What one step of training hands to the next."""

    theta: Any
    memory: Any  # of the optimizer
    order: Any  # this epoch's permutation of the observations
    best: Any  # `Best`, with patience


def train(theta, x, y, *, loss=mse, lr=0.01, steps, batch_size=None, key=None, noise_key=None,
          optimizer=None, l2=0.0, validation=None, patience=None, eval_every=1, progress=False):
    """Minimise `loss` by (stochastic) gradient descent, the whole loop compiled once.

    theta <- theta - lr * gradient of [loss(theta, x_B, y_B) + l2 * sum of squared weights]

    The compiled loop is kept for the next call with the same functions, shapes and `steps`;
    so pass named functions for loss, lr and optimizer, as a new lambda compiles anew.

    Args:
        theta: any pytree of float arrays.
        x, y: (n, ...) arrays, one observation a row.
        loss: function (theta, x, y) -> scalar.
        lr: positive number, or a schedule: function of the step 0, 1, ... -> number.
        steps: number of updates.
        batch_size: rows an update uses; each epoch shuffles, and leaves out n % batch_size
            rows. None: all rows, every time.
        key: random key, needed for mini-batches.
        noise_key: random key for a loss with noise of its own, such as dropout: each update calls
            loss(theta, x, y, key=...) with a fresh key, validation loss(theta, x, y) with none.
        optimizer: object with optax's `init` and `update`, which then sets the rate; None: SGD.
        l2: penalty on every leaf with two or more axes (weights, not biases).
        validation: pair (x, y) on which `loss`, without penalty, is recorded.
        patience: stop after this many updates without a lower validation loss, return the best.
        eval_every: updates between two looks at the validation data.
        progress: show a bar (needs tqdm).
    Returns: `Fit`, which unpacks as (theta, losses). When patience stops the run, losses end
        there (inside jit or vmap, where shapes are fixed, NaN follows).
    Raises: ValueError on bad input. Warns if the loss is no longer finite, and at which step.
    Source: slides, "Gradient descent".
    """
    x, y = _data(x, y)
    steps, eval_every = _count("steps", steps), _count("eval_every", eval_every)
    batch_size = None if batch_size is None else _count("batch_size", batch_size)
    patience = None if patience is None else _count("patience", patience)
    _check_options(
        len(x), steps, lr, batch_size, key, noise_key, optimizer, l2, validation, patience,
        eval_every)
    theta = jax.tree.map(partial(_array, "a leaf of theta"), theta)
    _check_loss(loss, theta, x, y, l2, noise_key)
    x_val, y_val, best = None, None, None
    if validation is not None:
        x_val, y_val = _data(*validation, "validation ")
        value = _check_loss(loss, theta, x_val, y_val, l2)
    if patience is not None:
        best = Best(jnp.full_like(value, jnp.inf), jnp.asarray(0), theta)

    data = x, y, x_val, y_val, key, noise_key, None if callable(lr) else lr, l2
    state = State(
        theta,
        memory=None if optimizer is None else optimizer.init(theta),
        order=None if batch_size is None else jnp.arange(len(x)),
        best=best,
    )
    length, out = -(-steps // 100) if progress else steps, []
    starts = range(0, steps, length)
    if progress:
        from tqdm import tqdm  # the one thing here that is neither JAX nor the standard library
        starts = tqdm(starts, desc="training", unit="block")
    for start in starts:
        state, recorded = _run(
            state, start, data, length=min(length, steps - start), loss=loss,
            schedule=lr if callable(lr) else None, optimizer=optimizer, batch_size=batch_size,
            penalised=_is_positive(l2), patience=patience, eval_every=eval_every,
        )
        out.append(jax.block_until_ready(recorded) if progress else recorded)
    losses, val_losses = jax.tree.map(lambda *a: jnp.concatenate(a), *out) if progress else out[0]
    return _finish(state, losses, val_losses, patience, eval_every)


@partial(jax.jit, static_argnames=(
    "length", "loss", "schedule", "optimizer", "batch_size", "penalised", "patience", "eval_every"))
def _run(state, start, data, *, length, loss, schedule, optimizer, batch_size, penalised, patience,
         eval_every):
    """The compiled part of `train`: `length` updates from number `start` on, as one scan."""
    x, y, x_val, y_val, key, noise_key, lr, l2 = data

    def objective(theta, x, y, i):
        value = loss(theta, x, y, **_noise(noise_key, i))
        return value + l2 * sum(jnp.sum(w**2) for w in _weights(theta)) if penalised else value

    def draw(order, i):
        if batch_size is None:
            return order, x, y
        epoch, place = jnp.divmod(i, len(x) // batch_size)
        shuffle = partial(jax.random.permutation, jax.random.fold_in(key, epoch), len(x))
        order = lax.cond(place == 0, shuffle, lambda: order)
        rows = lax.dynamic_slice_in_dim(order, place * batch_size, batch_size)
        return order, x[rows], y[rows]

    def update(state, i):
        order, x_i, y_i = draw(state.order, i)
        value, grads = jax.value_and_grad(objective)(state.theta, x_i, y_i, i)
        if optimizer is None:
            theta, memory = sgd_update(state.theta, grads, schedule(i) if schedule else lr), None
        else:
            changes, memory = optimizer.update(grads, state.memory, state.theta)
            theta = jax.tree.map(jnp.add, state.theta, changes)
        theta = jax.tree.map(lambda new, old: new.astype(old.dtype), theta, state.theta)
        return State(theta, memory, order, state.best), value

    def look(state, i):
        value = loss(state.theta, x_val, y_val)
        if patience is not None:
            now = Best(value, i + 1, state.theta)
            better = value < state.best.value
            state = state._replace(
                best=jax.tree.map(lambda a, b: jnp.where(better, a, b), now, state.best))
        return state, value

    def step(state, i):
        state, value = update(state, i)
        if x_val is None:
            return state, (value, None)
        state, val = _cond((i + 1) % eval_every == 0, look, state, i)
        return state, (value, val)

    def step_unless_stopped(state, i):
        return _cond(i - state.best.step < patience, step, state, i)

    return lax.scan(
        step if patience is None else step_unless_stopped, state, start + jnp.arange(length))


def _noise(noise_key, i):
    """The key of update i as an argument of the loss; no argument without `noise_key`."""
    return {} if noise_key is None else {"key": jax.random.fold_in(noise_key, i)}


def _cond(condition, step, state, i):
    """`step(state, i)` where the condition holds; else the same state, and NaN as its output."""
    nothing = jax.tree.map(
        lambda a: jnp.full(a.shape, jnp.nan, a.dtype), jax.eval_shape(step, state, i)[1])
    return lax.cond(condition, step, lambda state, i: (state, nothing), state, i)


def _finish(state, losses, val_losses, patience, eval_every):
    """The `Fit` of a finished run: cut where it stopped, with a warning if it diverged."""
    done = len(losses)
    if patience is not None and _is_concrete(losses):
        done = min(done, int(state.best.step) + patience)
        losses = losses[:done]
    if val_losses is not None:
        val_losses = val_losses[eval_every - 1 : done : eval_every]
    if _is_concrete(losses) and not (finite := _is_finite(losses)).all():
        warnings.warn(
            f"the loss is not finite from step {finite.argmin()} on; lower lr, or scale the data",
            RuntimeWarning, stacklevel=3,
        )
    elif val_losses is not None and _is_concrete(losses) and not _is_finite(val_losses).all():
        warnings.warn(
            "the validation loss is not finite, the training loss is; look at the validation data",
            RuntimeWarning, stacklevel=3,
        )
    if patience is None:
        return Fit(state.theta, losses, val_losses)
    return Fit(state.best.theta, losses, val_losses, state.best.step)


# Checks


def _is_concrete(a):
    """Whether a's values can be looked at: not inside jit or vmap, nor on another machine."""
    return not isinstance(a, jax.core.Tracer) and getattr(a, "is_fully_addressable", True)


def _is_finite(a):
    return abs(jax.device_get(a)) < float("inf")


def _is_positive(a, or_zero=False):
    """Whether a is one finite number above zero, as far as its value can be looked at."""
    try:
        fits = not _is_concrete(a) or bool((a >= 0 if or_zero else a > 0) and a < float("inf"))
        return fits and getattr(a, "ndim", 0) == 0
    except (TypeError, ValueError):  # not a number, or many
        return False


def _weights(theta):
    return [p for p in jax.tree.leaves(theta) if p.ndim > 1]


def _array(name, a):
    try:
        array = jnp.asarray(a)
        whole = jnp.issubdtype(array.dtype, jnp.integer) and _is_concrete(array)
        if whole and hasattr(a, "__array__") and (a.__array__() != jax.device_get(array)).any():
            raise OverflowError(f"too large for {array.dtype}; make them floats")
        return array
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(
            f"{name} cannot be made an array ({error}); pass numbers, the rows of equal length"
        ) from error


def _count(name, value):
    try:
        count = operator.index(value)
    except TypeError:
        count = 0
    if count < 1:
        raise ValueError(f"{name} = {value!r} must be a whole number, at least 1")
    return count


def _data(x, y, name=""):
    """x and y as arrays with the same number of rows, at least one, and every entry finite."""
    x, y = _array(f"{name}x", x), _array(f"{name}y", y)
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y) or len(x) == 0:
        raise ValueError(
            f"{name}x has shape {x.shape} and {name}y {y.shape}; "
            "both need the same number of rows, at least 1"
        )
    for label, a in (("x", x), ("y", y)):
        if _is_concrete(a) and not _is_finite(a).all():
            raise ValueError(f"{name}{label} contains NaN or infinity; drop or fill such rows")
    return x, y


def _check_key(name, key):
    dtype = getattr(key, "dtype", None)
    typed = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)
    if dtype is None or key.ndim != (0 if typed else 1) or not (typed or dtype == jnp.uint32):
        raise ValueError(f"{name} = {key!r} must be one random key: pass jax.random.key(seed)")


def _check_options(n, steps, lr, batch_size, key, noise_key, optimizer, l2, validation, patience,
                   eval_every):
    if not callable(lr) and not _is_positive(lr):
        raise ValueError(f"lr = {lr!r} must be positive, one number; 0.01 is a first try")
    if batch_size is not None and batch_size > n:
        raise ValueError(f"batch_size = {batch_size} exceeds the {n} observations; None uses all")
    if batch_size is not None:
        _check_key("key", key)
    if noise_key is not None:
        _check_key("noise_key", noise_key)
    if optimizer is not None and not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
        raise ValueError(f"optimizer = {optimizer!r} needs init and update, like optax.adam(0.001)")
    if not _is_positive(l2, or_zero=True):
        raise ValueError(f"l2 = {l2!r} must be a number, not negative; 0.0 switches it off")
    if not (validation is None or (isinstance(validation, tuple | list) and len(validation) == 2)):
        raise ValueError("validation must be a pair of arrays, (x_val, y_val)")
    if validation is not None and eval_every > steps:
        raise ValueError(f"eval_every = {eval_every} exceeds steps = {steps}; lower it")
    if patience is not None and validation is None:
        raise ValueError("patience compares validation losses: pass validation=(x_val, y_val)")
    if patience is not None and patience < eval_every:
        raise ValueError(f"patience = {patience} must be at least eval_every = {eval_every}")


def _check_loss(loss, theta, x, y, l2, noise_key=None):
    """Shape and dtype of the loss, traced so that bad input fails before anything is compiled."""
    if not callable(loss):
        raise ValueError(f"loss = {loss!r} must be a function of (theta, x, y), such as mse")
    types = [p.dtype for p in jax.tree.leaves(theta)]
    wrong = {str(dtype) for dtype in types if not jnp.issubdtype(dtype, jnp.floating)}
    if wrong or not types:
        raise ValueError(
            f"theta holds {wrong or 'no arrays'}; gradient descent needs arrays of floats, "
            "such as init_mlp(key, (k, ..., m)) makes"
        )
    if _is_positive(l2) and not _weights(theta):
        raise ValueError("l2 penalises arrays with two or more axes, and theta has none")
    value = jax.eval_shape(lambda theta, x: loss(theta, x, y, **_noise(noise_key, 0)), theta, x)
    if getattr(value, "shape", None) != () or not jnp.issubdtype(value.dtype, jnp.floating):
        raise ValueError(f"loss returns {value}, not one number; average over the observations")
    return value
