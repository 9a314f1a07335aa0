"""Estimators: validate, lower, train, publish."""

from ._gabor import GaborRegressor
from ._gradient import GradientRegressor

__all__ = ["GaborRegressor", "GradientRegressor"]
