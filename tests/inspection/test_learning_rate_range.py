"""The range test: its losses, its suggestion, its picture."""

import sys
import warnings

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from cases import BATCH_SIZES, every_solver, is_allowed, make_problem, make_weights
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from sklopt import GaborRegressor, GradientRegressor
from sklopt.datasets import load_line, make_gabor
from sklopt.estimators._training import DivergenceError
from sklopt.inspection import LearningRateRange, curvature, learning_rate_range
from sklopt.schedules import Cosine

# X = 1, −1 and y = 0, 2: J = φ₀² − 2φ₀ + φ₁² + 2φ₁ + 2, so that gd multiplies the
# distance from (1, −1), where J is 0, by 1 − 2α: best at ½, lost above 1.
X_TWO, Y_TWO = [[1.0], [-1.0]], [0.0, 2.0]


@pytest.fixture(autouse=True)
def _headless():
    with mpl.rc_context():
        plt.switch_backend("Agg")
        yield
        plt.close("all")


def gd_range(rates, **params):
    return learning_rate_range(
        GradientRegressor("gd"), X_TWO, Y_TWO, rates=rates, **params
    )


# --- losses ----------------------------------------------------------------------


def test_losses_by_hand():
    found = gd_range([0.75, 0.25, 0.375, 1e6], n_epochs=2)
    assert found.rates.tolist() == [0.25, 0.375, 0.75, 1e6]
    expected = [2 / 2**4, 2 / 4**4, 2 / 2**4]
    np.testing.assert_allclose(found.losses[:3], expected, rtol=1e-12)
    assert found.losses[3] == np.inf


@every_solver
@pytest.mark.parametrize("batch_size", [None, 7])
def test_losses_are_those_of_training(solver, batch_size):
    X, y = make_problem()
    settings = {"batch_size": batch_size, "random_state": 3}
    settings |= {"tol": 0.9, "n_iter_no_change": 1}  # would end it at once
    model = GradientRegressor(solver, schedule=Cosine(), max_iter=500, **settings)
    found = learning_rate_range(
        model, X, y, make_weights(), rates=[0.001, 0.01], n_epochs=80
    )
    for rate, loss in zip(found.rates, found.losses, strict=True):
        other = clone(model).set_params(learning_rate=rate, max_iter=80, tol=None)
        assert loss == other.fit(X, y, make_weights()).loss_


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
def test_all_rates_see_the_same_batches(random_state):
    X, y = make_problem()
    model = GradientRegressor("sgd", batch_size=1, random_state=random_state)
    rates = 0.05 * (1 + 1e-9 * np.arange(4))
    losses = learning_rate_range(model, X, y, rates=rates).losses
    np.testing.assert_allclose(losses, losses[0], rtol=1e-6)
    assert len(losses) == 4


def test_the_estimator_stays_as_it_is():
    X, y = make_problem()
    model = GradientRegressor("adam", store_path="epoch", random_state=0).fit(X, y)
    before = dict(vars(model))
    learning_rate_range(model, X, y, n_epochs=1)
    assert vars(model) == before


@every_solver
@pytest.mark.parametrize("batch_size", BATCH_SIZES)
@pytest.mark.parametrize("schedule", ["constant", "line_search"])
def test_default_rates_surround_the_automatic_one(solver, batch_size, schedule):
    if not is_allowed(solver, schedule, batch_size):
        return
    X, y = make_problem()
    model = GradientRegressor(
        solver,
        schedule=schedule,
        batch_size=batch_size,
        penalty="l2",
        alpha=0.5,
        fit_intercept=False,
        random_state=0,
    )
    found = learning_rate_range(model, X, y, make_weights(), n_epochs=1)
    once = clone(model).set_params(schedule="constant", max_iter=1, tol=None)
    auto = once.fit(X, y, make_weights()).history_["learning_rate"][0]
    if schedule == "line_search":
        auto *= 4  # the longest step that it considers
    expected = auto * np.logspace(-3, 4, 36)
    np.testing.assert_allclose(found.rates, expected, rtol=1e-9)


