"""The learning-rate range test."""

import warnings
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import Interval, validate_params

from ..engine._lowering import as_description, lower_batch_size
from ..engine._objective import FAINT
from ..engine._rates import AutoRate
from ..engine._types import Data
from ..estimators._training import DivergenceError
from ..schedules import SCHEDULES
from ..solvers import SOLVERS
from ._frozen import FrozenArrays
from ._parameters import as_it_sees, fitted_parameters, last_step, objective_of
from ._plot._style import AXES, axes_of, line_style

# The default rates, as shares of the automatic one: five in each decade. Far above it,
# as what is safe for a wave wherever it lies is little where few samples see it.
SHARES = np.logspace(-3, 4, 36)

# Losses above this many times that of the lowest rate leave the picture: next to one
# that explodes, the valley would be flat.
CEILING = 10.0


@dataclass(frozen=True, eq=False)
class LearningRateRange(FrozenArrays):
    """Loss after a few epochs against learning rate; see `learning_rate_range`.

    Its arrays are copies that cannot be written to.

    Parameters
    ----------
    rates : ndarray of shape (n_rates,)
        Learning rates, ascending.
    losses : ndarray of shape (n_rates,)
        J after the epochs at each rate, inf where they diverged.
    suggestion : float
        The rate to train with.

    Examples
    --------
    >>> from sklopt import GradientRegressor
    >>> from sklopt.datasets import load_line
    >>> from sklopt.inspection import learning_rate_range
    >>> X, y = load_line(return_X_y=True)
    >>> learning_rate_range(GradientRegressor(), X, y, rates=[0.2, 1e9]).losses.round(3)
    array([0.02,  inf])
    """

    rates: np.ndarray
    losses: np.ndarray
    suggestion: float

    @validate_params({"ax": AXES}, prefer_skip_nested_validation=True)
    def plot(self, ax=None):
        """Draw loss against rate, both on a log axis, with the suggestion marked.

        Losses above ten times that of the lowest rate leave the picture. Where the loss
        is zero at every rate, its axis is linear.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a new figure.

        Returns
        -------
        matplotlib Axes
            What was drawn on.
        """
        with axes_of("LearningRateRange.plot", ax) as ax:
            is_finite = np.isfinite(self.losses)
            look = line_style(0) | {"markersize": 4, "linewidth": 2}
            ax.plot(self.rates[is_finite], self.losses[is_finite], **look)
            ax.set_xscale("log")
            if (self.losses[is_finite] > 0).any():
                ax.set_yscale("log")
            ceiling = CEILING * self.losses[0]
            if 0 < ceiling < self.losses[is_finite].max():
                ax.set_ylim(top=ceiling)
            if not is_finite.all():
                first = self.rates[~is_finite].min()
                last = min(self.rates[-1], 10 * first)
                ax.axvspan(first, last * 1.1, color="0.88", label="diverges")
                ax.set_xlim(right=last * 1.1)
            ax.axvline(
                self.suggestion,
                color="black",
                linestyle="--",
                label=f"suggested: {self.suggestion:.2g}",
            )
            ax.set(
                xlabel=r"Learning rate $\alpha$", ylabel="Objective $J$ after the test"
            )
            ax.legend()
        return ax


