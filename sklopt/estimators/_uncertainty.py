"""How well data determine the parameters."""

import warnings

import numpy as np
from sklearn.utils.validation import check_is_fitted

# Trained parameters whose columns of ∂f/∂φ are closer to dependence are not determined.
LARGEST_CONDITION = 1e10


def covariance(objective, phi):
    """σ²(DᵀSD)⁻¹ at φ, (P, P); 0 where not trained, NaN where not determined.

    D = ∂f/∂φ and σ² = Σ s r²/(n − p), for n samples of positive weight and p trained
    parameters: the Gauss-Newton approximation of `scipy.optimize.curve_fit`, and for a
    linear model that of least squares. An L2 penalty adds n·alpha/2 to the diagonal of
    DᵀSD that belongs to w.

    References
    ----------
    Seber, G. A. F. and Wild, C. J. (1989). Nonlinear Regression, chapter 2. Wiley.
    """
    is_trained = objective.is_trained
    result = np.zeros((len(phi), len(phi)))
    result[np.ix_(is_trained, is_trained)] = np.nan
    with np.errstate(all="ignore"):
        R, residual_norm = _triangle(objective.seen(), phi)
        norms = _norms(R)
    n_free = np.count_nonzero(objective.weight) - is_trained.sum()
    if n_free <= 0 or not np.isfinite(norms).all() or not (norms > 0).all():
        return result
    _, singular, Vt = np.linalg.svd(R / norms)
    if singular[0] > LARGEST_CONDITION * singular[-1]:
        return result
    # In the parameters' units before it is squared, which those of y do not survive.
    root = Vt.T / singular * (residual_norm / np.sqrt(n_free) / norms)[:, np.newaxis]
    with np.errstate(over="ignore"):
        result[np.ix_(is_trained, is_trained)] = root @ root.T
    return result


def _triangle(objective, phi):
    """R with RᵀR = DᵀSD of the trained parameters, and √Σ s r²; in blocks of rows."""
    n_samples, is_trained = len(objective.y), objective.is_trained
    ridge = np.zeros(len(phi))
    ridge[1 : objective.X.shape[1] + 1] = n_samples * objective.l2 / 2
    R, residual_norm = np.diag(np.sqrt(ridge))[:, is_trained], 0.0
    for block in objective.blocks():
        root = np.sqrt(block.weight)
        D = root[:, np.newaxis] * block.jacobian(phi)[:, is_trained]
        R = np.linalg.qr(np.vstack([R, D]), mode="r")
        norm_of_block = _norms(root * (block.prediction(phi) - block.y))
        residual_norm = np.hypot(residual_norm, norm_of_block)
    return R, residual_norm


def _norms(values):
    """Euclidean norm along the first axis, whatever the magnitude."""
    largest = np.abs(values).max(axis=0)
    unit = np.where(largest > 0, largest, 1.0)
    return unit * np.sqrt(((values / unit) ** 2).sum(axis=0))


class UncertaintyMixin:
    """The covariance of the parameters, which `_covariance` keeps, as attributes."""

    @property
    def covariance_(self):
        """Covariance σ²(DᵀSD)⁻¹ of the parameters, D = ∂f/∂φ, (n_params, n_params)."""
        return self._known_covariance()

    @property
    def standard_errors_(self):
        """Standard error of every parameter, (n_params,)."""
        covariance = self._known_covariance()
        return np.sqrt(np.diagonal(covariance, axis1=-2, axis2=-1))

    def _known_covariance(self):
        check_is_fitted(self)
        if not hasattr(self, "_covariance"):
            raise AttributeError("covariance_ is there after compute_covariance=True.")
        if np.isnan(self._covariance).any():
            warnings.warn(
                "The data do not determine the parameters: their covariance is NaN.",
                RuntimeWarning,
                stacklevel=3,
            )
        return self._covariance.copy()
