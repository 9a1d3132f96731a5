"""The data sets are what their docstrings say."""

from importlib.metadata import distribution

import jax
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

import dl_data
from dl_data import (
    FILES,
    countries,
    curve,
    kjv,
    mnist,
    noisy_curve,
    oil_and_shares,
    pension_plans,
    seattle_weather,
    small_digits,
    sp500,
    spoken,
    standardise,
    training_programme,
)


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


@pytest.mark.parametrize(("load", "shape", "first", "last"), [
    (oil_and_shares, (7281, 20), "1990-01-03", "2019-01-02"),
    (seattle_weather, (1460, 4), "2012-01-01", "2015-12-30"),
])
def test_series(load, shape, first, last):
    x, y = load()
    assert x.shape == shape
    assert y.shape == (shape[0], 1)
    assert (x.index == y.index).all()
    assert x.index.is_monotonic_increasing
    assert x.index.is_unique
    assert [str(day.date()) for day in x.index[[0, -1]]] == [first, last]
    assert np.isfinite(x.to_numpy()).all()
    assert np.isfinite(y.to_numpy()).all()


def test_oil_return_is_that_of_the_next_day():
    x, y = oil_and_shares()
    assert list(x)[:2] == ["AAPL", "AMD"]
    assert list(y) == ["oil"]
    # the air war over Iraq began in the night after 16 January 1991, and oil fell by a third
    assert y["oil"].idxmin() == pd.Timestamp("1991-01-16")
    assert 0.3 < 1 - np.exp(y["oil"].min() / 100) < 0.35


def test_weather_of_tomorrow():
    x, y = seattle_weather()
    assert (y["tomorrow_max"].to_numpy()[:-1] == x["temp_max"].to_numpy()[1:]).all()
    assert (x["temp_min"] <= x["temp_max"]).all()


def test_sp500():
    days = sp500()
    assert days.shape == (5030, 2)
    assert days.index.is_monotonic_increasing
    assert np.isfinite(days.to_numpy()).all()
    assert days["ret"].idxmin() == pd.Timestamp("2008-10-15")
    assert days["log_range"].idxmax() == pd.Timestamp("2008-11-13")


def test_countries():
    x, y = countries()
    assert x.shape == (1704, 3)
    assert y.shape == (1704, 1)
    assert (x.index == y.index).all()
    assert x.index.nunique() == 142
    assert sorted(x["year"].unique()) == list(range(1952, 2008, 5))
    assert y["life"].between(20, 90).all()


def test_training_programme():
    experiment, survey = training_programme()
    assert (experiment.shape, survey.shape) == ((445, 10), (15_992, 10))
    assert list(experiment) == list(survey)
    assert (experiment["treat"].sum(), survey["treat"].sum()) == (185, 0)
    mean = experiment.groupby("treat")["re78"].mean()
    assert round(mean[1] - mean[0], 2) == 1794.34  # as published
    assert round(mean[1] - survey["re78"].mean(), 1) == -8497.5
    assert all(np.isfinite(table.to_numpy()).all() for table in (experiment, survey))


def test_pension_plans():
    table = pension_plans()
    assert table.shape == (9275, 8)
    assert np.isfinite(table.to_numpy()).all()
    mean = table.groupby("e401k")["nettfa"].mean()
    assert round(mean[1] - mean[0], 1) == 18.9
    for name in ("e401k", "marr", "male", "pira"):
        assert set(table[name]) == {0, 1}


def test_mnist():
    x, labels = mnist()
    assert x.shape == (5000, 784)
    assert x.dtype == np.float32
    assert (x.min(), x.max()) == (0, 1)
    assert labels.dtype == np.int32
    assert (labels == np.repeat(np.arange(10), 500)).all()


def test_small_digits():
    x, labels = small_digits()
    x_published, labels_published = load_digits(return_X_y=True)
    assert (x * 16 == x_published).all()
    assert (labels == labels_published).all()


def test_spoken_is_the_same_each_time():
    texts, voices = ["seven", "five three", "seven"], ["en-us+linda", "en+Andy", "en-us+m3"]
    sounds, again = (spoken(texts, voices, (140, 170, 200), (50,)) for _ in range(2))
    assert [s.dtype for s in sounds] == [np.float32] * 3
    assert all((a == b).all() for a, b in zip(sounds, again))
    assert all(0.1 < len(s) / 22_050 < 2 and 0.05 < abs(s).max() <= 1 for s in sounds)
    assert len(sounds[1]) > len(sounds[2])
    slow, fast = spoken(["seven"] * 2, speeds=(100, 250))
    assert len(slow) > 1.5 * len(fast)


