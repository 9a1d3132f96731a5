"""What `dl_core` does with what a caller passes: takes it apart, checks it, and says what is wrong.

Each check raises ValueError with the value and the remedy, or returns what it was given in the
form that the core computes with. Nothing here trains anything.
"""

import inspect
import operator
import os
import sys
import textwrap
import warnings
from functools import partial
from numbers import Number
from types import FunctionType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

LR = 0.01  # the rate if none is given; a caller's own 0.01 is another object

# JAX 0.7.2 to 0.8.1 multiplies matrices wrongly on a processor that other programs keep busy:
# the next operation reads a product of which another thread still writes a part. Not so without
# the library XNNPACK, nor in other versions. JAX reads this when it computes for the first time.
FLAG = "--xla_cpu_use_xnnpack"
if (0, 7, 2) <= jax.__version_info__ < (0, 8, 2) and FLAG not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {FLAG}=false"

# Arrays and numbers


def is_concrete(a):
    """Whether a's values can be looked at: not inside jit or vmap, nor on another machine."""
    return not is_traced(a) and getattr(a, "is_fully_addressable", True)


def is_traced(tree):
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree))


def is_positive(a):
    """Whether a is one finite number above zero, as far as its value can be looked at."""
    try:
        fits = not is_concrete(a) or bool(a > 0 and a < float("inf"))
        return fits and getattr(a, "ndim", 0) == 0
    except (TypeError, ValueError):  # not a number, or many
        return False


def as_array(name, a):
    try:
        array = _as_jax(a)
        whole = jnp.issubdtype(array.dtype, jnp.integer) and is_concrete(array)
        if whole and hasattr(a, "__array__") and (a.__array__() != jax.device_get(array)).any():
            raise OverflowError(f"too large for {array.dtype}; make them floats")
        return array
    except (TypeError, ValueError, OverflowError) as error:
        reason = textwrap.shorten(str(error), 150, placeholder=" ...")
        raise ValueError(
            f"{name} cannot be made an array ({reason}); pass numbers, the rows of equal length"
        ) from error


def _as_jax(a):
    """a as a JAX array; a table whose columns differ in type, or object numbers, as floats."""
    try:
        return jnp.asarray(a)
    except TypeError:
        kind = getattr(getattr(a, "dtype", None), "kind", "")
        if not hasattr(a, "astype") or hasattr(a, "filled"):  # masked
            raise
        if kind in ("m", "M"):
            raise TypeError("dates are no numbers") from None
        return jnp.asarray(a.astype(int if kind in ("i", "u") else float))  # of another byte order


def as_count(name, value):
    try:
        count = operator.index(value)
    except TypeError:
        count = 0
    if count < 1:
        raise ValueError(f"{name} = {value!r} must be a whole number, at least 1")
    return count


def as_counts(**values):
    """The values as counts, None where it is None."""
    return [None if v is None else as_count(name, v) for name, v in values.items()]


def check_key(name, key):
    dtype = getattr(key, "dtype", None)
    typed = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)
    if dtype is None or key.ndim != (0 if typed else 1) or not (typed or dtype == jnp.uint32):
        raise ValueError(f"{name} = {key!r} must be one random key: pass jax.random.key(seed)")


# The network and its losses


def as_sizes(sizes):
    """Sizes of the layers as a tuple of two or more counts."""
    sizes = sizes if hasattr(sizes, "__iter__") else [sizes]
    sizes = [as_count("each of sizes", size) for size in sizes]
    if len(sizes) < 2:
        raise ValueError(f"sizes = {sizes} needs an input and an output, such as (1, 10, 1)")
    return tuple(sizes)


def as_inputs(theta, x):
    """x as an array that fits the first layer of theta."""
    x = as_array("x", x)
    if len(theta) == 0:
        raise ValueError("theta has no layers; make one with init_mlp(key, (k, ..., m))")
    k = theta[0][0].shape[0]
    if x.ndim == 0 or x.shape[-1] != k:
        raise ValueError(
            f"x has shape {x.shape} but the first layer takes {k} inputs; "
            f"x must be (n, {k}), and a vector of n scalar inputs becomes x[:, None], "
            "a list or column of a table np.reshape(x, (-1, 1))"
        )
    return x


