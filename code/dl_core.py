"""The shared module of the book: a network, two losses and a training loop.

Plain JAX, meant to be read in one sitting; checks of what a caller passes are in dl_checks.py.

Notation, in shapes and in names:

    n, k, m   observations, inputs, outputs
    theta     parameters: any pytree; for `mlp` a list of layers
    W, b      weights (k, j) and bias (j,) of a layer; inputs are rows, y = x @ W + b
    sigma     activation function, applied to each entry
    lr        learning rate, written lambda in the mathematics
    key       a JAX random key; nothing is random without one

Source: John Stachurski, "Deep Learning", IMF Workshop on Computational Economics, 2025.
"""

from collections import namedtuple
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

import dl_checks as checks
from dl_checks import LR, Joined, Same

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
    checks.check_key("key", key)
    sizes = checks.as_sizes(sizes)
    if init not in INITS:
        raise ValueError(f"init = {init!r} is not known; use one of {', '.join(INITS)}")
    return _draw_layers(key, sizes, init, dtype)


@partial(jax.jit, static_argnames=("sizes", "init", "dtype"))
def _draw_layers(key, sizes, init, dtype):
    pairs = list(pairwise(sizes))
    ends = list(accumulate(k * j for k, j in pairs))
    draws = jax.random.normal(key, (ends[-1],), dtype)  # one draw compiles faster than one a layer
    return [
        Layer(INITS[init](k, j) ** 0.5 * draws[end - k * j : end].reshape(k, j),
              jnp.zeros(j, dtype))
        for (k, j), end in zip(pairs, ends)
    ]


def mlp(theta, x, sigma=jnp.tanh):
    """Multilayer perceptron: x = sigma(x @ W + b) in hidden layers, the last one affine.

    Args: theta: list of pairs of arrays (W, b); x: (n, k), or one row (k,).
    Returns: (n, m), or (m,).
    Raises: ValueError if x does not fit the first layer.
    Source: slides, "Definition of an ANN", with the identity as last activation.
    """
    x = checks.as_inputs(theta, x)
    *hidden, (W, b) = theta
    for W_h, b_h in hidden:
        x = sigma(x @ W_h + b_h)
    return x @ W + b


# Losses


def _wide(a):
    """In single precision at least: in float16 a count of 70,000 is infinite."""
    return a.astype(jnp.promote_types(a.dtype, jnp.float32))


def mse(theta, x, y, model=mlp):
    """Mean squared error of `model(theta, x)` against `y`.

    (1/n) sum_i |y_i - f_theta(x_i)|^2

    Args: theta: pytree; x: (n, k); y: (n, m), or (n,) if the model returns that; same unit
        as the model's output. One row x (k,), y (m,) counts as one observation.
    Returns: scalar, in squared units of y.
    Raises: ValueError if there is no data or the prediction's shape differs from y's.
    Source: slides, "Nonlinear regression".
    """
    prediction = model(theta, x)
    y = checks.as_outcome(y, prediction)
    error = _wide(y) - _wide(prediction)
    return jnp.sum(error**2) / checks.observations(theta, x, y, model)


def cross_entropy(theta, x, labels, model=mlp):
    """Mean negative log-likelihood of `labels` when `model(theta, x)` are logits.

    -(1/n) sum_i log softmax(f_theta(x_i))[labels_i], by log-sum-exp, so nothing overflows

    Args: theta: pytree; x: (n, k); labels: (n,) integers from 0 to m - 1.
    Returns: scalar, in nats. Inside jit, a label out of range makes it NaN.
    Raises: ValueError if labels are no integers, out of range, or of the wrong shape.
    Source: slides, "Extensions".
    """
    logits = model(theta, x)
    index, m = checks.as_labels(labels, logits), logits.shape[-1]
    index = jnp.where(index < 0, m, index)  # a negative index would count from the end
    log_p = jax.nn.log_softmax(_wide(logits))
    return -jnp.mean(jnp.take_along_axis(log_p, index[..., None], axis=-1))


def squared_weights(theta):
    """Sum of squares of the leaves with two or more axes (weights, not biases): the L2 penalty.

    Args: theta: pytree. Returns: scalar. Raises: ValueError if theta has no such leaf.
    """
    return sum(jnp.sum(_wide(W) ** 2) for W in checks.weights(theta))


# Training


def sgd_update(theta, grads, lr=0.01):
    """One step against the gradient, theta - lr * grads, for any pytree.

    Args: theta, grads: pytrees of one structure; lr: positive number.
    Returns: pytree like theta.
    Source: slides, "JAX pytrees".
    """
    return jax.tree.map(lambda p, g: p - lr * g, theta, grads)


class State(NamedTuple):
    """What an update hands to the next one, and a finished run to one that goes on from it."""

    step: Any  # number of updates done
    theta: Any  # after them; None in a `Fit` whose own theta they are
    memory: Any  # of the optimizer
    order: Any  # this epoch's permutation of the rows, with batch_size
    best: Any  # with patience the lowest record so far, as `Best`


