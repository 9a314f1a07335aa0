"""ScheduleDisplay: rates of schedules by themselves and of trainings."""

import numpy as np
import pytest
from inspection.fits import Y, fitted, labels
from numpy.testing import assert_allclose, assert_array_equal

from sklopt.inspection import (
    ScheduleDisplay,
)
from sklopt.schedules import Cosine, InverseScaling, LineSearch, StepDecay


def test_schedules():
    schedules = ["constant", StepDecay(every=2), Cosine(), "plateau"]
    display = ScheduleDisplay.from_schedules(schedules, learning_rate=8.0, n_epochs=6)
    constant, step, cosine, plateau = (line.get_ydata() for line in display.lines_)
    assert_array_equal(constant, [8, 8, 8, 8, 8, 8])
    assert_array_equal(step, [8, 8, 4, 4, 2, 2])
    assert_allclose(cosine, 4 * (1 + np.cos(np.pi * np.arange(6) / 6)))
    assert_array_equal(plateau, [8, 8, 8, 8, 8, 4])  # the first epoch improves
    names = ["constant", "StepDecay(every=2)", "Cosine()", "plateau"]
    assert labels(display.legend_) == names
    assert_array_equal(display.lines_[0].get_xdata(), np.arange(6))


def test_schedules_by_name_and_per_update():
    schedule = InverseScaling(power=1.0, per="update")
    display = ScheduleDisplay.from_schedules(
        {"1/t": schedule}, n_epochs=3, updates_per_epoch=5, yscale="log"
    )
    assert_allclose(display.learning_rates["1/t"], [1 / 5, 1 / 10, 1 / 15])
    assert display.ax_.get_yscale() == "log"


def test_rates_of_a_training():
    search = fitted(learning_rate=1.0, schedule="line_search")
    models = {"search": search, "cosine": fitted(schedule="cosine")}
    display = ScheduleDisplay.from_estimators(models)
    for model, line in zip(models.values(), display.lines_, strict=True):
        assert_array_equal(line.get_ydata(), model.history_["learning_rate"])
    assert labels(ScheduleDisplay.from_estimator(search).legend_) == [
        "GradientRegressor"
    ]


def test_rates_of_the_first_of_several_targets():
    model = fitted(y=np.column_stack([Y, -Y]), schedule="cosine")
    (line,) = ScheduleDisplay.from_estimator(model).lines_
    assert len(line.get_ydata()) == 12


@pytest.mark.parametrize("schedule", ["line_search", LineSearch()])
def test_a_line_search_needs_data(schedule):
    with pytest.raises(ValueError, match="depend on the data: fit"):
        ScheduleDisplay.from_schedules([schedule])


@pytest.mark.parametrize("schedules", ["cosine", Cosine(), [], {}, None])
def test_schedules_are_several(schedules):
    with pytest.raises(
        TypeError, match="schedules must be a list or a dict of at leas"
    ):
        ScheduleDisplay.from_schedules(schedules)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("linear", r"schedules\['linear'\] is no schedule: The 'schedule' parameter"),
        (3, r"schedules\['3'\] is no schedule"),
        (StepDecay(factor=2), "is no schedule: The 'factor' parameter of StepDecay"),
    ],
)
def test_unknown_schedules_are_refused(schedule, message):
    with pytest.raises(ValueError, match=message):
        ScheduleDisplay.from_schedules([schedule])


@pytest.mark.parametrize(
    "arguments",
    [
        {"learning_rate": "auto"},
        {"learning_rate": 0.0},
        {"n_epochs": 0},
        {"n_epochs": 2.5},
        {"updates_per_epoch": 0},
    ],
)
def test_wrong_arguments_are_refused(arguments):
    (name,) = arguments
    with pytest.raises(ValueError, match=f"'{name}' parameter of ScheduleDisplay"):
        ScheduleDisplay.from_schedules(["cosine"], **arguments)


def test_a_schedule_without_a_name():
    display = ScheduleDisplay.from_schedules({None: "cosine"})
    assert labels(display.legend_) == ["None"]


def test_there_is_a_rate_to_draw():
    with pytest.raises(ValueError, match="learning_rates must have at least one"):
        ScheduleDisplay(learning_rates={}).plot()


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_zero_is_in_the_picture_with_room_below(schedule):
    display = ScheduleDisplay.from_schedules([schedule])
    assert -0.2 < display.ax_.get_ylim()[0] < 0