def as_outcome(y, prediction):
    """y as an array of the prediction's shape, and the prediction."""
    y = as_array("y", y)
    if y.shape != prediction.shape:
        raise ValueError(
            f"y has shape {y.shape} but the model returns {prediction.shape}; "
            "subtracting them would broadcast. For scalar outcomes use y[:, None], "
            "of a list or column of a table np.reshape(y, (-1, 1))"
        )
    if y.size == 0:
        raise ValueError(f"y has shape {y.shape}: no observation to average over")
    return y


def observations(theta, x, y, model):
    """How many observations y (n, m), (n,) or () holds; a row (m,) of outcomes counts as one.

    A vector y belongs to one observation if x is one row. Where x and y are vectors of one
    length, that is so if the model takes no vector of another length.
    """
    if y.ndim != 1 or jnp.ndim(x) > 1 or isinstance(x, dict | tuple):
        return len(y) if y.ndim else 1
    if jnp.shape(x) != y.shape:
        return 1
    try:
        longer = jax.ShapeDtypeStruct((2 * len(y),), jnp.result_type(x))
        return len(y) if jax.eval_shape(model, theta, longer).shape == longer.shape else 1
    except (TypeError, ValueError):
        return 1


def as_labels(labels, logits):
    """Class numbers as integers that are wide enough for all classes."""
    labels = as_array("labels", labels)
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
    if is_concrete(labels):
        low, high = jax.device_get(labels).min(), jax.device_get(labels).max()
        if low < 0 or high >= m:
            raise ValueError(f"labels run from {low} to {high}, the classes from 0 to {m - 1}")
    return labels.astype(int)


# Data


def all_finite(a):
    """Whether no entry is NaN or infinite, found where the array is, without a copy of it."""
    if all(device.platform == "cpu" for device in a.devices()):
        a = jax.device_get(a)  # the same memory, and nothing to compile
    if a.dtype.itemsize < 4:  # NumPy warns of NaN in bfloat16
        return bool((abs(a) < float("inf")).all())
    return a.size == 0 or bool(a.min() > -float("inf") and a.max() < float("inf"))


def as_rows(name, x, y):
    """x and y as arrays with the same number of rows, at least one, and every entry finite."""
    x, y = as_array(f"{name}x", x), as_array(f"{name}y", y)
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y) or len(x) == 0:
        raise ValueError(
            f"{name}x has shape {x.shape} and {name}y {y.shape}; "
            "both need the same number of rows, at least 1"
        )
    for label, a in (("x", x), ("y", y)):
        floats = jnp.issubdtype(a.dtype, jnp.floating)
        if floats and is_concrete(a) and not all_finite(a):
            raise ValueError(f"{name}{label} contains NaN or infinity; drop or fill such rows")
    return x, y


def as_data(data):
    """The arrays in data as JAX arrays; plain numbers stay, as they take the others' dtype."""
    return jax.tree.map(lambda a: a if isinstance(a, Number) else as_array("data", a), data)


def rows(data, batch_size=1):
    """The number of rows that all arrays in data share, numbers apart; at least a batch's."""
    lengths = sorted({len(a) for a in jax.tree.leaves(data) if jnp.ndim(a)})
    if len(lengths) != 1:
        raise ValueError(f"mini-batches need arrays with one number of rows, these have {lengths}")
    if batch_size > lengths[0]:
        raise ValueError(
            f"batch_size = {batch_size} exceeds the {lengths[0]} observations; None uses all")
    return lengths[0]


# Parameters


class Rest(NamedTuple):
    """What is no array in theta, and where it stands; part of what a loop is compiled for."""

    tree: Any
    leaves: tuple  # `Same`, of None where there is an array


def split(theta):
    """The arrays of floats in theta, its other arrays, and the rest; `Joined` is the way back.

    Returns: theta with None for all but arrays of floats; list of its other arrays, None for
        what is none; `Rest`, or None if theta holds arrays of floats only.
    Raises: ValueError if theta holds no arrays of floats, or complex ones.
    """
    leaves, tree = jax.tree.flatten(theta)
    arrays = [as_array("a leaf of theta", p) if is_array(p) else None for p in leaves]
    trained = [a is not None and jnp.issubdtype(a.dtype, jnp.floating) for a in arrays]
    types = {str(getattr(p, "dtype", type(p).__name__)) for p in leaves}
    if not any(trained) or any("complex" in name for name in types):
        raise ValueError(
            f"theta holds {types or 'no arrays'}; gradient descent needs arrays of floats, "
            "such as init_mlp(key, (k, ..., m)) makes"
        )
    if all(trained):
        return tree.unflatten(arrays), [], None
    rest = tuple(Same(p if a is None else None) for p, a in zip(leaves, arrays))
    floats = tree.unflatten([a if t else None for a, t in zip(arrays, trained)])
    return floats, [None if t else a for a, t in zip(arrays, trained)], Rest(tree, rest)