@pytest.mark.parametrize("scale", [0.1, 1.0, 100.0])
def test_the_range_of_a_wave_is_that_of_its_parameters(scale):
    # A number trains φ itself, in which the curvature grows like the square of x.
    X, y = make_gabor(80, random_state=0)
    phi = np.array([0.3, 14.0])
    unit = [1.0, scale]
    model = GaborRegressor("gd", init=phi / unit)
    found = learning_rate_range(model, X * scale, y)
    limit = curvature(model, X * scale, y, at=phi / unit).largest_stable_rate
    assert found.rates[0] < limit < found.rates[-1]
    start = curvature(model, X * scale, y, at=phi / unit).loss
    assert found.losses.min() < start


# --- the suggestion --------------------------------------------------------------


def test_the_suggestion_is_a_share_of_the_best_rate():
    rates = [0.1, 0.2, 0.4, 0.8]
    assert gd_range(rates).suggestion == pytest.approx(0.2)
    assert gd_range(rates, safety_factor=1).suggestion == pytest.approx(0.4)
    assert gd_range(rates, safety_factor=8).suggestion == pytest.approx(0.05)


def test_no_rate_above_one_that_diverges_wins():
    # φ is there after one epoch at 0.5; a line search would be too, from any rate.
    class Fragile(GradientRegressor):
        def fit(self, X, y, sample_weight=None):
            if self.learning_rate == 0.3:
                raise DivergenceError("Fragile diverged in epoch 1")
            return super().fit(X, y, sample_weight)

    args = Fragile("gd"), X_TWO, Y_TWO
    found = learning_rate_range(*args, rates=[0.1, 0.2, 0.3, 0.5], safety_factor=1)
    assert found.losses.argmin() == 3
    assert found.suggestion == 0.2


def test_no_rate_that_drives_a_wave_out_of_sight_wins():
    X, y = make_gabor(60, random_state=0)
    # In a valley higher than a prediction of 0, which is that of a wave out of sight.
    model = GaborRegressor("gd", init=[5.5, 6.8])
    found = learning_rate_range(model, X, y, rates=[1, 5, 300, 1000], safety_factor=1)
    assert found.losses.argmin() >= 2
    assert found.suggestion == 5
    # A start out of sight was driven there by no rate.
    found = learning_rate_range(model.set_params(init=[90.0, 1.0]), X, y, rates=[1, 5])
    assert found.suggestion == 0.5


def test_every_rate_diverges():
    message = r"diverged at the lowest of these rates already, 1e\+06"
    with pytest.raises(ValueError, match=message):
        gd_range([1e6, 1e7])


@pytest.mark.parametrize("seed", range(8))
def test_the_suggestion_for_gd_is_stable_and_not_slow(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(100, 5)) * 10 ** rng.uniform(-1, 1, size=5)
    y = X @ rng.normal(size=5) + rng.normal(size=100)
    suggestion = learning_rate_range(GradientRegressor("gd"), X, y).suggestion
    limit = curvature(GradientRegressor(), X, y, at=np.zeros(6)).largest_stable_rate
    assert 0.2 * limit < suggestion < 0.9 * limit


@every_solver
def test_training_at_the_suggestion(solver):
    X, y = load_line(return_X_y=True)
    model = GradientRegressor(solver, random_state=0)
    rate = learning_rate_range(model, X, y).suggestion
    settings = {"learning_rate": rate, "max_iter": 200, "tol": None}
    point = curvature(model.set_params(**settings).fit(X, y), X, y)
    assert point.newton_gain < 0.01 * point.loss


# --- the picture -----------------------------------------------------------------


