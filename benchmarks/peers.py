"""The same training written with each library, in two ways, as its own documentation recommends.

    python   a loop in Python, which starts at least one program a step
    whole    the whole loop compiled, one program for all steps

A way is a function of a `Problem` that builds the model with the given start weights and returns
`run`: a call of it trains afresh from these weights, all steps on all rows, and returns the
trained weights as NumPy arrays [(W, b), ...], W (k, j). Its docstring says what it does. Where a
library has no such way a sentence says why. All use float32, tanh in the hidden layers, and plain
gradient descent with one and the same update:

    theta <- theta - lr * gradient of (1/n) sum_i |y_i - f_theta(x_i)|^2

Keras and PyTorch average squares over the m outputs too, so their rate is m * lr; scikit-learn
halves the squares, so its rate is 2 * lr.
"""

import os
import warnings
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple


class Peer(NamedTuple):
    """A library: what it imports before the clock of its training starts, and its two ways."""

    imports: list
    python: Callable | str
    whole: Callable | str
    threads: Callable | None = None  # sets the number of its own, where it has any


# The book, plain JAX and optax


def dl_core_whole(p):
    """The book's `train`: one `lax.scan`, all losses kept."""
    import jax

    from dl_core import train

    theta, x, y = on_device(p)
    return lambda: jax.device_get(train(theta, x, y, lr=p.lr, steps=p.steps).theta)


def on_device(p):
    import jax
    import jax.numpy as jnp

    return jax.tree.map(jnp.asarray, (p.theta, p.x, p.y))


def jax_step(p):
    """One update compiled by `jax.jit`, as in JAX's tutorials."""
    import jax

    from dl_core import mse

    @jax.jit
    def step(theta, x, y):
        return jax.tree.map(lambda w, g: w - p.lr * g, theta, jax.grad(mse)(theta, x, y))

    start, x, y = on_device(p)

    def run():
        theta = start
        for _ in range(p.steps):
            theta = step(theta, x, y)
        return jax.device_get(theta)

    return run


def jax_scan(p):
    """The same update in a `lax.scan`, all losses kept."""
    import jax

    from dl_core import mse

    @jax.jit
    def fit(theta, x, y):
        def step(theta, _):
            loss, grads = jax.value_and_grad(mse)(theta, x, y)
            return jax.tree.map(lambda w, g: w - p.lr * g, theta, grads), loss

        return jax.lax.scan(step, theta, length=p.steps)

    theta, x, y = on_device(p)
    return lambda: jax.device_get(fit(theta, x, y)[0])


def optax_parts(p):
    """The optimizer, and one update of (theta, state) that returns the loss, too."""
    import jax
    import optax

    from dl_core import mse

    optimizer = optax.sgd(p.lr)

    def step(theta, state, x, y):
        loss, grads = jax.value_and_grad(mse)(theta, x, y)
        changes, state = optimizer.update(grads, state, theta)
        return optax.apply_updates(theta, changes), state, loss

    return optimizer, step


def optax_step(p):
    """`update` and `apply_updates` in a step compiled by `jax.jit`, as in its "Getting started"."""
    import jax

    optimizer, step = optax_parts(p)
    step = jax.jit(step)
    start, x, y = on_device(p)

    def run():
        theta, state = start, optimizer.init(start)
        for _ in range(p.steps):
            theta, state, _ = step(theta, state, x, y)
        return jax.device_get(theta)

    return run


def optax_scan(p):
    """The same step in a `lax.scan`."""
    import jax

    optimizer, step = optax_parts(p)

    @jax.jit
    def fit(theta, x, y):
        def body(carry, _):
            theta, state, loss = step(*carry, x, y)
            return (theta, state), loss

        return jax.lax.scan(body, (theta, optimizer.init(theta)), length=p.steps)

    theta, x, y = on_device(p)
    return lambda: jax.device_get(fit(theta, x, y)[0][0])


# Equinox


