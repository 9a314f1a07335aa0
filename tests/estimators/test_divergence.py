"""A training that has left every path back is refused; one that ends badly, told."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest
import reference
from cases import (
    assert_refused,
    both_methods,
    both_states,
    make_model,
    make_problem,
    model_in,
    model_of,
    train_twin,
)
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sklopt import GradientRegressor
from sklopt.engine import _lowering, _threads, _train
from sklopt.kernels._stopping import HOPELESS_GROWTH

X, Y = make_problem()
AT_ZERO = np.mean(Y**2)

# Adam's steps do not grow with the gradient: it always comes back.
every_explosive_solver = pytest.mark.parametrize(
    "solver", ["gd", "sgd", "momentum", "nesterov"]
)


def message_of(epoch, rate, last):
    return (
        f"GradientRegressor diverged in epoch {epoch} at learning_rate={rate:.3g}: the "
        f"objective went from {AT_ZERO:.3g} to {last:.3g}. Lower the learning rate, or "
        "take learning_rate='auto'; features of very different scales call for "
        "StandardScaler."
    )


@every_explosive_solver
@pytest.mark.parametrize("batch_size", [None, 1, 7])
@pytest.mark.parametrize("tol", [1e-5, None])
@pytest.mark.parametrize("rate", [50.0, 1e3, 1e20, 1e300])
def test_divergence_names_epoch_rate_and_remedy(rate, tol, batch_size, solver):
    model = make_model(solver, "constant", batch_size, learning_rate=rate, tol=tol)
    with pytest.raises(ValueError, match=r"diverged in epoch \d+ at") as caught:
        model.set_params(max_iter=200).fit(X, Y)
    epoch = int(re.search(r"epoch (\d+)", str(caught.value))[1])
    with np.errstate(all="ignore"):
        twin = train_twin(clone(model).set_params(max_iter=epoch), X, Y)
        seen = [*twin.losses[-1:], reference.objective(twin.path[-1], X, Y)]
    # The first epoch that saw an objective beyond hope is the one that is named.
    assert (twin.losses[:-1] <= HOPELESS_GROWTH * AT_ZERO).all()
    assert not twin.losses[-1] <= HOPELESS_GROWTH * AT_ZERO
    last = np.nan_to_num(seen, nan=np.inf, posinf=np.inf).max()
    assert str(caught.value) == message_of(epoch, rate, last)
    assert not hasattr(model, "coef_")


@every_explosive_solver
@pytest.mark.parametrize("batch_size", [None, 1, 7])
def test_slow_growth_is_no_convergence(solver, batch_size):
    """Whatever the rate, who ends above the start is told so."""
    n_diverged = 0
    for rate in np.geomspace(0.02, 40, 50):
        model = model_of(solver, learning_rate=rate, batch_size=batch_size)
        model.set_params(tol=1e-5, max_iter=200)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            try:
                model.fit(X, Y)
            except ValueError:
                n_diverged += 1
                continue
        is_growth = model.loss_ > 1.05 * AT_ZERO  # less may be noise
        told = [str(warning.message) for warning in caught]
        assert is_growth == any(
            "the learning rate is too high" in text for text in told
        ), rate
    assert n_diverged > 5


def test_worse_than_a_constant_is_told():
    """With features this large no rate is safe that moves the intercept."""
    large = np.random.default_rng(1).lognormal(10, 0.7, size=(500, 1))
    y = 100 + 1e-5 * large[:, 0] + np.random.default_rng(2).normal(size=500)
    with pytest.warns(ConvergenceWarning, match=r"constant prediction.*StandardScaler"):
        model = GradientRegressor().fit(large, y)
    assert model.stop_reason_ == "tol"
    assert model.score(large, y) < 0


def test_training_whose_last_step_explodes_is_refused():
    """Its end counts as well, which no epoch has seen: `partial_fit` ends each time."""
    params = {"learning_rate": 10.0, "max_iter": 4}
    path = train_twin(make_model("gd", "constant", **params), X, Y).path
    objectives = [reference.objective(phi, X, Y) for phi in path]
    assert objectives[3] < HOPELESS_GROWTH * AT_ZERO < objectives[4]
    message = message_of(4, 10.0, objectives[4])
    model = model_of("gd", **params)
    assert_refused(lambda: model.fit(X, Y), model, ValueError, message)
    for _ in range(3):
        model.partial_fit(X, Y)
    assert_refused(lambda: model.partial_fit(X, Y), model, ValueError, message)
    assert model.set_params(max_iter=3).fit(X, Y).n_iter_ == 3


@both_methods
@both_states
@every_explosive_solver
def test_divergence_changes_nothing(solver, state, method):
    model = model_in(state).set_params(solver=solver, learning_rate=1e150)
    fit = getattr(model, method)
    message = "GradientRegressor diverged in epoch"
    assert_refused(lambda: fit(X, Y), model, ValueError, message)


@pytest.mark.parametrize("names", [None, ["age", "income", "zero"]])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_the_feature_of_the_largest_scale_is_named(is_weighted, names):
    rng = np.random.default_rng(0)
    data = rng.uniform(-1, 1, size=(50, 3)) * [2.0, 1e5, 0.0]
    y, weights = data[:, 0].copy(), np.ones(50)
    if is_weighted:  # rows without weight do not count
        data[0], weights[0] = 1e9, 0.0
    scales = np.abs(data[weights > 0]).max(axis=0)
    first, second = (repr(n) for n in names[:2]) if names else (0, 1)
    X = pd.DataFrame(data, columns=names) if names else data
    model = GradientRegressor(learning_rate=0.1)
    with pytest.raises(ValueError, match="diverged in epoch") as caught:
        model.fit(X, y, weights)
    assert str(caught.value).endswith(
        ". The features are of very different scales: "
        f"feature {second}, up to {scales[1]:.3g}, and "
        f"feature {first}, up to {scales[0]:.3g}. Standardise the features, e.g. with "
        "StandardScaler, or take learning_rate='auto'."
    )


def test_scales_that_are_alike_are_not_blamed():
    for factor, is_blamed in ((999.0, False), (1001.0, True)):
        pair = np.column_stack([np.linspace(-1, 1, 9), np.linspace(-factor, factor, 9)])
        with pytest.raises(ValueError, match="diverged") as caught:
            GradientRegressor(learning_rate=1.0).fit(pair, np.arange(9.0))
        assert ("very different scales: feature 1" in str(caught.value)) == is_blamed
        assert "StandardScaler" in str(caught.value)
        assert "learning_rate='auto'" in str(caught.value)


@pytest.mark.reduced
@pytest.mark.parametrize("kind", [np.array, csr_array])
@pytest.mark.parametrize("batch_size", [1, 3])
@pytest.mark.parametrize("solver", ["sgd", "momentum"])
def test_no_step_is_taken_once_the_objective_overflows(
    solver, batch_size, kind, monkeypatch
):
    n_updates = []

    def watched(task, state, *arguments, **settings):
        history = train(task, state, *arguments, **settings)
        n_updates.extend(state.progress["n_updates"])
        return history

    train = _threads.train
    monkeypatch.setattr(_threads, "train", watched)
    # Of so few numbers a row that descent on the sparse ones visits only these.
    wide = np.kron(np.eye(12), np.ones((5, 1)))
    model = GradientRegressor(solver, learning_rate=1e100, batch_size=batch_size)
    with pytest.raises(ValueError, match="diverged in epoch 1 at"):
        model.set_params(shuffle=False).fit(kind(wide), np.ones(len(wide)))
    # φ is about 1e100 after the first update, 1e200 after the second.
    assert n_updates == [2]


def test_divergence_between_pools_is_told_as_ever(monkeypatch):
    """Wherever the loop pauses, the epoch goes on: it has another target to train."""
    monkeypatch.setattr(_lowering, "LARGEST_POOL", 64)
    monkeypatch.setattr(_lowering, "FEWEST_BLOCKS", 2)
    many = np.random.default_rng(0).normal(size=(400, 3))
    targets = np.column_stack([np.zeros(400), many.sum(axis=1)])
    model = GradientRegressor("sgd", learning_rate=1e100, batch_size=1, random_state=0)
    model.set_params(shuffle="blocks")
    with pytest.raises(ValueError, match="diverged in epoch 1 at") as whole:
        model.fit(many, targets)
    for budget in range(1, 2000, 50):
        monkeypatch.setattr(_train, "CALL_BUDGET", budget)
        with pytest.raises(ValueError, match="diverged in epoch 1 at") as sliced:
            model.fit(many, targets)
        assert str(sliced.value) == str(whole.value)