def test_the_picture():
    found = gd_range([0.1, 0.2, 0.4, 1e6])
    before = dict(mpl.rcParams)
    axes = found.plot()
    axes.figure.canvas.draw()
    assert dict(mpl.rcParams) == before
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert (axes.get_xlabel(), axes.get_ylabel()) == (
        r"Learning rate $\alpha$",
        "Objective $J$ after the test",
    )
    curve, suggestion = axes.lines
    np.testing.assert_array_equal(curve.get_xdata(), found.rates[:3])
    np.testing.assert_array_equal(curve.get_ydata(), found.losses[:3])
    assert list(suggestion.get_xdata()) == [found.suggestion] * 2
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == ["diverges", f"suggested: {found.suggestion:.2g}"]
    assert axes.patches[0].get_x() == 1e6


def test_a_picture_does_not_go_far_into_what_diverges():
    axes = gd_range([0.1, 0.2, 1e6, 1e9]).plot()
    assert 1e6 < axes.get_xlim()[1] < 1e8


def test_a_picture_on_given_axes():
    _, given = plt.subplots()
    assert gd_range([0.1, 0.2]).plot(given) is given
    assert len(given.lines) == 2
    assert len(given.patches) == 0
    assert len(plt.get_fignums()) == 1


def test_a_loss_that_explodes_leaves_the_picture():
    found = gd_range([1e-4, 0.1, 2.0])
    assert 100 * found.losses[0] < found.losses[2] < np.inf
    top = gd_range([1e-4, 0.1]).plot().get_ylim()[1]
    assert found.losses[0] < top < 10 * found.losses[0]
    assert found.plot().get_ylim()[1] == 10 * found.losses[0]


def test_a_picture_of_zeros():
    X, y = make_problem()
    axes = learning_rate_range(GradientRegressor(), X, 0 * y).plot()
    axes.figure.canvas.draw()
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")


def test_a_picture_on_a_whole_array_of_axes():
    _, axes = plt.subplots(1, 2)
    with pytest.raises(ValueError, match=r"'ax' parameter of LearningRateRange\.plot"):
        gd_range([0.1]).plot(axes)


def test_a_picture_that_fails_leaves_no_figure():
    found = LearningRateRange([0.1, 0.2], [1.0, np.inf], "a tenth")
    with pytest.raises(ValueError, match="format code"):
        found.plot()
    assert plt.get_fignums() == []


def test_a_picture_without_matplotlib(monkeypatch):
    found = gd_range([0.1])
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"LearningRateRange\.plot requires matplot"):
        found.plot()


# --- faults ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"rates": [0.1, 0.0]}, "rates must be learning rates > 0"),
        ({"rates": [[0.1]]}, "rates must be learning rates > 0"),
        ({"rates": [0.1, np.nan]}, "rates contains NaN"),
        ({"rates": []}, "0 sample"),
        ({"rates": 0.1}, "'rates' parameter of learning_rate_range"),
        ({"n_epochs": 0}, "'n_epochs' parameter of learning_rate_range"),
        ({"safety_factor": 0.5}, "'safety_factor' parameter of learning_rate_range"),
    ],
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        learning_rate_range(GradientRegressor(), *make_problem(), **params)


def test_bad_data_is_no_divergence():
    X, y = make_problem()
    with pytest.raises(ValueError, match="NaN"):
        learning_rate_range(GradientRegressor(), X, y * np.nan)
    with pytest.raises(ValueError, match="several targets"):
        learning_rate_range(GradientRegressor(), X, np.c_[y, y])
    with pytest.raises(ValueError, match="init has parameters of shape"):
        learning_rate_range(GradientRegressor(init=[1.0]), X, y)


def test_warnings_of_short_trainings_are_kept_back_and_others_are_not():
    X, y = make_gabor(30, random_state=0)
    lost = GaborRegressor("gd", init=[40.0, 1.0], random_state=0)
    with pytest.warns(ConvergenceWarning, match="no sample sees the wave"):
        clone(lost).set_params(max_iter=2, tol=None).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = learning_rate_range(lost, X, y, n_epochs=2)
    assert np.isfinite(found.losses).all()