Best = namedtuple("Best", "value step theta")


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Fit:
    """What `minimise` and `train` return; `theta, losses = train(...)` takes the first two."""

    theta: Any  # parameters: the last ones, or with patience the best ones
    losses: Any  # (steps,) loss before each update, on its batch
    recorded: Any = None  # (steps // eval_every, ...) `record` after each eval_every updates
    best_step: Any = None  # number of updates in theta, when patience chose it
    state: Any = None  # for a run that goes on from here

    def __iter__(self):
        return iter((self.theta, self.losses))

    @property
    def val_losses(self):
        """What `train` records: the loss on the validation data."""
        return self.recorded


def minimise(loss, theta, *data, steps, key=None, lr=LR, optimizer=None, state=None,
             batch_size=None, record=None, eval_every=1, patience=None, progress=False):
    """Minimise `loss(theta, *data)` over theta by gradient descent, the whole loop compiled once.

    theta <- theta - lr * gradient of loss(theta, *data)

    The compiled loop is kept for the next call with the same functions, shapes and `steps`.
    So pass named functions, as a new lambda or a method compiles anew, and pass what changes as
    data: an array or a global that a function reads by name stays what it was at the first call.

    Args:
        loss: function (theta, *data) -> scalar.
        theta: any pytree. Its arrays of floats are trained, its other leaves stay.
        data: arrays, numbers or pytrees of them, handed to loss.
        steps: number of updates.
        key: random key. A loss that has an argument `key` is then called at update 0, 1, ...,
            i with key=jax.random.fold_in(key, i), so that it can draw a sample of its own.
        lr: positive number, or a schedule: function of the step 0, 1, ... -> number.
        optimizer: object with optax's `init` and `update`, in place of lr; None: SGD.
        state: of the `Fit` whose theta is passed, to go on as if that run had not ended.
        batch_size: rows of each array in data that an update uses; each epoch shuffles, by
            key, and leaves out n % batch_size rows. None: all rows, every time.
        record: what to keep: a function of theta, or a tuple (f, a, b) for f(theta, a, b).
        eval_every: updates between two records.
        patience: stop after this many updates without a lower record, return the best theta.
        progress: show a bar (needs tqdm).
    Returns: `Fit`, which unpacks as (theta, losses), once the device is done, as the warning
        needs the losses. They end where patience stops the run; inside jit or vmap NaN follows.
    Raises: ValueError on bad input. Warns if the loss is no longer finite, and at which step.
    Source: slides, "Gradient descent".
    """
    steps, eval_every, batch_size, patience = checks.as_counts(
        steps=steps, eval_every=eval_every, batch_size=batch_size, patience=patience)
    f, *record_data = (None,) if record is None else checks.as_record(record)
    checks.check_options(steps, lr, optimizer, state, batch_size, key, f, eval_every, patience)
    floats, arrays, rest = checks.split(theta)
    keyed = key is not None and checks.accepts(loss, "key")
    task = Task(Joined(Same(loss), rest), keyed, lr if callable(lr) else None, Same(optimizer),
                batch_size, f and Joined(Same(f), rest), eval_every, patience)
    inputs = Inputs(arrays, checks.as_data(data), checks.as_data(record_data), key,
                    None if callable(lr) else lr)
    checks.check_loss(loss, task, theta, floats, inputs)

    now, start = _begin(task, floats, inputs), 0
    if state is not None:
        now, start = checks.as_state(state, now, patience, eval_every), state.step
    run, outputs = _run, []
    if not checks.is_traced((now, inputs)):  # write over copies that are there; not the caller's
        run, now = _run_in_place, jax.block_until_ready(_copy(now))
    for length in checks.blocks(steps, progress):
        now, output = run(task, now, inputs, length)
        outputs.append(jax.block_until_ready(output) if progress else output)
    losses, recorded = jax.tree.map(lambda *a: jnp.concatenate(a) if progress else a[0], *outputs)
    return _finish(task, now, arrays, start, losses, recorded)


def train(theta, x, y, *, loss=mse, lr=LR, steps, batch_size=None, key=None, optimizer=None,
          state=None, validation=None, patience=None, eval_every=1, progress=False):
    """`minimise` on data: loss(theta, x, y), on all rows or on a mini-batch an update.

    Args:
        x, y: (n, ...) arrays, one observation a row, all entries finite.
        loss: function (theta, x, y) -> scalar; globals that it reads stay what they were at first.
        batch_size: rows an update uses; None for all. key: shuffles them, and as in `minimise`.
        validation: pair (x, y) on which `loss` is recorded every eval_every updates.
        patience: stop after this many updates without a lower validation loss, return the best.
    Everything else, and what it returns, raises and warns of: as `minimise`.
    Source: slides, "Gradient descent".
    """
    checks.check_callable("loss", loss, "(theta, x, y), such as mse")
    checks.check_validation(validation, patience)
    data, record = checks.as_rows("", x, y), None
    if validation is not None:
        record = (loss, *checks.as_rows("validation ", *validation))
    key = key if batch_size is not None or checks.accepts(loss, "key") else None
    fit = minimise(loss, theta, *data, steps=steps, key=key, lr=lr, optimizer=optimizer,
                   state=state, batch_size=batch_size, record=record, eval_every=eval_every,
                   patience=patience, progress=progress)
    checks.warn_of_validation(fit.losses, fit.val_losses)
    return fit


