"""Sparse X: the answer is that of the same numbers in a dense array."""

import itertools

import numpy as np
import pytest
import scipy.sparse
from cases import SCHEDULES, SOLVERS, is_allowed, make_problem, parameters
from estimators.sparse import (
    N_FEATURES,
    N_SAMPLES,
    assert_same_as_dense,
    assert_same_model,
    make_sparse,
    regressor,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from sklopt import GradientRegressor
from sklopt.engine import _train
from sklopt.engine._full_batch import condensed
from sklopt.losses import LOSSES

X, Y, WEIGHTS = make_sparse()
BATCH_SIZES = [1, 7, 32, None]
PENALTIES = [None, "l2", "l1", "elasticnet"]


@pytest.fixture
def plans(monkeypatch):
    """The plan of every training."""
    seen = []
    loop = _train._loop

    def spying(plan):
        seen.append(plan)
        return loop(plan)

    monkeypatch.setattr(_train, "_loop", spying)
    return seen


# --- the same steps ------------------------------------------------------------------


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("batch_size", BATCH_SIZES)
@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_takes_the_steps_of_dense_x(solver, batch_size, penalty):
    for weights, fit_intercept in itertools.product([None, WEIGHTS], [True, False]):
        model = regressor(
            solver, batch_size, penalty=penalty, fit_intercept=fit_intercept
        )
        assert_same_as_dense(model, X, Y, weights)


@pytest.mark.parametrize("batch_size", [1, 7, None])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss(loss, batch_size):
    y = np.abs(Y) + 0.1
    for penalty in (None, "l2"):
        model = regressor("sgd", batch_size, loss=loss, penalty=penalty)
        assert_same_as_dense(model, X, y, WEIGHTS)


@pytest.mark.parametrize("batch_size", [1, 7, None])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_every_schedule(schedule, batch_size):
    solver = "gd" if batch_size is None else "sgd"
    if is_allowed(solver, schedule, batch_size):
        model = regressor(solver, batch_size, schedule=SCHEDULES[schedule], alpha=0.1)
        model.set_params(max_iter=12, penalty="l2")
        assert_same_as_dense(model, X, Y, WEIGHTS)


@pytest.mark.parametrize("batch_size", [1, 7])
@pytest.mark.parametrize(
    "settings",
    [
        {"average": True},
        {"average": 20, "penalty": "l2"},
        {"average": "exponential"},
        {"gradient_clipping": 0.5, "penalty": "l2"},
        {"shuffle": False},
        {"shuffle": "blocks"},
        {"init": np.linspace(-1.0, 1.0, N_FEATURES + 1), "penalty": "l2"},
        {"tol": 1e-2, "n_iter_no_change": 2, "max_iter": 100, "penalty": "l2"},
    ],
    ids=",".join,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_other_settings(settings, batch_size):
    assert_same_as_dense(regressor("sgd", batch_size, **settings), X, Y, WEIGHTS)


@pytest.mark.parametrize("store_path", ["epoch", "step", 5])
@pytest.mark.parametrize("batch_size", [1, 7, None])
def test_paths(batch_size, store_path):
    model = regressor("sgd", batch_size, store_path=store_path, penalty="l2")
    sparse = assert_same_as_dense(model, X, Y, WEIGHTS)
    dense = clone(model).fit(X.toarray(), Y, WEIGHTS)
    assert sparse.path_.shape == dense.path_.shape
    assert_allclose(sparse.path_, dense.path_, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("batch_size", [1, 7, None])
def test_several_targets(batch_size, n_jobs):
    y = np.column_stack([Y, 2.0 - Y, np.zeros(N_SAMPLES)])
    model = regressor("sgd", batch_size, penalty="l2", n_jobs=n_jobs).fit(X, y, WEIGHTS)
    for k in range(3):
        alone = regressor("sgd", batch_size, penalty="l2").fit(X, y[:, k], WEIGHTS)
        assert_array_equal(model.coef_[k], alone.coef_)
        assert_array_equal(model.loss_curve_[:, k], alone.loss_curve_)


@pytest.mark.parametrize("batch_size", [1, 7, None])
def test_calls_of_partial_fit_are_one_fit(batch_size):
    model = regressor("sgd", batch_size, penalty="l2", store_path="epoch")
    expected, steps = clone(model).fit(X, Y, WEIGHTS), clone(model)
    for _ in range(model.max_iter):
        steps.partial_fit(X, Y, WEIGHTS)
    assert_array_equal(steps.path_, expected.path_)
    assert_array_equal(steps.loss_curve_, expected.loss_curve_)
    # On sparse and dense X in turn, too.
    turns = clone(model)
    for data in itertools.islice(itertools.cycle([X, X.toarray()]), model.max_iter):
        turns.partial_fit(data, Y, WEIGHTS)
    assert_same_model(turns, expected)


def test_warm_start():
    model = regressor("sgd", 7, warm_start=True, penalty="l2")
    sparse, dense = clone(model).fit(X, Y), clone(model).fit(X.toarray(), Y)
    assert_same_model(sparse.fit(X, Y), dense.fit(X.toarray(), Y))


# --- validation ----------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 7])
@pytest.mark.parametrize("is_val_sparse", [True, False])
def test_validation_rows(is_val_sparse, batch_size):
    train, val = slice(0, 50), slice(50, None)
    model = regressor("sgd", batch_size, early_stopping=True, max_iter=30)
    X_val = X[val] if is_val_sparse else X[val].toarray()
    held_out = {"X_val": X_val, "y_val": Y[val], "sample_weight_val": WEIGHTS[val]}
    sparse = assert_same_as_dense(model, X[train], Y[train], **held_out)
    dense = clone(model).fit(X[train].toarray(), Y[train], **held_out)
    for name in ("validation_loss_curve_", "validation_scores_"):
        assert_allclose(getattr(sparse, name), getattr(dense, name), rtol=1e-10)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_rows_split_off(method):
    model = regressor("sgd", 7, early_stopping=True, penalty="l2")
    assert_same_as_dense(model, X, Y, WEIGHTS, method=method)


# --- the automatic rate, sufficient statistics, the covariance -----------------------


@pytest.mark.parametrize("is_weighted", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(
    "shape", [(90, 30), (40, 700), (520, 510)], ids=["low", "wide", "both large"]
)
def test_automatic_rate(shape, fit_intercept, is_weighted):
    data, y, weight = make_sparse(*shape)
    weight = weight if is_weighted else None
    for solver, batch_size in itertools.product(["sgd", "momentum", "adam"], [7, None]):
        model = regressor(solver, batch_size, fit_intercept=fit_intercept, max_iter=1)
        model.set_params(learning_rate="auto")
        rates = [
            clone(model).fit(matrix, y, weight).history_["learning_rate"]
            for matrix in (data, data.toarray())
        ]
        assert_allclose(*rates, rtol=1e-10)


def test_automatic_rate_of_other_losses():
    y = np.abs(Y) + 0.1
    for loss in LOSSES:
        model = regressor("sgd", 7, loss=loss, learning_rate="auto")
        assert_same_as_dense(model, X, y, WEIGHTS)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("precompute", [True, False, "auto"])
def test_sufficient_statistics(precompute):
    data, y, weight = make_sparse(400, 12)
    model = regressor("momentum", None, precompute=precompute, max_iter=50)
    assert_same_as_dense(model, data, y, weight)


def test_sufficient_statistics_are_taken_where_they_pay(monkeypatch):
    taken = []
    monkeypatch.setattr(
        "sklopt.estimators._gradient.condensed",
        lambda data: taken.append(data) or condensed(data),
    )
    rng = np.random.default_rng(0)
    for n_features, n_nonzeros in ((20, 10), (300, 2)):
        data = scipy.sparse.random_array(
            (40_000, n_features), density=n_nonzeros / n_features, rng=rng, format="csr"
        )
        model = regressor("gd", precompute="auto", max_iter=100)
        assert data.nnz < 2**17 or n_nonzeros == 10
        model.fit(data, data.sum(axis=1))
    assert len(taken) == 1


def test_covariance():
    data, y, weight = make_sparse(200, 5)
    model = regressor("gd", None, compute_covariance=True)
    sparse = clone(model).fit(data, y, weight)
    dense = clone(model).fit(data.toarray(), y, weight)
    assert_allclose(sparse.covariance_, dense.covariance_, rtol=1e-10, atol=1e-15)


# --- steps on what is not zero only --------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "is_by_nonzeros"),
    [
        ({}, True),
        ({"penalty": "l2"}, True),
        ({"batch_size": 32}, True),
        ({"loss": "huber", "schedule": "plateau"}, True),
        ({"store_path": "epoch"}, True),
        ({"early_stopping": True}, True),
        ({"solver": "momentum"}, False),
        ({"solver": "gd"}, False),
        ({"batch_size": None}, False),
        ({"penalty": "l1"}, False),
        ({"average": True}, False),
        ({"gradient_clipping": 1.0}, False),
        ({"store_path": "step"}, False),
        ({"store_path": 10}, False),
    ],
    ids=str,
)
def test_which_steps_visit_non_zeros_only(settings, is_by_nonzeros, plans):
    regressor(**settings).fit(X, Y)
    assert [plan.is_by_nonzeros for plan in plans] == [is_by_nonzeros]


def test_dense_rows_go_the_dense_way(plans):
    regressor().fit(X.toarray(), Y)
    regressor(batch_size=7).fit(scipy.sparse.csr_array(make_problem()[0]), Y[:45])
    assert [plan.is_by_nonzeros for plan in plans] == [False, False]


@pytest.mark.parametrize("batch_size", [1, 7])
@pytest.mark.parametrize("decay", [1e-3, 0.5, 0.999, 1.0, 1.5, 1.999])
def test_strong_decay(decay, batch_size):
    """The scale of all coefficients is multiplied in, however soon it vanishes."""
    model = regressor("sgd", batch_size, penalty="l2", learning_rate=0.02, max_iter=20)
    model.set_params(alpha=decay / 0.02, init=np.ones(N_FEATURES + 1))
    assert_same_as_dense(model, X, Y, WEIGHTS)


def test_decay_of_nothing_does_not_overflow():
    model = regressor("sgd", 1, penalty="l2", learning_rate=1.0, alpha=1e9)
    model.fit(X[[3] * 300], np.zeros(300))
    assert_array_equal(parameters(model), 0.0)


@pytest.mark.parametrize("batch_size", [1, 7])
def test_without_decay_coefficients_may_be_too_large_to_square(batch_size):
    model = regressor("sgd", batch_size, init=np.full(N_FEATURES + 1, 1e160))
    model.init[0] = 0.0
    assert_same_as_dense(model, 1e-160 * X, Y, WEIGHTS)


@pytest.mark.parametrize("batch_size", [1, 7])
def test_decay_that_diverges(batch_size):
    model = regressor("sgd", batch_size, penalty="l2", learning_rate=1.0, alpha=30.0)
    messages = []
    for data in (X, X.toarray()):
        with pytest.raises(ValueError, match="diverged in epoch") as caught:
            clone(model).fit(data, Y)
        messages.append(str(caught.value))
    assert messages[0].split(":")[0] == messages[1].split(":")[0]


@pytest.mark.reduced
@pytest.mark.parametrize("shuffle", [True, False, "blocks"])
@pytest.mark.parametrize("batch_size", BATCH_SIZES)
def test_slices_of_a_training_are_the_training(batch_size, shuffle, monkeypatch):
    model = regressor("sgd", batch_size, shuffle=shuffle, penalty="l2", alpha=15.0)
    model.set_params(store_path="epoch", early_stopping=True)
    y = np.column_stack([Y, 2.0 - Y])
    whole = clone(model).fit(X, y, WEIGHTS)
    monkeypatch.setattr(_train, "CALL_BUDGET", 50)
    sliced = model.fit(X, y, WEIGHTS)
    assert_array_equal(sliced.path_, whole.path_)
    assert_array_equal(sliced.loss_curve_, whole.loss_curve_)
    assert_array_equal(sliced.validation_loss_curve_, whole.validation_loss_curve_)


def test_line_search_in_slices(monkeypatch):
    model = regressor("gd", None, schedule="line_search", learning_rate="auto")
    whole = assert_same_as_dense(model, X, Y, WEIGHTS)
    monkeypatch.setattr(_train, "CALL_BUDGET", 50)
    assert_array_equal(parameters(model.fit(X, Y, WEIGHTS)), parameters(whole))


# --- zeros ---------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", BATCH_SIZES)
def test_no_non_zeros_at_all(batch_size):
    nothing = scipy.sparse.csr_array(X.shape)
    for penalty, rate in (("l2", 0.05), (None, "auto")):
        model = regressor("sgd", batch_size, penalty=penalty, learning_rate=rate)
        model = assert_same_as_dense(model, nothing, Y, WEIGHTS)
        assert_array_equal(model.coef_, 0.0)
        assert model.intercept_ != 0.0


def test_batch_without_non_zeros():
    order = np.argsort(X.count_nonzero(axis=1))
    data = scipy.sparse.vstack([scipy.sparse.csr_array((7, N_FEATURES)), X[order]])
    y = np.append(np.ones(7), Y[order])
    for settings in ({"penalty": "l2"}, {"solver": "adam"}):
        model = regressor(batch_size=7, shuffle=False, **settings)
        assert_same_as_dense(model, data.tocsr(), y)


def test_batch_without_weight():
    weight = WEIGHTS.copy()
    weight[:7] = weight[-7:] = 0.0
    for batch_size in (1, 7):
        model = regressor(batch_size=batch_size, shuffle=False, penalty="l2")
        assert assert_same_as_dense(model, X, Y, weight).t_ < 4 * N_SAMPLES / batch_size


def test_empty_columns_are_not_trained():
    model = regressor("sgd", 1, penalty="l2").fit(X, Y)
    is_empty = X.count_nonzero(axis=0) == 0
    assert is_empty.any()
    assert_array_equal(model.coef_[is_empty], 0.0)
    assert (model.coef_[~is_empty] != 0.0).any()


# --- divergence ----------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 7, None])
def test_divergence_names_the_feature_of_the_largest_scale(batch_size):
    data = X.tolil()
    data[:, 17] = 0.0
    data[5, 17] = 1e6
    model = regressor("sgd", batch_size, learning_rate=0.5, max_iter=20)
    pattern = "very different scales: feature 17, up to 1e\\+06, and feature"
    with pytest.raises(ValueError, match=pattern):
        model.fit(data, Y)
    assert not hasattr(model, "coef_")


def test_warning_of_an_untapped_feature():
    """A fit that stands still far from the minimum says so, as on dense X."""
    rng = np.random.default_rng(0)
    data = scipy.sparse.random_array((200, 300), density=0.01, rng=rng).tolil()
    data[::2, 0], data[1::2, 1] = 3000.0, 1.0
    data = data.tocsr()
    y = data[:, :2].toarray() @ [1e-3, 5.0]
    messages = []
    for matrix in (data, data.toarray()):
        model = GradientRegressor(fit_intercept=False, precompute=False)
        with pytest.warns(UserWarning, match="could easily be lower") as caught:
            model.fit(matrix, y)
        messages.append(str(caught[0].message))
    assert messages[0] == messages[1]
