"""Callbacks see every epoch, change nothing, and can stop a training."""

import io

import numpy as np
import pytest
from cases import make_problem
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklopt import GaborRegressor, GradientRegressor
from sklopt.datasets import make_gabor

X, Y = make_problem()
WAVE = make_gabor(60, random_state=0)
MODELS = {
    "linear": (GradientRegressor("sgd", batch_size=7, max_iter=9, tol=None), (X, Y)),
    "converges": (GradientRegressor("nesterov", batch_size=None), (X, Y)),
    "condensed": (GradientRegressor(precompute=True, max_iter=9, tol=None), (X, Y)),
    "line search": (
        GradientRegressor(schedule="line_search", max_iter=9, tol=None),
        (X, Y),
    ),
    "wave": (GaborRegressor(), WAVE),
    "wave, sgd": (GaborRegressor("sgd", batch_size=7, max_iter=60), WAVE),
}
each_model = pytest.mark.parametrize(("model", "data"), MODELS.values(), ids=MODELS)
ignore_unfinished = pytest.mark.filterwarnings(
    "ignore::sklearn.exceptions.ConvergenceWarning"
)


class Recorder:
    """Remembers what it is told, and stops after some epochs."""

    def __init__(self, n_epochs=None, error=None):
        self.calls, self.coefs, self.n_epochs, self.error = [], [], n_epochs, error

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        self.calls.append(("end", context.task_name, context.task_id))
        if context.task_name != "epoch" or fitted_estimator is None:
            return False
        self.coefs.append(fitted_estimator.predict(X))
        if self.error is not None:
            raise self.error
        return len(self.coefs) == self.n_epochs


@ignore_unfinished
@each_model
def test_a_watched_training_is_the_same(model, data):
    alone = clone(model).set_params(random_state=0).fit(*data)
    recorder = Recorder()
    watched = clone(model).set_params(random_state=0).set_callbacks(recorder)
    watched.fit(*data)
    assert_array_equal(watched.loss_curve_, alone.loss_curve_)
    assert_array_equal(watched.predict(data[0]), alone.predict(data[0]))
    assert watched.stop_reason_ == alone.stop_reason_
    assert len(recorder.coefs) >= alone.n_iter_
    assert_array_equal(recorder.coefs[alone.n_iter_ - 1], alone.predict(data[0]))


@ignore_unfinished
@each_model
def test_every_task_that_begins_ends(model, data):
    recorder = Recorder()
    clone(model).set_callbacks(recorder).fit(*data)
    assert (recorder.calls[0], recorder.calls[-1]) == ("setup", "teardown")
    tasks = recorder.calls[1:-1]
    assert tasks[0] == ("begin", "fit", 0)
    assert tasks[-1] == ("end", "fit", 0)
    epochs = tasks[1:-1]
    assert epochs[::2] == [("begin", "epoch", t) for t in range(len(epochs) // 2)]
    assert epochs[1::2] == [("end", "epoch", t) for t in range(len(epochs) // 2)]


@ignore_unfinished
@each_model
def test_a_callback_stops_the_training(model, data):
    model = clone(model).set_callbacks(Recorder(n_epochs=4)).fit(*data)
    assert model.n_iter_ == len(model.loss_curve_) == 4
    assert model.stop_reason_ == "callback"


@pytest.mark.parametrize("average", [False, True])
def test_a_stop_by_a_callback_is_no_trouble(average):
    # Of which warnings tell; they are errors here.
    model = GradientRegressor("adam", average=average).set_callbacks(Recorder(4))
    assert model.fit(X, Y).stop_reason_ == "callback"


def test_a_stopped_training_goes_on_by_partial_fit():
    model = GradientRegressor(tol=None).set_callbacks(Recorder(n_epochs=4)).fit(X, Y)
    assert model.partial_fit(X, Y).n_iter_ == 5
    assert model.stop_reason_ == "max_iter"


def test_a_callback_that_raises_changes_nothing():
    recorder = Recorder(error=ZeroDivisionError("of the callback"))
    model = GradientRegressor().set_callbacks(recorder)
    before = dict(vars(model))
    with pytest.raises(ZeroDivisionError, match="of the callback"):
        model.fit(X, Y)
    assert vars(model) == before
    assert recorder.calls[-1] == "teardown"


def test_scores_of_every_candidate_fold_and_epoch():
    monitor = ScoringMonitor(scoring="r2")
    model = GradientRegressor("sgd", max_iter=6, tol=None, random_state=0)
    model.set_callbacks(monitor)
    grid = {"solver": ["sgd", "adam"]}
    GridSearchCV(model, grid, cv=3, refit=False).fit(X, Y)
    frame = monitor.get_logs().data_as_pandas
    assert frame["task_name"].value_counts().to_dict() == {"epoch": 36, "fit": 6}
    assert np.isfinite(frame["r2"]).all()


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_progress_in_a_pipeline_and_a_search(n_jobs, monkeypatch):
    monkeypatch.setattr("sys.stdout", io.StringIO())
    model = make_pipeline(StandardScaler(), GradientRegressor(max_iter=5, tol=None))
    clone(model).set_callbacks(ProgressBar()).fit(X, Y)
    grid = {"gradientregressor__solver": ["gd", "sgd"]}
    search = GridSearchCV(model, grid, cv=2, n_jobs=n_jobs)
    search.set_callbacks(ProgressBar()).fit(X, Y)
    assert search.best_estimator_[-1].n_iter_ == 5


def test_callbacks_survive_a_clone_and_leave_no_trace():
    recorder = Recorder()
    model = clone(GradientRegressor().set_callbacks(recorder)).fit(X, Y)
    assert recorder.calls[-1] == "teardown"
    assert not hasattr(model, "_callback_fit_ctx")
    with pytest.raises(TypeError, match="FitCallback"):
        model.set_callbacks(print)
