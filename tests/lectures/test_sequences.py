"""The standard errors of the lecture on memory against statsmodels."""

import numpy as np
import pytest
from book import cells
from statsmodels.regression.linear_model import OLS


@pytest.mark.parametrize("lags", [0, 3, 10])
def test_hac_is_that_of_statsmodels(lags):
    (cell,) = [c for c in cells("sequences") if c.source.startswith("def hac(")]
    names = {"np": np}
    exec(cell.source, names)
    d = np.convolve(np.random.default_rng(0).standard_normal(200), [1, 0.5, 0.3])
    fit = OLS(d, np.ones(len(d))).fit(cov_type="HAC", cov_kwds={"maxlags": lags})
    np.testing.assert_allclose(names["hac"](d, lags), fit.bse[0])
