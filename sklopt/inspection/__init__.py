"""Look at the surface that an estimator is trained on, and at how it gets on there."""

from ._check_gradient import central_difference, check_gradient
from ._curvature import Curvature, curvature
from ._learning_rate_range import LearningRateRange, learning_rate_range
from ._plot.loss_curve import LossCurveDisplay
from ._plot.loss_surface import LossSurfaceDisplay
from ._plot.model_path import ModelPathDisplay
from ._plot.schedule import ScheduleDisplay

__all__ = [
    "Curvature",
    "LearningRateRange",
    "LossCurveDisplay",
    "LossSurfaceDisplay",
    "ModelPathDisplay",
    "ScheduleDisplay",
    "central_difference",
    "check_gradient",
    "curvature",
    "learning_rate_range",
]
