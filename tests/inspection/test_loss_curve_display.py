"""LossCurveDisplay: the curves of estimators, and how they are told apart."""

import numpy as np
import pytest
from inspection.fits import X, Y, fitted, labels
from numpy.testing import assert_array_equal
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklopt import GradientRegressor
from sklopt.inspection import (
    LossCurveDisplay,
)
from sklopt.schedules import StepDecay


def test_loss_curves():
    models = {name: fitted(name) for name in ("gd", "sgd", "adam")}
    display = LossCurveDisplay.from_estimators(models, line_kw={"linewidth": 5})
    assert labels(display.legend_) == ["gd", "sgd", "adam"]
    for model, line in zip(models.values(), display.lines_, strict=True):
        assert_array_equal(line.get_xdata(), model.history_["epoch"])
        assert_array_equal(line.get_ydata(), model.loss_curve_)
        assert line.get_linewidth() == 5
    assert display.validation_lines_ == display.rate_lines_ == []
    assert display.rate_ax_ is None
    assert display.ax_.get_yscale() == "log"
    assert display.ax_.get_xscale() == "linear"


def test_loss_curve_on_other_scales():
    display = LossCurveDisplay.from_estimator(
        fitted(), xscale="log", yscale="linear", show_learning_rate=True
    )
    assert display.ax_.get_xscale() == "symlog"
    assert display.ax_.get_xlim()[0] == 0
    assert display.ax_.get_xlim()[1] > 11.5  # room for the last marker
    assert display.ax_.get_yscale() == "linear"


def test_loss_curve_with_validation():
    curve = np.array([3.0, 2.0, 1.0])
    display = LossCurveDisplay(
        loss_curves={"a": curve, "b": 2 * curve},
        validation_loss_curves={"b": 4 * curve},
    ).plot()
    (line,) = display.validation_lines_
    assert_array_equal(line.get_ydata(), 4 * curve)
    assert line.get_color() == display.lines_[1].get_color()
    assert labels(display.legend_) == ["a", "b", "b, validation"]
    assert display.plot(show_validation=False).validation_lines_ == []


def test_validation_loss_of_an_estimator():
    model = fitted()
    model.validation_loss_curve_ = model.loss_curve_ + 1
    display = LossCurveDisplay.from_estimator(model, name="m")
    assert labels(display.legend_) == ["m", "m, validation"]
    (line,) = display.validation_lines_
    assert_array_equal(line.get_ydata(), model.loss_curve_ + 1)


@pytest.mark.parametrize("y", [Y, np.column_stack([Y, -Y])])
def test_averaged_loss_of_an_estimator(y):
    model = fitted("sgd", y=y, average=True, batch_size=5)
    display = LossCurveDisplay.from_estimators({"m": model, "plain": fitted()})
    drawn = np.concatenate([line.get_ydata() for line in display.averaged_lines_])
    assert_array_equal(drawn, model.history_["averaged_loss"])
    n_targets = len(display.averaged_lines_)
    for line, averaged in zip(display.lines_, display.averaged_lines_, strict=False):
        assert averaged.get_label() == f"{line.get_label()}, averaged"
        assert averaged.get_color() == line.get_color()
    assert labels(display.legend_)[-n_targets:] == [
        line.get_label() for line in display.averaged_lines_
    ]
    assert display.plot(show_averaged=False).averaged_lines_ == []


def test_a_long_name_leaves_the_axes_their_room():
    name = "an estimator by its full name, with every parameter that it was given"
    display = LossCurveDisplay.from_estimator(fitted(), name=name)
    display.figure_.canvas.draw()
    legend, axes = display.legend_.get_window_extent(), display.ax_.get_window_extent()
    assert legend.x0 > axes.x1
    assert axes.width > 0.4 * display.figure_.bbox.width


def test_learning_rates_on_a_twin_axis():
    model = fitted(schedule=StepDecay(every=3))
    display = LossCurveDisplay.from_estimator(model, show_learning_rate=True)
    (line,) = display.rate_lines_
    assert_array_equal(line.get_ydata(), model.history_["learning_rate"])
    assert line.axes is display.rate_ax_ is not display.ax_
    assert display.rate_ax_.get_zorder() < display.ax_.get_zorder()
    assert r"\alpha" in display.rate_ax_.get_ylabel()


