"""Clipped gradients equal their twin: the short ones untouched, the others scaled."""

import pickle

import numpy as np
import pytest
from cases import (
    BATCH_SIZES,
    N_EPOCHS,
    assert_refused,
    every_pair,
    every_solver,
    history_of,
    make_model,
    make_problem,
    make_targets,
    make_weights,
    model_of,
    parameters,
    train_twin,
)
from numpy.testing import assert_allclose, assert_array_equal

from sklopt import GaborRegressor, GradientRegressor
from sklopt.datasets import make_gabor

X, Y = make_problem()
WEIGHTS = make_weights()
CLOSE = {"rtol": 1e-10, "atol": 1e-12}

# Longer than some of the gradients of the problem, shorter than others.
LARGEST = 2.5


def assert_equals_twin(model, weights=None):
    twin = train_twin(model, X, Y, weights)
    model.fit(X, Y, weights)
    path = twin.steps if model.store_path == "step" else twin.path
    assert_allclose(model.path_, path, **CLOSE)
    assert_allclose(model.loss_curve_, twin.losses, **CLOSE)
    assert_allclose(model.history_["gradient_norm"], twin.norms, **CLOSE)
    assert_allclose(parameters(model), twin.averages[-1], **CLOSE)
    return twin


@pytest.mark.reduced
@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("penalty", ["l2", None])
@pytest.mark.parametrize("batch_size", BATCH_SIZES)
@every_solver
def test_equals_twin(solver, batch_size, penalty, average):
    params = {"penalty": penalty, "alpha": 0.3, "average": average}
    model = make_model(solver, "exponential", batch_size, **params)
    assert_equals_twin(model.set_params(gradient_clipping=LARGEST), WEIGHTS)


@every_pair
def test_equals_twin_on_every_schedule(solver, schedule, batch_size):
    model = make_model(solver, schedule, batch_size, gradient_clipping=LARGEST)
    if schedule == "line_search":
        message = "gradient_clipping shortens steps"
        assert_refused(lambda: model.fit(X, Y), model, ValueError, message)
    else:
        assert_equals_twin(model)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("batch_size", [1, 7])
def test_steps_are_no_longer_than_allowed(batch_size, fit_intercept):
    params = {"store_path": "step", "fit_intercept": fit_intercept}
    free = make_model("sgd", "constant", batch_size, **params).fit(X, Y)
    bound = make_model("sgd", "constant", batch_size, **params)
    bound.set_params(gradient_clipping=LARGEST)
    assert_equals_twin(bound)
    rate = free.learning_rate
    lengths = np.linalg.norm(np.diff(bound.path_, axis=0), axis=1) / rate
    assert (lengths <= LARGEST * (1 + 1e-12)).all()
    is_full = np.isclose(lengths, LARGEST, rtol=1e-10)
    assert 0 < is_full.sum() < len(lengths)


@pytest.mark.parametrize("batch_size", BATCH_SIZES)
@every_solver
def test_a_norm_that_no_gradient_has_changes_nothing(solver, batch_size):
    free = make_model(solver, "constant", batch_size).fit(X, Y)
    bound = make_model(solver, "constant", batch_size, gradient_clipping=1e6)
    assert_allclose(bound.fit(X, Y).path_, free.path_, rtol=1e-13)


@pytest.mark.parametrize("batch_size", [None, 1, 7])
@every_solver
def test_pieces_equal_the_whole(solver, batch_size):
    X, Y = make_targets()
    params = {"gradient_clipping": LARGEST, "average": 20}
    pieces = make_model(solver, "plateau", batch_size, **params)
    for _ in range(N_EPOCHS):
        pieces = pickle.loads(pickle.dumps(pieces)).partial_fit(X, Y)
    whole = make_model(solver, "plateau", batch_size, **params).fit(X, Y)
    assert_array_equal(pieces.coef_, whole.coef_)
    assert_array_equal(pieces.path_, whole.path_)
    assert history_of(pieces).equals(history_of(whole))


def test_each_target_is_clipped_alone():
    X, Y = make_targets()
    together = make_model("sgd", "constant", 7, gradient_clipping=LARGEST).fit(X, Y)
    for k, y in enumerate(Y.T):
        alone = make_model("sgd", "constant", 7, gradient_clipping=LARGEST).fit(X, y)
        assert_array_equal(together.path_[:, k], alone.path_)


@pytest.mark.parametrize(("batch_size", "largest"), [(1, 0.3), (9, 0.1)])
def test_waves_are_clipped_too(batch_size, largest):
    data = make_gabor(40, noise=0.1, random_state=0)
    params = {"solver": "sgd", "learning_rate": 0.1, "batch_size": batch_size}
    params |= {"init": [0.5, 12.0], "max_iter": 5, "tol": None, "random_state": 0}
    params |= {"fit_amplitude": True, "fit_offset": True, "store_path": "step"}
    params |= {"penalty": "l2", "alpha": 1e-3}
    wave = GaborRegressor(gradient_clipping=largest, **params).fit(*data)
    lengths = np.linalg.norm(np.diff(wave.path_, axis=0), axis=1) / 0.1
    assert lengths.max() == pytest.approx(largest, rel=1e-9)
    assert lengths.min() < 0.9 * largest


def test_a_rate_that_would_diverge_stays_in_reach():
    params = {"learning_rate": 10.0, "tol": None, "max_iter": 200}
    message = "GradientRegressor diverged"
    model = model_of("gd", **params)
    assert_refused(lambda: model.fit(X, Y), model, ValueError, message)
    model.set_params(gradient_clipping=0.05, max_iter=12).fit(X, Y)
    assert np.isfinite(model.loss_)


@pytest.mark.parametrize("batch_size", [1, None])
def test_a_gradient_whose_square_overflows_is_scaled_too(batch_size):
    params = {"gradient_clipping": 1.0, "learning_rate": 1e-45, "max_iter": 1}
    model = GradientRegressor("sgd", batch_size=batch_size, store_path="step", **params)
    model.set_params(tol=None).fit(X * 1e100, Y * 1e60)
    steps = np.linalg.norm(np.diff(model.path_, axis=0), axis=1)
    np.testing.assert_allclose(steps, 1e-45, rtol=1e-12)
