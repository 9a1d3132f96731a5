"""Every data set of the book, one function each, with its provenance.

Nothing is downloaded: the data are generated here or travel inside an installed package.
"""

import jax
import jax.numpy as jnp


def curve(x):
    """The regression function sqrt(x) + sin(x), for x >= 0."""
    return jnp.sqrt(x) + jnp.sin(x)


def noisy_curve(key, n=400, sd=0.2):
    """n points of `curve` on [0, 5] with normal noise of standard deviation sd.

    Args: key: random key; n: observations; sd: of the noise, in units of y.
    Returns: x (n, 1), evenly spaced; y (n, 1). No units: both are generated.
    Source: QuantEcon, "Neural Network Regression with JAX", whose training and validation
        samples differ in the noise alone; so give each its own key.
    """
    x = jnp.linspace(0, 5, n)
    y = curve(x) + sd * jax.random.normal(key, (n,))
    return x[:, None], y[:, None]
