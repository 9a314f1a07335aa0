"""Look at the surface that an estimator is trained on, and at how it gets on there."""

from ._check_gradient import central_difference, check_gradient
from ._curvature import Curvature, curvature
from ._learning_rate_range import LearningRateRange, learning_rate_range

__all__ = [
    "Curvature",
    "LearningRateRange",
    "central_difference",
    "check_gradient",
    "curvature",
    "learning_rate_range",
]
