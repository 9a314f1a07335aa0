"""Estimators: validate, lower, train, publish."""

from ._gradient import GradientRegressor

__all__ = ["GradientRegressor"]
