"""Displays: what they read of estimators, and what is then in the picture."""

from types import SimpleNamespace

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklopt import GaborRegressor, GradientRegressor
from sklopt.inspection import (
    LossCurveDisplay,
    LossSurfaceDisplay,
    ModelPathDisplay,
    ScheduleDisplay,
)
from sklopt.schedules import Cosine, InverseScaling, LineSearch, StepDecay

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 1)) + 0.5
Y = 1.0 + 2.0 * X[:, 0] + 0.1 * RNG.normal(size=30)
X3 = RNG.normal(size=(40, 3))
Y3 = X3 @ [1.0, -2.0, 0.5] + 3.0


def fitted(solver="gd", X=X, y=Y, **params):
    params = {"max_iter": 12, "tol": None, "store_path": "epoch"} | params
    return GradientRegressor(solver, random_state=0, **params).fit(X, y)


def draw_curve(ax=None):
    return LossCurveDisplay.from_estimator(fitted(), ax=ax, show_learning_rate=True)


def draw_surface(ax=None):
    points = {"minimum": [[1.0, 2.0]], "saddle point": [[0.5, 1.0], [1.5, 1.0]]}
    return LossSurfaceDisplay.from_estimator(
        fitted(), X, Y, ax=ax, critical_points=points
    )


def draw_model(ax=None):
    return ModelPathDisplay.from_estimator(fitted(), X, Y, ax=ax)


def draw_schedule(ax=None):
    return ScheduleDisplay.from_schedules(["cosine", "constant"], ax=ax)


DRAWINGS = [draw_curve, draw_surface, draw_model, draw_schedule]
each_display = pytest.mark.parametrize("draw", DRAWINGS, ids=lambda f: f.__name__)


@pytest.fixture(autouse=True)
def _headless():
    with mpl.rc_context():
        plt.switch_backend("Agg")
        plt.close("all")  # what others left open
        yield
        plt.close("all")


def labels(legend):
    return [text.get_text() for text in legend.get_texts()]


# What all of them have in common.


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


def test_lines_differ_in_colour_and_marker():
    models = {str(k): fitted(max_iter=2) for k in range(7)}
    lines = LossCurveDisplay.from_estimators(models).lines_
    assert len({line.get_color() for line in lines}) == 7
    assert len({line.get_marker() for line in lines}) == 7


# Loss curves.


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
    with pytest.raises(ValueError, match="xscale must be 'linear' or 'log'"):
        display.plot(xscale="logarithmic")


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


# Surfaces.


def test_surface_and_paths():
    models = {name: fitted(name) for name in ("gd", "adam")}
    display = LossSurfaceDisplay.from_estimators(models, X, Y, grid_resolution=20)
    assert display.values.shape == (20, 20)
    phi = display.xx0[3, 7], display.xx1[3, 7]
    J = np.mean((phi[0] + phi[1] * X[:, 0] - Y) ** 2)
    assert_allclose(display.values[3, 7], J, rtol=1e-12)
    shown = zip(
        models.values(), display.lines_, display.starts_, display.ends_, strict=True
    )
    for model, line, start, end in shown:
        assert_allclose(line.get_xydata(), model.path_, atol=1e-12)
        assert_allclose(start.get_xydata(), model.path_[:1], atol=1e-12)
        assert_allclose(end.get_xydata(), model.path_[-1:], atol=1e-12)
        assert start.get_markerfacecolor() == "white"
        assert end.get_markerfacecolor() == line.get_color()
    assert labels(display.legend_) == ["gd", "adam", "start", "end"]
    assert display.ax_.get_xlabel() == r"$\phi_{0}$ (intercept)"
    assert display.ax_.get_ylabel() == r"$\phi_{1}$"
    assert display.colorbar_.ax.get_ylabel() == "Objective $J$"
    assert display.ax_.get_xlim() == (display.xx0.min(), display.xx0.max())


