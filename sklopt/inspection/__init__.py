"""Looking at a training: its curves, its path, the surface it went down."""

from ._plot.loss_curve import LossCurveDisplay
from ._plot.loss_surface import LossSurfaceDisplay
from ._plot.model_path import ModelPathDisplay
from ._plot.schedule import ScheduleDisplay

__all__ = [
    "LossCurveDisplay",
    "LossSurfaceDisplay",
    "ModelPathDisplay",
    "ScheduleDisplay",
]
