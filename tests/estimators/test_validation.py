"""Validation rows judge every epoch; early stopping returns the best one exactly."""

import pickle

import numpy as np
import pandas as pd
import pytest
import reference
from cases import (
    assert_refused,
    both_methods,
    both_states,
    every_solver,
    history_of,
    make_model,
    model_in,
    parameters,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.linear_model import SGDRegressor
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, ShuffleSplit, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklopt import GaborRegressor, GradientRegressor
from sklopt.datasets import make_gabor
from sklopt.engine import _train
from sklopt.inspection import LossCurveDisplay

N_EPOCHS, TOL, PATIENCE = 60, 1e-3, 4


def make_noisy(n_samples=40, n_features=25, seed=0):
    """So few noisy rows that a good fit of them is a bad one of others."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(2 * n_samples, n_features))
    y = X[:, 0] + 2.0 * rng.normal(size=2 * n_samples) + 0.5
    return X[:n_samples], y[:n_samples], X[n_samples:], y[n_samples:]


X, Y, X_VAL, Y_VAL = make_noisy()
VALIDATION = {"X_val": X_VAL, "y_val": Y_VAL}
WEIGHTS = np.random.default_rng(1).integers(0, 4, size=len(X)).astype(float)
# A target that stops late, one that is noise alone, and one of another scale.
TARGETS = np.column_stack([X @ np.ones(25), np.roll(Y, 1), 100 * Y])
TARGETS_VAL = np.column_stack([X_VAL @ np.ones(25), np.roll(Y_VAL, 1), 100 * Y_VAL])
SEVERAL = {"X_val": X_VAL, "y_val": TARGETS_VAL}


def make_stopping(solver="sgd", schedule="constant", batch_size=7, **params):
    """A model of the table that validation stops within N_EPOCHS."""
    settings = {
        "learning_rate": "auto" if solver == "gd" else 0.05,
        "max_iter": N_EPOCHS,
        "early_stopping": True,
        "tol": TOL,
        "n_iter_no_change": PATIENCE,
    }
    return make_model(solver, schedule, batch_size, **(settings | params))


def epoch_by_epoch(model, validation, weights=None, n_epochs=N_EPOCHS):
    """The naive loop: train an epoch, predict, remember; losses, scores and φ."""
    model = model.set_params(early_stopping=False)
    X_val, y_val, weights_val = (*validation, None)[:3]
    losses, scores, points = [], [], []
    for _ in range(n_epochs):
        prediction = model.partial_fit(X, Y, weights).predict(X_val)
        losses.append(np.average((prediction - y_val) ** 2, weights=weights_val))
        scores.append(r2_score(y_val, prediction, sample_weight=weights_val))
        points.append(parameters(model))
    return np.array(losses), np.array(scores), np.array(points)


def assert_same_training(pieces, whole):
    """Equal to the last bit."""
    for name in ("coef_", "intercept_", "loss_", "n_iter_", "t_", "stop_reason_"):
        assert_array_equal(getattr(pieces, name), getattr(whole, name))
    for name in ("loss_curve_", "path_", "best_loss_"):
        assert_array_equal(getattr(pieces, name), getattr(whole, name))
    for name in (
        "validation_loss_curve_",
        "validation_scores_",
        "best_validation_score_",
    ):
        assert_array_equal(getattr(pieces, name), getattr(whole, name))
    pd.testing.assert_frame_equal(
        history_of(pieces), history_of(whole), check_exact=True
    )


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


# --- validation without early stopping -------------------------------------------


@every_solver
def test_validation_rows_alone_change_nothing(solver):
    params = {"early_stopping": False, "tol": 1e-2, "max_iter": 200}
    watched = make_stopping(solver, "plateau", **params).fit(X, Y, **VALIDATION)
    alone = make_stopping(solver, "plateau", **params).fit(X, Y)
    assert_array_equal(watched.path_, alone.path_)
    assert_array_equal(parameters(watched), parameters(alone))
    assert watched.stop_reason_ == alone.stop_reason_ == "tol"
    columns = ["validation_loss", "validation_score"]
    rest = history_of(watched).drop(columns=columns)
    pd.testing.assert_frame_equal(rest, history_of(alone), check_exact=True)
    assert_array_equal(
        watched.history_["validation_loss"], watched.validation_loss_curve_
    )
    assert_array_equal(watched.history_["validation_score"], watched.validation_scores_)
    assert watched.validation_scores_[-1] == pytest.approx(watched.score(X_VAL, Y_VAL))
    for name in ("validation_loss_curve_", "validation_scores_"):
        assert not hasattr(alone, name)


def test_a_fit_without_validation_forgets_that_of_the_last():
    model = make_stopping("gd").fit(X, Y, **VALIDATION)
    model.set_params(early_stopping=False, tol=None).fit(X, Y)
    assert not hasattr(model, "validation_loss_curve_")
    assert not hasattr(model, "best_validation_score_")
    assert "validation_loss" not in model.history_


def test_epochs_without_validation_rows_are_told_by_nan():
    model = GradientRegressor().partial_fit(X, Y).partial_fit(X, Y, **VALIDATION)
    assert_array_equal(np.isnan(model.validation_loss_curve_), [True, False])
    assert model.best_validation_score_ == model.validation_scores_[1]


def test_weights_of_validation_rows_are_repetitions():
    weights = WEIGHTS.astype(int)
    rows = np.repeat(np.arange(len(X)), weights)
    weighted = make_stopping().fit(X, Y, None, X_VAL, Y_VAL, 1000 * weights)
    repeated = make_stopping().fit(X, Y, None, X_VAL[rows], Y_VAL[rows])
    assert weighted.n_iter_ == repeated.n_iter_
    curves = weighted.validation_loss_curve_, repeated.validation_loss_curve_
    assert_allclose(*curves, rtol=1e-12)
    assert_allclose(weighted.validation_scores_, repeated.validation_scores_)


def test_weights_of_training_rows_are_repetitions():
    rows = np.repeat(np.arange(len(X)), WEIGHTS.astype(int))
    weighted = make_stopping("gd").fit(X, Y, WEIGHTS, **VALIDATION)
    repeated = make_stopping("gd").fit(X[rows], Y[rows], **VALIDATION)
    assert weighted.n_iter_ == repeated.n_iter_
    assert_allclose(weighted.coef_, repeated.coef_, rtol=1e-9)


def test_r2_has_the_corner_cases_of_r2_score():
    def fit(X_val, y_val):
        model = GradientRegressor(max_iter=2, tol=None)
        return model.fit(X, np.zeros(len(X)), None, X_val, y_val).validation_scores_

    assert_array_equal(fit(X_VAL, np.zeros(len(X_VAL))), [1.0, 1.0])
    assert_array_equal(fit(X_VAL, np.ones(len(X_VAL))), [0.0, 0.0])
    assert np.isnan(fit(X_VAL[:1], Y_VAL[:1])).all()


@pytest.mark.parametrize("schedule", ["constant", "line_search"])
def test_slices_of_a_validation_are_the_validation(schedule, monkeypatch):
    params = {"solver": "gd", "schedule": schedule, "learning_rate": 0.3}
    params |= {"tol": 0.02, "max_iter": 900}
    whole = make_stopping(**params).fit(X, TARGETS, WEIGHTS, **SEVERAL)
    monkeypatch.setattr(_train, "CALL_BUDGET", 50)
    sliced = make_stopping(**params).fit(X, TARGETS, WEIGHTS, **SEVERAL)
    assert_same_training(sliced, whole)


def test_single_precision():
    single = [array.astype(np.float32) for array in (X, Y, X_VAL, Y_VAL)]
    model = make_stopping().fit(*single[:2], None, *single[2:])
    double = make_stopping().fit(X, Y, **VALIDATION)
    assert model.coef_.dtype == np.float32
    assert model.n_iter_ == double.n_iter_
    curves = model.validation_loss_curve_, double.validation_loss_curve_
    assert_allclose(*curves, rtol=1e-5)
    # Validation rows of another type are those of the training's type.
    mixed = make_stopping().fit(*single[:2], None, X_VAL, Y_VAL)
    assert_array_equal(mixed.coef_, model.coef_)


# --- rows that are split off -----------------------------------------------------


@pytest.mark.parametrize("is_weighted", [False, True])
def test_the_split_is_that_of_train_test_split(is_weighted):
    weights = WEIGHTS + 0.5 if is_weighted else np.ones(len(X))
    model = make_stopping(validation_fraction=0.3)
    model.fit(X, Y, weights if is_weighted else None)
    X_fit, X_val, y_fit, y_val, w_fit, w_val = train_test_split(
        X, Y, weights, test_size=0.3, random_state=0
    )
    apart = make_stopping()
    if not is_weighted:
        apart.fit(X_fit, y_fit, X_val=X_val, y_val=y_val)
        assert_same_training(model, apart)
    else:
        apart.fit(X_fit, y_fit, w_fit, X_val, y_val, w_val)
        assert_allclose(model.path_, apart.path_, atol=1e-12)
        curves = model.validation_loss_curve_, apart.validation_loss_curve_
        assert_allclose(*curves, rtol=1e-12)


def test_rows_that_are_passed_are_taken_instead_of_a_share():
    given = make_stopping(validation_fraction=0.9).fit(X, Y, **VALIDATION)
    assert_same_training(given, make_stopping().fit(X, Y, **VALIDATION))


@pytest.mark.parametrize("random_state", [0, np.int64(3), "instance", None])
def test_seeds_reproduce_the_split(random_state):
    def fit():
        seed = random_state
        if seed == "instance":
            seed = np.random.RandomState(4)
        return make_stopping(random_state=seed, validation_fraction=0.4).fit(X, Y)

    first, second = fit(), fit()
    is_same = np.array_equal(first.coef_, second.coef_)
    assert is_same == (random_state is not None)


def test_a_training_upon_another_keeps_its_validation_rows():
    model = make_stopping(random_state=None, warm_start=True, validation_fraction=0.5)
    model.fit(X, Y)
    seed = model._training.split_seed
    assert model.fit(X, Y)._training.split_seed == seed
    assert model.partial_fit(X, Y)._training.split_seed == seed


def test_a_warm_start_begins_at_the_best_parameters():
    model = make_stopping(warm_start=True).fit(X, Y, **VALIDATION)
    best = parameters(model)
    assert_array_equal(model.fit(X, Y, **VALIDATION).path_[0], best)


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


# --- how the rows are passed -----------------------------------------------------


def test_a_pipeline_transforms_the_validation_rows():
    scaler = StandardScaler().fit(X)
    apart = make_stopping("gd")
    apart.fit(scaler.transform(X), Y, None, scaler.transform(X_VAL), Y_VAL)
    with config_context(enable_metadata_routing=True):
        model = make_stopping("gd").set_fit_request(X_val=True, y_val=True)
        pipeline = make_pipeline(StandardScaler(), model, transform_input=["X_val"])
        pipeline.fit(X, Y, **VALIDATION)
    assert_same_training(pipeline[-1], apart)


def test_a_search_routes_validation_rows_and_weights():
    with config_context(enable_metadata_routing=True):
        model = make_stopping("gd").set_fit_request(
            X_val=True, y_val=True, sample_weight_val=True, sample_weight=False
        )
        search = GridSearchCV(model, {"learning_rate": [0.01, 0.1]}, cv=2)
        search.fit(X, Y, **VALIDATION, sample_weight_val=WEIGHTS)
    best = make_stopping("gd", **search.best_params_)
    best.fit(X, Y, None, X_VAL, Y_VAL, WEIGHTS)
    assert_same_training(search.best_estimator_, best)


def test_frames_and_columns():
    names = [f"x{j}" for j in range(X.shape[1])]
    frame, frame_val = (pd.DataFrame(array, columns=names) for array in (X, X_VAL))
    model = make_stopping().fit(frame, Y, X_val=frame_val, y_val=Y_VAL[:, np.newaxis])
    assert_same_training(model, make_stopping().fit(X, Y, **VALIDATION))
    bad = frame_val.rename(columns={"x0": "z"})
    with pytest.raises(ValueError, match="X_val: The feature names should match"):
        model.fit(frame, Y, X_val=bad, y_val=Y_VAL)


def test_the_display_draws_the_curve():
    pytest.importorskip("matplotlib").use("Agg")
    model = make_stopping().fit(X, Y, **VALIDATION)
    display = LossCurveDisplay.from_estimator(model)
    (line,) = display.validation_lines_
    assert_array_equal(line.get_ydata(), model.validation_loss_curve_)


class Recorder:
    """A callback that looks at every epoch."""

    def __init__(self):
        self.points = []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name == "epoch" and fitted_estimator is not None:
            self.points.append(parameters(fitted_estimator))


def test_callbacks_see_every_epoch_as_it_is():
    recorder = Recorder()
    watched = make_stopping().set_callbacks(recorder).fit(X, Y, **VALIDATION)
    assert_same_training(watched, make_stopping().fit(X, Y, **VALIDATION))
    assert_array_equal(recorder.points[: watched.n_iter_], watched.path_[1:])


# --- bad input -------------------------------------------------------------------

NAN, HUGE = np.where(np.eye(*X_VAL.shape), np.nan, X_VAL), np.full(X_VAL.shape, 1e200)
BAD = {
    "no y_val": ((X_VAL,), "X_val is provided, but y_val was not provided."),
    "no X_val": ((None, Y_VAL), "y_val is provided, but X_val was not provided."),
    "weights alone": (
        (None, None, WEIGHTS),
        "sample_weight_val is provided, but X_val and y_val were not provided.",
    ),
    "a feature less": ((X_VAL[:, 1:], Y_VAL), "X_val: X has 24 features, but "),
    "one dimension": ((Y_VAL, Y_VAL), "X_val: Expected 2D array, got 1D array"),
    "nan in X_val": ((NAN, Y_VAL), "X_val: Input X contains NaN"),
    "nan in y_val": ((X_VAL, Y_VAL * np.nan), "Input y_val contains NaN"),
    "complex": ((X_VAL + 1j, Y_VAL), "X_val: Complex data not supported"),
    "words": ((X_VAL, ["spam"] * 40), "y_val: could not convert string to float"),
    "no rows": ((X_VAL[:0], Y_VAL[:0]), "X_val: Found array with 0 sample(s)"),
    "too few targets": (
        (X_VAL, Y_VAL[1:]),
        "y_val: Found input variables with inconsistent numbers of samples: [40, 39]",
    ),
    "two targets": ((X_VAL, TARGETS_VAL), "y_val has 3 targets, but y has 1."),
    "too few weights": (
        (X_VAL, Y_VAL, WEIGHTS[1:]),
        "sample_weight_val: sample_weight.shape == (39,), expected (40,)!",
    ),
    "negative weights": (
        (X_VAL, Y_VAL, -WEIGHTS),
        "sample_weight_val: Negative values in data passed to",
    ),
    "no weight": ((X_VAL, Y_VAL, 0 * WEIGHTS), "sample_weight_val: "),
    "nan weight": (
        (X_VAL, Y_VAL, np.nan * WEIGHTS),
        "sample_weight_val: Input sample_weight contains NaN",
    ),
}


@both_methods
@both_states
@pytest.mark.parametrize(("validation", "message"), BAD.values(), ids=BAD)
def test_bad_validation_rows(validation, message, state, method):
    model = model_in("unfitted").set_params(early_stopping=True, tol=TOL)
    if state == "fitted":
        model.set_params(tol=None).fit(X, Y, **VALIDATION)

    def action():
        getattr(model, method)(X, Y, None, *validation)

    assert_refused(action, model, ValueError, message)


def test_rows_that_no_loss_can_be_computed_of():
    model = make_stopping()
    message = "The validation loss is not finite in any epoch: X_val or y_val is too"
    for validation in ((HUGE, Y_VAL), (X_VAL, 1e200 * Y_VAL)):
        assert_refused(
            lambda validation=validation: model.fit(X, Y, None, *validation),
            model,
            ValueError,
            message,
        )


@pytest.mark.parametrize("part", ["training", "validation"])
def test_a_part_without_weight_is_refused(part):
    rows = train_test_split(np.arange(len(X)), test_size=0.1, random_state=0)
    weights = np.ones(len(X))
    weights[rows[part == "validation"]] = 0.0
    n_rows = {"training": 36, "validation": 4}[part]
    message = f"sample_weight is zero in all {n_rows} {part} rows that early_stopping"
    model = make_stopping()
    assert_refused(lambda: model.fit(X, Y, weights), model, ValueError, message)


def test_one_row_cannot_be_split():
    model = make_stopping()
    message = "With n_samples=1, test_size=0.1 and train_size=None"
    assert_refused(lambda: model.fit(X[:1], Y[:1]), model, ValueError, message)