def test_all_paths_are_within_the_limits():
    models = {name: fitted(name) for name in ("gd", "adam")}
    display = LossSurfaceDisplay.from_estimators(
        models, X, Y, critical_points={"minimum": [[9.0, 2.0]]}
    )
    path = np.concatenate([*display.paths.values(), [[9.0, 2.0]]])
    for coordinate, grid in zip(path.T, (display.xx0, display.xx1), strict=True):
        assert grid.min() < coordinate.min()
        assert coordinate.max() < grid.max()


def test_given_limits():
    limits = (-1.0, 2.0), (0.0, 5.0)
    display = LossSurfaceDisplay.from_estimator(fitted(), X, Y, limits=limits)
    assert display.ax_.get_xlim() == limits[0]
    assert display.ax_.get_ylim() == limits[1]


@pytest.mark.parametrize("spacing", ["log", "quantile", "linear"])
def test_levels(spacing):
    display = LossSurfaceDisplay.from_estimator(fitted(), X, Y, spacing=spacing)
    levels, values = display.surface_.levels, display.values
    assert len(levels) == 19
    assert levels[0] == values.min()
    assert_allclose(levels[-1], values.max(), rtol=1e-12)
    heights = levels - levels[0]
    if spacing == "log":
        assert_allclose(heights[2:] / heights[1:-1], 1e3 ** (1 / 17))
    elif spacing == "quantile":
        counts, _ = np.histogram(values, levels)
        assert_allclose(counts, values.size / 18, rtol=0.02)
    else:
        assert_allclose(np.diff(heights), heights[-1] / 18)
    # A colour for each band, and none the same.
    assert len(np.unique(display.surface_.to_rgba(levels[:-1]), axis=0)) == 18
    with pytest.raises(ValueError, match="spacing must be"):
        display.plot(spacing="sqrt")


def test_the_numbers_of_the_colorbar_differ():
    limits = (1.0, 1.0 + 1e-6), (2.0, 2.0 + 1e-6)
    display = LossSurfaceDisplay.from_estimator(fitted(), X, Y, limits=limits)
    for surface in (display, draw_surface()):
        numbers = [tick.get_text() for tick in surface.colorbar_.ax.get_yticklabels()]
        assert 2 <= len(set(numbers)) == len(numbers) <= 8
        levels = surface.surface_.levels
        assert_allclose(np.array(numbers, float), levels[::3], rtol=0.005)


def test_levels_of_ones_own():
    keywords = {"levels": [0.0, 1.0, 4.0], "cmap": "viridis", "extend": "max"}
    display = LossSurfaceDisplay.from_estimator(fitted(), X, Y, surface_kw=keywords)
    assert_array_equal(display.surface_.levels, [0.0, 1.0, 4.0])
    assert display.surface_.cmap.name == "viridis"


def test_a_flat_surface_and_a_path_that_stays():
    zeros = np.zeros((4, 1))
    model = fitted(X=zeros, y=zeros[:, 0])
    display = LossSurfaceDisplay.from_estimator(
        model, zeros, zeros[:, 0], limits=((0, 1e-300), (-1, 1))
    )
    assert len(display.surface_.levels) == 2
    display = LossSurfaceDisplay.from_estimator(model, zeros, zeros[:, 0])
    assert display.xx0.min() < 0 < display.xx0.max()


def test_a_surface_that_overflows():
    limits = (-1e300, 1e300), (-1.0, 1.0)
    with pytest.raises(ValueError, match="nowhere finite"):
        LossSurfaceDisplay.from_estimator(
            fitted(), X, Y, limits=limits, grid_resolution=2
        )
    display = LossSurfaceDisplay.from_estimator(
        fitted(), X, Y, limits=limits, grid_resolution=3
    )
    assert np.isfinite(display.surface_.levels).all()