@pytest.mark.parametrize(("options", "error", "words"), [
    ({"voices": ["en-us+nobody"]}, ValueError, "no variant 'nobody'"),
    ({"voices": ["klingonian"]}, RuntimeError, "no voice 'klingonian'; take an accent"),
    ({"texts": ["a"] * 3, "voices": ["en"] * 2}, ValueError, r"3 texts, but .*\[2, 3, 3\]"),
])
def test_spoken_refuses(options, error, words):
    with pytest.raises(error, match=words):
        spoken(**options)


def test_kjv():
    text = kjv()
    assert text.isascii()
    assert len(text) == 4_139_073
    assert len(set(text)) == 63
    assert text.startswith("In the beginning God created the heaven and the earth. And the earth")
    assert text.endswith("The grace of our Lord Jesus Christ be with you all. Amen.")
    assert "darkness was upon the face of the deep" in text  # a word in brackets in the file
    assert text.count("my brother's keeper") == 1
    assert not set(text) & set("[]0123456789")


@pytest.mark.parametrize("name", FILES)
def test_a_data_set_is_read_from_the_files_that_are_said_to_hold_it(name, monkeypatch):
    read = []

    def noted(package):
        read.append(package)
        return distribution(package)

    monkeypatch.setattr(dl_data, "distribution", noted)
    getattr(dl_data, name)()
    assert read == [package for package, _ in FILES[name]]
    for package, path in FILES[name]:
        assert path in map(str, distribution(package).files)


def test_standardise_agrees_with_scikit_learn():
    key_a, key_b = jax.random.split(jax.random.key(0))
    a, b = 5 + 3 * jax.random.normal(key_a, (50, 4)), jax.random.normal(key_b, (7, 4))
    scaler = StandardScaler().fit(a)
    ours_a, ours_b = standardise(a, b)
    np.testing.assert_allclose(ours_a, scaler.transform(a), atol=1e-5)
    np.testing.assert_allclose(ours_b, scaler.transform(b), atol=1e-5)


def test_standardise_ignores_the_test_rows():
    train, test = np.arange(12.0).reshape(6, 2), np.ones((3, 2))
    alone, _ = standardise(train, test)
    beside, _ = standardise(train, 1e6 * test)
    assert (alone == beside).all()


@pytest.mark.parametrize("constant", [1.0, 0.1, 1e9 / 3])
def test_standardise_takes_a_constant_column(constant):
    a, b = standardise(np.full((30, 1), constant), [[constant], [constant + 1]])
    assert (a == 0).all()
    np.testing.assert_allclose(b, [[0], [1]], atol=1e-6)


FRAME = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [10.0, 20.0, 30.0]})
GAPS = pd.DataFrame({"a": pd.array([1, None], dtype="Int64"),
                     "b": pd.array([None, 20.0], dtype="Float64")})


def test_standardise_keeps_gaps_in_other_rows():
    masked = np.ma.masked_equal([[-999.0, 20.0], [2.0, 20.0]], -999)
    _, (first, second), of_mask = standardise(FRAME, GAPS, masked)
    np.testing.assert_allclose(first, [-1.5**0.5, np.nan], rtol=1e-5)
    np.testing.assert_allclose(second, [np.nan, 0], rtol=1e-5)
    np.testing.assert_allclose(of_mask, [[np.nan, 0], [0, 0]], rtol=1e-5)


def test_standardise_takes_columns_of_several_types():
    table = pd.get_dummies(pd.Series(list("aab"))).assign(n=pd.array([1, 2, 3], dtype="Int64"))
    (ours,) = standardise(table)
    np.testing.assert_allclose(ours, StandardScaler().fit_transform(table.astype(float)), rtol=1e-6)


@pytest.mark.parametrize(("tables", "words"), [
    ((np.ones(3),), r"\(3,\).*a\[:, None\].*np.reshape\(a, "),
    ((np.ones((3, 2)), np.ones((3, 1))), r"\(3, 2\), \(3, 1\)"),
    ((np.ones((0, 2)),), "no rows"),
    ((np.array([[1.0], [np.nan]]),), "NaN"),
    ((np.ma.masked_equal([[1.0], [-999.0]], -999),), "gaps"),
    ((GAPS,), "gaps"),
    ((FRAME, FRAME[["b", "a"]]), r"\['a', 'b'\], \['b', 'a'\].* differ; pick"),
    ((FRAME, FRAME.rename(columns={"a": "c"})), "differ"),
    ((FRAME.assign(b=list("xyz")),), "DataFrame cannot be made.*'x'.*encode"),
    ((FRAME * 1j,), "DataFrame cannot be made.*complex"),
    ((FRAME.assign(b=pd.Timestamp("2020-01-01")),), "DataFrame cannot be made.*dates"),
    ((np.array([[3], ["NaT"]], "m8[D]"),), "ndarray cannot be made.*dates"),
    (([[1, 2], [3]],), "list cannot be made.*equal length"),
])
def test_standardise_refuses(tables, words):
    with pytest.raises(ValueError, match=words):
        standardise(*tables)
