"""Files of trained models: a pytree of arrays goes in, and comes out bit for bit.

The format is safetensors, which other programs read as well, and which holds no code.
"""

import base64
import hashlib
import os
from numbers import Number

import jax
import jax.numpy as jnp
import numpy as np
from IPython.display import display
from safetensors import safe_open
from safetensors.numpy import save_file


def save(path, tree):
    """Write the arrays of a pytree, such as a `Fit`, to a file from which `load` makes it again.

    Each is stored under its place in the tree, in its own dtype, random keys included.

    Args: path: of the file, replaced once the new one is whole; tree: any pytree. Leaves that
        are neither arrays nor numbers, such as functions, are left out.
    Raises: ValueError if a leaf has a dtype that comes back from no such file, as float8.
    """
    arrays, keys = {}, {}
    for place, leaf in _stored(tree).items():
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            keys[place], leaf = str(jax.random.key_impl(leaf)), jax.random.key_data(leaf)
        if leaf.dtype.kind == "V" and leaf.dtype != jnp.bfloat16:
            raise ValueError(f"{leaf.dtype} at {place or 'the root'} cannot be read back by "
                             "safetensors; save it as float16 or float32")
        arrays[place] = np.asarray(leaf, order="C")  # safetensors writes memory as it lies
    save_file(arrays, f"{path}.part", metadata=keys)
    os.replace(f"{path}.part", path)


def load(path, like):
    """The pytree that `save` has written.

    Args: path: of the file; like: a pytree of the same structure, shapes and dtypes, whose
        values do not count, such as `jax.eval_shape(lambda: train(...))` returns. What is
        neither an array nor a number is taken from it.
    Returns: pytree like `like`, on JAX's default device.
    Raises: ValueError if file and `like` differ, with the first place where they do.
    """
    with safe_open(path, framework="numpy") as file:
        keys = file.metadata() or {}
        found = {place: jnp.asarray(file.get_tensor(place)) for place in list(file.keys())}
    for place, impl in keys.items():
        found[place] = jax.random.wrap_key_data(found[place], impl=impl)
    wanted = _stored(like)
    for place in sorted(found.keys() | wanted.keys()):
        have, need = (f"{tree[place].dtype}{list(tree[place].shape)}" if place in tree else None
                      for tree in (found, wanted))
        if have != need:
            raise ValueError(f"{path} holds {have} at {place or 'its root'}, where like has {need}")
    leaves = ((jax.tree_util.keystr(place), leaf)
              for place, leaf in jax.tree.leaves_with_path(like))
    return jax.tree.structure(like).unflatten(
        [found.get(place, leaf) for place, leaf in leaves])


def _stored(tree):
    """The leaves of a pytree that are arrays, numbers or shapes of arrays, by their places."""
    leaves = {jax.tree_util.keystr(place): leaf for place, leaf in jax.tree.leaves_with_path(tree)}
    leaves = {place: jnp.asarray(leaf) if isinstance(leaf, Number) else leaf
              for place, leaf in leaves.items()}
    return {place: leaf for place, leaf in leaves.items() if hasattr(leaf, "dtype")}


# Models for the page


def publish(name, theta, dtype=np.float16):
    """Hand a trained model to the book's page, where it can be used without Python.

    A notebook shows one line; the build writes the numbers to `models/NAME.js` among the pages.

    Args: name: of the model, a word; theta: pytree of arrays of floats; dtype: in which they
        travel.
    Returns: theta as the page has it, rounded to `dtype`, each leaf in its own dtype again.
    Raises: ValueError if the file would be larger than 300 kB.
    """
    places = [jax.tree_util.keystr(place) for place, _ in jax.tree.leaves_with_path(theta)]
    leaves = [np.asarray(leaf).astype(dtype) for leaf in jax.tree.leaves(theta)]
    numbers = b"".join(leaf.tobytes() for leaf in leaves)
    text = base64.b64encode(numbers).decode()
    if len(text) > 300_000:
        raise ValueError(f"{name} takes {len(text):,} bytes, over 300,000; make the model smaller")
    about = {"name": name, "dtype": np.dtype(dtype).name, "places": places,
             "shapes": [leaf.shape for leaf in leaves],
             "sha256": hashlib.sha256(numbers).hexdigest(), "base64": text}
    line = f"{name}: {sum(leaf.size for leaf in leaves):,} numbers, sha256 {about['sha256'][:12]}"
    display({"text/plain": line}, metadata={"model": about}, raw=True)
    rounded = [jnp.asarray(new, old.dtype) for new, old in zip(leaves, jax.tree.leaves(theta))]
    return jax.tree.structure(theta).unflatten(rounded)
