"""So many targets that two at a time are predicted: each is trained as if alone."""

import numpy as np
import pytest
from cases import every_solver, history_of, make_model
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import clone

from sklopt import GaborRegressor
from sklopt.engine import _lowering, _threads, _train

N_SAMPLES, N_FEATURES = 150, 21
N_TARGETS = _lowering.PAIRED_FROM + 1  # an odd number: one is left over
# More rows than are seen together, of which some are in no group of four.
BATCH_SIZES = [1, 7, 71, None]
every_batch_size = pytest.mark.parametrize("batch_size", BATCH_SIZES)
# Some targets come to their end, others do not.
may_go_on = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
PUBLISHED = ("coef_", "intercept_", "loss_", "n_iter_", "t_")


def make_many(n_targets=N_TARGETS):
    """Rows with weights, of which some are 0, and targets unlike each other."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(N_SAMPLES, N_FEATURES))
    Y = X @ rng.normal(size=(N_FEATURES, n_targets))
    Y += rng.normal(size=Y.shape) * np.linspace(0.1, 20, n_targets)
    weights = rng.integers(0, 4, size=N_SAMPLES).astype(float)
    return X, Y, weights


def make_stopping(solver, batch_size, **params):
    """A model that `tol` stops at an epoch that depends on the target."""
    params = {"tol": 1e-3, "n_iter_no_change": 2, "max_iter": 300} | params
    return make_model(solver, "constant", batch_size, **params)


def assert_same(model, other, targets=slice(None)):
    """To the last bit: `other` is `model`, of which it may have the targets only."""
    for name in PUBLISHED:
        assert_array_equal(getattr(other, name), getattr(model, name)[targets])
    n_epochs = len(other.loss_curve_)
    assert_array_equal(other.loss_curve_, model.loss_curve_[:n_epochs, targets])


@every_batch_size
@every_solver
def test_each_target_is_its_solo_fit(solver, batch_size):
    """But for what sums in another order round to."""
    X, Y, weights = make_many()
    model = make_model(solver, "constant", batch_size, penalty="l2", alpha=0.1)
    many = clone(model).fit(X, Y, weights)
    history = history_of(many).groupby("target")
    for k, y in enumerate(Y.T):
        solo = clone(model).fit(X, y, weights)
        assert_allclose(many.path_[:, k], solo.path_, rtol=1e-10, atol=1e-12)
        rows = history.get_group(k).drop(columns="target")
        assert_allclose(rows, history_of(solo), rtol=1e-8, atol=1e-10)


@may_go_on
@every_batch_size
@every_solver
def test_no_digit_tells_the_number_of_threads(solver, batch_size):
    """Whoever is left over in a thread, and whoever has stopped."""
    X, Y, weights = make_many()
    model = make_stopping(solver, batch_size)
    one = clone(model).fit(X, Y, weights)
    assert len(set(one.n_iter_)) > 1
    for n_jobs in (2, 4):
        assert_same(one, clone(model).set_params(n_jobs=n_jobs).fit(X, Y, weights))


@may_go_on
@pytest.mark.reduced
@pytest.mark.parametrize("is_sparse", [False, True])
def test_no_digit_tells_the_partner(is_sparse):
    X, Y, weights = make_many()
    if is_sparse:
        X[np.abs(X) < 1] = 0.0
        X = csr_array(X)
    model = make_stopping("nesterov", 71, max_iter=20)
    one = clone(model).fit(X, Y, weights)
    order = np.random.default_rng(0).permutation(N_TARGETS)
    assert_same(one, clone(model).fit(X, Y[:, order], weights), order)


@every_batch_size
def test_slices_of_a_training_are_the_training(batch_size, monkeypatch):
    X, Y, weights = make_many()
    model = make_model("adam", "constant", batch_size)
    whole = clone(model).fit(X, Y, weights)
    monkeypatch.setattr(_train, "CALL_BUDGET", 1)
    assert_same(whole, clone(model).fit(X, Y, weights))


@pytest.mark.parametrize(
    ("more", "kind", "expected"),
    [(-1, np.array, False), (0, np.array, True), (0, csr_array, False)],
)
def test_pairs_are_made_of_so_many_targets(more, kind, expected, monkeypatch):
    """Of all targets, not of those in a thread, or threads would change digits."""
    in_pairs = []

    def watched(task, *arguments, **settings):
        in_pairs.append(task.plan.in_pairs)
        return train(task, *arguments, **settings)

    train = _threads.train
    monkeypatch.setattr(_threads, "train", watched)
    X, Y, _ = make_many(_lowering.PAIRED_FROM + more)
    make_model("sgd", "constant", n_jobs=3).fit(kind(X), Y)
    assert in_pairs == 3 * [expected]


@may_go_on
def test_no_digit_of_a_start_tells_the_number_of_threads():
    """Also where one of them is where no sample sees the wave."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-15, 15, size=N_SAMPLES)
    y = np.sin(0.4 * X) * np.exp(-((0.4 * X) ** 2) / 32) + 0.1 * rng.normal(size=len(X))
    init = np.c_[np.linspace(-1, 1, N_TARGETS), np.full(N_TARGETS, 0.3)]
    init[4] = [1e4, 0.3]
    model = GaborRegressor("sgd", batch_size=31, learning_rate=1e-2, random_state=0)
    model.set_params(init=init, max_iter=20, tol=None)
    one = clone(model).fit(X[:, None], y)
    shared = clone(model).set_params(n_jobs=2).fit(X[:, None], y)
    assert_array_equal(shared.init_results_, one.init_results_)
    assert_array_equal(shared.loss_curve_, one.loss_curve_)
