"""scikit-learn's own suite, for every solver."""

import pytest
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklopt import GradientRegressor
from sklopt.solvers import SOLVERS

# The suite fits pure noise, few rows and few epochs; whether such a training has come
# to its end is not what it asks.
unfinished_is_fine = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"
)

VARIANTS = [
    GradientRegressor(solver, batch_size=batch_size, schedule=schedule)
    for solver in SOLVERS
    for batch_size in ("auto", None)
    for schedule in ("constant", "step_decay")
]
EXTRAS = [
    estimator_checks.check_param_validation,
    estimator_checks.check_dataframe_column_names_consistency,
    estimator_checks.check_inplace_ensure_writeable,
]


@unfinished_is_fine
@parametrize_with_checks([GradientRegressor(), *VARIANTS])
def test_estimator(estimator, check):
    check(estimator)


@unfinished_is_fine
@pytest.mark.parametrize("check", EXTRAS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("solver", SOLVERS)
def test_extra_checks(solver, check):
    check("GradientRegressor", GradientRegressor(solver))
