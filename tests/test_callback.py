"""ValidationMonitor logs what training knows of its validation rows."""

import warnings

import numpy as np
import pandas as pd
import pytest
from cases import make_problem
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.callback import ScoringMonitor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklopt import GaborRegressor, GradientRegressor
from sklopt.callback import ValidationMonitor
from sklopt.datasets import make_gabor

X_ALL, Y_ALL = make_problem(80)
X, Y, X_VAL, Y_VAL = X_ALL[:50], Y_ALL[:50], X_ALL[50:], Y_ALL[50:]
WEIGHTS, WEIGHTS_VAL = np.arange(50) % 4, np.arange(30) % 3
VALIDATION = {"X_val": X_VAL, "y_val": Y_VAL}
TARGETS, TARGETS_VAL = np.column_stack([Y, -(Y**2)]), np.column_stack([Y_VAL, Y_VAL])
WAVE, WAVE_Y = make_gabor(60, random_state=0)


def make_model(**params):
    settings = {"solver": "sgd", "batch_size": 7, "max_iter": 6, "tol": None}
    return GradientRegressor(**(settings | {"random_state": 0} | params))


def monitored(model, *args, scoring=None, **kwargs):
    """The model fitted, and the frame of what a ValidationMonitor logged."""
    monitor = ValidationMonitor(scoring=scoring)
    model.set_callbacks(monitor).fit(*args, **kwargs)
    return model, monitor.get_logs().data_as_pandas


def scores(logs, task_name, name="score"):
    return logs.loc[logs["task_name"] == task_name, name].to_numpy()


STOPPING = {"early_stopping": True, "tol": 1e-3, "n_iter_no_change": 2, "max_iter": 99}
FITS = {
    "passed": (make_model(), (X, Y), VALIDATION),
    "weighted": (
        make_model(),
        (X, Y, WEIGHTS),
        VALIDATION | {"sample_weight_val": WEIGHTS_VAL},
    ),
    "split": (make_model(early_stopping=True, tol=None), (X, Y), {}),
    "split, weighted": (make_model(early_stopping=True), (X, Y, WEIGHTS), {}),
    "one weight for all": (
        make_model(early_stopping=True),
        (X, Y),
        {"sample_weight": 2.0},
    ),
    "stopped": (make_model(**STOPPING), (X, Y), VALIDATION),
    "averaged": (make_model(average=True), (X, Y), VALIDATION),
    "full batch": (make_model(solver="nesterov", batch_size=None), (X, Y), VALIDATION),
    "poisson": (
        make_model(loss="poisson"),
        (X, Y**2),
        {"X_val": X_VAL, "y_val": Y_VAL**2},
    ),
    "two targets": (
        make_model(),
        (X, TARGETS),
        {"X_val": X_VAL, "y_val": TARGETS_VAL},
    ),
    "wave": (
        GaborRegressor(n_init=1, max_iter=9, tol=None, random_state=0),
        (WAVE[:40], WAVE_Y[:40]),
        {"X_val": WAVE[40:], "y_val": WAVE_Y[40:]},
    ),
}
each_fit = pytest.mark.parametrize(("model", "args", "kwargs"), FITS.values(), ids=FITS)


@each_fit
def test_logs_are_the_scores_of_the_history(model, args, kwargs):
    model, logs = monitored(clone(model), *args, **kwargs)
    expected = model.validation_scores_.reshape(len(model.validation_scores_), -1)
    # The engine sums in an order of its own.
    assert_allclose(scores(logs, "epoch"), expected.mean(axis=1), rtol=1e-12)
    history = model.history_.groupby("epoch")["validation_score"].mean()
    assert_allclose(scores(logs, "epoch"), history, rtol=1e-12)
    last = model.best_validation_score_ if model.early_stopping else expected[-1]
    assert_allclose(scores(logs, "fit"), np.mean(last), rtol=1e-12)