def equinox_parts(p):
    """The model with the start weights, the optimizer, and one update of the two."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import optax

    k, width, *_, m = p.sizes
    mlp = eqx.nn.MLP(k, m, width, len(p.sizes) - 2, jax.nn.tanh, key=jax.random.key(0))
    ours = [a for W, b in p.theta for a in (jnp.asarray(W.T), jnp.asarray(b))]
    model = eqx.tree_at(
        lambda model: [a for layer in model.layers for a in (layer.weight, layer.bias)], mlp, ours)
    optimizer = optax.sgd(p.lr)

    @eqx.filter_value_and_grad
    def loss(model, x, y):
        return jnp.mean(jnp.sum((y - jax.vmap(model)(x)) ** 2, axis=1))

    def step(model, state, x, y):
        value, grads = loss(model, x, y)
        changes, state = optimizer.update(grads, state)
        return eqx.apply_updates(model, changes), state, value

    return model, optimizer.init(eqx.filter(model, eqx.is_inexact_array)), step


def equinox_weights(model):
    import jax

    return [(W.T, b) for W, b in jax.device_get([(a.weight, a.bias) for a in model.layers])]


def equinox_step(p):
    """A `filter_jit` step on flattened trees, its trick "Low-overhead training loops"."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    model, state, update = equinox_parts(p)
    start, structure = jax.tree.flatten((model, state))
    x, y = jnp.asarray(p.x), jnp.asarray(p.y)

    @eqx.filter_jit
    def step(leaves, x, y):
        *new, loss = update(*jax.tree.unflatten(structure, leaves), x, y)
        return jax.tree.leaves(tuple(new)), loss

    def run():
        leaves = start
        for _ in range(p.steps):
            leaves, _ = step(leaves, x, y)
        return equinox_weights(jax.tree.unflatten(structure, leaves)[0])

    return run


def equinox_scan(p):
    """The same step in a `lax.scan` of the arrays that `eqx.partition` takes out of the model."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    model, state, update = equinox_parts(p)
    x, y = jnp.asarray(p.x), jnp.asarray(p.y)

    @eqx.filter_jit
    def fit(model, state, x, y):
        arrays, rest = eqx.partition((model, state), eqx.is_array)

        def body(arrays, _):
            *new, loss = update(*eqx.combine(arrays, rest), x, y)
            return eqx.filter(tuple(new), eqx.is_array), loss

        arrays, losses = jax.lax.scan(body, arrays, length=p.steps)
        return eqx.combine(arrays, rest)[0], losses

    return lambda: equinox_weights(fit(model, state, x, y)[0])


# Flax NNX


def flax_parts(p):
    """Definition and state of the model with its optimizer, and one update of that state."""
    import jax.numpy as jnp
    import optax
    from flax import nnx

    class Network(nnx.Module):
        def __init__(self, rngs):
            self.layers = nnx.List([nnx.Linear(k, j, rngs=rngs) for k, j in pairwise(p.sizes)])

        def __call__(self, x):
            *hidden, last = self.layers
            for layer in hidden:
                x = nnx.tanh(layer(x))
            return last(x)

    model = Network(nnx.Rngs(0))
    for layer, (W, b) in zip(model.layers, p.theta):
        layer.kernel[...], layer.bias[...] = jnp.asarray(W), jnp.asarray(b)
    graph, state = nnx.split((model, nnx.Optimizer(model, optax.sgd(p.lr), wrt=nnx.Param)))

    def step(state, x, y):
        model, optimizer = nnx.merge(graph, state)

        def loss(model):
            return jnp.mean(jnp.sum((y - model(x)) ** 2, axis=1))

        value, grads = nnx.value_and_grad(loss)(model)
        optimizer.update(model, grads)
        return nnx.state((model, optimizer)), value

    return graph, state, step


def flax_weights(graph, state):
    import jax
    from flax import nnx

    model, _ = nnx.merge(graph, state)
    return jax.device_get([(layer.kernel[...], layer.bias[...]) for layer in model.layers])


def flax_step(p):
    """Its guide's "Functional training loop": `nnx.split`, `nnx.merge` in a `jax.jit` step."""
    import jax
    import jax.numpy as jnp

    graph, start, step = flax_parts(p)
    step = jax.jit(step)
    x, y = jnp.asarray(p.x), jnp.asarray(p.y)

    def run():
        state = start
        for _ in range(p.steps):
            state, _ = step(state, x, y)
        return flax_weights(graph, state)

    return run


