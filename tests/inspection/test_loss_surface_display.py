"""LossSurfaceDisplay: the surface, planes through it, paths and critical points."""

from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from inspection.fits import X3, Y3, X, Y, draw_surface, fitted, labels
from matplotlib.colors import to_rgba
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklopt import GaborRegressor, GradientRegressor
from sklopt.inspection import (
    LossSurfaceDisplay,
)


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


def test_as_many_levels_as_colours():
    display = LossSurfaceDisplay.from_estimator(fitted(), X, Y, n_levels=256)
    colors = display.surface_.to_rgba(display.surface_.levels[:-1])
    assert len(np.unique(colors, axis=0)) == 256


def test_names_of_columns_are_parameters():
    table = pd.DataFrame(X3, columns=["age", "bmi", "dose"])
    model = fitted(X=table, y=Y3)
    display = LossSurfaceDisplay.from_estimator(
        model, table, Y3, parameters=table.columns[[0, 2]], grid_resolution=3
    )
    assert_allclose(display.paths["GradientRegressor"], model.path_[:, [1, 3]])


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


def test_a_surface_that_is_nowhere_finite_leaves_no_figure():
    nowhere = np.full((2, 2), np.nan)
    display = LossSurfaceDisplay(xx0=nowhere, xx1=nowhere, values=nowhere)
    with pytest.raises(ValueError, match="nowhere finite"):
        display.plot()
    assert plt.get_fignums() == []


def test_a_wave_out_of_range_is_left_blank():
    wave = GaborRegressor(init=[0, 1], max_iter=2, tol=None, store_path="step")
    display = LossSurfaceDisplay.from_estimator(
        wave.fit(X, Y), X, Y, limits=((0, 1.7e308), (0, 1.7e308)), grid_resolution=3
    )
    assert np.isnan(display.values).any()
    assert np.isfinite(display.surface_.levels).all()


def test_a_kind_of_points_without_a_name():
    points = {None: [[1.0, 2.0]]}
    display = LossSurfaceDisplay.from_estimator(fitted(), X, Y, critical_points=points)
    assert labels(display.legend_)[-1] == "None"


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
        ({"parameters": (0, 4)}, "indices from 0 to 3, .* got 4"),
        ({"parameters": (-1, 0)}, "indices from 0 to 3, .* got -1"),
        ({"parameters": (0.5, 1)}, "indices from 0 to 3, .* got 0.5"),
        ({"parameters": (True, 2)}, "indices from 0 to 3, .* got True"),
        ({"parameters": (0, "bmi")}, "names out of intercept, x0, x1, x2; got 'bmi'"),
        ({"parameters": (1, 1)}, "two different"),
        ({"parameters": (1, "x0")}, "two different"),
        ({"parameters": (0, 1, 2)}, "two indices or names"),
        ({"parameters": "x0"}, "two indices or names"),
        ({"parameters": 1}, "two indices or names"),
        ({"parameters": None}, "two indices or names"),
        ({"parameters": {0, 1}}, "two indices or names"),
        ({"parameters": ([0], [1])}, r"indices from 0 to 3, .* got \[0\]"),
        ({"directions": "gradient"}, "'directions' parameter .* among {'paths'}"),
        ({"directions": np.eye(3)[:2]}, r"shape \(2, 4\), got \(2, 3\)"),
        ({"directions": np.ones((2, 4))}, "parallel"),
        ({"directions": np.full((2, 4), np.nan)}, "directions contains NaN"),
        ({"directions": [["up"] * 4, ["down"] * 4]}, "directions: could not convert"),
        ({"grid_resolution": 1}, "'grid_resolution' parameter of LossSurfaceDisplay"),
        ({"n_levels": 1}, "'n_levels' parameter of LossSurfaceDisplay"),
        ({"n_levels": 257}, r"'n_levels' parameter .* range \[2, 256\]. Got 257"),
        ({"spacing": "sqrt"}, "'spacing' parameter of LossSurfaceDisplay"),
        ({"colorbar": "right"}, "'colorbar' parameter of LossSurfaceDisplay"),
        ({"legend": "best"}, "'legend' parameter of LossSurfaceDisplay"),
        ({"surface_kw": "viridis"}, "'surface_kw' parameter of LossSurfaceDisplay"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        LossSurfaceDisplay.from_estimator(fitted(X=X3, y=Y3), X3, Y3, **arguments)


def test_paths_need_a_common_surface():
    models = {"plain": fitted(), "ridge": fitted(penalty="l2", alpha=1.0)}
    with pytest.raises(ValueError, match="'plain' and 'ridge' have different obj"):
        LossSurfaceDisplay.from_estimators(models, X, Y)


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


@pytest.mark.parametrize(
    "limits",
    [
        (0, 1),
        3,
        "auto",
        ((0, 1), (0, 1), (0, 1)),
        ((0, 1), (1, 2, 3)),
        ((1, 0), (0, 1)),
        ((0, 1), (2, 2)),
        ((0, np.nan), (0, 1)),
        ((0, np.inf), (0, 1)),
        ((-1.7e308, 1.7e308), (0, 1)),
    ],
)
def test_wrong_limits_are_refused(limits):
    with pytest.raises(
        ValueError, match=r"limits must be a pair \(low, high\) of finite"
    ):
        LossSurfaceDisplay.from_estimator(fitted(), X, Y, limits=limits)


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ("all", "a dict of points by their kind, or a list of"),
        ([[1.0, 2.0]], "a dict of points by their kind, or a list of"),
        (SimpleNamespace(kind="minimum", at=[1.0, 2.0]), "a dict of points by their"),
        (
            {"minimum": [[1.0, 2.0, 3.0]]},
            r"\['minimum'\] must be points φ of 2 parameters, .* shape \(1, 3\)",
        ),
        ({"saddle point": [[0.0, np.nan]]}, r"\['saddle point'\] contains NaN"),
        ({"minimum": [[0.0, 1.0], [2.0]]}, "critical_points: .* inhomogeneous"),
    ],
)
def test_wrong_critical_points_are_refused(points, message):
    with pytest.raises((TypeError, ValueError), match=message):
        LossSurfaceDisplay.from_estimator(fitted(), X, Y, critical_points=points)


def test_one_critical_point_of_a_kind_and_none():
    points = {"minimum": [1.0, 2.0], "maximum": []}
    display = LossSurfaceDisplay.from_estimator(fitted(), X, Y, critical_points=points)
    (line,) = display.critical_points_
    assert_allclose(line.get_xydata(), [[1.0, 2.0]])


def test_colours_of_ones_own():
    display = LossSurfaceDisplay.from_estimator(
        fitted(), X, Y, n_levels=2, surface_kw={"colors": ["white", "red"]}
    )
    colors = [to_rgba(color) for color in display.surface_.get_facecolors()]
    assert colors == [to_rgba("white"), to_rgba("red")]
