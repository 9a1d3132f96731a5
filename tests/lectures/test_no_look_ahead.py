"""The forecasts of the lecture on regression cannot see the future, nor the rows they forecast."""

import jax
import numpy as np
import pytest
from book import cells, has_tag

from dl_core import init_mlp, mlp, train

WINDOW, BLOCK, FUTURE = 60, 20, 100  # rows from FUTURE on are tampered with


def functions():
    """`forecast` and `walk_forward` as the lecture defines them, with nothing but its imports."""
    imports, *others = cells("regression")
    (tagged,) = [cell for cell in others if has_tag(cell, "walk-forward")]
    names = {}
    exec(imports.source, names)
    exec(tagged.source, names)
    return names["forecast"], names["walk_forward"]


forecast, walk_forward = functions()


def ols(x, y):
    beta = np.linalg.lstsq(x, y, rcond=None)[0]
    return lambda z: z @ beta


def network(x, y):
    theta, _ = train(init_mlp(jax.random.key(0), (x.shape[1], 4, 1)), x, y, lr=0.1, steps=20)
    return lambda z: np.asarray(mlp(theta, z))


@pytest.fixture(params=[0, 1])
def data(request):
    rng = np.random.default_rng(request.param)
    x = rng.normal(3, 2, (160, 3))
    return x, x @ [[1.0], [-1.0], [0.5]] + rng.normal(5, 1, (160, 1))


def shuffled(x, y):
    order = np.random.default_rng(2).permutation(np.arange(FUTURE, len(x)))
    order = np.concatenate([np.arange(FUTURE), order])
    return x[order], y[order]


def perturbed(x, y):
    later = np.arange(len(x))[:, None] >= FUTURE
    return np.where(later, 100 * x - 7, x), np.where(later, -50 * y + 11, y)


@pytest.mark.parametrize("fit", [ols, network])
@pytest.mark.parametrize("tamper", [shuffled, perturbed])
def test_the_past_does_not_move_with_the_future(data, fit, tamper):
    rows, before, fit_before = walk_forward(fit, *data, window=WINDOW, block=BLOCK)
    same_rows, after, fit_after = walk_forward(fit, *tamper(*data), window=WINDOW, block=BLOCK)
    past = rows < FUTURE
    assert (rows == same_rows).all()
    assert past.sum() == FUTURE - WINDOW
    assert (before[past] == after[past]).all()
    assert (before[~past] != after[~past]).any()
    blocks = (FUTURE - WINDOW) // BLOCK + 1  # the next one still has its window before FUTURE
    assert (fit_before[:blocks] == fit_after[:blocks]).all()


@pytest.mark.parametrize("fit", [ols, network])
def test_the_training_rows_do_matter(data, fit):
    """The tests above could pass with forecasts that ignore all data."""
    x, y = data
    _, before, _ = walk_forward(fit, x, y, window=WINDOW, block=BLOCK)
    y = y.copy()
    y[WINDOW - 1] += 5
    _, after, _ = walk_forward(fit, x, y, window=WINDOW, block=BLOCK)
    assert (before[:BLOCK] != after[:BLOCK]).all()


@pytest.mark.parametrize("gap", [0, 4])
def test_a_gap_hides_the_rows_before_a_block(data, gap):
    x, y = data
    rows, before, _ = walk_forward(ols, x, y, window=WINDOW, block=BLOCK, gap=gap)
    hidden = (x.copy(), y.copy())
    first = rows[0]
    for a in hidden:
        a[first - gap : first] += 10
    _, after, _ = walk_forward(ols, *hidden, window=WINDOW, block=BLOCK, gap=gap)
    assert first == WINDOW + gap
    assert (before[:BLOCK] == after[:BLOCK]).all()
    for a in hidden:
        a[first - gap - 1] += 10
    _, after, _ = walk_forward(ols, *hidden, window=WINDOW, block=BLOCK, gap=gap)
    assert (before[:BLOCK] != after[:BLOCK]).any()


def test_rows_are_forecast_once_and_in_order(data):
    rows, forecasts, in_sample = walk_forward(ols, *data, window=WINDOW, block=30)
    assert rows.tolist() == list(range(60, 150))
    assert forecasts.shape == (90, 1)
    assert in_sample.shape == (3, 1)


def test_standardising_ignores_the_rows_forecast(data):
    x, y = data
    past, new = np.arange(60), np.arange(60, 80)
    seen = []

    def fit(x_past, y_past):
        seen.append((x_past, y_past))
        return ols(x_past, y_past)

    before, fit_before = forecast(fit, x, y, past, new)
    hot, y_hot = x.copy(), y.copy()
    hot[70], y_hot[60:] = 1e3, -1e3
    after, fit_after = forecast(fit, hot, y_hot, past, new)
    other = new != 70
    for a, b in zip(*seen):
        assert (a == b).all()
        assert np.allclose(a.mean(axis=0), 0, atol=1e-5)
        assert np.allclose(a.std(axis=0), 1, atol=1e-5)
    assert (before[other] == after[other]).all()
    assert before[~other] != after[~other]
    assert (fit_before == fit_after).all()


def test_forecasts_are_in_the_units_of_y(data):
    """OLS through standardised data is OLS with an intercept through the data themselves."""
    x, y = data
    past, new = np.arange(100), np.arange(100, 160)
    forecasts, in_sample = forecast(ols, x, y, past, new)

    def ones(a):
        return np.column_stack([a, np.ones(len(a))])

    beta = np.linalg.lstsq(ones(x[past]), y[past])[0]
    residuals = y[past] - ones(x[past]) @ beta
    assert np.allclose(forecasts, ones(x[new]) @ beta, rtol=1e-5)
    assert np.allclose(in_sample, 1 - residuals.var() / y[past].var(), rtol=1e-4)