def test_critical_points_are_marked_by_kind():
    display = draw_surface()
    minimum, saddles = display.critical_points_
    assert minimum.get_label() == "minimum"
    assert_allclose(minimum.get_xydata(), [[1.0, 2.0]])
    assert saddles.get_label() == "saddle point"
    assert_allclose(saddles.get_xydata(), [[0.5, 1.0], [1.5, 1.0]])
    assert minimum.get_marker() != saddles.get_marker()
    assert labels(display.legend_)[-2:] == ["minimum", "saddle point"]


def test_critical_points_may_say_their_kind_themselves():
    places = {"degenerate": [[0.0, 1.0], [1.0, 1.0]], "maximum": [[2.0, 2.0]]}
    points = [
        SimpleNamespace(kind=kind, at=np.array(at))
        for kind, several in places.items()
        for at in several
    ]
    display = LossSurfaceDisplay.from_estimator(fitted(), X, Y, critical_points=points)
    for (kind, several), line in zip(
        places.items(), display.critical_points_, strict=True
    ):
        assert line.get_label() == kind
        assert_allclose(line.get_xydata(), several)


def test_numbered_parameters():
    model = fitted(X=X3, y=Y3)
    display = LossSurfaceDisplay.from_estimator(
        model, X3, Y3, parameters=("phi_0", "phi_3"), grid_resolution=3
    )
    assert_allclose(display.paths["GradientRegressor"], model.path_[:, [0, 3]])


def test_two_of_several_parameters():
    table = pd.DataFrame(X3, columns=["age", "bmi", "$c_3$"])
    model = fitted(X=table, y=Y3)
    display = LossSurfaceDisplay.from_estimator(
        model, table, Y3, parameters=("$c_3$", 1), grid_resolution=5
    )
    assert_allclose(display.paths["GradientRegressor"], model.path_[:, [3, 1]])
    assert display.ax_.get_xlabel() == r"$\phi_{3}$ (\$c_3\$)"
    assert display.ax_.get_ylabel() == r"$\phi_{1}$ (age)"
    coef = np.array([display.xx1[1, 4], model.coef_[1], display.xx0[1, 4]])
    J = np.mean((model.intercept_ + X3 @ coef - Y3) ** 2)
    assert_allclose(display.values[1, 4], J, rtol=1e-12)


def test_two_directions():
    model = fitted(X=X3, y=Y3)
    phi = np.append(model.intercept_, model.coef_)
    directions = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 2.0, 0.0]])
    display = LossSurfaceDisplay.from_estimator(
        model, X3, Y3, directions=directions, limits=((-1, 1), (-2, 2))
    )
    point = phi + directions.T @ [display.xx0[5, 9], display.xx1[5, 9]]
    J = np.mean((point[0] + X3 @ point[1:] - Y3) ** 2)
    assert_allclose(display.values[5, 9], J, rtol=1e-12)
    assert_allclose(display.paths["GradientRegressor"][-1], 0, atol=1e-12)
    assert "direction 1" in display.ax_.get_xlabel()


def test_directions_of_the_paths():
    models = {name: fitted(name, X3, Y3) for name in ("gd", "adam")}
    display = LossSurfaceDisplay.from_estimators(models, X3, Y3, directions="paths")
    phi = np.append(models["gd"].intercept_, models["gd"].coef_)
    away = np.concatenate([model.path_ for model in models.values()]) - phi
    singular = np.linalg.svd(away, compute_uv=False)
    shadow = np.concatenate(list(display.paths.values()))
    assert_allclose((shadow**2).sum(axis=0), singular[:2] ** 2, rtol=1e-9)
    assert "principal" in display.ax_.get_ylabel()


def test_surface_of_a_pipeline_is_that_of_its_last_step():
    scaler = StandardScaler().fit(X3)
    model = GradientRegressor(max_iter=9, tol=None, store_path="step")
    pipeline = make_pipeline(scaler, model).fit(X3, Y3)
    Z = scaler.transform(X3)
    display = LossSurfaceDisplay.from_estimator(pipeline, X3, Y3, grid_resolution=9)
    alone = LossSurfaceDisplay.from_estimator(pipeline[-1], Z, Y3, grid_resolution=9)
    assert_allclose(display.values, alone.values)