# The compiled loop

# What it is compiled for, as equal tasks share one program, and what it runs on besides a state.
Task = namedtuple("Task", "loss keyed schedule optimizer batch_size record eval_every patience")
Inputs = namedtuple("Inputs", "arrays data record_data key lr")


def _begin(task, theta, inputs):
    """The state before the first update."""
    zero, optimizer, size = jnp.asarray(0), task.optimizer.value, task.batch_size
    memory = None if optimizer is None else optimizer.init(theta)
    order = None if size is None else jnp.arange(checks.rows(inputs.data, size))
    seen = task.record and jax.eval_shape(
        lambda theta: task.record(theta, inputs.arrays, *inputs.record_data), theta)
    best = task.patience and Best(jnp.zeros_like(checks.number("record", seen)), zero, theta)
    return State(zero, theta, memory, order, best)


_copy = jax.jit(partial(jax.tree.map, jnp.copy))


def _loop(task, state, inputs, length):
    """`length` updates as one scan: the state after them, the losses, and what was recorded."""

    def draw(order, i):
        if task.batch_size is None:
            return order, inputs.data
        epoch, place = jnp.divmod(i, len(order) // task.batch_size)
        key = jax.random.fold_in(inputs.key, ~epoch)  # down from the top; the loss's keys go up
        order = lax.cond(place == 0, lambda: jax.random.permutation(key, len(order)), lambda: order)
        rows = lax.dynamic_slice_in_dim(order, place * task.batch_size, task.batch_size)
        def take(a):  # a[rows], divided over devices as a is
            return a.at[rows].get(out_sharding=jax.typeof(a).sharding) if jnp.ndim(a) else a
        return order, jax.tree.map(take, inputs.data)

    def update(state):
        i, theta, memory, order, best = state
        order, data = draw(order, i)
        noise = {"key": jax.random.fold_in(inputs.key, i)} if task.keyed else {}

        def value_fn(theta):
            return task.loss(theta, inputs.arrays, *data, **noise)

        value, grads = jax.value_and_grad(value_fn)(theta)
        if task.optimizer.value is None:
            rate = task.schedule(i) if task.schedule else inputs.lr
            new = sgd_update(theta, grads, rate)
        else:
            known = {"value": value, "grad": grads, "value_fn": value_fn}
            change = checks.with_accepted(task.optimizer.value.update, known)
            changes, memory = change(grads, memory, theta)
            new = jax.tree.map(jnp.add, theta, changes)
        theta, memory = _like(theta, new), _like(state.memory, memory)
        return State(i + 1, theta, memory, order, best), value

    def look(state):
        best = state.best
        value = task.record(state.theta, inputs.arrays, *inputs.record_data)
        if best is not None:
            better = jnp.where(best.step == 0, jnp.isfinite(value), value < best.value)
            now = Best(value, state.step, state.theta)
            best = jax.tree.map(partial(jnp.where, better), now, best)
        return state._replace(best=best), value

    def step(state):
        state, value = update(state)
        if task.record is None:
            return state, (value, None)
        state, seen = _cond(state.step % task.eval_every == 0, look, state)
        return state, (value, seen)

    def step_unless_stopped(state, _):
        if task.patience is None:
            return step(state)
        return _cond(state.step - state.best.step < task.patience, step, state)

    return lax.scan(step_unless_stopped, state, length=length)


_run = jax.jit(_loop, static_argnames=("task", "length"))
_run_in_place = jax.jit(_loop, static_argnames=("task", "length"), donate_argnames="state")


def _cond(condition, step, state):
    """`step(state)` where the condition holds; else the same state, and zeros as its output."""
    nothing = jax.tree.map(jnp.zeros_like, jax.eval_shape(step, state)[1])
    return lax.cond(condition, step, lambda state: (state, nothing), state)


def _like(old, new):
    """`new` in the dtypes of `old`, since a loop hands on what it was given."""
    return jax.tree.map(lambda p, q: q if p.dtype == q.dtype else q.astype(p.dtype), old, new)


def _finish(task, state, arrays, start, losses, recorded):
    """The `Fit` of a finished run: cut where it stopped, with a warning if it diverged."""
    theta, best_step, known = state.theta, None, checks.is_concrete(losses)
    if task.patience is None:
        state = state._replace(theta=None)
    else:
        _, best_step, theta = state.best
        losses, recorded = (checks.until(state.step - start, a) for a in (losses, recorded))
    if recorded is not None and task.eval_every > 1:
        first = -(int(start) + 1) % task.eval_every
        recorded = jax.tree.map(lambda a: a[first :: task.eval_every], recorded)
    if known:
        checks.warn_of_losses(losses)
    return Fit(task.loss.join(theta, arrays), losses, recorded, best_step, state)
