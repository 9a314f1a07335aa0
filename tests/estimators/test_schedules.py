"""Schedules of the user's own, `Warmup` and `OneCycle`."""

import math
import pickle
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
import reference
from cases import (
    N_EPOCHS,
    SCHEDULES,
    assert_refused,
    both_methods,
    halves_and_thirds,
    make_model,
    make_problem,
    make_targets,
    model_of,
    schedule_twin,
)
from estimators.waves import textbook
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import GridSearchCV

from sklopt import GradientRegressor
from sklopt.datasets import make_gabor
from sklopt.inspection import ScheduleDisplay
from sklopt.schedules import (
    Cosine,
    InverseScaling,
    OneCycle,
    Plateau,
    StepDecay,
    Warmup,
)

X, Y = make_problem()


class Asked:
    """A schedule that remembers what it was asked."""

    def __init__(self, last=math.inf):
        self.epochs, self.last = [], last

    def __call__(self, t):
        self.epochs.append(t)
        if t > self.last:
            raise LookupError("no such epoch")
        return 1 / (t + 1)


class Wrong:
    """A schedule that gives something else in epoch 3."""

    def __init__(self, value):
        self.value = value

    def __call__(self, t):
        return self.value if t == 3 else 1.0


class Halving(BaseEstimator):
    """A schedule of a user's own that has a hyperparameter."""

    def __init__(self, every=1):
        self.every = every

    def __call__(self, t):
        return 0.5 ** (t // self.every)


def rates_of(model):
    return model.history_["learning_rate"].to_numpy()


def rates_at_rest(schedule, n_epochs, updates_per_epoch=1):
    """The last rate of every epoch where there is nothing to learn; the first is 1."""
    params = {"batch_size": 1, "learning_rate": 1.0, "max_iter": n_epochs}
    zeros = np.zeros(updates_per_epoch)
    model = model_of("sgd", schedule=schedule, **params)
    return rates_of(model.fit(zeros[:, np.newaxis], zeros))


def twin_rates(schedule, n_epochs, updates_per_epoch=1, first_rate=1.0):
    """The last rate of every epoch, by the reference."""
    name, params = schedule_twin(schedule, n_epochs)
    rates = reference.Rates(name, first_rate, params)
    last = range(updates_per_epoch - 1, n_epochs * updates_per_epoch, updates_per_epoch)
    return [rates.now(epoch, t) for epoch, t in enumerate(last)]


# --- functions -----------------------------------------------------------------------


@pytest.mark.parametrize("schedule", [Asked(), Warmup(Asked(), epochs=3)])
def test_a_function_is_asked_once_for_each_epoch(schedule):
    asked = getattr(schedule, "schedule", schedule)
    model = model_of(schedule=schedule).fit(X, Y)
    assert asked.epochs == [*range(N_EPOCHS)]
    assert all(type(t) is int for t in asked.epochs)
    asked.epochs.clear()
    model.partial_fit(X, Y)
    assert asked.epochs == [N_EPOCHS]


def test_a_function_is_asked_before_the_training_and_for_all_of_it():
    model = model_of(schedule=Asked(), tol=1e-5).fit(0 * X, 0 * Y)
    assert model.n_iter_ < N_EPOCHS
    assert model.schedule.epochs == [*range(N_EPOCHS)]


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (math.nan, ValueError, "must return a finite number >= 0, but returned nan"),
        (math.inf, ValueError, "must return a finite number >= 0, but returned inf"),
        (-0.5, ValueError, "must return a finite number >= 0, but returned -0.5"),
        (None, TypeError, "must return a number, but returned None"),
        ("1", TypeError, "must return a number, but returned '1'"),
        (1j, TypeError, "must return a number, but returned 1j"),
        (np.ones(1), TypeError, "must return a number, but returned array([1.])"),
    ],
    ids=str,
)
def test_answers_that_are_no_multiplier(value, error, message):
    model = model_of(schedule=Wrong(value))
    expected = f"schedule={model.schedule!r} {message} at epoch 3."
    assert_refused(lambda: model.fit(X, Y), model, error, expected)


@both_methods
def test_functions_that_raise(method):
    model = model_of(schedule=Asked(last=-1 if method == "partial_fit" else 4))
    epoch = 0 if method == "partial_fit" else 5
    message = rf"raised LookupError\('no such epoch'\) at epoch {epoch}\.$"
    with pytest.raises(ValueError, match=message) as caught:
        getattr(model, method)(X, Y)
    assert isinstance(caught.value.__cause__, LookupError)


@pytest.mark.parametrize("value", [0, 1, True, np.float32(0.5), np.int8(2)])
def test_numbers_of_any_kind_are_multipliers(value):
    model = model_of(schedule=lambda t: value, learning_rate=0.5, max_iter=2)
    assert_array_equal(rates_of(model.fit(0 * X, Y)), [0.5 * float(value)] * 2)


def test_functions_pickle_where_they_can():
    model = make_model("sgd", halves_and_thirds).fit(X, Y)
    copy = pickle.loads(pickle.dumps(model))
    assert copy.schedule is halves_and_thirds
    assert_array_equal(copy.partial_fit(X, Y).coef_, model.partial_fit(X, Y).coef_)
    with pytest.raises((AttributeError, pickle.PicklingError), match="lambda"):
        pickle.dumps(make_model("sgd", lambda t: 1.0))


def test_hyperparameters_of_functions_are_searched():
    grid = {"schedule__every": [1, 1000]}
    search = GridSearchCV(model_of(schedule=Halving(), max_iter=40), grid, cv=3)
    assert search.fit(X, Y).best_params_ == {"schedule__every": 1000}