@each_fit
def test_a_monitored_fit_is_the_same_and_keeps_no_rows(model, args, kwargs):
    alone = clone(model).fit(*args, **kwargs)
    watched, _ = monitored(clone(model), *args, **kwargs)
    assert_array_equal(watched.loss_curve_, alone.loss_curve_)
    assert vars(watched).keys() - vars(alone).keys() == {"_skl_callbacks"}


@pytest.mark.parametrize("scoring", ["r2", ["r2", "neg_mean_absolute_error"]])
def test_logs_on_the_training_rows_are_those_of_scoring_monitor(scoring):
    theirs, ours = ScoringMonitor(scoring=scoring), ValidationMonitor(scoring=scoring)
    model = make_model().set_callbacks(theirs, ours)
    model.fit(X, Y, WEIGHTS, X_val=X, y_val=Y, sample_weight_val=WEIGHTS)
    for lineage in (False, True):
        expected = theirs.get_logs(include_lineage=lineage).data_as_pandas
        logs = ours.get_logs(include_lineage=lineage).data_as_pandas
        assert_frame_equal(logs, expected)


def test_early_stopping_logs_the_validation_loss():
    model, logs = monitored(
        make_model(**STOPPING), X, Y, scoring="neg_mean_squared_error", **VALIDATION
    )
    assert model.stop_reason_ == "early_stopping"
    losses = -scores(logs, "epoch", "neg_mean_squared_error")
    assert_allclose(losses, model.validation_loss_curve_, rtol=1e-12)
    (best,) = scores(logs, "fit", "neg_mean_squared_error")
    assert best == -losses.min()


@pytest.mark.parametrize("early_stopping", [False, True])
def test_frames_come_as_frames(early_stopping):
    names = [f"x{j}" for j in range(X.shape[1])]
    frame, frame_val = (pd.DataFrame(array, columns=names) for array in (X, X_VAL))
    seen = []

    def scorer(estimator, X, y):
        seen.append(X)
        return {"r2": estimator.score(X, y)}

    model = make_model(early_stopping=early_stopping)
    validation = {} if early_stopping else {"X_val": frame_val, "y_val": list(Y_VAL)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model, logs = monitored(
            model, frame, pd.Series(Y), scoring=scorer, **validation
        )
    assert_allclose(scores(logs, "epoch", "r2"), model.validation_scores_, rtol=1e-12)
    assert all(list(part.columns) == names for part in seen)


def test_without_validation_rows_nothing_is_logged():
    monitor = ValidationMonitor()
    make_model().set_callbacks(monitor).fit(X, Y)
    with pytest.raises(ValueError, match="No logs to retrieve"):
        monitor.get_logs()


def test_in_a_pipeline_the_rows_are_those_that_were_transformed():
    monitor = ValidationMonitor()
    with config_context(enable_metadata_routing=True):
        model = make_model().set_fit_request(X_val=True, y_val=True)
        model.set_callbacks(monitor)
        pipeline = make_pipeline(StandardScaler(), model, transform_input=["X_val"])
        pipeline.fit(X, Y, **VALIDATION)
    logs = monitor.get_logs().data_as_pandas
    expected = pipeline[-1].validation_scores_
    assert_allclose(scores(logs, "epoch"), expected, rtol=1e-12)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_search_logs_every_candidate_fold_and_epoch(n_jobs):
    monitor = ValidationMonitor()
    rates = [0.01, 0.1, 0.2]
    model = make_model().set_callbacks(monitor)
    grid = {"learning_rate": rates}
    search = GridSearchCV(model, grid, cv=2, n_jobs=n_jobs)
    search.fit(X, Y, **VALIDATION)
    logs = monitor.get_logs().data_as_pandas
    epochs = logs[logs["task_name"] == "epoch"]
    curves = {tuple(c) for _, c in epochs.groupby("parent_task_id_path")["score"]}
    halves = slice(25, 50), slice(0, 25)
    fits = [
        make_model(learning_rate=rate).fit(X[half], Y[half], **VALIDATION)
        for rate in rates
        for half in halves
    ]
    fits.append(search.best_estimator_)
    expected = sorted(tuple(fit.validation_scores_) for fit in fits)
    assert_allclose(sorted(curves), expected, rtol=1e-12)
