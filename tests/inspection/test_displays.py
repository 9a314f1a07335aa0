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
)
from sklearn.exceptions import NotFittedError

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
