"""The same training written with each library, the way its own documentation recommends.

A peer is a function of a `Problem` that builds the model with the given start weights and
returns `run`: a call of it trains afresh from these weights, all steps on all rows, and returns
the trained weights as NumPy arrays [(W, b), ...], W (k, j). All use float32, tanh in the hidden
layers, and plain gradient descent with one and the same update:

    theta <- theta - lr * gradient of (1/n) sum_i |y_i - f_theta(x_i)|^2

Keras and PyTorch average squares over the m outputs too, so their rate is m * lr; scikit-learn
halves the squares, so its rate is 2 * lr. `PEERS` names what each imports before the clock of
its training starts.
"""

import os
import warnings
from functools import partial


def dl_core(p):
    """The book's own `train`: the whole loop compiled as one scan, all losses kept."""
    import jax
    import jax.numpy as jnp

    from dl_core import train

    theta, x, y = jax.tree.map(jnp.asarray, (p.theta, p.x, p.y))
    return lambda: jax.device_get(train(theta, x, y, lr=p.lr, steps=p.steps).theta)


def jax_fori_loop(p):
    """After QuantEcon's lecture `jax_nn`: the whole loop in `lax.fori_loop`, no losses kept."""
    import jax
    import jax.numpy as jnp

    from dl_core import mlp

    def loss(theta, x, y):
        return jnp.mean(jnp.sum((mlp(theta, x) - y) ** 2, axis=1))

    @partial(jax.jit, static_argnames=("steps",))
    def fit(theta, x, y, lr, steps):
        def update(_, theta):
            grads = jax.grad(loss)(theta, x, y)
            return jax.tree.map(lambda w, g: w - lr * g, theta, grads)

        return jax.lax.fori_loop(0, steps, update, theta)

    theta, x, y = jax.tree.map(jnp.asarray, (p.theta, p.x, p.y))
    return lambda: jax.device_get(fit(theta, x, y, p.lr, p.steps))


def jax_step(p):
    """JAX's tutorials: one update compiled, the loop in Python."""
    import jax
    import jax.numpy as jnp

    from dl_core import mse

    @jax.jit
    def step(theta, x, y):
        return jax.tree.map(lambda w, g: w - p.lr * g, theta, jax.grad(mse)(theta, x, y))

    start, x, y = jax.tree.map(jnp.asarray, (p.theta, p.x, p.y))

    def run():
        theta = start
        for _ in range(p.steps):
            theta = step(theta, x, y)
        return jax.device_get(theta)

    return run


def optax_scan(p):
    """Optax's `init`, `update` and `apply_updates` inside `lax.scan`."""
    import jax
    import jax.numpy as jnp
    import optax

    from dl_core import mse

    optimizer = optax.sgd(p.lr)

    @jax.jit
    def fit(theta, x, y):
        def step(carry, _):
            theta, state = carry
            loss, grads = jax.value_and_grad(mse)(theta, x, y)
            changes, state = optimizer.update(grads, state, theta)
            return (optax.apply_updates(theta, changes), state), loss

        return jax.lax.scan(step, (theta, optimizer.init(theta)), length=p.steps)[0][0]

    theta, x, y = jax.tree.map(jnp.asarray, (p.theta, p.x, p.y))
    return lambda: jax.device_get(fit(theta, x, y))


def equinox(p):
    """Equinox's examples: `eqx.nn` layers, a `filter_jit` step, optax, the loop in Python."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import optax

    k, width, *_, m = p.sizes
    mlp = eqx.nn.MLP(k, m, width, len(p.sizes) - 2, jax.nn.tanh, key=jax.random.key(0))
    ours = [a for W, b in p.theta for a in (jnp.asarray(W.T), jnp.asarray(b))]
    start = eqx.tree_at(
        lambda model: [a for layer in model.layers for a in (layer.weight, layer.bias)], mlp, ours)
    optimizer = optax.sgd(p.lr)

    @eqx.filter_value_and_grad
    def loss(model, x, y):
        return jnp.mean(jnp.sum((y - jax.vmap(model)(x)) ** 2, axis=1))

    @eqx.filter_jit
    def step(model, x, y, state):
        value, grads = loss(model, x, y)
        changes, state = optimizer.update(grads, state)
        return value, eqx.apply_updates(model, changes), state

    x, y = jnp.asarray(p.x), jnp.asarray(p.y)

    def run():
        model, state = start, optimizer.init(eqx.filter(start, eqx.is_inexact_array))
        for _ in range(p.steps):
            _, model, state = step(model, x, y, state)
        return [(W.T, b) for W, b in jax.device_get([(a.weight, a.bias) for a in model.layers])]

    return run


def flax_nnx(p):
    """Flax's guide "Performance considerations": an `nnx.jit` step behind `cached_partial`."""
    from itertools import pairwise

    import jax
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

    @nnx.jit
    def step(model, optimizer, x, y):
        def loss(model):
            return jnp.mean(jnp.sum((y - model(x)) ** 2, axis=1))

        value, grads = nnx.value_and_grad(loss)(model)
        optimizer.update(model, grads)
        return value

    x, y = jnp.asarray(p.x), jnp.asarray(p.y)
    model = Network(nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.sgd(p.lr), wrt=nnx.Param)
    cached = nnx.cached_partial(step, model, optimizer)

    def run():
        for layer, (W, b) in zip(model.layers, p.theta):
            layer.kernel[...], layer.bias[...] = jnp.asarray(W), jnp.asarray(b)
        for _ in range(p.steps):
            cached(x, y)
        return jax.device_get([(layer.kernel[...], layer.bias[...]) for layer in model.layers])

    return run


