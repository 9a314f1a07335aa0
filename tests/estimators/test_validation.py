"""Validation rows judge every epoch: where they come from, and what they tell."""

import numpy as np
import pandas as pd
import pytest
from cases import (
    assert_refused,
    both_methods,
    both_states,
    every_solver,
    history_of,
    model_in,
    parameters,
)
from estimators.stopping import (
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
    make_stopping,
)
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import GridSearchCV, KFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklopt import GradientRegressor
from sklopt.engine import _train
from sklopt.inspection import LossCurveDisplay

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


@pytest.mark.parametrize("n_fewer", [0, 1])
@pytest.mark.parametrize("is_routed", [False, True])
def test_a_search_cuts_what_has_as_many_rows(is_routed, n_fewer):
    X_val, y_val = X[n_fewer:] + 1, Y[n_fewer:]
    model = GradientRegressor("gd", max_iter=2, tol=None)
    losses = []

    def score(fitted, X_test, y_test):
        losses.append(fitted.validation_loss_curve_[0])
        return 0.0

    with config_context(enable_metadata_routing=is_routed):
        if is_routed:
            model.set_fit_request(X_val=True, y_val=True)
        search = GridSearchCV(model, {"alpha": [0.1]}, scoring=score, cv=KFold(2))
        search.fit(X, Y, X_val=X_val, y_val=y_val)
    for (fold, _), loss in zip(KFold(2).split(X), losses, strict=True):
        rows = slice(None) if n_fewer else fold
        alone = clone(model).fit(X[fold], Y[fold], None, X_val[rows], y_val[rows])
        assert loss == alone.validation_loss_curve_[0]


def test_a_transformed_target_is_validated_as_it_was_passed():
    scaler = StandardScaler().fit(Y[:, np.newaxis])
    z, z_val = (scaler.transform(y[:, np.newaxis]).ravel() for y in (Y, Y_VAL))
    outer = TransformedTargetRegressor(make_stopping("gd"), transformer=scaler)
    outer.fit(X, Y, X_val=X_VAL, y_val=z_val)
    apart = make_stopping("gd").fit(X, z, X_val=X_VAL, y_val=z_val)
    assert_same_training(outer.regressor_, apart)


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
    message = "validation_fraction: With n_samples=1, test_size=0.1 and train_size=None"
    assert_refused(lambda: model.fit(X[:1], Y[:1]), model, ValueError, message)
