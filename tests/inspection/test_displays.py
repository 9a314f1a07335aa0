"""What all Displays have in common."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from inspection.fits import (
    X,
    Y,
    draw_curve,
    draw_model,
    draw_schedule,
    draw_surface,
    fitted,
    labels,
)
from matplotlib.colors import to_rgba
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV

from sklopt import GradientRegressor
from sklopt.inspection import (
    LossCurveDisplay,
    LossSurfaceDisplay,
    ModelPathDisplay,
    ScheduleDisplay,
)

DRAWINGS = [draw_curve, draw_surface, draw_model, draw_schedule]
each_display = pytest.mark.parametrize("draw", DRAWINGS, ids=lambda f: f.__name__)


@each_display
def test_makes_one_figure_and_leaves_the_settings_alone(draw):
    before = dict(mpl.rcParams)
    display = draw()
    assert plt.get_fignums() == [display.figure_.number]
    assert display.ax_.figure is display.figure_
    assert dict(mpl.rcParams) == before


@each_display
def test_draws_on_given_axes(draw):
    figure, axes = plt.subplots(1, 2)
    display = draw(axes[1])
    assert display.ax_ is axes[1]
    assert display.figure_ is figure
    assert plt.get_fignums() == [figure.number]
    assert not axes[0].has_data()


@each_display
def test_draws_again(draw):
    display = draw()
    first = display.ax_
    assert display.plot() is display
    assert display.ax_ is not first
    assert set(display.lines_) <= set(display.ax_.lines)


@each_display
def test_nothing_is_clipped_at_the_edge_of_the_figure(draw):
    figure = draw().figure_
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())
    edges = [pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]
    assert all((edge == 255).all() for edge in edges)


@each_display
def test_an_own_legend_covers_no_axes(draw):
    display = draw()
    display.figure_.canvas.draw()
    legend = display.legend_.get_window_extent()
    assert not legend.overlaps(display.ax_.get_window_extent())


@each_display
def test_axes_are_labelled(draw):
    display = draw()
    assert display.ax_.get_xlabel()
    assert display.ax_.get_ylabel()


@pytest.mark.parametrize(
    "display", [LossCurveDisplay, LossSurfaceDisplay, ModelPathDisplay, ScheduleDisplay]
)
def test_unfitted_estimators_are_refused(display):
    data = () if display in (LossCurveDisplay, ScheduleDisplay) else (X, Y)
    with pytest.raises(NotFittedError):
        display.from_estimator(GradientRegressor(), *data)


@pytest.mark.parametrize(
    ("display", "data"),
    [(LossCurveDisplay, ()), (LossSurfaceDisplay, (X, Y)), (ScheduleDisplay, ())],
)
@pytest.mark.parametrize("estimators", [{}, fitted(), [fitted()]], ids=repr)
def test_several_estimators_need_names(display, data, estimators):
    with pytest.raises(TypeError, match="must be a dict of at least one"):
        display.from_estimators(estimators, *data)


@pytest.mark.parametrize("display", [LossSurfaceDisplay, ModelPathDisplay])
def test_a_path_must_have_been_stored(display):
    with pytest.raises(ValueError, match="store_path='epoch'"):
        display.from_estimator(fitted(store_path=False), X, Y)


@pytest.mark.parametrize("display", [LossSurfaceDisplay, ModelPathDisplay])
def test_one_target_only(display):
    Y2 = np.column_stack([Y, -Y])
    with pytest.raises(ValueError, match="several targets"):
        display.from_estimator(fitted(y=Y2), X, Y2)


@pytest.mark.parametrize(
    ("display", "attribute"),
    [(LossCurveDisplay, "loss_curve_"), (ScheduleDisplay, "history_")],
)
def test_estimators_without_what_is_drawn(display, attribute):
    search = GridSearchCV(LinearRegression(), {}).fit(X, Y)
    with pytest.raises(
        ValueError,
        match=f"GridSearchCV has no {attribute}: pass .*; of a search, its best_estim",
    ):
        display.from_estimator(search)


@each_display
def test_a_whole_array_of_axes_is_refused(draw):
    _, axes = plt.subplots(1, 2)
    with pytest.raises(ValueError, match=r"'ax' parameter of \w+Display\.plot must be"):
        draw(axes)


def test_a_module_is_no_axes():
    with pytest.raises(ValueError, match="'ax' parameter of LossSurfaceDisplay"):
        draw_surface(plt)


@each_display
@pytest.mark.parametrize(
    "line_kw", [{"thickness": 1}, {"color": "mauvish"}, {"c": "r", "color": "b"}]
)
def test_what_cannot_be_drawn_leaves_no_figure(draw, line_kw):
    display = draw()
    figure, ax = plt.subplots()
    plt.close(display.figure_)
    with pytest.raises((AttributeError, TypeError, ValueError)):
        display.plot(line_kw=line_kw)
    assert plt.get_fignums() == [figure.number]
    # Axes of others are theirs to close.
    with pytest.raises((AttributeError, TypeError, ValueError)):
        display.plot(ax, line_kw=line_kw)
    assert plt.get_fignums() == [figure.number]


@each_display
def test_keywords_of_lines_are_a_dict_and_may_be_aliases(draw):
    display = draw()
    with pytest.raises(
        ValueError, match=r"'line_kw' parameter of \w+Display\.plot must"
    ):
        display.plot(line_kw=[("linewidth", 5)])
    display.plot(line_kw={"lw": 5, "c": "red"})
    assert {line.get_linewidth() for line in display.lines_} == {5}
    assert {to_rgba(line.get_color()) for line in display.lines_} == {to_rgba("red")}


@pytest.mark.parametrize("xscale", ["linear", "log"])
@pytest.mark.parametrize("draw", [draw_curve, draw_schedule])
def test_a_logarithmic_scale_can_be_set_afterwards(draw, xscale):
    display = draw().plot(xscale=xscale)
    for axis in ("x", "y"):
        display.ax_.set(**{f"{axis}scale": "log"})
        display.figure_.canvas.draw()
        low, high = getattr(display.ax_, f"get_{axis}lim")()
        data = display.lines_[0].get_data()[axis == "y"]
        assert 0 < low < high
        assert high > max(data)
    assert display.ax_.get_xlim()[0] < 1  # all epochs but 0


@pytest.mark.parametrize("axis", ["xscale", "yscale"])
@pytest.mark.parametrize("draw", [draw_curve, draw_schedule])
def test_scales_are_linear_or_logarithmic(draw, axis):
    with pytest.raises(ValueError, match=f"'{axis}' parameter of .*'linear'"):
        draw().plot(**{axis: "logarithmic"})


def test_zeros_have_no_logarithmic_scale():
    model = fitted(y=np.zeros(30))
    display = LossCurveDisplay.from_estimator(model, yscale="log")
    display.figure_.canvas.draw()
    assert display.ax_.get_yscale() == "linear"
    display = ScheduleDisplay(learning_rates={"none": np.zeros(3)}).plot(yscale="log")
    display.figure_.canvas.draw()
    assert display.ax_.get_yscale() == "linear"


def test_names_need_not_be_words():
    models = {0.1: fitted(learning_rate=0.1), 2: fitted()}
    display = LossCurveDisplay.from_estimators(models, show_learning_rate=True)
    assert labels(display.legend_) == ["0.1", "2"]
    assert len(display.rate_lines_) == 2


@pytest.mark.parametrize(
    ("draw", "data"),
    [
        (LossCurveDisplay.from_estimators, ()),
        (LossSurfaceDisplay.from_estimators, (X, Y)),
        (ScheduleDisplay.from_estimators, ()),
    ],
)
def test_no_name_and_a_hidden_one_are_names(draw, data):
    display = draw({None: fitted(), "_b": fitted()}, *data)
    assert labels(display.legend_)[:2] == ["None", "_b"]
    assert [line.get_label() for line in display.lines_] == ["None", "_b"]


@pytest.mark.parametrize("display", [LossSurfaceDisplay, ModelPathDisplay])
def test_surfaces_and_paths_of_others_are_refused(display):
    with pytest.raises(TypeError, match="LinearRegression is not an estimator of sklo"):
        display.from_estimator(LinearRegression().fit(X, Y), X, Y)
