"""Early stopping returns the best epoch exactly, in whatever pieces it is trained."""

import pickle

import numpy as np
import pytest
import reference
from cases import (
    every_solver,
    parameters,
)
from estimators.stopping import (
    N_EPOCHS,
    PATIENCE,
    SEVERAL,
    TARGETS,
    TARGETS_VAL,
    TOL,
    VALIDATION,
    WEIGHTS,
    X_VAL,
    Y_VAL,
    X,
    Y,
    assert_same_training,
    epoch_by_epoch,
    make_stopping,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import SGDRegressor
from sklearn.model_selection import ShuffleSplit

from sklopt import GaborRegressor, GradientRegressor
from sklopt.datasets import make_gabor

# --- the best epoch --------------------------------------------------------------


STOPPING = {
    **{solver: {"solver": solver} for solver in ("sgd", "gd", "momentum", "adam")},
    "nesterov, full batch": {"solver": "nesterov", "batch_size": None},
    "single rows": {"batch_size": 1, "learning_rate": 0.01},
    "plateau": {"schedule": "step_decay"},
    "line search": {"solver": "gd", "schedule": "line_search", "learning_rate": 1.0},
    "condensed": {"solver": "gd", "precompute": True},
    "condensed, l2": {"solver": "gd", "precompute": True, "penalty": "l2", "alpha": 1},
}


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("params", STOPPING.values(), ids=STOPPING)
def test_the_best_epoch_comes_back(params, is_weighted):
    weights = WEIGHTS if is_weighted else None
    weights_val = WEIGHTS[::-1] if is_weighted else None
    validation = X_VAL, Y_VAL, weights_val
    if params.get("precompute"):
        weights_val = validation = None
        validation, weights = (X_VAL, Y_VAL), None
    model = make_stopping(**params)
    losses, scores, points = epoch_by_epoch(
        make_stopping(**params), validation, weights
    )
    # A solver with a memory gets more patience.
    memory = {"momentum": 0.8, "nesterov": 0.7, "adam": 0.8}.get(params.get("solver"))
    n_updates = 1 if params.get("batch_size", 7) is None else 6
    patience = PATIENCE
    if memory:
        patience = max(PATIENCE, int(np.ceil(5 / (1 - memory) / n_updates)))
    n_iter, best = reference.stopped_early(losses, TOL, patience)
    model.fit(X, Y, weights, *validation)
    assert model.n_iter_ == n_iter < N_EPOCHS
    assert best < n_iter - 1
    assert_array_equal(parameters(model), points[best])
    assert model.stop_reason_ == "early_stopping"
    assert_allclose(model.validation_loss_curve_, losses[:n_iter], rtol=1e-11)
    assert_allclose(model.validation_scores_, scores[:n_iter], rtol=1e-9, atol=1e-12)
    assert model.best_validation_score_ == model.validation_scores_[best]
    assert len(model.loss_curve_) == n_iter
    assert model.best_loss_ == model.loss_curve_.min()
    assert_array_equal(model.path_[1:], points[:n_iter])
    alpha = params.get("alpha", 0.0)
    J = reference.objective(points[best], X, Y, weights, alpha)
    assert_allclose(model.loss_, J)


def test_sgd_regressor_keeps_the_last_parameters_instead():
    """The same steps on the same rows: what differs is which of them are returned."""
    data_X, data_y = np.vstack([X, X_VAL]), np.append(Y, Y_VAL)
    sgd = SGDRegressor(
        penalty=None, learning_rate="constant", eta0=0.01, shuffle=False, tol=1e-3,
        early_stopping=True, validation_fraction=0.5, random_state=0,
    )  # fmt: skip
    sgd.fit(data_X, data_y)
    splitter = ShuffleSplit(test_size=0.5, random_state=0)
    rows, rows_val = map(np.sort, next(splitter.split(data_X)))
    ours = GradientRegressor(
        "sgd", batch_size=1, learning_rate=0.005, shuffle=False, store_path="epoch",
        early_stopping=True, n_iter_no_change=5, tol=1e-3,
    )  # fmt: skip
    ours.fit(data_X[rows], data_y[rows], None, data_X[rows_val], data_y[rows_val])
    best = ours.validation_loss_curve_.argmin()
    assert best + 1 < sgd.n_iter_
    assert_allclose(sgd.coef_, ours.path_[sgd.n_iter_, 1:], rtol=1e-9)  # its last ones
    assert_array_equal(ours.coef_, ours.path_[best + 1, 1:])  # the best ones
    held_out = data_X[rows_val], data_y[rows_val]
    assert sgd.score(*held_out) < ours.score(*held_out) - 0.01


def test_patience_outlasts_max_iter():
    model = make_stopping("gd", max_iter=5, n_iter_no_change=100)
    with pytest.warns(match="max_iter=5 before the validation loss stood still"):
        model.fit(X, Y, **VALIDATION)
    assert (model.n_iter_, model.stop_reason_) == (5, "max_iter")


def test_without_tol_all_epochs_are_trained_and_the_best_comes_back():
    model = make_stopping(tol=None).fit(X, Y, **VALIDATION)
    best = model.validation_loss_curve_.argmin()
    assert (model.n_iter_, model.stop_reason_) == (N_EPOCHS, "max_iter")
    assert_array_equal(parameters(model), model.path_[best + 1])


def test_the_plateau_schedule_follows_the_validation_loss():
    params = {"schedule": "plateau", "learning_rate": 0.05, "tol": None}
    model = make_stopping(**params).fit(X, Y, **VALIDATION)
    plateau = reference.Plateau(
        0.05, factor=0.5, patience=1, cooldown=1, min_rate=0.006, threshold=0.3
    )
    for rate, loss in zip(
        model.history_["learning_rate"], model.validation_loss_curve_, strict=True
    ):
        assert rate == pytest.approx(plateau.rate)
        plateau.close_epoch(loss)
    assert plateau.rate < 0.05


@pytest.mark.reduced
@pytest.mark.parametrize("schedule", ["constant", "line_search"])
def test_the_best_epoch_comes_back_uncompiled(schedule):
    rows = slice(12)
    model = make_stopping("gd", schedule, learning_rate=0.3, tol=0.1, max_iter=40)
    model.fit(X[rows, :3], Y[rows], None, X_VAL[rows, :3], Y_VAL[rows])
    curve = model.validation_loss_curve_
    assert (model.n_iter_, curve.argmin()) == reference.stopped_early(
        curve, 0.1, PATIENCE
    )
    residual = model.predict(X_VAL[rows, :3]) - Y_VAL[rows]
    assert curve.min() == pytest.approx((residual**2).mean())


# --- partial_fit -----------------------------------------------------------------


def in_pieces(model, n_epochs, y, *args, **validation):
    for _ in range(n_epochs):
        model = pickle.loads(pickle.dumps(model)).partial_fit(X, y, *args, **validation)
    return model


@pytest.mark.parametrize("is_split", [False, True])
@pytest.mark.parametrize("schedule", ["constant", "plateau"])
@every_solver
def test_pieces_equal_the_whole(solver, schedule, is_split):
    params = {"solver": solver, "schedule": schedule, "learning_rate": 0.05}
    params |= {"store_path": "epoch" if is_split else "step", "max_iter": 500}
    args = () if is_split else (WEIGHTS, *VALIDATION.values(), WEIGHTS[::-1])
    whole = make_stopping(**params).fit(X, Y, *args)
    assert whole.stop_reason_ == "early_stopping"
    pieces = in_pieces(make_stopping(**params), whole.n_iter_ - 1, Y, *args)
    assert pieces.stop_reason_ == "max_iter"
    pieces.partial_fit(X, Y, *args)
    assert_same_training(pieces, whole)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_pieces_equal_the_whole_for_several_targets(solver):
    params = {"solver": solver, "max_iter": 900, "tol": 1e-2}
    whole = make_stopping(**params).fit(X, TARGETS, **SEVERAL)
    assert len(set(whole.n_iter_)) > 1
    n_epochs = whole.n_iter_.max()
    pieces = in_pieces(make_stopping(**params), n_epochs, TARGETS, **SEVERAL)
    assert_same_training(pieces, whole)


def test_partial_fit_goes_on_from_the_last_parameters_after_the_stop():
    model = make_stopping().fit(X, Y, **VALIDATION)
    best, n_iter, last = parameters(model), model.n_iter_, model.path_[-1]
    model.partial_fit(X, Y, **VALIDATION)
    assert model.n_iter_ == n_iter + 1
    assert model.stop_reason_ == "early_stopping"
    assert_array_equal(model.path_[-2], last)
    assert_array_equal(parameters(model), best)


def test_a_new_judge_begins_with_new_patience():
    model = make_stopping(early_stopping=False, n_iter_no_change=3)
    for _ in range(40):
        model.partial_fit(X, Y)
    model.set_params(early_stopping=True)
    while model.stop_reason_ != "early_stopping":
        model.partial_fit(X, Y, **VALIDATION)
    curve = model.validation_loss_curve_[40:]
    n_iter, best = reference.stopped_early(curve, TOL, 3)
    assert (len(curve), n_iter) == (n_iter, model.n_iter_ - 40)
    assert_array_equal(parameters(model), model.path_[41 + best])


# --- several targets, several starts ---------------------------------------------


@pytest.mark.parametrize("solver", ["sgd", "nesterov"])
def test_each_target_has_a_best_epoch_of_its_own(solver):
    model = make_stopping(solver, max_iter=900, tol=1e-2)
    model.fit(X, TARGETS, **SEVERAL)
    assert len(set(model.n_iter_)) > 1
    assert set(model.stop_reason_) == {"early_stopping"}
    for k in range(TARGETS.shape[1]):
        solo = make_stopping(solver, max_iter=900, tol=1e-2)
        solo.fit(X, TARGETS[:, k], None, X_VAL, TARGETS_VAL[:, k])
        n_iter = solo.n_iter_
        assert model.n_iter_[k] == n_iter
        assert_array_equal(model.coef_[k], solo.coef_)
        assert model.loss_[k] == solo.loss_
        assert model.best_loss_[k] == solo.best_loss_
        assert model.best_validation_score_[k] == solo.best_validation_score_
        curve = model.validation_loss_curve_[:, k]
        assert_array_equal(curve[:n_iter], solo.validation_loss_curve_)
        assert np.isnan(curve[n_iter:]).all()


WAVE = [
    array[rows]
    for rows in (slice(30), slice(30, None))
    for array in make_gabor(90, noise=0.3, random_state=0)
]


def fitted_wave(**params):
    settings = {"early_stopping": True, "random_state": 0, "n_init": 6}
    model = GaborRegressor(**(settings | params))
    return model.fit(*WAVE[:2], None, *WAVE[2:])


@pytest.mark.parametrize(
    "params",
    [{}, {"fit_amplitude": True, "n_jobs": 2}, {"learning_rate": 0.1}],
    ids=["auto", "with amplitude", "in numbers"],
)
def test_the_best_start_is_that_of_the_lowest_validation_loss(params):
    model = fitted_wave(store_path="epoch", **params)
    assert model.stop_reason_ == "early_stopping"
    curve = model.validation_loss_curve_
    best = curve.argmin()
    assert model.n_iter_ == len(curve)
    residual = model.predict(WAVE[2]) - WAVE[3]
    assert curve.min() == pytest.approx((residual**2).mean(), rel=1e-9)
    assert model.best_validation_score_ == pytest.approx(model.score(*WAVE[2:]))
    assert_array_equal(model.path_[best + 1][: len(model.phi_)], model.phi_)
    residual = model.predict(WAVE[0]) - WAVE[1]
    assert model.loss_ == pytest.approx((residual**2).mean())
    # Every start ends where validation found it best.
    ends = model.init_results_.filter(like="phi_").to_numpy()
    (k,) = np.flatnonzero((ends[:, :2] == model.phi_).all(axis=1))
    others = clone_of(model)
    losses = []
    for end in ends:
        others.phi_ = end[:2]
        others.amplitude_ = end[2] if len(end) > 2 else 1.0
        losses.append(((others.predict(WAVE[2]) - WAVE[3]) ** 2).mean())
    assert losses[k] == pytest.approx(min(losses))
    assert model.init_results_["loss"][k] == pytest.approx(model.loss_)


def clone_of(model):
    return pickle.loads(pickle.dumps(model))


def test_without_early_stopping_the_best_start_is_that_of_the_lowest_objective():
    alone = GaborRegressor(random_state=0, n_init=6).fit(*WAVE[:2])
    watched = fitted_wave(early_stopping=False)
    assert_array_equal(watched.phi_, alone.phi_)
    assert_array_equal(watched.init_results_, alone.init_results_)
    residual = watched.predict(WAVE[2]) - WAVE[3]
    last = watched.validation_loss_curve_[-1]
    assert last == pytest.approx((residual**2).mean())


def test_a_start_that_validation_stops_goes_on_by_partial_fit():
    params = {"init": [1.0, -6.0], "tol": 1e-3, "n_iter_no_change": 3}
    whole = fitted_wave(**params)
    pieces = GaborRegressor(early_stopping=True, random_state=0, **params)
    for _ in range(whole.n_iter_):
        pieces = clone_of(pieces).partial_fit(*WAVE[:2], None, *WAVE[2:])
    assert_array_equal(pieces.phi_, whole.phi_)
    assert pieces.stop_reason_ == whole.stop_reason_ == "early_stopping"