def keras_fit(p):
    """Keras's quick start: `Sequential`, `compile`, `fit`, on the JAX backend."""
    import keras

    *hidden, m = p.sizes[1:]
    model = keras.Sequential([
        keras.Input((p.sizes[0],)),
        *[keras.layers.Dense(j, activation="tanh") for j in hidden],
        keras.layers.Dense(m),
    ])
    model.compile(optimizer=keras.optimizers.SGD(m * p.lr), loss="mean_squared_error")

    def run():
        model.set_weights([a for layer in p.theta for a in layer])
        model.fit(p.x, p.y, batch_size=len(p.x), epochs=p.steps, shuffle=False, verbose=0)
        weights = model.get_weights()
        return list(zip(weights[::2], weights[1::2]))

    return run


def torch_eager(p, compiled=False):
    """PyTorch's tutorials: `nn.Sequential`, `MSELoss`, `SGD`, a loop of four lines."""
    import torch
    from torch import nn

    if len(p.x) * p.sizes[1] < 10_000:
        torch.set_num_threads(1)  # faster on a network this small, where threads wait for others
    layers = []
    for W, _ in p.theta:
        linear = nn.Linear(*W.shape)
        layers += [linear, nn.Tanh()]
    model = nn.Sequential(*layers[:-1])
    linears = [layer for layer in model if isinstance(layer, nn.Linear)]
    forward = torch.compile(model) if compiled else model
    loss, optimizer = nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=p.sizes[-1] * p.lr)
    x, y = torch.from_numpy(p.x), torch.from_numpy(p.y)

    def run():
        with torch.no_grad():
            for layer, (W, b) in zip(linears, p.theta):
                layer.weight.copy_(torch.from_numpy(W.T))
                layer.bias.copy_(torch.from_numpy(b))
        for _ in range(p.steps):
            optimizer.zero_grad()
            loss(forward(x), y).backward()
            optimizer.step()
        return [(a.weight.detach().numpy().T, a.bias.detach().numpy()) for a in linears]

    return run


def sklearn_mlp(p):
    """scikit-learn's `MLPRegressor`, momentum, penalty and early stopping switched off."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor
    from threadpoolctl import threadpool_limits

    if len(p.x) * p.sizes[1] < 100_000:
        threadpool_limits(1)  # its two threads lose more by waiting than they gain, but for "large"
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
        model.fit(p.x, y)
        return list(zip(model.coefs_, model.intercepts_))

    return run


os.environ["KERAS_BACKEND"] = "jax"
PEERS = {  # name: the function, and what it imports
    "dl_core": (dl_core, ["jax", "dl_core"]),
    "JAX, fori_loop": (jax_fori_loop, ["jax", "dl_core"]),
    "optax, scan": (optax_scan, ["jax", "dl_core", "optax"]),
    "JAX, jitted step": (jax_step, ["jax", "dl_core"]),
    "Equinox": (equinox, ["jax", "equinox", "optax"]),
    "Flax NNX": (flax_nnx, ["jax", "flax.nnx", "optax"]),
    "Keras on JAX": (keras_fit, ["jax", "keras"]),
    "PyTorch": (torch_eager, ["torch"]),
    "PyTorch, compiled": (partial(torch_eager, compiled=True), ["torch", "torch._dynamo"]),
    "scikit-learn": (sklearn_mlp, ["sklearn.neural_network"]),
}