def test_several_targets_are_curves_each():
    Y2 = np.column_stack([Y, np.zeros_like(Y)])
    model = fitted(y=Y2, tol=1e-3, max_iter=50)
    display = LossCurveDisplay.from_estimator(
        model, name="gd", show_learning_rate=True, yscale="linear"
    )
    assert labels(display.legend_) == ["gd, target 0", "gd, target 1"]
    assert np.isnan(model.loss_curve_).any()
    for k, line in enumerate(display.lines_):
        assert_array_equal(line.get_ydata(), model.loss_curve_[:, k])
        rate = display.rate_lines_[k].get_ydata()
        assert_array_equal(np.isnan(rate), np.isnan(model.loss_curve_[:, k]))


def test_loss_curves_of_others_and_of_pipelines():
    other = MLPRegressor(
        hidden_layer_sizes=(), learning_rate_init=0.1, random_state=0
    ).fit(X, Y)
    pipeline = make_pipeline(StandardScaler(), GradientRegressor()).fit(X, Y)
    models = {"MLPRegressor": other, "ours": pipeline}
    display = LossCurveDisplay.from_estimators(models, show_learning_rate=True)
    assert_array_equal(display.lines_[0].get_ydata(), other.loss_curve_)
    assert_array_equal(display.lines_[1].get_ydata(), pipeline[-1].loss_curve_)
    assert [line.get_label() for line in display.rate_lines_] == ["ours"]
    alone = LossCurveDisplay.from_estimator(pipeline)
    assert labels(alone.legend_) == ["GradientRegressor"]


def test_without_a_loss_curve():
    with pytest.raises(ValueError, match=r"LinearRegression has no loss_curve_"):
        LossCurveDisplay.from_estimator(LinearRegression().fit(X, Y))


def test_lines_differ_in_colour_and_marker():
    models = {str(k): fitted(max_iter=2) for k in range(7)}
    lines = LossCurveDisplay.from_estimators(models).lines_
    assert len({line.get_color() for line in lines}) == 7
    assert len({line.get_marker() for line in lines}) == 7


def test_rates_are_found_whatever_their_lines_are_called():
    models = {1: fitted(), None: fitted(schedule="cosine")}
    display = LossCurveDisplay.from_estimators(
        models, show_learning_rate=True, line_kw={"label": "z"}
    )
    for model, line in zip(models.values(), display.rate_lines_, strict=True):
        assert_array_equal(line.get_ydata(), model.history_["learning_rate"])
    assert [line.get_label() for line in display.rate_lines_] == ["1", "None"]


@pytest.mark.parametrize(
    ("curves", "message"),
    [
        ({"loss_curves": {}}, "loss_curves must have at least one curve"),
        ({"loss_curves": None}, "loss_curves must be a dict of curves by name"),
        ({"loss_curves": [1.0]}, "loss_curves must be a dict of curves by name"),
        ({"loss_curves": {"a": 3.0}}, r"loss_curves\['a'\] must be of one dimension"),
        ({"loss_curves": {"a": np.ones((3, 2))}}, r"\['a'\] .* got shape \(3, 2\)"),
        ({"loss_curves": {"a": ["x"]}}, r"loss_curves\['a'\]: could not convert"),
        ({"validation_loss_curves": 3}, "validation_loss_curves must be a dict"),
        ({"averaged_loss_curves": 3}, "averaged_loss_curves must be a dict"),
        ({"learning_rates": {"a": "x"}}, r"learning_rates\['a'\]: could not convert"),
    ],
)
def test_curves_are_numbers_by_name(curves, message):
    display = LossCurveDisplay(**({"loss_curves": {"a": [1.0]}} | curves))
    with pytest.raises((TypeError, ValueError), match=message):
        display.plot(show_learning_rate=True)


@pytest.mark.parametrize(
    "name", ["show_validation", "show_averaged", "show_learning_rate"]
)
def test_choices_are_yes_or_no(name):
    display = LossCurveDisplay.from_estimator(fitted())
    with pytest.raises(ValueError, match=f"'{name}' parameter of LossCurveDisplay"):
        display.plot(**{name: "rate"})
