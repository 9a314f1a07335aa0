"""GaborRegressor on data of any scale and origin, up to the edge of the numbers."""

import numpy as np
import pytest
from estimators.waves import make_wave, wave
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from sklopt import GaborRegressor


@pytest.mark.parametrize("has_head", [True, False])
def test_scale_and_origin_of_x_change_nothing(has_head):
    X, y = make_wave()
    params = {"random_state": 0, "fit_amplitude": has_head, "fit_offset": has_head}
    model = GaborRegressor(**params).fit(X, y)
    moved = GaborRegressor(**params).fit(300.0 * X - 5000.0, y)
    assert_allclose(moved.loss_, model.loss_, rtol=1e-6)
    assert_allclose(moved.phi_[1] * 300, model.phi_[1], rtol=1e-4)
    assert_allclose(moved.predict(300.0 * X - 5000.0), model.predict(X), atol=1e-4)
    if has_head:
        louder = GaborRegressor(**params).fit(X, 1e6 * y)
        assert_allclose(louder.loss_, 1e12 * model.loss_, rtol=1e-6)
        assert_allclose(louder.amplitude_, 1e6 * model.amplitude_, rtol=1e-4)


def test_symmetric_x_in_natural_units_is_standardised_too():
    x = np.linspace(-40, 40, 81)
    y = wave(x, 0.3, 6.0)
    model = GaborRegressor(input_scale=1.0, random_state=0).fit(x[:, None], y)
    assert_allclose(model.phi_, [0.3, 0.06 * 6.0], rtol=1e-3)
    assert_allclose(model.predict(x[:, None]), y, atol=1e-2)


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1e5 / 3, -7.7])
def test_a_constant_feature_has_no_say(value):
    X, y = make_wave()
    model = GaborRegressor(random_state=0).fit(X, y)
    more = GaborRegressor(random_state=0).fit(np.c_[X, np.full(len(X), value)], y)
    assert_allclose(more.loss_, model.loss_, rtol=1e-3)
    assert abs(more.phi_[2] * value) < 1.0
    J = ((more.predict(np.c_[X, np.full(len(X), value)]) - y) ** 2).mean()
    assert_allclose(J, more.loss_, rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-200, 1e155, 1e200])
def test_any_magnitude_of_x(scale):
    X, y = make_wave()
    model = GaborRegressor(random_state=0).fit(X, y)
    scaled = GaborRegressor(random_state=0).fit(scale * X, y)
    assert_allclose(scaled.loss_, model.loss_, rtol=1e-6)


# A penalty is in the units of the user: of ‖w‖², and of J as y has it.


def in_other_units(unit_of_x, unit_of_y, alpha):
    """The same fit after both, alpha as it has to be; φ and loss as they were."""
    X, y = make_wave()
    model = GaborRegressor(penalty="l2", random_state=0, fit_amplitude=True)
    model.set_params(alpha=alpha * unit_of_x**2 * unit_of_y**2)
    model.fit(unit_of_x * X, unit_of_y * y)
    return np.r_[model.phi_ * [1, unit_of_x], model.loss_ / unit_of_y**2]


@pytest.mark.parametrize(
    "units", [(1e3, 1), (1, 1e-3), (1e-70, 1), (1, 1e-70), (1e-100, 1e60), (1e100, 1)]
)
def test_alpha_goes_with_the_units(units):
    # Warnings are errors.
    assert_allclose(in_other_units(*units, 1e-3), in_other_units(1, 1, 1e-3), rtol=1e-6)


@pytest.mark.parametrize("units", [(1, 1e-300), (1, 1e-155), (1e-200, 1), (1e-155, 1)])
def test_an_alpha_beyond_all_numbers_is_refused(units):
    X, y = make_wave()
    model = GaborRegressor(penalty="l2", fit_amplitude=True)
    with pytest.raises(ValueError, match=r"alpha=0\.0001 is too large for X and y"):
        model.fit(units[0] * X, units[1] * y)
    model.set_params(alpha=0.0).fit(X, units[1] * y)


def test_an_alpha_that_is_nothing_beside_x_changes_nothing():
    X, y = make_wave()
    model = GaborRegressor(random_state=0).fit(1e200 * X, y)
    penalised = GaborRegressor(penalty="l2", random_state=0).fit(1e200 * X, y)
    assert_allclose(penalised.phi_, model.phi_, rtol=1e-10)


def test_targets_too_large_to_square_are_refused():
    X, y = make_wave()
    with pytest.raises(ValueError, match="The objective is not finite at the start"):
        GaborRegressor(fit_amplitude=True).fit(X, 1e160 * y)


@pytest.mark.parametrize("params", [{"init": [1e200, 1.0]}, {"window": 1e-300}])
def test_extremes_overflow_in_silence(params):
    X, y = make_wave()
    with pytest.warns(ConvergenceWarning, match="no sample sees the wave"):
        model = GaborRegressor(random_state=0, **params).fit(X, y)
    assert np.isfinite(model.loss_)


def test_a_wave_out_of_sight_is_told():
    X, y = make_wave()
    model = GaborRegressor("gd", learning_rate=0.1, init=[200.0, 1.0])
    with pytest.warns(ConvergenceWarning, match="no sample sees the wave"):
        model.fit(X, y)
    assert model.stop_reason_ == "saturated"
    assert_array_equal(model.phi_, [200.0, 1.0])


def test_rows_without_weight_are_not_there():
    X, y = make_wave()
    X[:5], weights = 1e200, np.r_[np.zeros(5), np.ones(40)]
    model = GaborRegressor(random_state=0).fit(X, y, weights)
    alone = GaborRegressor(random_state=0).fit(X[5:], y[5:])
    assert_allclose(model.phi_, alone.phi_, rtol=1e-6)
