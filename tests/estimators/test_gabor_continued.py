"""GaborRegressor trained in pieces: partial_fit and warm_start."""

import pickle

import numpy as np
import pytest
import reference
from cases import SOLVERS
from estimators.waves import N_EPOCHS, make_wave, textbook
from numpy.testing import assert_allclose
from sklearn.base import clone

from sklopt import GaborRegressor


@pytest.mark.parametrize("learning_rate", ["auto", 0.05])
@pytest.mark.parametrize("solver", SOLVERS)
def test_pieces_equal_the_whole(solver, learning_rate):
    X, y = make_wave()
    params = {"learning_rate": learning_rate, "init": "random", "n_init": 3}
    whole = textbook(solver, store_path="epoch", **params).fit(X, y)
    pieces = clone(whole)
    for _ in range(N_EPOCHS):
        pieces = pickle.loads(pickle.dumps(pieces.partial_fit(X, y)))
    assert_allclose(pieces.phi_, whole.phi_, rtol=1e-10)
    assert_allclose(pieces.loss_curve_, whole.loss_curve_, rtol=1e-10)
    assert_allclose(pieces.path_, whole.path_, rtol=1e-9)
    assert pieces.init_results_.equals(whole.init_results_)


def test_partial_fit_in_other_units_goes_on_from_the_same_place():
    X, y = make_wave()
    model = GaborRegressor(random_state=0, fit_amplitude=True).fit(X + 3.0, 9.0 * y)
    phi, loss = model.phi_.copy(), model.loss_
    model.set_params(learning_rate=1e-12, solver="gd").partial_fit(X + 3.0, 9.0 * y)
    assert_allclose(model.phi_, phi, rtol=1e-8)
    assert_allclose(model.loss_curve_[-1], loss, rtol=1e-8)


def test_partial_fit_with_another_input_scale_keeps_phi():
    X, y = make_wave()
    model = GaborRegressor(random_state=0, n_init=1, max_iter=40, tol=None)
    phi = model.fit(X + 3.0, y).phi_.copy()
    model.set_params(input_scale=0.05, solver="gd", store_path="epoch")
    model.partial_fit(X + 3.0, y)
    assert_allclose(model.path_[0], phi, rtol=1e-10)
    expected = reference.batch_objective(
        phi, X + 3.0, y, np.ones(len(y)), 0.0, reference.Gabor(input_scale=0.05)
    )
    assert_allclose(model.loss_curve_[-1], expected, rtol=1e-10)


def test_partial_fit_cannot_take_up_a_head():
    X, y = make_wave()
    model = GaborRegressor(random_state=0).partial_fit(X, y)
    with pytest.raises(ValueError, match="with another fit_amplitude or fit_offset"):
        model.set_params(fit_offset=True).partial_fit(X, y)


def test_a_penalty_that_is_taken_up_is_that_of_the_published_phi():
    X, y = make_wave(n_features=2)
    model = GaborRegressor(random_state=0, n_init=1, fit_offset=True)
    model.partial_fit(X * [1.0, 50.0], y)
    model.set_params(penalty="l2", alpha=0.1).partial_fit(X * [1.0, 50.0], y)
    phi = np.array([*model.phi_, 1.0, model.offset_])
    gabor = reference.Gabor(has_head=True)
    J = reference.batch_objective(phi, X * [1.0, 50.0], y, np.ones(45), 0.1, gabor)
    assert_allclose(model.loss_, J, rtol=1e-10)


def test_an_amplitude_that_was_trained_is_not_frozen_in_silence():
    X, y = make_wave()
    model = GaborRegressor(random_state=0, fit_amplitude=True, fit_offset=True)
    model.fit(X, 3 * y).set_params(fit_amplitude=False)
    message = "has an amplitude other than 1, but fit_amplitude=False"
    with pytest.raises(ValueError, match=f"the last fit {message}"):
        model.partial_fit(X, 3 * y)
    with pytest.raises(ValueError, match=f"the warm start {message}"):
        model.set_params(warm_start=True).fit(X, 3 * y)


def test_warm_start_begins_where_the_last_fit_ended():
    X, y = make_wave()
    model = GaborRegressor(random_state=0, warm_start=True, fit_offset=True).fit(X, y)
    phi, loss = np.array([*model.phi_, 1.0, model.offset_]), model.loss_
    model.set_params(max_iter=1, tol=None, store_path="epoch").fit(X, y)
    assert_allclose(model.path_[0], phi, rtol=1e-9)
    assert len(model.init_results_) == 1
    assert_allclose(model.loss_curve_[0], loss, rtol=1e-9)


BARE, HEAD = {"fit_amplitude": False}, {"fit_amplitude": True}


@pytest.mark.parametrize(("before", "after"), [(BARE, HEAD), (HEAD, BARE)])
def test_warm_start_cannot_take_up_or_drop_a_head(before, after):
    X, y = make_wave()
    model = GaborRegressor(random_state=0, warm_start=True, **before).fit(X, y)
    message = "the warm start was with another fit_amplitude or fit_offset"
    with pytest.raises(ValueError, match=message):
        model.set_params(**after).fit(X, y)


def test_warm_start_takes_no_head_for_features():
    """One feature with amplitude and offset has as many parameters as three without."""
    X, y = make_wave(n_features=3)
    model = GaborRegressor(random_state=0, warm_start=True, n_init=1, **HEAD)
    model.fit(X[:, :1], y)
    with pytest.raises(ValueError, match="was with 1 features, but X has 3"):
        model.set_params(fit_amplitude=False).fit(X, y)
    assert model.n_features_in_ == 1