def test_weights_and_penalty_shape_the_surface():
    model = fitted(penalty="l2", alpha=0.3)
    weight = np.where(X[:, 0] > 0.5, 2.0, 0.0)
    display = LossSurfaceDisplay.from_estimator(model, X, Y, sample_weight=weight)
    a, b = display.xx0[2, 6], display.xx1[2, 6]
    J = np.average((a + b * X[:, 0] - Y) ** 2, weights=weight) + 0.15 * b**2
    assert_allclose(display.values[2, 6], J, rtol=1e-12)


def test_legend_and_colorbar_can_be_left_out():
    display = LossSurfaceDisplay.from_estimator(
        fitted(), X, Y, legend=False, colorbar=False, line_kw={"color": "red"}
    )
    assert display.legend_ is display.colorbar_ is None
    assert len(display.figure_.axes) == 1
    assert to_rgba(display.lines_[0].get_color()) == to_rgba("red")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"parameters": (0, 4)}, "no parameter 4: φ has 4"),
        ({"parameters": (-1, 0)}, "no parameter -1"),
        ({"parameters": (0, "bmi")}, "no parameter 'bmi'; they are intercept, x0"),
        ({"parameters": (1, "x0")}, "two different"),
        ({"parameters": (0, 1, 2)}, "two indices or names"),
        ({"parameters": "x0"}, "two indices or names"),
        ({"directions": "gradient"}, "'paths' or two vectors"),
        ({"directions": np.eye(3)[:2]}, r"shape \(2, 4\), got \(2, 3\)"),
        ({"directions": np.ones((2, 4))}, "parallel"),
    ],
)
def test_wrong_planes_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        LossSurfaceDisplay.from_estimator(fitted(X=X3, y=Y3), X3, Y3, **arguments)


@pytest.mark.parametrize("display", [LossSurfaceDisplay, ModelPathDisplay])
def test_a_path_must_have_been_stored(display):
    with pytest.raises(ValueError, match="store_path='epoch'"):
        display.from_estimator(fitted(store_path=False), X, Y)


@pytest.mark.parametrize("display", [LossSurfaceDisplay, ModelPathDisplay])
def test_one_target_only(display):
    Y2 = np.column_stack([Y, -Y])
    with pytest.raises(ValueError, match="several targets"):
        display.from_estimator(fitted(y=Y2), X, Y2)


def test_paths_need_a_common_surface():
    models = {"plain": fitted(), "ridge": fitted(penalty="l2", alpha=1.0)}
    with pytest.raises(ValueError, match="'plain' and 'ridge' have different obj"):
        LossSurfaceDisplay.from_estimators(models, X, Y)


def test_surfaces_of_others_are_refused():
    model = LinearRegression().fit(X, Y)
    model.path_ = np.zeros((2, 2))
    with pytest.raises(TypeError, match="not an estimator of sklopt"):
        LossSurfaceDisplay.from_estimator(model, X, Y)


def test_a_wave_with_amplitude_and_offset():
    wave = GaborRegressor(
        init=[0.5, 20.0], fit_amplitude=True, max_iter=4, tol=None, store_path="step"
    ).fit(X, Y)
    display = LossSurfaceDisplay.from_estimator(
        wave, X, Y, parameters=("phi_0", "amplitude"), limits=((0, 1), (-2, 2))
    )
    assert_allclose(display.paths["GaborRegressor"], wave.path_[:, [0, 2]])
    assert display.ax_.get_xlabel() == r"$\phi_{0}$"
    assert display.ax_.get_ylabel() == r"$\phi_{2}$ (amplitude)"
    z = display.xx0[7, 8] + 0.06 * wave.phi_[1] * X[:, 0]
    f = display.xx1[7, 8] * np.sin(z) * np.exp(-z * z / 8) + wave.offset_
    assert_allclose(display.values[7, 8], np.mean((f - Y) ** 2), rtol=1e-12)