def flax_scan(p):
    """The same step in a `lax.scan` of the state."""
    import jax
    import jax.numpy as jnp

    graph, start, step = flax_parts(p)

    @jax.jit
    def fit(state, x, y):
        return jax.lax.scan(lambda state, _: step(state, x, y), state, length=p.steps)

    x, y = jnp.asarray(p.x), jnp.asarray(p.y)
    return lambda: flax_weights(graph, fit(start, x, y)[0])


# Keras


def keras_model(p, **options):
    import keras

    *hidden, m = p.sizes[1:]
    model = keras.Sequential([
        keras.Input((p.sizes[0],)),
        *[keras.layers.Dense(j, activation="tanh") for j in hidden],
        keras.layers.Dense(m),
    ])
    model.compile(
        optimizer=keras.optimizers.SGD(m * p.lr), loss="mean_squared_error", **options)
    return model


def keras_run(p, model, fit):
    def run():
        model.set_weights([a for layer in p.theta for a in layer])
        fit()
        weights = model.get_weights()
        return list(zip(weights[::2], weights[1::2]))

    return run


def keras_fit(p):
    """`compile` and `fit`, an epoch a step, as in its quick start."""
    model = keras_model(p)
    return keras_run(p, model, lambda: model.fit(
        p.x, p.y, batch_size=len(p.x), epochs=p.steps, shuffle=False, verbose=0))


def keras_one_execution(p):
    """`fit` with `steps_per_execution`, one epoch of all steps on the rows again and again."""
    model = keras_model(p, steps_per_execution=p.steps)

    def batches():
        while True:
            yield p.x, p.y

    return keras_run(p, model, lambda: model.fit(
        batches(), steps_per_epoch=p.steps, epochs=1, verbose=0))


def keras_parts(p):
    """The model, its state with the start weights, and one update of that state."""
    import jax

    model = keras_model(p)
    model.set_weights([a for layer in p.theta for a in layer])
    model.optimizer.build(model.trainable_variables)
    state = [[v.value for v in variables] for variables in (
        model.trainable_variables, model.non_trainable_variables, model.optimizer.variables)]

    def loss(trained, others, x, y):
        prediction, others = model.stateless_call(trained, others, x, training=True)
        return model.compute_loss(x, y, prediction), others

    def step(state, x, y):
        trained, others, memory = state
        (value, others), grads = jax.value_and_grad(loss, has_aux=True)(trained, others, x, y)
        trained, memory = model.optimizer.stateless_apply(memory, grads, trained)
        return [trained, others, memory], value

    return state, step


def keras_weights(state):
    import jax

    weights = jax.device_get(state[0])
    return list(zip(weights[::2], weights[1::2]))


def keras_step(p):
    """`stateless_call` and `stateless_apply` in a `jax.jit` step, its guide for JAX."""
    import jax
    import jax.numpy as jnp

    start, step = keras_parts(p)
    step = jax.jit(step)
    x, y = jnp.asarray(p.x), jnp.asarray(p.y)

    def run():
        state = start
        for _ in range(p.steps):
            state, _ = step(state, x, y)
        return keras_weights(state)

    return run


def keras_scan(p):
    """The same step in a `lax.scan` of the state."""
    import jax
    import jax.numpy as jnp

    start, step = keras_parts(p)

    @jax.jit
    def fit(state, x, y):
        return jax.lax.scan(lambda state, _: step(state, x, y), state, length=p.steps)

    x, y = jnp.asarray(p.x), jnp.asarray(p.y)
    return lambda: keras_weights(fit(start, x, y)[0])


# PyTorch and scikit-learn


