"""What the inspection asks of an objective beyond its derivatives."""

import numpy as np
import pytest
from surfaces import SURFACES, wave_surface


@pytest.mark.parametrize("name", SURFACES)
def test_the_size_of_curvatures_bounds_them(name):
    J, phi = SURFACES[name]
    size = J.curvature_size(phi)
    assert (size >= (1 - 1e-12) * np.abs(J.hessian(phi).diagonal())).all()
    if name.startswith("linear"):  # no term to cancel another
        np.testing.assert_allclose(size, J.hessian(phi).diagonal(), rtol=1e-12)


@pytest.mark.parametrize("head", [None, (True, True)])
def test_terms_of_opposite_signs_add_up_in_size(head):
    # Near z = 0, f'' has the sign of −f, and r that of f where y has the other one.
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(30, 2))
    phi = np.array([0.1, 4.0, 5.0])
    f = wave_surface(X, np.zeros(30)).prediction(phi)
    weight = rng.lognormal(size=30)
    J = wave_surface(X, -np.sign(f), weight, alpha=0.3, head=head)
    if head:
        phi = np.append(phi, [20.0, 0.0])
    terms = 2 * J.gauss_newton(phi).diagonal()
    terms[1:3] += 2 * J.l2
    total = J.curvature_size(phi) + J.hessian(phi).diagonal()
    np.testing.assert_allclose(total, terms, rtol=1e-12)
