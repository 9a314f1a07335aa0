"""scikit-learn's own suite, for every solver and every loss."""

from itertools import cycle

import numpy as np
import pytest
from sklearn.datasets import make_regression
from sklearn.utils import estimator_checks, get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklopt import GradientRegressor
from sklopt.losses import LOSSES
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
# Each loss by descent on all rows, and by another solver in turn.
LOSS_VARIANTS = [
    GradientRegressor(one, loss=loss)
    for loss, solver in zip(LOSSES, cycle(SOLVERS), strict=False)
    for one in sorted({"gd", solver})
]
PENALTY_VARIANTS = [
    GradientRegressor(solver, penalty=penalty)
    for penalty in ("l1", "elasticnet")
    for solver in ("gd", "sgd", "adam")
]
STEADIED = [
    GradientRegressor("sgd", average=True),
    GradientRegressor("adam", average="exponential"),
    GradientRegressor("momentum", gradient_clipping=1.0),
    GradientRegressor(gradient_clipping=1.0, average=True),
]
EXTRAS = [
    estimator_checks.check_param_validation,
    estimator_checks.check_dataframe_column_names_consistency,
    estimator_checks.check_inplace_ensure_writeable,
]


class InColumns(GradientRegressor):
    """Takes y with an axis for targets only, so that the suite passes such."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.single_output = False
        return tags


class InSinglePrecision(GradientRegressor):
    """Trains on the suite's data in single precision.

    It predicts in double precision, of which the suite expects the digits.
    """

    def fit(self, X, y, sample_weight=None):
        return super().fit(as_single(X), as_single(y), sample_weight)

    def partial_fit(self, X, y, sample_weight=None):
        return super().partial_fit(as_single(X), as_single(y), sample_weight)


def as_single(array):
    is_double = isinstance(array, np.ndarray) and array.dtype == np.float64
    return array.astype(np.float32) if is_double else array


OF_OTHER_DATA = [
    kind(solver, batch_size=batch_size)
    for kind in (InColumns, InSinglePrecision)
    for solver in SOLVERS
    for batch_size in ("auto", None)
]
STOPPING_EARLY = [
    GradientRegressor("gd", early_stopping=True),
    GradientRegressor("adam", batch_size=5, early_stopping=True),
    GradientRegressor(
        "sgd", schedule="plateau", early_stopping=True, validation_fraction=0.4
    ),
]
# No random split of repeated rows is that of weighted ones: scikit-learn expects the
# same of its own. test_validation.py asks it of early stopping on rows that are passed.
OF_THE_SPLIT = dict.fromkeys(
    [
        "check_sample_weight_equivalence_on_dense_data",
        "check_sample_weight_equivalence_on_sparse_data",
    ],
    "the split counts rows, not weight",
)
OF_SPARSE_DATA = {
    "check_estimator_sparse_array",
    "check_estimator_sparse_matrix",
    "check_estimator_sparse_tag",
    "check_sample_weight_equivalence_on_sparse_data",
}


@unfinished_is_fine
@parametrize_with_checks([GradientRegressor(), *VARIANTS, *OF_OTHER_DATA, *STEADIED])
def test_estimator(estimator, check):
    check(estimator)


@unfinished_is_fine
@parametrize_with_checks(
    STOPPING_EARLY, expected_failed_checks=lambda estimator: OF_THE_SPLIT
)
def test_estimator_that_stops_early(estimator, check):
    check(estimator)


@unfinished_is_fine
@parametrize_with_checks(PENALTY_VARIANTS)
def test_estimator_of_every_penalty(estimator, check):
    check(estimator)


@unfinished_is_fine
@parametrize_with_checks(LOSS_VARIANTS)
def test_estimator_of_every_loss(estimator, check):
    takes_all = not get_tags(estimator).target_tags.positive_only
    if check.func is estimator_checks.check_regressor_multioutput and not takes_all:
        # It draws targets of both signs, whatever the tag says.
        check = multioutput_of_positive_targets
    check(estimator)


def multioutput_of_positive_targets(estimator):
    X, y = make_regression(n_samples=11, n_features=10, n_targets=5, random_state=42)
    predictions = estimator.fit(X, np.abs(y)).predict(X)
    assert predictions.dtype == np.float64
    assert predictions.shape == y.shape


@pytest.mark.parametrize("estimator", [GradientRegressor(), *VARIANTS], ids=str)
def test_the_suite_has_checks_of_sparse_data(estimator):
    checks = estimator_checks._yield_all_checks(estimator, legacy=True)
    names = {getattr(check, "func", check).__name__ for check in checks}
    assert names >= OF_SPARSE_DATA


@unfinished_is_fine
@pytest.mark.parametrize("check", EXTRAS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("solver", SOLVERS)
def test_extra_checks(solver, check):
    check("GradientRegressor", GradientRegressor(solver))
