"""Look at the surface that an estimator is trained on, and at how it gets on there."""

from ._check_gradient import central_difference, check_gradient
from ._curvature import Curvature, curvature

__all__ = [
    "Curvature",
    "central_difference",
    "check_gradient",
    "curvature",
]
