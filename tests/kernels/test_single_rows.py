"""Mini-batches of one row take a way of their own to the same steps."""

import numpy as np
import pytest
from cases import SCHEDULES, is_allowed, make_model, make_problem, make_weights
from numpy.testing import assert_allclose

CASES = [name for name in SCHEDULES if is_allowed("sgd", name, 1)]


@pytest.mark.parametrize("is_weighted", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("penalty", ["l2", None])
@pytest.mark.parametrize("schedule", CASES)
def test_agrees_with_the_general_way(schedule, penalty, fit_intercept, is_weighted):
    X, y = make_problem()
    y = np.column_stack([y, 2.0 - y])
    weights = make_weights() if is_weighted else None
    settings = {"penalty": penalty, "alpha": 0.7, "fit_intercept": fit_intercept}
    model = make_model("sgd", schedule, 1, **settings).fit(X, y, weights)
    # To record every step, the loop leaves the short way.
    general = make_model("sgd", schedule, 1, store_path="step", **settings)
    general.fit(X, y, weights)
    assert_allclose(model.path_[-1], general.path_[-1], rtol=1e-11)
    assert_allclose(model.history_, general.history_, rtol=1e-11)
    assert_allclose(model.loss_, general.loss_, rtol=1e-11)
