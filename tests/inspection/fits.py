"""Small linear fits, and a drawing of them by each Display."""

import numpy as np

from sklopt import GradientRegressor
from sklopt.inspection import (
    LossCurveDisplay,
    LossSurfaceDisplay,
    ModelPathDisplay,
    ScheduleDisplay,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 1)) + 0.5
Y = 1.0 + 2.0 * X[:, 0] + 0.1 * RNG.normal(size=30)
X3 = RNG.normal(size=(40, 3))
Y3 = X3 @ [1.0, -2.0, 0.5] + 3.0


def fitted(solver="gd", X=X, y=Y, **params):
    params = {"max_iter": 12, "tol": None, "store_path": "epoch"} | params
    return GradientRegressor(solver, random_state=0, **params).fit(X, y)


def draw_curve(ax=None):
    return LossCurveDisplay.from_estimator(fitted(), ax=ax, show_learning_rate=True)


def draw_surface(ax=None):
    points = {"minimum": [[1.0, 2.0]], "saddle point": [[0.5, 1.0], [1.5, 1.0]]}
    return LossSurfaceDisplay.from_estimator(
        fitted(), X, Y, ax=ax, critical_points=points
    )


def draw_model(ax=None):
    return ModelPathDisplay.from_estimator(fitted(), X, Y, ax=ax)


def draw_schedule(ax=None):
    return ScheduleDisplay.from_schedules(["cosine", "constant"], ax=ax)


def labels(legend):
    return [text.get_text() for text in legend.get_texts()]
