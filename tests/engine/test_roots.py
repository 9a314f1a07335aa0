"""Square roots of products, and the few rows that are made of them."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sklopt.engine import _roots
from sklopt.engine._products import Shift
from sklopt.engine._roots import equivalent, points, square_root
from sklopt.engine._types import Data

MATRICES = {
    "regular": lambda B: B,
    "singular": lambda B: B[:, [0, 1, 2, 3, 0, 4]],
    "with a column of 0": lambda B: B * (np.arange(6) != 2),
    "badly scaled": lambda B: B * 10.0 ** np.arange(-60, 60, 20),
}


@pytest.mark.parametrize("name", MATRICES)
def test_a_root_squared_is_what_it_is_of(name):
    B = MATRICES[name](np.random.default_rng(0).standard_normal((50, 6)))
    A = B.T @ B
    R = square_root(A)
    size = np.sqrt(A.diagonal())
    assert_allclose(R.T @ R, A, rtol=1e-12, atol=1e-13 * np.outer(size, size).max())
    assert_allclose((R**2).sum(axis=0), A.diagonal(), rtol=1e-12)


def shifted_problem():
    """A shift, the products of the data less it, and the data."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((80, 3)) + 2.0, rng.standard_normal((80, 2))
    shift = Shift(rng.standard_normal((2, 4)), X.mean(axis=0))
    Z = np.column_stack([np.ones(80), X])
    B = np.column_stack([Z[:, :1], X - shift.centre, y - Z @ shift.phi.T])
    return shift, B.T @ B, Z, y


def test_few_rows_have_the_objective_of_all():
    shift, products, Z, y = shifted_problem()
    few = equivalent(shift, products, 80)
    assert len(few.X) == 6
    for phi in np.random.default_rng(1).standard_normal((4, 2, 4)):
        residual = np.column_stack([few.bias, few.X]) @ phi.T - few.y
        expected = ((Z @ phi.T - y) ** 2).mean(axis=0)
        assert_allclose((residual**2).mean(axis=0), expected, rtol=1e-12)


def test_numbers_out_of_range_make_no_rows():
    shift, products, *_ = shifted_problem()
    assert equivalent(shift, products * np.inf, 80) is None
    with np.errstate(all="ignore"):
        far = shift._replace(centre=np.full(3, 1e308))
        assert equivalent(far, products * 1e10, 80) is None


def test_points_are_the_lowest_and_one_off_it_that_every_feature_moves():
    shift, products, Z, y = shifted_problem()
    phi, J = points(equivalent(shift, products, 80))
    lowest = np.linalg.lstsq(Z, y)[0].T
    assert_allclose(phi[0], lowest, rtol=1e-10)
    step = np.abs(phi[1] - phi[0])[:, 1:] * Z[:, 1:].std(axis=0)
    assert_allclose(step, step[:, :1] * np.ones(3), rtol=1e-10)
    assert (step > 0.1).all()
    expected = ((phi @ Z.T - y.T) ** 2).mean(axis=-1)
    assert_allclose(J, expected, rtol=1e-12)


def test_a_column_that_is_constant_but_for_rounding_takes_no_step():
    _, _, Z, y = shifted_problem()
    Z[:, 2] = 1e6 + 1e-9 * Z[:, 2]
    phi, _ = points(Data(Z[:, 1:], y, np.empty(0), Z[:, 0]))
    assert_allclose(phi[1, :, 2], phi[0, :, 2], rtol=1e-12)


def test_triangles_are_solved_as_any_other_rows_are(monkeypatch):
    shift, products, *_ = shifted_problem()
    few = equivalent(shift, products, 80)
    phi, _ = points(few)
    monkeypatch.setattr(_roots, "bandwidth", lambda Z: (1, 1))
    assert_allclose(points(few)[0], phi, rtol=1e-10)
