"""The data sets: known values, the formula, how they are returned."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from surfaces import wave_surface

from sklopt.datasets import load_line, make_gabor

# As the course prints them.
PRINTED_X = "0.03 0.19 0.34 0.46 0.78 0.81 1.08 1.18 1.39 1.60 1.65 1.90"
PRINTED_Y = "0.67 0.85 1.05 1.00 1.40 1.50 1.30 1.54 1.55 1.68 1.73 1.60"


def test_the_line_is_the_printed_one():
    X, y = load_line(return_X_y=True)
    np.testing.assert_array_equal(X, np.array(PRINTED_X.split(), dtype=float)[:, None])
    np.testing.assert_array_equal(y, np.array(PRINTED_Y.split(), dtype=float))


def test_the_printed_sum_of_squares():
    X, y = load_line(return_X_y=True)
    assert ((0.6 - 0.2 * X[:, 0] - y) ** 2).sum() == pytest.approx(12.367, abs=5e-4)


def test_the_line_is_new_every_time():
    X, y = load_line(return_X_y=True)
    X += 1
    y += 1
    assert load_line().data[0, 0] == 0.03
    assert load_line().target[0] == 0.67


LOADERS = {
    "line": (load_line, ["x"]),
    "wave": (lambda **p: make_gabor(12, random_state=0, **p), ["x"]),
    "wave of 2": (
        lambda **p: make_gabor(12, phi=(0, 1, 2), random_state=0, **p),
        ["x1", "x2"],
    ),
}


@pytest.mark.parametrize("name", LOADERS)
def test_kinds_of_return(name):
    load, names = LOADERS[name]
    X, y = load(return_X_y=True)
    assert X.shape == (12, len(names))
    assert y.shape == (12,)
    bunch = load(return_X_y=False)
    np.testing.assert_array_equal(bunch.data, X)
    np.testing.assert_array_equal(bunch.target, y)
    assert bunch.frame is None
    assert (bunch.feature_names, bunch.target_name) == (names, "y")
    assert len(bunch.DESCR) > 50
    frames = load(return_X_y=False, as_frame=True)
    expected = pd.DataFrame(X, columns=names).assign(y=y)
    pd.testing.assert_frame_equal(frames.frame, expected)
    pd.testing.assert_frame_equal(frames.data, expected[names])
    pd.testing.assert_series_equal(frames.target, expected["y"])
    X_frame, y_frame = load(return_X_y=True, as_frame=True)
    pd.testing.assert_frame_equal(X_frame, expected[names])
    pd.testing.assert_series_equal(y_frame, expected["y"])


def test_defaults_are_a_tuple_of_the_wave_and_a_bunch_of_the_line():
    X, y = make_gabor()
    assert (X.shape, y.shape) == ((100, 1), (100,))
    assert load_line().data.shape == (12, 1)


@pytest.mark.parametrize("n_features", [1, 5])
def test_a_wave_without_noise_is_the_model(n_features):
    phi = np.arange(n_features + 1) + 0.5
    params = {"window": 32.0, "input_scale": 0.1}
    X, y = make_gabor(50, phi=phi, noise=0, random_state=3, **params)
    J = wave_surface(X, y, window=32.0, scale=0.1)
    np.testing.assert_allclose(J.prediction(phi), y, rtol=1e-12, atol=1e-15)
    params |= {"amplitude": -2.0, "offset": 7.0}
    _, moved = make_gabor(50, phi=phi, noise=0, random_state=3, **params)
    np.testing.assert_allclose(moved, 7 - 2 * y, rtol=1e-14)
    bunch = make_gabor(5, phi=list(phi), return_X_y=False)
    np.testing.assert_array_equal(bunch.phi, phi)


def test_defaults_are_those_of_the_course():
    X, y = make_gabor(50, phi=(0.2, 9.0), noise=0, random_state=3)
    J = wave_surface(X, y)
    np.testing.assert_allclose(J.prediction(np.array([0.2, 9.0])), y, rtol=1e-12)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    low=st.floats(-1e3, 1e3),
    width=st.floats(0, 1e3),
    n_features=st.integers(1, 3),
    seed=st.integers(0, 10**6),
)
def test_features_stay_in_range_and_fill_it(low, width, n_features, seed):
    phi, limits = np.zeros(n_features + 1), (low, low + width)
    X, _ = make_gabor(300, phi=phi, x_range=limits, random_state=seed)
    assert X.shape == (300, n_features)
    assert np.array_equal(X, X.clip(*limits))
    assert (np.ptp(X, axis=0) >= 0.9 * (limits[1] - limits[0])).all()


def test_noise_is_gaussian_of_that_size():
    _, y = make_gabor(20_000, noise=0.3, random_state=0)
    _, clean = make_gabor(20_000, noise=0.0, random_state=0)
    noise = y - clean
    assert noise.std() == pytest.approx(0.3, rel=0.02)
    assert noise.mean() == pytest.approx(0, abs=0.01)
    assert (np.abs(noise) < 0.3).mean() == pytest.approx(0.6827, abs=0.01)


def test_a_wave_that_nobody_sees_is_zero():
    for narrow in ({"window": 1e-320}, {"phi": [1e200, 1.0]}):
        _, y = make_gabor(noise=0.0, offset=2.0, random_state=0, **narrow)
        assert (y == 2.0).all()


def test_the_same_seed_draws_the_same():
    one, other = (make_gabor(random_state=5) for _ in range(2))
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])
    assert (make_gabor(random_state=6)[0] != one[0]).any()
    from_stream = make_gabor(random_state=np.random.RandomState(5))
    np.testing.assert_array_equal(from_stream[1], one[1])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_samples": 0}, "'n_samples' parameter of make_gabor"),
        ({"n_samples": 2.5}, "'n_samples' parameter of make_gabor"),
        ({"phi": 3.0}, "'phi' parameter of make_gabor"),
        ({"phi": [3.0]}, "phi must be φ₀ and a coefficient for each feature"),
        ({"phi": [[3.0], [1.0]]}, "phi must be φ₀ and a coefficient for each feature"),
        ({"phi": [3.0, np.nan]}, "phi contains NaN"),
        ({"window": 0.0}, "'window' parameter of make_gabor"),
        ({"input_scale": -1.0}, "'input_scale' parameter of make_gabor"),
        ({"amplitude": np.inf}, "'amplitude' parameter of make_gabor"),
        ({"offset": np.nan}, "'offset' parameter of make_gabor"),
        ({"noise": -0.1}, "'noise' parameter of make_gabor"),
        ({"x_range": (1, -1)}, "x_range must be a lowest and a highest value"),
        ({"x_range": (1, 2, 3)}, "x_range must be a lowest and a highest value"),
        ({"x_range": (0, np.inf)}, "x_range contains infinity"),
        ({"x_range": ("a", "b")}, "x_range: could not convert string"),
        ({"x_range": (-1e308, 1e308)}, "x_range is too wide for floating point"),
        ({"x_range": (0, 1e308)}, "y overflows: make phi, input_scale, x_range"),
        ({"phi": [1e308, 1e308]}, "y overflows"),
        ({"noise": 1e308}, "y overflows"),
        ({"random_state": "seed"}, "'random_state' parameter of make_gabor"),
        ({"return_X_y": "no"}, "'return_X_y' parameter of make_gabor"),
    ],
)
def test_bad_waves(params, message):
    with pytest.raises(ValueError, match=message):
        make_gabor(**params)


def test_bad_lines():
    with pytest.raises(ValueError, match="'as_frame' parameter of load_line"):
        load_line(as_frame=3)
