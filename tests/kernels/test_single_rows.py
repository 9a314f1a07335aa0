"""Mini-batches of one row take a way of their own to the same steps."""

import numpy as np
import pytest
from cases import (
    PENALTIES,
    SCHEDULES,
    is_allowed,
    make_model,
    make_problem,
    make_weights,
    train_twin,
)
from numpy.testing import assert_allclose, assert_array_equal

CASES = [name for name in SCHEDULES if is_allowed("sgd", name, 1)]


@pytest.mark.reduced
@pytest.mark.parametrize("store_path", ["epoch", "step"])
@pytest.mark.parametrize("is_weighted", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("penalty", [*PENALTIES, None])
@pytest.mark.parametrize("schedule", CASES)
def test_single_rows_equal_the_twin(
    schedule, penalty, fit_intercept, is_weighted, store_path
):
    X, y = make_problem()
    weights = make_weights() if is_weighted else None
    model = make_model("sgd", schedule, 1, **PENALTIES.get(penalty, {}))
    model.set_params(fit_intercept=fit_intercept, store_path=store_path)
    twin = train_twin(model, X, y, weights)
    model.fit(X, y, weights)
    path = twin.steps if store_path == "step" else twin.path
    assert_allclose(model.path_, path, rtol=1e-11)
    assert_allclose(model.loss_curve_, twin.losses, rtol=1e-11)
    assert_allclose(model.history_["learning_rate"], twin.rates, rtol=1e-12)


def test_several_targets_equal_each_alone():
    X, y = make_problem()
    Y = np.column_stack([y, 2.0 - y])
    model = make_model("sgd", "plateau", 1).fit(X, Y)
    for k, target in enumerate(Y.T):
        alone = make_model("sgd", "plateau", 1).fit(X, target)
        assert_array_equal(model.path_[:, k], alone.path_)