def is_array(leaf):
    return isinstance(leaf, float) or hasattr(leaf, "dtype") or hasattr(leaf, "__array__")


def weights(theta):
    """The leaves of theta with two or more axes."""
    found = [p for p in jax.tree.leaves(theta) if jnp.ndim(p) > 1]
    if not found:
        raise ValueError("theta has no array with two or more axes, so no weights to penalise")
    return found


# Functions and options


class Same:
    """A function as a key of compiled programs, equal to another one that does the same.

    That is known of functools.partial of equal parts, and of functions that optax has made
    from equal numbers, so that optax.adam(0.1) twice is one optimizer. Others equal themselves.
    """

    def __init__(self, value):
        self.value = value
        try:
            self.parts = _parts(value)
        except (TypeError, ValueError, RecursionError):  # cannot be compared, or holds itself
            self.parts = id(value)

    def __eq__(self, other):
        return isinstance(other, Same) and self.parts == other.parts

    def __hash__(self):
        return hash(self.parts)


def _parts(value):
    if isinstance(value, partial):
        return partial, _parts(value.func), _parts(value.args), _parts((*value.keywords.items(),))
    if isinstance(value, tuple):
        return type(value), *map(_parts, value)
    if isinstance(value, FunctionType) and (value.__module__ or "").split(".")[0] == "optax":
        held = [cell.cell_contents for cell in value.__closure__ or ()]
        return value.__code__, _parts((*held, value.__defaults__, value.__kwdefaults__))
    if type(value) in (int, float):  # 100 is 100.0: optax's cosine changes what it holds so
        return "number", value
    if value is None or isinstance(value, Number | str):
        return type(value), value
    hash(value)  # a list or a dictionary may change
    return "is", id(value)


class Joined(NamedTuple):
    """A function of theta as one of its arrays of floats, its other arrays, and data."""

    function: Same
    rest: Any  # `Rest`, or None

    def __call__(self, floats, arrays, *data, **options):
        return self.function.value(self.join(floats, arrays), *data, **options)

    def join(self, floats, arrays):
        """theta again, from what `split` has made of it."""
        if self.rest is None:
            return floats
        leaves = zip(self.rest.tree.flatten_up_to(floats), arrays, self.rest.leaves)
        return self.rest.tree.unflatten([
            p if p is not None else a if a is not None else r.value for p, a, r in leaves])


def with_accepted(function, options):
    """The function with those of the options that it has parameters for."""
    return partial(function, **{n: v for n, v in options.items() if accepts(function, n)})


def accepts(function, name):
    """Whether the function can be called with an argument of this name."""
    try:
        parameters = inspect.signature(function).parameters
    except ValueError:  # a built-in function that does not say what it takes
        return False
    return name in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def check_callable(name, value, example):
    if not callable(value):
        raise ValueError(f"{name} = {value!r} must be a function of {example}")


def check_options(steps, lr, optimizer, state, batch_size, key, record, eval_every, patience):
    if optimizer is not None and lr is not LR:
        raise ValueError(
            f"lr = {lr!r} and an optimizer: give one of them, as an optimizer has its own rate")
    if not callable(lr) and not is_positive(lr):
        raise ValueError(f"lr = {lr!r} must be positive, one number; 0.01 is a first try")
    if optimizer is not None:
        check_optimizer(optimizer)
    if batch_size is not None or key is not None:
        check_key("key", key)
    if record is not None and state is None and eval_every > steps:
        raise ValueError(f"eval_every = {eval_every} exceeds steps = {steps}; lower it")
    if patience is not None and record is None:
        raise ValueError("patience compares what is recorded: pass record=, a function of theta")
    if patience is not None and patience < eval_every:
        raise ValueError(f"patience = {patience} must be at least eval_every = {eval_every}")


def as_record(record):
    """A function of theta and its data, as a tuple."""
    record = record if isinstance(record, tuple) and not callable(record) else (record,)
    check_callable("record", record[0] if record else record, "theta, or (one, *its data)")
    return record


