"""The optimizer as a hyperparameter: searches, pipelines, other processes."""

import pickle
import subprocess
import sys
import warnings

import joblib
import numpy as np
import pytest
import sklearn
from cases import every_solver, history_of
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning, FitFailedWarning
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    cross_val_predict,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklopt import GradientRegressor
from sklopt.schedules import SCHEDULES, Cosine, StepDecay
from sklopt.solvers import SOLVERS, Adam, Momentum


def make_data(n_samples=120, n_targets=None):
    rng = np.random.default_rng(11)
    X = rng.normal(size=(n_samples, 4)) * [1.0, 10.0, 0.1, 3.0] + [0, 5, 0, -2]
    shape = (4,) if n_targets is None else (4, n_targets)
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    y = scaled @ rng.uniform(1, 3, size=shape) + 2.0
    return X, y + 0.1 * rng.normal(size=y.shape)


X, Y = make_data()


def make_model(**params):
    settings = {"max_iter": 60, "tol": None, "random_state": 0, "batch_size": 16}
    return make_pipeline(StandardScaler(), GradientRegressor(**(settings | params)))


GRID = {
    "gradientregressor__solver": ["gd", "sgd", Momentum(beta=0.8), Adam()],
    "gradientregressor__learning_rate": [1e-4, 0.05, "auto"],
}


def test_grid_search_over_solvers():
    search = GridSearchCV(make_model(), GRID, n_jobs=2, cv=3, error_score="raise")
    search.fit(X, Y)
    scores = search.cv_results_["mean_test_score"]
    assert len(scores) == 12
    assert np.isfinite(scores).all()
    assert len(set(scores)) == 12  # every combination is a training of its own
    assert search.best_score_ > 0.99
    assert search.best_params_["gradientregressor__learning_rate"] != 1e-4
    best = search.best_estimator_
    assert_array_equal(pickle.loads(pickle.dumps(best)).predict(X), search.predict(X))
    serial = GridSearchCV(make_model(), GRID, cv=3).fit(X, Y)
    assert_array_equal(serial.cv_results_["mean_test_score"], scores)


@pytest.mark.parametrize(
    ("solver", "grid"),
    [
        (Adam(), {"solver__beta_1": [0.0, 0.5, 0.99]}),
        (Adam(), {"solver__beta_2": [0.0, 0.9], "solver__epsilon": [1e-8, 1.0]}),
        (Momentum(), {"solver__beta": [0.0, 0.9, 0.99]}),
    ],
    ids=["beta_1", "beta_2 and epsilon", "beta"],
)
def test_nested_parameters_of_solvers_are_tuned(solver, grid):
    grid = {f"gradientregressor__{name}": values for name, values in grid.items()}
    model = make_model(solver=solver, learning_rate=0.02, max_iter=10)
    search = GridSearchCV(model, grid, cv=3, error_score="raise").fit(X, Y)
    scores = search.cv_results_["mean_test_score"]
    assert len(set(scores)) == len(scores) > 1
    fitted = search.best_estimator_[-1]
    for name, value in search.best_params_.items():
        assert search.best_estimator_.get_params()[name] == value
    assert fitted.solver is not solver
    assert solver.get_params() == type(solver)().get_params()


def test_schedules_are_tuned_by_name_object_and_parameter():
    names = [name for name in SCHEDULES if name != "line_search"]
    schedules = [*names, Cosine(epochs=5), StepDecay(every=1)]
    grid = {"gradientregressor__schedule": schedules}
    search = GridSearchCV(make_model(solver="sgd", learning_rate=0.05), grid, cv=3)
    scores = search.fit(X, Y).cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    # Every one is a training of its own, but that 60 epochs see no drop of step_decay.
    assert len(set(scores)) == len(schedules) - 1
    assert scores[names.index("step_decay")] == scores[names.index("constant")]
    model = make_model(solver="gd", schedule=StepDecay(every=10), learning_rate=0.01)
    factors = {"gradientregressor__schedule__factor": [0.01, 0.5, 1.0]}
    search = RandomizedSearchCV(model, factors, n_iter=3, cv=3, random_state=0)
    search.fit(X, Y)
    assert search.best_params_ == {"gradientregressor__schedule__factor": 1.0}


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("solver", ["gd", "sgd", "momentum", "nesterov"])
def test_a_diverging_candidate_is_nan_and_the_search_goes_on(solver, n_jobs):
    grid = {"gradientregressor__learning_rate": [1e4, 0.02]}
    model = make_model(solver=solver)
    search = GridSearchCV(model, grid, cv=3, n_jobs=n_jobs, error_score=np.nan)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(X, Y)
    (failed,) = (w for w in caught if issubclass(w.category, FitFailedWarning))
    details = str(failed.message)
    assert "3 fits failed out of a total of 6" in details
    assert "GradientRegressor diverged in epoch" in details
    assert "learning_rate=1e+04" in details
    assert "Lower the learning rate, or take learning_rate='auto'" in details
    scores = search.cv_results_["mean_test_score"]
    assert np.isnan(scores[0])
    assert scores[1] > 0.5
    assert search.best_params_ == {"gradientregressor__learning_rate": 0.02}


