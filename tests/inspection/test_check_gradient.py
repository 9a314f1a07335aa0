"""Differences against gradients: known values, both kinds of error, wrong gradients."""

import math
import re

import numpy as np
import pytest
from cases import make_problem, make_weights
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from surfaces import SURFACES, Wave, naive_value

from sklopt import GaborRegressor, GradientRegressor
from sklopt.engine._objective import Objective
from sklopt.inspection import central_difference, check_gradient

WAVE = "wave of 5, window 8, head (True, True)"


def check(J, phi, **params):
    return check_gradient(Wave(J), J.X, J.y, at=phi, **params)


# --- central differences ---------------------------------------------------------


def test_the_example_of_the_course():
    slope = central_difference(lambda x: x**2 - 4 * x, 3.0, h=0.001)
    assert slope == pytest.approx(2, abs=1e-10)
    assert isinstance(slope, float)


def test_the_formula():
    # Of x³ at 2: 12 + h².
    assert central_difference(lambda x: x**3, 2.0, h=0.5) == pytest.approx(12.25)
    assert central_difference(lambda x: x**3, 2) == pytest.approx(12 + 1e-6, rel=1e-12)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    a=st.floats(-10, 10), b=st.floats(-10, 10), x=st.floats(-5, 5), h=st.floats(0.01, 1)
)
def test_parabolas_have_no_truncation_error(a, b, x, h):
    slope = central_difference(lambda x: a * x**2 + b * x, x, h=h)
    assert slope == pytest.approx(2 * a * x + b, abs=1e-10)


@pytest.mark.parametrize("kind", [np.float32, np.array, np.int64])
@pytest.mark.parametrize("kind_of_step", [float, np.float32])
def test_numbers_of_every_kind_are_moved_in_double_precision(kind, kind_of_step):
    slope = central_difference(lambda x: x**2 - 4 * x, kind(3), h=kind_of_step(1e-3))
    assert slope == pytest.approx(2, abs=1e-10)


def test_a_gradient():
    gradient = central_difference(lambda x: x[0] ** 2 * x[1] + 5 * x[2], [2, 3, 4])
    np.testing.assert_allclose(gradient, [12, 4, 5], rtol=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((math.sin, 1.0, 0), "'h' parameter of central_difference"),
        ((math.sin, 1.0, -1e-3), "'h' parameter of central_difference"),
        ((np.sum, "one"), "'x' parameter of central_difference"),
        ((np.sum, ["one"]), "x: could not convert string"),
        ((3.0, 1.0), "'function' parameter of central_difference"),
        ((np.sum, [1.0, np.nan]), "x contains NaN"),
        ((np.sin, np.nan), "x contains NaN"),
        ((np.sin, -np.inf), "x contains infinity"),
        ((np.sum, [[1.0, 2.0]]), "x must be a number or of one dimension"),
    ],
)
def test_what_cannot_be_differentiated(arguments, message):
    with pytest.raises(ValueError, match=message):
        central_difference(*arguments)


# --- tables ----------------------------------------------------------------------


def test_the_table_by_hand():
    # J = (φ₀ + 2φ₁ − 1)² at (1, 1): a residual of 2, a gradient of (4, 8).
    table = check_gradient(
        GradientRegressor(), [[2.0]], [1.0], at=[1, 1], h=[0.5, 0.25]
    )
    assert list(table) == ["parameter", "h", "analytic", "numeric", "error"]
    assert table["parameter"].tolist() == ["phi_0", "phi_0", "phi_1", "phi_1"]
    assert table["h"].tolist() == [0.5, 0.25] * 2
    np.testing.assert_allclose(table["analytic"], [4, 4, 8, 8], rtol=1e-14)
    np.testing.assert_allclose(table["numeric"], [4, 4, 8, 8], rtol=1e-14)
    assert (table["error"] == (table["numeric"] - table["analytic"]).abs()).all()


@pytest.mark.parametrize("name", SURFACES)
def test_every_gradient_passes(name):
    J, phi = SURFACES[name]
    table = check(J, phi)
    assert len(table) == 12 * J.is_trained.sum()
    best = table.groupby("parameter")["error"].min()
    assert (best < 1e-8 * (1 + table["analytic"].abs().max())).all()


def test_numbers_are_the_central_differences_of_the_formula():
    J, phi = SURFACES[WAVE]
    table = check(J, phi, h=1e-2)
    expected = central_difference(lambda x: naive_value(J, x), phi, h=1e-2)
    np.testing.assert_allclose(table["numeric"], expected, rtol=1e-10)
    head = ["amplitude", "offset"]
    assert table["parameter"].tolist() == [f"phi_{p}" for p in range(6)] + head