# Models.


@pytest.mark.parametrize("store_path", ["epoch", "step"])
def test_model_at_epochs(store_path):
    model = fitted("sgd", batch_size=7, store_path=store_path)
    display = ModelPathDisplay.from_estimator(model, X, Y, epochs=[0, 2, 12])
    path = fitted("sgd", batch_size=7).path_[[0, 2, 12]]
    assert [line.get_label() for line in display.lines_] == [
        "epoch 0",
        "epoch 2",
        "epoch 12",
    ]
    for phi, line in zip(path, display.lines_, strict=True):
        x, y = line.get_data()
        assert (x[0], x[-1]) == (X.min(), X.max())
        assert_allclose(y, phi[0] + phi[1] * x, atol=1e-12)
    assert_array_equal(display.points_.get_xydata(), np.column_stack([X, Y]))
    assert labels(display.legend_) == ["data", "epoch 0", "epoch 2", "epoch 12"]


def test_waves_at_epochs():
    wave = GaborRegressor(random_state=0, store_path="epoch").fit(X, np.sin(Y))
    display = ModelPathDisplay.from_estimator(wave, X, np.sin(Y))
    grid = display.grid[:, np.newaxis]
    assert_allclose(display.predictions[-1], wave.predict(grid), rtol=1e-6)


def test_models_go_from_light_to_dark():
    lines = draw_model().lines_
    assert len(lines) == 6
    luminance = [np.dot(line.get_color()[:3], [0.3, 0.6, 0.1]) for line in lines]
    assert (np.diff(luminance) < 0).all()
    (line,) = ModelPathDisplay.from_estimator(fitted(), X, Y, epochs=[12]).lines_
    assert_allclose(line.get_color(), lines[-1].get_color())


@pytest.mark.parametrize("n_epochs", [1, 2, 500])
def test_default_epochs_go_from_start_to_end(n_epochs):
    model = fitted(max_iter=n_epochs)
    epochs = ModelPathDisplay.from_estimator(model, X, Y).epochs
    assert epochs[0] == 0
    assert epochs[-1] == n_epochs
    assert len(set(epochs)) == len(epochs) <= 6


def test_model_of_a_pipeline_with_names():
    table, y = pd.DataFrame(X, columns=["dose"]), pd.Series(Y, name="answer")
    model = GradientRegressor(max_iter=5, tol=None, store_path="epoch")
    pipeline = make_pipeline(StandardScaler(), model).fit(table, y)
    display = ModelPathDisplay.from_estimator(pipeline, table, y)
    grid = pd.DataFrame({"dose": display.grid})
    assert_allclose(display.predictions[-1], pipeline.predict(grid))
    assert display.ax_.get_xlabel() == "dose"
    assert display.ax_.get_ylabel() == "answer"


@pytest.mark.parametrize("epochs", [[], [-1], [0, 13]])
def test_epochs_that_were_not_trained(epochs):
    with pytest.raises(ValueError, match="between 0 and 12"):
        ModelPathDisplay.from_estimator(fitted(), X, Y, epochs=epochs)


def test_a_path_that_begins_late():
    model = fitted(store_path=False).set_params(store_path="epoch").partial_fit(X, Y)
    with pytest.raises(ValueError, match="does not begin where the training did"):
        ModelPathDisplay.from_estimator(model, X, Y)


def test_models_of_several_features_are_not_drawn():
    with pytest.raises(ValueError, match="X must have one feature"):
        ModelPathDisplay.from_estimator(fitted(X=X3, y=Y3), X3, Y3)


# Schedules.


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


def test_unknown_schedules_are_refused():
    with pytest.raises(ValueError, match="'schedule' parameter"):
        ScheduleDisplay.from_schedules(["linear"])