def check_optimizer(optimizer):
    if not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
        raise ValueError(f"optimizer = {optimizer!r} needs init and update, like optax.adam(0.001)")
    parameters = inspect.signature(optimizer.update).parameters.values()
    missing = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty}
    if missing := missing - {"value", "grad", "value_fn"}:
        raise ValueError(
            f"optimizer.update needs {', '.join(sorted(missing))}, which the loop does not have; "
            "it can give value, grad and value_fn"
        )


def check_validation(validation, patience):
    if not (validation is None or (isinstance(validation, tuple | list) and len(validation) == 2)):
        raise ValueError("validation must be a pair of arrays, (x_val, y_val)")
    if patience is not None and validation is None:
        raise ValueError("patience compares validation losses: pass validation=(x_val, y_val)")


def check_loss(loss, task, theta, floats, inputs):
    """Whether the loop can call the loss, and gets one number; traced, so before it compiles."""
    check_callable("loss", loss, "(theta, x, y), such as mse")
    unused = inputs.key is not None and not task.keyed and task.batch_size is None
    noise = {"key": inputs.key} if task.keyed or unused else {}
    try:
        inspect.signature(loss).bind(theta, *inputs.data, **noise)
    except TypeError as error:
        arguments = ", ".join(["theta", *["..."] * len(inputs.data), *(f"{n}=" for n in noise)])
        raise ValueError(f"loss cannot be called as loss({arguments}): {error}") from error
    except ValueError:  # a built-in function that does not say what it takes
        pass
    number("loss", jax.eval_shape(
        lambda theta: task.loss(theta, inputs.arrays, *inputs.data, **noise), floats))


def number(name, value):
    """The traced value, if it is one number."""
    if getattr(value, "shape", None) != () or not jnp.issubdtype(value.dtype, jnp.floating):
        raise ValueError(f"{name} returns {value}, not one number; average over the observations")
    return value


def as_state(state, fresh, patience, eval_every):
    """The state to go on from: without patience with theta as the caller passes it.

    Args: state: of a `Fit`; fresh: what the run would start from without it.
    """
    if type(state) is not type(fresh):
        raise ValueError(f"state = {state!r} must be the state of a Fit, as in state=fit.state")
    if patience is None:
        state = state._replace(theta=fresh.theta)
    have, need = ({jax.tree_util.keystr(path): f"{leaf.dtype}{list(leaf.shape)}"
                   for path, leaf in jax.tree.leaves_with_path(tree)} for tree in (state, fresh))
    for path in sorted(have.keys() | need.keys()):
        if have.get(path) != need.get(path):
            raise ValueError(
                f"state{path} is {have.get(path)}, where this run needs {need.get(path)}: "
                "go on with the theta, optimizer, batch_size and patience of the run that ended"
            )
    if eval_every > 1 and not is_concrete(state.step):
        raise ValueError("inside jit or vmap, go on from a state with eval_every=1")
    return state


def blocks(steps, progress):
    """The lengths of the loops that make up a run: one, or about a hundred under a bar."""
    if not progress:
        return [steps]
    from tqdm import tqdm  # the one thing here that is neither JAX nor the standard library
    length = -(-steps // 100)
    lengths = [min(length, steps - start) for start in range(0, steps, length)]
    return tqdm(lengths, desc="training", unit="block")


def until(done, values):
    """The first `done` values; the same number of them with NaN in the end, where traced."""
    if is_concrete(done) and is_concrete(values):
        return values[: int(done)]
    return jnp.where(jnp.arange(len(values)) < done, values, jnp.nan)


def is_finite(a):
    return abs(jax.device_get(a)) < float("inf")


def warn_of_losses(losses):
    if not (finite := is_finite(losses)).all():
        warn(f"the loss is not finite from step {finite.argmin()} on; lower lr, or scale the data")


def warn_of_validation(losses, val_losses):
    looked_at = val_losses is not None and is_concrete(val_losses)
    if looked_at and is_finite(losses).all() and not is_finite(val_losses).all():
        warn("the validation loss is not finite, the training loss is; look at the validation data")


def warn(message):
    """A warning that points at the line outside the core which called it."""
    level, frame = 1, sys._getframe()
    while frame.f_globals.get("__name__") in ("dl_core", "dl_checks") and frame.f_back:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, RuntimeWarning, stacklevel=level)
