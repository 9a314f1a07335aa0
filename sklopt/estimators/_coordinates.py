"""The coordinates in which one learning rate suits every parameter of a Gabor wave.

The curvature of J along φⱼ grows with the square of xⱼ, and features away from 0 tie φ₀
to the others. ``learning_rate="auto"`` therefore trains the same wave on standardised
data x' = (x − centre)/scale and y' = y/size, whose predictor is

    z = φ₀' + φ'·x',   φⱼ = φⱼ'/(κ·scaleⱼ),   φ₀ = φ₀' − κ φ·centre,

and whose objective is J' = J/size². A learning rate in numbers trains in φ itself.
"""

from typing import NamedTuple

import numpy as np

from ..engine._types import read_only

# A feature whose deviation is less than this share of its mean does not vary.
CONSTANT = 1e-12


class Coordinates(NamedTuple):
    """An affine map between the φ of the user and those that are trained."""

    centre: np.ndarray  # (n_features,)
    scale: np.ndarray  # (n_features,)
    size: float  # of y
    input_scale: float  # κ' of the predictor in these coordinates
    outer_input_scale: float  # κ of the user's

    @classmethod
    def plain(cls, n_features, input_scale):
        """Those of the user."""
        zeros, ones = np.zeros(n_features), np.ones(n_features)
        return cls(zeros, ones, 1.0, input_scale, input_scale)

    @classmethod
    def standard(cls, data, input_scale, *, scales_target, is_isotropic):
        """Those in which features have mean 0 and variance 1, weights counted.

        Where a penalty looks at ‖w‖, all features share one scale.
        """
        X, y = data.X.astype(np.float64), data.y[:, 0].astype(np.float64)
        weights = None
        if data.weight.size:
            has_weight = data.weight > 0
            X, y, weights = X[has_weight], y[has_weight], data.weight[has_weight]
        centre = np.average(X, axis=0, weights=weights)
        scale = _rms(X - centre, weights)
        # What rounding leaves of the variance of a constant is no variance.
        scale = np.where(scale > CONSTANT * np.abs(centre), scale, 0.0)
        if is_isotropic:
            scale = np.full_like(scale, scale.max())
        size = _rms(y, weights) if scales_target else 1.0
        return cls(
            centre,
            np.where(scale > 0, scale, 1.0),
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
        """The training set in these coordinates."""
        if self.is_plain:
            return data
        deviation = data.X - self.centre
        deviation[np.abs(deviation) <= CONSTANT * np.abs(self.centre)] = 0.0
        X = (deviation / self.scale).astype(data.X.dtype)
        y = (data.y / self.size).astype(data.X.dtype)
        return data._replace(X=read_only(X), y=read_only(y))

    def alpha(self, alpha):
        """The penalty's weight: alpha'·‖w'‖² = alpha·‖w‖²/size²."""
        if self.is_plain:
            return alpha
        return alpha / (self.outer_input_scale * self.scale[0] * self.size) ** 2

    def inward(self, phi):
        """From the user's φ, shape (…, P), to these coordinates."""
        phi = np.array(phi, dtype=np.float64)
        w = self._weights(phi)
        phi[..., 0] += self.outer_input_scale * (w @ self.centre)
        w *= self.outer_input_scale / self.input_scale * self.scale
        self._head(phi)[...] /= self.size
        return phi

    def outward(self, phi):
        """From these coordinates to the user's φ."""
        phi = np.array(phi, dtype=np.float64)
        w = self._weights(phi)
        w *= self.input_scale / self.outer_input_scale / self.scale
        phi[..., 0] -= self.outer_input_scale * (w @ self.centre)
        self._head(phi)[...] *= self.size
        return phi

    def _weights(self, phi):
        return phi[..., 1 : len(self.centre) + 1]

    def _head(self, phi):
        return phi[..., len(self.centre) + 1 :]


def _rms(values, weights):
    """Root mean square along the first axis, whatever the magnitude."""
    largest = np.abs(values).max(axis=0)
    unit = np.where(largest > 0, largest, 1.0)
    return unit * np.sqrt(np.average((values / unit) ** 2, axis=0, weights=weights))