def torch_eager(p, compiled=False):
    """`nn.Sequential`, `MSELoss`, `SGD` and a loop of four lines, as in its tutorials."""
    import torch
    from torch import nn

    layers = []
    for W, _ in p.theta:
        layers += [nn.Linear(*W.shape), nn.Tanh()]
    model = nn.Sequential(*layers[:-1])
    linears = layers[::2]
    loss, optimizer = nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=p.sizes[-1] * p.lr)
    x, y = torch.from_numpy(p.x), torch.from_numpy(p.y)

    def step(x, y):
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()

    if compiled:
        step = torch.compile(step)

    def run():
        with torch.no_grad():
            for layer, (W, b) in zip(linears, p.theta):
                layer.weight.copy_(torch.from_numpy(W.T))
                layer.bias.copy_(torch.from_numpy(b))
        for _ in range(p.steps):
            step(x, y)
        return [(a.weight.detach().numpy().T, a.bias.detach().numpy()) for a in linears]

    return run


def torch_compiled(p):
    """`torch.compile` of the step, as in its tutorial; its graph breaks at `backward`."""
    return torch_eager(p, compiled=True)


def torch_threads(n):
    import torch

    torch.set_num_threads(n)


def sklearn_fit(p):
    """`MLPRegressor.fit`, with momentum, penalty and early stopping switched off."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor

    model = MLPRegressor(
        hidden_layer_sizes=p.sizes[1:-1], activation="tanh", solver="sgd", alpha=0.0,
        learning_rate_init=2 * p.lr,
        batch_size=len(p.x), max_iter=1, shuffle=False, tol=0.0, n_iter_no_change=p.steps,
        momentum=0.0, nesterovs_momentum=False, warm_start=True, random_state=0)
    y = p.y[:, 0] if p.y.shape[1] == 1 else p.y
    warnings.simplefilter("ignore", ConvergenceWarning)  # it stops at max_iter, as asked
    model.fit(p.x, y)  # makes the arrays that the start weights replace
    model.set_params(max_iter=p.steps)

    def run():
        model.coefs_ = [W.copy() for W, _ in p.theta]
        model.intercepts_ = [b.copy() for _, b in p.theta]
        model._no_improvement_count = 0  # else it counts on, and a later training stops early
        model.fit(p.x, y)
        return list(zip(model.coefs_, model.intercepts_))

    return run


def blas_threads(n):
    from threadpoolctl import threadpool_limits

    threadpool_limits(n)


os.environ["KERAS_BACKEND"] = "jax"
NOT_FUSED = ("on JAX `steps_per_execution` is a Python loop over a compiled step, "
             "see `_make_function` in keras/src/backend/jax/trainer.py")
PEERS = {
    "dl_core": Peer(["jax", "dl_core"], "`train` runs the whole loop", dl_core_whole),
    "JAX": Peer(["jax", "dl_core"], jax_step, jax_scan),
    "optax": Peer(["jax", "dl_core", "optax"], optax_step, optax_scan),
    "Equinox": Peer(["jax", "equinox", "optax"], equinox_step, equinox_scan),
    "Flax NNX": Peer(["jax", "flax.nnx", "optax"], flax_step, flax_scan),
    "Keras, stateless": Peer(["jax", "keras"], keras_step, keras_scan),
    "Keras, fit": Peer(["jax", "keras"], keras_fit, NOT_FUSED),
    "Keras, steps_per_execution": Peer(["jax", "keras"], keras_one_execution, NOT_FUSED),
    "PyTorch, eager": Peer(
        ["torch"], torch_eager, "it runs each operation when Python comes to it",
        torch_threads),
    "PyTorch, compiled": Peer(
        ["torch", "torch._dynamo"], torch_compiled,
        "`torch.compile` unrolls a loop over steps, and its `while_loop` is a prototype that "
        "\"doesn't support training currently\"", torch_threads),
    "scikit-learn": Peer(
        ["sklearn.neural_network"], sklearn_fit, "its loop is Python and NumPy; it compiles none",
        blas_threads),
}