def test_every_start_of_a_wave_takes_the_multipliers():
    X, y = make_gabor(random_state=0)
    asked = Asked()
    wave = textbook("gd", schedule=asked, init="random", n_init=3, max_iter=40)
    wave.fit(X, y)
    assert asked.epochs == [*range(40)]
    assert_allclose(rates_of(wave) / rates_of(wave)[0], [1 / t for t in range(1, 41)])


@pytest.mark.parametrize("schedule", ["function", "one_cycle", "warmup"])
def test_targets_that_fall_behind_take_their_own_multiplier(schedule):
    """A target that stops early rests while others train, and then goes on."""
    X, Ys = make_targets()
    params = {"early_stopping": True, "n_iter_no_change": 1, "tol": 0.2}
    model = make_model("sgd", schedule, max_iter=40, **params)
    for _ in range(25):
        model.partial_fit(X, Ys)
    assert len(set(model.n_iter_)) > 1
    history = model.history_
    for target, n_epochs in enumerate(model.n_iter_):
        rates = history[history["target"] == target]["learning_rate"]
        twins = twin_rates(SCHEDULES[schedule], n_epochs, first_rate=0.02)
        assert_allclose(rates, twins, rtol=1e-12)


# --- the named ones ------------------------------------------------------------------


@given(
    epochs=st.integers(1, 30),
    rise=st.floats(0.01, 0.99),
    start=st.floats(0, 1),
    end=st.floats(0, 1),
)
def test_one_cycle_is_its_formula(epochs, rise, start, end):
    schedule = OneCycle(epochs=epochs, rise=rise, start=start, end=end)
    twins = twin_rates(schedule, epochs + 2)
    assert_allclose(rates_at_rest(schedule, epochs + 2), twins, rtol=1e-9, atol=1e-12)


def test_one_cycle_begins_peaks_and_ends_where_it_says():
    model = model_of(schedule=OneCycle(rise=0.3), learning_rate=2.0, max_iter=20)
    rates = rates_of(model.fit(0 * X, 0 * Y))
    assert rates.argmax() == 0.3 * 20 - 1
    assert_allclose(rates[[0, 5, 19]], [2 * 0.04, 2, 2 * 4e-6], rtol=1e-12)
    assert (np.diff(rates[:6]) > 0).all()
    assert (np.diff(rates[5:]) < 0).all()


@pytest.mark.parametrize("epochs", [1, 4, 100])
@pytest.mark.parametrize(
    "inner",
    [
        "constant",
        StepDecay(factor=0.5, every=2),
        InverseScaling(power=0.5),
        InverseScaling(power=0.5, per="update"),
        Cosine(),
        OneCycle(epochs=8),
        halves_and_thirds,
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_warm_up_lowers_the_first_rates_of_any_schedule(inner, epochs):
    alone, warm = (rates_at_rest(s, 10, 3) for s in (inner, Warmup(inner, epochs)))
    ramp = np.minimum(1.0, np.arange(1, 11) / epochs)
    assert_allclose(warm, ramp * alone, rtol=1e-14)
    if not isinstance(inner, str):
        twins = twin_rates(Warmup(inner, epochs), 10, 3)
        assert_allclose(warm, twins, rtol=1e-12)


def test_a_plateau_is_warmed_up():
    schedule = Warmup(Plateau(patience=1, factor=0.5), epochs=4)
    model = model_of(schedule=schedule, learning_rate=8.0, max_iter=8)
    rates = rates_of(model.fit(0 * X, 0 * Y))
    assert_array_equal(rates, [2, 4, 6, 4, 4, 2, 2, 1])


def test_nested_hyperparameters():
    model = GradientRegressor(schedule=Warmup(StepDecay(every=7), epochs=3))
    assert model.get_params()["schedule__schedule__every"] == 7
    copy = clone(model)
    copy.set_params(schedule__epochs=2, schedule__schedule__factor=0.25)
    assert (copy.schedule.epochs, copy.schedule.schedule.factor) == (2, 0.25)
    assert (model.schedule.epochs, model.schedule.schedule.factor) == (3, 0.5)
    grid = {"schedule__epochs": [1, 10**6], "schedule__schedule__every": [1, 1000]}
    search = GridSearchCV(model.set_params(max_iter=40, tol=None), grid, cv=3)
    best = search.fit(X, Y).best_params_
    assert best == {"schedule__epochs": 1, "schedule__schedule__every": 1000}


@both_methods
def test_what_a_warm_up_holds_is_validated(method):
    model = model_of(schedule=Warmup(StepDecay(factor=2.0)))
    message = "The 'factor' parameter of StepDecay must be a float in the range (0"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        getattr(model, method)(X, Y)


def test_displays_draw_them():
    plt.switch_backend("Agg")
    display = ScheduleDisplay.from_schedules(
        ["warmup", OneCycle(), Warmup("cosine", epochs=2), halves_and_thirds],
        n_epochs=10,
    )
    plt.close(display.figure_)
    assert len(display.lines_) == 4
    drawn = display.learning_rates[str(halves_and_thirds)]
    assert_array_equal(drawn, [1 / 2, 1 / 3] * 5)


@pytest.mark.parametrize("schedule", ["one_cycle", lambda epoch: 1.0])
def test_more_epochs_than_can_be_asked_about_are_refused(schedule):
    model = GradientRegressor(schedule=schedule, max_iter=10**11)
    with pytest.raises(ValueError, match="max_iter must be at most 10,000,000"):
        model.fit([[0.0], [1.0]], [0.0, 1.0])


def test_a_multiplier_beyond_all_rates_is_refused():
    model = GradientRegressor(schedule=lambda epoch: 10**400, max_iter=3)
    with pytest.raises(ValueError, match="must return a finite number >= 0"):
        model.fit([[0.0], [1.0]], [0.0, 1.0])
