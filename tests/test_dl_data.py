"""The data sets are what their docstrings say."""

import jax
import numpy as np

from dl_data import curve, noisy_curve


def test_curve():
    x = np.linspace(0, 5, 7)
    np.testing.assert_allclose(curve(x), np.sqrt(x) + np.sin(x), rtol=1e-5)


def test_noisy_curve():
    x, y = noisy_curve(jax.random.key(0), n=10_000, sd=0.5)
    assert x.shape == y.shape == (10_000, 1)
    np.testing.assert_allclose(x[:, 0], np.linspace(0, 5, 10_000), rtol=1e-5)
    noise = y - curve(x)
    assert abs(noise.mean()) < 4 * 0.5 / 100
    np.testing.assert_allclose(noise.std(), 0.5, rtol=0.03)


def test_noisy_curve_depends_on_the_key_alone():
    (x, y), (x_again, y_again) = noisy_curve(jax.random.key(0)), noisy_curve(jax.random.key(0))
    x_other, y_other = noisy_curve(jax.random.key(1))
    assert x.shape == (400, 1)
    assert (x == x_again).all()
    assert (y == y_again).all()
    assert (x == x_other).all()
    assert (y != y_other).mean() > 0.99
