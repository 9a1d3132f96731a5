"""What is saved comes back bit for bit, and a file of something else is refused."""

import base64
import hashlib
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from safetensors import SafetensorError

import dl_files
from dl_core import init_mlp, minimise, mse, train
from dl_files import load, publish, save

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(12, 2)).astype(np.float32)
Y = X[:, :1] ** 2
THETA = init_mlp(KEY, (2, 4, 1))


def bits(tree):
    """Leaves as strings of bytes, with their dtypes."""
    def plain(leaf):
        typed = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return np.asarray(jax.random.key_data(leaf) if typed else leaf)

    return [(str(leaf.dtype), leaf.shape, plain(leaf).tobytes()) for leaf in jax.tree.leaves(tree)]


TREES = {
    "layers": THETA,
    "bfloat16": init_mlp(KEY, (2, 4, 1), dtype=jnp.bfloat16),
    "keys": {"typed": KEY, "many": jax.random.split(KEY, 3), "rbg": jax.random.key(1, impl="rbg"),
             "raw": jax.random.PRNGKey(2)},
    "awkward": {"file": jnp.ones(2), "a/b": [jnp.zeros(()), jnp.zeros((0, 3))],
                "n": jnp.arange(3), "mask": jnp.array([True, False]), "half": jnp.float16(0.1)},
    "one array": jnp.arange(3.0),
    "layouts": [np.asfortranarray(X), X[::2], X[:, ::-1], X.T, np.broadcast_to(X[0], (3, 2)),
                jnp.asarray(np.asfortranarray(X)), jax.jit(jnp.transpose)(X)],
}


@pytest.mark.parametrize("tree", TREES)
@pytest.mark.parametrize("shapes", [False, True], ids=["like itself", "like its shapes"])
def test_a_tree_comes_back(tree, shapes, tmp_path):
    tree = TREES[tree]
    save(tmp_path / "tree", tree)
    back = load(tmp_path / "tree", jax.eval_shape(lambda: tree) if shapes else tree)
    assert jax.tree.structure(back) == jax.tree.structure(tree)
    assert bits(back) == bits(tree)


@pytest.mark.parametrize("options", [
    {}, {"optimizer": optax.adam(0.05), "batch_size": 5, "key": KEY},
    {"optimizer": optax.chain(optax.add_noise(0.1, 0.5, KEY), optax.sgd(0.1))},
    {"validation": (X, 2 * Y), "patience": 40, "eval_every": 3}],
    ids=["SGD", "Adam and batches", "noise", "patience"])
def test_a_run_goes_on_from_a_file(options, tmp_path):
    run = partial(train, x=X, y=Y, **options)

    def begin(steps):
        fit = run(THETA, steps=steps)
        return fit.theta, fit.state

    save(tmp_path / "begun", begin(37))
    theta, state = load(tmp_path / "begun", jax.eval_shape(partial(begin, 5)))
    rest, whole = run(theta, steps=63, state=state), run(THETA, steps=100)
    assert bits(rest.theta) == bits(whole.theta)
    assert bits(rest.state) == bits(whole.state)


def test_functions_come_from_the_model_that_it_is_like(tmp_path):
    net = eqx.nn.MLP(2, 1, 4, 1, key=KEY)

    def loss(net, x, y):
        return mse(net, x, y, model=lambda net, x: jax.vmap(net)(x))

    fit = minimise(loss, net, X, Y, steps=5)
    save(tmp_path / "net", fit.theta)
    back = load(tmp_path / "net", eqx.nn.MLP(2, 1, 4, 1, key=jax.random.key(9)))
    assert back.activation is net.activation
    assert (jax.vmap(back)(X) == jax.vmap(fit.theta)(X)).all()


@pytest.mark.parametrize(("like", "message"), [
    (init_mlp(KEY, (2, 5, 1)), r"float32\[2, 4\] at \[0\].W, where like has float32\[2, 5\]"),
    (init_mlp(KEY, (2, 4, 4, 1)), r"float32\[4, 1\] at \[1\].W, where like has float32\[4, 4\]"),
    (THETA[:1], r"float32\[4, 1\] at \[1\].W, where like has None"),
    (init_mlp(KEY, (2, 4, 1), dtype=jnp.bfloat16), r"holds float32\[2, 4\].*bfloat16\[2, 4\]"),
    (jnp.ones(3), r"holds None at its root, where like has float32\[3\]"),
], ids=["width", "depth", "fewer layers", "dtype", "array"])
def test_another_model_is_refused(like, message, tmp_path):
    save(tmp_path / "theta", THETA)
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "theta", like)


def test_what_cannot_be_read_back_is_not_written(tmp_path):
    with pytest.raises(ValueError, match=r"float8_e4m3fn at \['a'\].*save it as"):
        save(tmp_path / "theta", {"a": jnp.ones(2, jnp.float8_e4m3fn)})
    assert not (tmp_path / "theta").exists()


def test_a_file_is_replaced_once_the_new_one_is_whole(tmp_path):
    save(tmp_path / "theta", THETA)
    with pytest.raises(SafetensorError):
        save(tmp_path / "theta", np.array([object()]))
    assert bits(load(tmp_path / "theta", THETA)) == bits(THETA)


def test_a_published_model_travels_rounded(monkeypatch):
    shown = []
    monkeypatch.setattr(dl_files, "display", lambda data, metadata, raw: shown.append(metadata))
    rounded = publish("small", THETA)
    (model,) = (metadata["model"] for metadata in shown)
    numbers = base64.b64decode(model["base64"])
    assert hashlib.sha256(numbers).hexdigest() == model["sha256"]
    flat = np.frombuffer(numbers, model["dtype"])
    assert flat.size == sum(np.prod(shape, dtype=int) for shape in model["shapes"])
    assert np.array_equal(flat, np.concatenate([a.ravel() for a in jax.tree.leaves(rounded)]))
    assert all(p.dtype == q.dtype and np.allclose(p, q, rtol=1e-3, atol=1e-6)
               for p, q in zip(jax.tree.leaves(THETA), jax.tree.leaves(rounded)))
    with pytest.raises(ValueError, match="make the model smaller"):
        publish("large", jnp.zeros(200_000))
