"""The coordinates in which one learning rate suits every parameter of a Gabor wave.

The curvature of J along φⱼ grows with the square of xⱼ, and features away from 0 tie φ₀
to the others. ``learning_rate="auto"`` therefore trains the same wave on standardised
data x' = (x − centre)/scale and y' = (y − level)/size, whose predictor is

    z = φ₀' + φ'·x',   φⱼ = φⱼ'/(κ·scaleⱼ),   φ₀ = φ₀' − κ φ·centre,

and whose objective is J' = J/size². A learning rate in numbers trains in φ itself.

A row of several φ goes through the same operations as one alone, in the same order, so
that it comes out the same to the last digit.
"""

from typing import NamedTuple

import numpy as np

from ..engine._types import read_only

# A feature whose deviation is less than this share of its mean does not vary.
CONSTANT = 1e-12

# A distance from a centre of less than this share of it is what rounding leaves.
ROUNDING = 4 * np.finfo(np.float64).eps

# A penalty's weight that times the square of any w to start at is still a number.
LARGEST_ALPHA = 1e300

# How often φ may go out and in until rounding changes it no more; twice is the rule.
MOST_ROUNDINGS = 8


class Coordinates(NamedTuple):
    """An affine map between the φ of the user and those that are trained."""

    centre: np.ndarray  # (n_features,)
    scale: np.ndarray  # (n_features,)
    level: float  # of y
    size: float  # of y
    input_scale: float  # κ' of the predictor in these coordinates
    outer_input_scale: float  # κ of the user's

    @classmethod
    def plain(cls, n_features, input_scale):
        """Those of the user."""
        zeros, ones = np.zeros(n_features), np.ones(n_features)
        return cls(zeros, ones, 0.0, 1.0, input_scale, input_scale)

    @classmethod
    def standard(
        cls, data, input_scale, *, centres_target, scales_target, is_isotropic
    ):
        """Those in which features have mean 0 and variance 1, weights counted.

        An offset lets the target be centred, an amplitude lets it be scaled. Where a
        penalty looks at ‖w‖, all features share one scale.
        """
        X, y = data.X.astype(np.float64), data.y[:, 0].astype(np.float64)
        weights = None
        if data.weight.size:
            has_weight = data.weight > 0
            X, y, weights = X[has_weight], y[has_weight], data.weight[has_weight]
        centre = np.average(X, axis=0, weights=weights)
        scale = _deviation(X, centre, weights)
        if is_isotropic:
            scale = np.full_like(scale, scale.max())
        level = _mean(y, weights) if centres_target else 0.0
        size = _deviation(y, level, weights) if scales_target else 1.0
        return cls(
            centre,
            np.where(scale > 0, scale, 1.0),
            level,
            size if size > 0 else 1.0,
            input_scale=1.0,
            outer_input_scale=input_scale,
        )

    @property
    def is_plain(self):
        """Whether nothing is to be done."""
        plain = Coordinates.plain(len(self.centre), self.outer_input_scale)
        return all(map(np.array_equal, self, plain))

    def data(self, data):
        """The training set in these coordinates; rows of weight 0 lie in the centre.

        What is in them may overflow here.
        """
        if self.is_plain:
            return data
        if data.weight.size and not data.weight.all():
            has_weight = (data.weight > 0)[:, np.newaxis]
            data = data._replace(
                X=np.where(has_weight, data.X, self.centre).astype(data.X.dtype),
                y=np.where(has_weight, data.y, self.level).astype(data.y.dtype),
            )
        X = _without_rounding(data.X - self.centre, self.centre) / self.scale
        y = _without_rounding(data.y - np.float64(self.level), self.level) / self.size
        dtype = data.X.dtype
        return data._replace(X=read_only(X.astype(dtype)), y=read_only(y.astype(dtype)))

    def alpha(self, alpha):
        """The penalty's weight: alpha'·‖w'‖² = alpha·‖w‖²/size²."""
        if self.is_plain:
            return alpha
        # One by one: products of a small scale and a small size may be 0.
        with np.errstate(over="ignore"):
            root = np.sqrt(alpha) / self.outer_input_scale / self.scale[0] / self.size
            inner = root * root
        if not inner < LARGEST_ALPHA:
            raise ValueError(
                f"alpha={alpha:g} is too large for X and y of so small a magnitude: "
                "with learning_rate='auto' the penalty is relative to how much they "
                "vary, and overflows. Scale X or y up, or lower alpha."
            )
        return inner

    def inward(self, phi):
        """From the user's φ, shape (…, P), to these coordinates."""
        phi = np.array(phi, dtype=np.float64)
        w, head = self._weights(phi), self._head(phi)
        phi[..., 0] += self._shift(w)
        w /= self._slope
        head[..., 1:] -= self.level
        head /= self.size
        return phi

    def outward(self, phi):
        """From these coordinates to the user's φ."""
        phi = np.array(phi, dtype=np.float64)
        w, head = self._weights(phi), self._head(phi)
        w *= self._slope
        phi[..., 0] -= self._shift(w)
        head *= self.size
        head[..., 1:] += self.level
        return phi

    def settled(self, phi):
        """The φ next to those given that come back the same from outside."""
        for _ in range(MOST_ROUNDINGS):
            before, phi = phi, self.inward(self.outward(phi))
            if np.array_equal(before, phi):
                break
        return phi

    @property
    def _slope(self):
        """What wⱼ is outside where it is 1 here."""
        return self.input_scale / self.outer_input_scale / self.scale

    def _shift(self, w):
        """What φ₀ is less outside than here, at the user's w."""
        return self.outer_input_scale * (w * self.centre).sum(axis=-1)

    def _weights(self, phi):
        return phi[..., 1 : len(self.centre) + 1]

    def _head(self, phi):
        return phi[..., len(self.centre) + 1 :]


def _mean(values, weights):
    """Weighted mean, whatever the magnitude."""
    largest = np.abs(values).max()
    unit = largest if largest > 0 else 1.0
    return unit * np.average(values / unit, weights=weights)


def _deviation(values, centre, weights):
    """Root mean square distance from a centre along the first axis; 0 for constants.

    What rounding leaves of the variance of a constant is no variance.
    """
    deviation = _rms(values - centre, weights)
    return np.where(deviation > CONSTANT * np.abs(centre), deviation, 0.0)[()]


def _without_rounding(deviation, centre):
    """Distances from a centre; 0 where they are what rounding leaves."""
    deviation[np.abs(deviation) <= ROUNDING * np.abs(centre)] = 0.0
    return deviation


def _rms(values, weights):
    """Root mean square along the first axis, whatever the magnitude."""
    largest = np.abs(values).max(axis=0)
    unit = np.where(largest > 0, largest, 1.0)
    return unit * np.sqrt(np.average((values / unit) ** 2, axis=0, weights=weights))