def test_truncation_then_rounding():
    J, phi = SURFACES["wave of 1, window 8, head None"]
    error = check(J, phi, h=[0.02, 0.01, 0.005, 1e-5, 1e-12]).set_index("h")["error"]
    for _, of_one in error.groupby(np.repeat(["phi_0", "phi_1"], 5)):
        # Half of the step, a quarter of the error.
        assert of_one[0.02] / of_one[0.01] == pytest.approx(4, rel=0.01)
        assert of_one[0.01] / of_one[0.005] == pytest.approx(4, rel=0.01)
        assert of_one[1e-5] < 1e-8 < of_one[1e-12]


def test_linear_models_have_rounding_errors_only():
    J, phi = SURFACES["linear l2"]
    error = check(J, phi, h=[1.0, 1e-12]).groupby("h")["error"].max()
    assert error[1.0] < 1e-13
    assert error[1e-12] > 1e-6


@pytest.mark.parametrize("parameter", [0, 3])
def test_a_wrong_gradient_shows(parameter):
    class Wrong(Objective):
        def gradient(self, phi):
            gradient = Objective.gradient(self, phi)
            gradient[parameter] *= 1.001
            return gradient

    J, phi = SURFACES[WAVE]
    best = (
        check(Wrong(*J), phi, h=[1e-4, 1e-5, 1e-6]).groupby("parameter")["error"].min()
    )
    wrong = f"phi_{parameter}"
    assert best[wrong] > 9e-4 * abs(J.gradient(phi)[parameter])
    assert (best.drop(wrong) < 1e-8).all()


def test_parameters_that_are_not_trained_are_left_out():
    J, phi = SURFACES["linear no intercept"]
    assert set(check(J, phi)["parameter"]) == {"phi_1", "phi_2", "phi_3"}


def test_the_fitted_parameters_and_weights_count():
    X, y = make_problem()
    model = GradientRegressor().fit(X, y, make_weights())
    weighted = check_gradient(model, X, y, make_weights())["analytic"].abs().max()
    assert weighted < 0.1 * check_gradient(model, X, y)["analytic"].abs().max()


# --- faults ----------------------------------------------------------------------


def test_unfitted():
    with pytest.raises(NotFittedError, match="not fitted yet"):
        check_gradient(GradientRegressor(), *make_problem())


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"at": [0, 0]}, "at has shape (2,), but there are 4 parameters"),
        ({"at": [0, 0, 0, np.inf]}, "at contains infinity"),
        ({"h": 0.0}, "h must be one or several steps > 0, got [0.]"),
        ({"h": [1e-3, -1e-3]}, "h must be one or several steps > 0"),
        ({"h": [[1e-3]]}, "h must be one or several steps > 0"),
        ({"h": np.nan}, "h contains NaN"),
        ({"h": []}, "h: Found array with 0 sample(s)"),
        ({"h": "small"}, "h: could not convert string"),
    ],
)
def test_bad_parameters(params, message):
    params = {"at": np.zeros(4)} | params
    with pytest.raises(ValueError, match=re.escape(message)):
        check_gradient(GradientRegressor(), *make_problem(), **params)


@pytest.mark.parametrize("h", [1e200, [1e-3, 1e200, 1e300]])
def test_steps_that_overflow(h):
    X, y = make_problem()
    offset = GaborRegressor(fit_offset=True)
    for model, at in ((GradientRegressor(), [0] * 4), (offset, [0] * 4 + [1, 0])):
        with pytest.raises(ValueError, match=r"overflows at a distance of h = 1e\+200"):
            check_gradient(model, X, y, at=at, h=h)
    # A wave alone is out of sight there, on both sides.
    table = check_gradient(GaborRegressor(), X, y, at=np.zeros(4), h=h)
    assert (table["numeric"][table["h"] >= 1e200] == 0).all()
    with pytest.raises(ValueError, match="gradient of the objective overflows at this"):
        check_gradient(GradientRegressor(), X, y, at=[0, 1e308, 0, 0])


def test_bad_data():
    X, y = make_problem()
    with pytest.raises(ValueError, match="several targets"):
        check_gradient(GradientRegressor(), X, np.c_[y, y], at=np.zeros(4))
    with pytest.raises(ValueError, match="NaN"):
        check_gradient(GradientRegressor(), X, y * np.nan, at=np.zeros(4))
