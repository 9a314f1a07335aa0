"""Points of a surface that are marked by their kind."""

from collections.abc import Mapping

import numpy as np
from sklearn.utils import check_array

from ..._naming import naming

_MARKERS = {"minimum": "v", "maximum": "^", "saddle point": "X"}
_OTHER_MARKER = "d"


def by_kind(critical_points, n_params):
    """Points φ by kind, (n_points, n_params), of a dict or of objects that say it."""
    if critical_points is None:
        return {}
    if not isinstance(critical_points, Mapping):
        critical_points = _grouped(critical_points)
    with naming("critical_points"):
        return {
            kind: _checked(kind, points, n_params)
            for kind, points in critical_points.items()
            if np.size(points)
        }


def _grouped(curvatures):
    groups = {}
    try:
        for point in curvatures:
            groups.setdefault(point.kind, []).append(point.at)
    except (AttributeError, TypeError):
        raise TypeError(
            "critical_points must be a dict of points by their kind, or a list of "
            f"what `curvature` returns; got {curvatures!r}."
        ) from None
    return groups


def _checked(kind, points, n_params):
    name = f"critical_points[{kind!r}]"
    points = check_array(
        np.atleast_2d(points), dtype=np.float64, ensure_2d=False, input_name=name
    )
    if points.ndim != 2 or points.shape[1] != n_params:
        raise ValueError(
            f"{name} must be points φ of {n_params} parameters, in an array of shape "
            f"(n_points, {n_params}); got shape {points.shape}."
        )
    return points


def draw_critical_points(ax, critical_points):
    """Mark points in the plane by their kind; a list of Line2D, one entry a kind."""
    look = {
        "linestyle": "",
        "markersize": 10,
        "markerfacecolor": "#F0E442",
        "markeredgecolor": "black",
        "zorder": 5,
    }
    lines = []
    for kind, points in critical_points.items():
        marker = _MARKERS.get(kind, _OTHER_MARKER)
        points = np.reshape(points, (-1, 2)).T
        lines += ax.plot(*points, marker=marker, label=str(kind), **look)
    return lines
