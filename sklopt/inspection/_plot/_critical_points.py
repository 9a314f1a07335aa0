"""Points of a surface that are marked by their kind."""

import numpy as np

_MARKERS = {"minimum": "v", "maximum": "^", "saddle point": "X"}
_OTHER_MARKER = "d"


def by_kind(critical_points):
    """Points φ by their kind, (n_points, P)."""
    if hasattr(critical_points, "items"):
        return dict(critical_points)
    points = {}
    for point in critical_points or ():
        points.setdefault(point.kind, []).append(point.at)
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
        lines += ax.plot(*points, marker=marker, label=kind, **look)
    return lines
