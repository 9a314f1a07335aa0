"""A plane through the space of the parameters, and what it is called."""

from collections.abc import Mapping, Set, Sized
from typing import NamedTuple

import numpy as np
from sklearn.utils import check_array

from ..._naming import naming
from ._fitted import parameter_index, parameter_label

# What has a length and yet is no list.
_UNORDERED = (str, Set, Mapping)


class Plane(NamedTuple):
    """The points φ = origin + a₁d₁ + a₂d₂."""

    origin: np.ndarray  # (P,)
    directions: np.ndarray  # (2, P), d₁ and d₂
    labels: tuple  # of a₁ and a₂

    def points(self, first, second):
        """φ at coordinates of any shape S; S + (P,)."""
        coordinates = np.stack([first, second], axis=-1)
        return self.origin + coordinates @ self.directions

    def coordinates(self, phi):
        """a₁, a₂ of the points of the plane nearest to φ, (M, P); (M, 2)."""
        return (np.atleast_2d(phi) - self.origin) @ np.linalg.pinv(self.directions)


def plane_of_parameters(parameters, names, phi):
    """Two parameters vary, the others are held; a₁ and a₂ are their values."""
    # A set has no order: which of its parameters goes to the right?
    is_list = isinstance(parameters, Sized) and not isinstance(parameters, _UNORDERED)
    if not is_list or len(parameters) != 2:
        raise ValueError(f"parameters must be two indices or names: {parameters!r}.")
    first, second = (parameter_index(parameter, names) for parameter in parameters)
    if first == second:
        raise ValueError(f"parameters must be two different ones: {parameters!r}.")
    origin = np.array(phi)
    origin[[first, second]] = 0.0
    directions = np.eye(len(phi))[[first, second]]
    labels = parameter_label(first, names), parameter_label(second, names)
    return Plane(origin, directions, labels)


def plane_of_directions(directions, phi):
    """Two directions from φ on."""
    with naming("directions"):
        directions = check_array(
            directions, dtype=np.float64, ensure_2d=False, input_name="directions"
        )
    if directions.shape != (2, len(phi)):
        raise ValueError(
            f"directions must have the shape {(2, len(phi))}, got {directions.shape}."
        )
    if np.linalg.matrix_rank(directions) < 2:
        raise ValueError("directions must not be parallel.")
    labels = tuple(
        rf"$a_{i}$ (step along direction {i} from $\hat\phi$)" for i in (1, 2)
    )
    return Plane(np.asarray(phi), directions, labels)


def plane_of_paths(paths, phi):
    """The directions from φ in which the paths go furthest (Li et al. 2018)."""
    away = np.concatenate(paths) - phi
    _, vectors = np.linalg.eigh(away.T @ away)
    plane = plane_of_directions(vectors.T[:-3:-1], phi)
    labels = tuple(rf"$a_{i}$ (principal direction {i} of the paths)" for i in (1, 2))
    return plane._replace(labels=labels)


def chosen_plane(parameters, directions, names, paths, phi):
    """The plane that the arguments of a display ask for."""
    if directions is None:
        return plane_of_parameters(parameters, names, phi)
    if isinstance(directions, str):  # "paths", the only word there is
        return plane_of_paths(paths, phi)
    return plane_of_directions(directions, phi)


def checked_limits(limits):
    """((left, right), (low, high)) as an array, (2, 2); a refusal of anything else."""
    try:
        ends = np.array(limits, dtype=np.float64)
    except (TypeError, ValueError):
        ends = np.empty(0)
    with np.errstate(over="ignore", invalid="ignore"):
        extents = np.diff(ends) if ends.shape == (2, 2) else np.zeros(1)
    if not ((extents > 0) & np.isfinite(extents)).all():
        raise ValueError(
            "limits must be a pair (low, high) of finite numbers for each axis, low "
            f"below high, as in ((-1, 1), (0, 5)); got {limits!r}."
        )
    return ends


def frame(points, margin=0.2):
    """Limits around points (M, 2), with a margin; ((left, right), (low, high))."""
    low, high = points.min(axis=0), points.max(axis=0)
    extent = high - low
    # Paths that do not move along an axis still need a picture of some width.
    extent = np.where(extent > 0, extent, np.where(extent.any(), extent.max(), 1.0))
    middle, half = (low + high) / 2, (0.5 + margin) * extent
    return tuple(zip(middle - half, middle + half, strict=True))