def test_impossible_combinations_are_nan_too():
    grid = {
        "gradientregressor__solver": ["gd", "adam"],
        "gradientregressor__schedule": ["constant", "line_search"],
    }
    search = GridSearchCV(make_model(), grid, cv=3)
    with pytest.warns() as caught:
        search.fit(X, Y)
    messages = "".join(str(warning.message) for warning in caught)
    assert "schedule='line_search' searches along" in messages
    failed = np.isnan(search.cv_results_["mean_test_score"])
    assert_array_equal(failed, [False, False, False, True])


@every_solver
def test_cross_validation(solver):
    model = make_model(solver=solver, max_iter=400)
    folds = KFold(4, shuffle=True, random_state=0)
    scores = cross_val_score(model, X, Y, cv=folds, error_score="raise")
    exact = cross_val_score(LinearRegression(), X, Y, cv=folds)
    assert_allclose(scores, exact, atol=2e-3)
    predictions = cross_val_predict(model, X, Y, cv=folds)
    for train, test in folds.split(X):
        alone = clone(model).fit(X[train], Y[train]).predict(X[test])
        assert_array_equal(predictions[test], alone)


def weights_of_halves():
    """The first half of the rows counts, the second does not, and lies."""
    order = np.random.default_rng(0).permutation(len(X))
    counts = order % 2
    return np.where(counts, Y, -5.0), counts.astype(float)


@pytest.mark.parametrize("solver", ["gd", "adam"])
def test_weights_are_routed(solver):
    y, weights = weights_of_halves()
    with sklearn.config_context(enable_metadata_routing=True):
        requested = GradientRegressor(solver, max_iter=400, tol=None, random_state=0)
        requested.set_fit_request(sample_weight=True)
        requested.set_score_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        model = make_pipeline(scaler, requested)
        grid = {"gradientregressor__batch_size": [16, None]}
        search = GridSearchCV(model, grid, cv=3, error_score="raise")
        search.fit(X, y, sample_weight=weights)
        ignored = clone(model)
        ignored[-1].set_fit_request(sample_weight=False)
        ignored.set_params(gradientregressor__batch_size=16)
        ignored[-1].set_score_request(sample_weight=True)
        unweighted = GridSearchCV(ignored, grid, cv=3).fit(X, y, sample_weight=weights)
    assert search.best_score_ > 0.99
    assert unweighted.best_score_ < 0.8
    assert (
        search.best_estimator_[-1].score(
            search.best_estimator_[0].transform(X[weights > 0]), y[weights > 0]
        )
        > 0.99
    )


def test_partial_fit_weights_can_be_requested():
    model = GradientRegressor()
    with sklearn.config_context(enable_metadata_routing=True):
        model.set_partial_fit_request(sample_weight=True)
        request = model.get_metadata_routing()
    assert request.partial_fit.requests["sample_weight"] is True


def test_several_targets_in_a_search():
    X, Y = make_data(n_targets=3)
    grid = {"gradientregressor__solver": [*SOLVERS]}
    search = GridSearchCV(make_model(max_iter=300), grid, cv=3, n_jobs=2).fit(X, Y)
    assert (search.cv_results_["mean_test_score"] > 0.99).all()
    assert search.predict(X).shape == Y.shape
    assert search.best_estimator_[-1].coef_.shape == (3, 4)


def test_inside_other_meta_estimators():
    model = TransformedTargetRegressor(
        make_model(max_iter=300), transformer=StandardScaler()
    )
    assert model.fit(X, 1e6 * Y).score(X, 1e6 * Y) > 0.99


def test_unfinished_candidates_warn_but_count():
    grid = {"gradientregressor__max_iter": [2, 3]}
    search = GridSearchCV(make_model(tol=1e-12), grid, cv=3)
    with pytest.warns(ConvergenceWarning, match="stopped at max_iter="):
        search.fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


ELSEWHERE = """
import pickle, sys
models, X, path = pickle.load(sys.stdin.buffer)
answers = []
for model in models:
    predictions = model.predict(X)
    model[-1].partial_fit(model[0].transform(X), X[:, 0])
    history = model[-1].history_.drop(columns="seconds")
    answers.append((predictions, model[-1].coef_, history))
with open(path, "wb") as file:
    pickle.dump(answers, file)
"""


def test_another_process_predicts_and_trains_the_same(tmp_path):
    models = [make_model(solver=s, store_path="epoch").fit(X, Y) for s in SOLVERS]
    path = tmp_path / "answers"
    subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        input=pickle.dumps((models, X, str(path))),
        check=True,
        timeout=120,
    )
    answers = pickle.loads(path.read_bytes())
    for model, (predictions, coef, history) in zip(models, answers, strict=True):
        assert_array_equal(predictions, model.predict(X))
        model[-1].partial_fit(model[0].transform(X), X[:, 0])
        assert_array_equal(coef, model[-1].coef_)
        assert_array_equal(history, history_of(model[-1]))


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_parallel_backends_agree(backend):
    models = [make_model(solver=solver) for solver in SOLVERS]
    expected = [clone(model).fit(X, Y).predict(X) for model in models]
    with joblib.parallel_config(backend, n_jobs=2):
        fitted = joblib.Parallel()(joblib.delayed(m.fit)(X, Y) for m in models)
    for model, predictions in zip(fitted, expected, strict=True):
        assert_array_equal(model.predict(X), predictions)
