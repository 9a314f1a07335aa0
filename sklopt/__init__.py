"""Scikit-learn estimators whose optimizer is a hyperparameter."""

from . import callback, datasets, inspection, losses, schedules, solvers
from .estimators import GaborRegressor, GradientRegressor

__all__ = [
    "GaborRegressor",
    "GradientRegressor",
    "__version__",
    "callback",
    "datasets",
    "inspection",
    "losses",
    "schedules",
    "solvers",
]

__version__ = "0.1.0"