@validate_params(
    {
        "rates": ["array-like", None],
        "n_epochs": [Interval(Integral, 1, None, closed="left")],
        "safety_factor": [Interval(Real, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def learning_rate_range(
    estimator,
    X,
    y,
    sample_weight=None,
    *,
    rates=None,
    n_epochs=10,
    safety_factor=2.0,
):
    """Find a learning rate by a few epochs at many.

    For each rate a clone of the estimator is trained for `n_epochs`, all from the same
    start and on the same mini-batches; other settings, its schedule among them, are its
    own. The suggestion is the rate of the lowest loss J, or the lowest such rate,
    divided by `safety_factor`: rates that win in a few epochs are close to those that
    diverge. Only rates below the lowest that diverged can win, and of a wave only those
    below the lowest that drove it away from the samples: a wave that lies beside its
    data may have a higher loss than one out of sight, but nothing is learned there.

    Parameters
    ----------
    estimator : GradientRegressor or GaborRegressor
        Fitted or not; it stays as it is.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Samples.
    y : array-like of shape (n_samples,)
        Targets.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each sample, >= 0.
    rates : array-like of shape (n_rates,), default=None
        Learning rates > 0. None is 36 from a thousandth to 10⁴ times the rate that
        theory vouches for, which is what ``learning_rate="auto"`` takes in
        `GradientRegressor`.
    n_epochs : int, default=10
        Epochs at each rate.
    safety_factor : float, default=2.0
        What the best rate is divided by, >= 1.

    Returns
    -------
    LearningRateRange
        With `rates`, `losses`, `suggestion` and a method `plot`.

    Raises
    ------
    ValueError
        If the lowest rate diverges already.

    Notes
    -----
    A number in ``learning_rate`` trains a `GaborRegressor` in φ itself, and so does
    this test; ``"auto"`` trains it on standardised data, where rates are other numbers.

    References
    ----------
    Smith, L. N. (2017). Cyclical learning rates for training neural networks. WACV.

    Examples
    --------
    >>> from sklopt import GradientRegressor
    >>> from sklopt.datasets import load_line
    >>> from sklopt.inspection import learning_rate_range
    >>> X, y = load_line(return_X_y=True)
    >>> found = learning_rate_range(GradientRegressor("gd"), X, y)
    >>> round(found.suggestion, 2)
    0.19
    """
    J = objective_of(estimator, X, y, sample_weight)
    estimator, X = last_step(estimator), as_it_sees(estimator, X)
    if rates is None:
        rates = SHARES * _plain_auto_rate(estimator, J)
    rates = _checked_rates(rates)
    model = _shortened(estimator, n_epochs)
    ends = [_end(model, rate, J, X, y, sample_weight) for rate in rates]
    losses, is_lost = map(np.array, zip(*ends, strict=True))
    suggestion = _suggestion(rates, losses, is_lost, safety_factor)
    return LearningRateRange(rates, losses, suggestion)


def _plain_auto_rate(estimator, J):
    """The automatic rate for φ itself, in whatever units an estimator would train."""
    solver = as_description(estimator.solver, SOLVERS)
    automatic = AutoRate(
        solver,
        as_description(estimator.schedule, SCHEDULES),
        lower_batch_size(estimator.batch_size, solver, len(J.y)),
        J.l2,
        J.model,
        J.window,
        J.has_head,
        bool(J.is_trained[0]),
        J.loss,
        J.loss_parameter,
    )
    data = Data(J.input_scale * J.X, J.y[:, np.newaxis], J.weight)
    return float(np.squeeze(automatic.rate(automatic.measured(data), data)))


def _checked_rates(rates):
    rates = check_array(rates, dtype=np.float64, ensure_2d=False, input_name="rates")
    if rates.ndim != 1 or (rates <= 0).any():
        raise ValueError(f"rates must be learning rates > 0, got {rates}.")
    return np.unique(rates)


def _shortened(estimator, n_epochs):
    """A clone that trains for `n_epochs`, every time on the same random numbers."""
    seed = estimator.random_state
    if seed is None:
        seed = check_random_state(None).randint(np.iinfo(np.int32).max)
    return clone(estimator).set_params(
        max_iter=n_epochs, tol=None, store_path=False, random_state=seed
    )


def _end(model, rate, J, X, y, sample_weight):
    """J after the training, inf if it diverged, and whether samples hardly see it."""
    model = clone(model).set_params(learning_rate=float(rate))
    try:
        with warnings.catch_warnings():
            # A wave out of sight is to be expected at the highest rates.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, y, sample_weight)
    except DivergenceError:
        return np.inf, True
    return model.loss_, not J.is_visible(fitted_parameters(model, J), FAINT)


def _suggestion(rates, losses, is_lost, safety_factor):
    has_diverged = np.isinf(losses)
    n_safe = has_diverged.argmax() if has_diverged.any() else len(rates)
    if n_safe == 0:
        raise ValueError(
            f"Training diverged at the lowest of these rates already, {rates[0]:.3g}: "
            "try lower ones."
        )
    # What is out of sight at the lowest rate was not driven there.
    if is_lost[:n_safe].any() and not is_lost[0]:
        n_safe = is_lost.argmax()
    return float(rates[losses[:n_safe].argmin()] / safety_factor)
