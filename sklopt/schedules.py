"""Schedules: how the learning rate changes with time.

Like a solver, a schedule is a description that holds hyperparameters
(``schedule__factor=0.3`` in a search); the estimator runs it. α₀ is the estimator's
``learning_rate`` and t the epoch, counted from 0:

=================== =====================================================
`Constant`          α₀
`StepDecay`         α₀ · c^⌊t/s⌋
`ExponentialDecay`  α₀ · c^t
`InverseScaling`    α₀ / (t+1)^p
`Cosine`            α₀ · ½(1 + cos(πt/T))
`Plateau`           α₀, times a factor whenever the objective stands still
`LineSearch`        the step that lowers the objective most, up to α₀
`OneCycle`          from a fraction of α₀ up to it, and down to nearly 0
`Warmup`            another schedule · min(1, (t+1)/W)
=================== =====================================================

Any other function of time is a schedule too: ``schedule=f`` takes the rate α₀ · f(t).
The function is called in Python, with the epoch t as an int, once for every epoch that
there may be and before the first of them is trained; a fit that stops early has asked
for more epochs than it trains. It has to give a finite number >= 0 that depends on
nothing but t, as `partial_fit` asks for one epoch at a time. An estimator pickles where
its function does, which a lambda does not. Where the function is a `BaseEstimator` with
``__call__``, a search reaches its hyperparameters.

>>> from sklopt import GradientRegressor
>>> model = GradientRegressor(schedule=lambda t: 0.9**t, learning_rate=0.2, max_iter=3)
>>> model.set_params(tol=None).fit([[0.0], [1.0]], [1.0, 2.0]).history_["learning_rate"]
0    0.200
1    0.180
2    0.162
Name: learning_rate, dtype: float64
"""

from numbers import Integral, Real

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

__all__ = [
    "Constant",
    "Cosine",
    "ExponentialDecay",
    "InverseScaling",
    "LineSearch",
    "OneCycle",
    "Plateau",
    "StepDecay",
    "Warmup",
]

_FACTOR = [Interval(Real, 0, 1, closed="right")]
_COUNT = [Interval(Integral, 0, None, closed="left")]
_SHARE = [Interval(Real, 0, 1, closed="both")]


class Function(HasMethods):
    """What may be called as a schedule: not a class, which was meant to be made one."""

    def __init__(self):
        super().__init__("__call__")

    def is_satisfied_by(self, val):
        """Whether a value is one."""
        return super().is_satisfied_by(val) and not isinstance(val, type)

    def __str__(self):
        return "a function of the epoch"


class Constant(BaseEstimator):
    """The same rate at all times: α₀.

    Examples
    --------
    >>> from sklopt.schedules import Constant
    >>> Constant()
    Constant()
    """

    _parameter_constraints: dict = {}


class StepDecay(BaseEstimator):
    """A rate that drops every few epochs: α₀ · c^⌊t/s⌋.

    Parameters
    ----------
    factor : float, default=0.5
        What the rate is multiplied by, c in (0, 1].
    every : int, default=100
        Epochs s between two drops.

    Examples
    --------
    >>> from sklopt import GradientRegressor
    >>> from sklopt.schedules import StepDecay
    >>> model = GradientRegressor("gd", learning_rate=0.2, max_iter=4, tol=None,
    ...                           schedule=StepDecay(factor=0.1, every=2))
    >>> history = model.fit([[0.0], [1.0]], [0.0, 1.0]).history_
    >>> history["learning_rate"].round(6).to_list()
    [0.2, 0.2, 0.02, 0.02]
    """

    _parameter_constraints: dict = {
        "factor": _FACTOR,
        "every": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, factor=0.5, every=100):
        self.factor = factor
        self.every = every


class ExponentialDecay(BaseEstimator):
    """A rate that drops by the same factor every epoch: α₀ · c^t.

    Parameters
    ----------
    factor : float, default=0.99
        What the rate is multiplied by each epoch, c in (0, 1].

    Examples
    --------
    >>> from sklopt.schedules import ExponentialDecay
    >>> ExponentialDecay(factor=0.9)
    ExponentialDecay(factor=0.9)
    """

    _parameter_constraints: dict = {"factor": _FACTOR}

    def __init__(self, factor=0.99):
        self.factor = factor


class InverseScaling(BaseEstimator):
    """A rate that falls as a power of time: α₀ / (t+1)^p.

    Parameters
    ----------
    power : float, default=0.25
        The power p > 0.
    per : {"epoch", "update"}, default="epoch"
        What t counts. ``"update"`` is scikit-learn's ``learning_rate="invscaling"``.

    Examples
    --------
    >>> from sklopt.schedules import InverseScaling
    >>> InverseScaling(power=0.5, per="update")
    InverseScaling(per='update', power=0.5)
    """

    _parameter_constraints: dict = {
        "power": [Interval(Real, 0, None, closed="neither")],
        "per": [StrOptions({"epoch", "update"})],
    }

    def __init__(self, power=0.25, per="epoch"):
        self.power = power
        self.per = per


class Cosine(BaseEstimator):
    """A rate that falls along half a cosine wave: α₀ · ½(1 + cos(πt/T)), then 0.

    Parameters
    ----------
    epochs : int or None, default=None
        Epochs T until the rate is zero; None takes the estimator's ``max_iter``.

    References
    ----------
    Loshchilov, I. and Hutter, F. (2017). SGDR: stochastic gradient descent with warm
    restarts. ICLR. One wave, without restarts.

    Examples
    --------
    >>> from sklopt.schedules import Cosine
    >>> Cosine(epochs=100)
    Cosine(epochs=100)
    """

    _parameter_constraints: dict = {
        "epochs": [Interval(Integral, 1, None, closed="left"), None]
    }

    def __init__(self, epochs=None):
        self.epochs = epochs


class Plateau(BaseEstimator):
    """A rate that drops whenever the objective stands still.

    With ``early_stopping`` it is the validation loss that is looked at.

    After more than `patience` epochs without an improvement larger than `threshold`,
    the rate is multiplied by `factor`, as torch's ``ReduceLROnPlateau`` does. A drop
    also renews the patience of the estimator's ``tol``, so that training ends at a
    plateau that a lower rate does not leave. The rate falls no lower than `min_rate`,
    nor than a millionth of its first value.

    Parameters
    ----------
    factor : float, default=0.5
        What the rate is multiplied by, in (0, 1].
    patience : int, default=3
        Epochs without improvement that are borne. One that is not smaller than the
        estimator's ``n_iter_no_change`` may never act, for training may end before.
    cooldown : int, default=0
        Epochs after a drop that are not counted.
    min_rate : float, default=0.0
        The lowest rate.
    threshold : float, default=1e-4
        The smallest improvement that counts, relative to the best objective so far.

    Examples
    --------
    >>> from sklopt.schedules import Plateau
    >>> Plateau(patience=2)
    Plateau(patience=2)
    """

    _parameter_constraints: dict = {
        "factor": _FACTOR,
        "patience": _COUNT,
        "cooldown": _COUNT,
        "min_rate": [Interval(Real, 0, None, closed="left")],
        "threshold": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self, factor=0.5, patience=3, cooldown=0, min_rate=0.0, threshold=1e-4
    ):
        self.factor = factor
        self.patience = patience
        self.cooldown = cooldown
        self.min_rate = min_rate
        self.threshold = threshold


class LineSearch(BaseEstimator):
    """The step along −∇J that a bracketing search finds lowest.

    Four steps a < b < c < d, from a = 0 to d = ``learning_rate``, b and c at the
    thirds. If a is lowest, b, c and d are halved toward it; else if J(b) < J(c), c
    becomes d; else b becomes a; and the thirds are placed anew, until |b − c| is
    small. The step is (b + c)/2, or nothing where that would not lower J.

    For full-batch descent only: ``solver="gd"``, or ``"sgd"`` with
    ``batch_size=None``.

    Parameters
    ----------
    tolerance : float, default=1e-5
        The search ends when |b − c| is below this fraction of c, so that the step is
        found to that accuracy whatever its length.

    References
    ----------
    Prince, S. J. D. (2023). Understanding Deep Learning, section 6.1 and notebook 6.1.
    MIT Press.

    Examples
    --------
    >>> from sklopt import GradientRegressor
    >>> model = GradientRegressor("gd", learning_rate=1.0, schedule="line_search")
    >>> model.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]).predict([[3.0]]).round(3)
    array([7.])
    """

    _parameter_constraints: dict = {
        "tolerance": [Interval(Real, 0, 1, closed="neither")]
    }

    def __init__(self, tolerance=1e-5):
        self.tolerance = tolerance


class OneCycle(BaseEstimator):
    """A rate that rises to α₀ and falls to nearly nothing, by half cosine waves.

    α₀ · (start + (1 − start) · ½(1 − cos(πt/r))) until the top at r = rise·T − 1, then
    α₀ · (end + (1 − end) · ½(1 + cos(π(t − r)/(T − 1 − r)))) until t = T − 1, and
    α₀ · end after it; r is at least 0. ``learning_rate`` is the highest rate here, not
    the first one.

    Parameters
    ----------
    epochs : int or None, default=None
        Epochs T of the cycle; None takes the estimator's ``max_iter``.
    rise : float, default=0.3
        Share of the epochs in which the rate rises, in (0, 1).
    start : float, default=0.04
        The first rate as a share of the highest.
    end : float, default=4e-6
        The last rate as a share of the highest.

    References
    ----------
    Smith, L. N. and Topin, N. (2018). Super-convergence: very fast training of neural
    networks using large learning rates. arXiv:1708.07120. The cosine waves and the
    default hyperparameters are those of torch's ``OneCycleLR``.

    Examples
    --------
    >>> from sklopt.schedules import OneCycle
    >>> OneCycle(epochs=50)
    OneCycle(epochs=50)
    """

    _parameter_constraints: dict = {
        "epochs": [Interval(Integral, 1, None, closed="left"), None],
        "rise": [Interval(Real, 0, 1, closed="neither")],
        "start": _SHARE,
        "end": _SHARE,
    }

    def __init__(self, epochs=None, rise=0.3, start=0.04, end=4e-6):
        self.epochs = epochs
        self.rise = rise
        self.start = start
        self.end = end


# What a line search finds has no rate to be warmed up; nor is there a second warm-up.
_WARMED = {
    "constant": Constant,
    "step_decay": StepDecay,
    "exponential": ExponentialDecay,
    "inverse_scaling": InverseScaling,
    "cosine": Cosine,
    "plateau": Plateau,
    "one_cycle": OneCycle,
}


class Warmup(BaseEstimator):
    """A schedule whose first rates are lowered: its rate · min(1, (t+1)/W).

    Time does not stand still meanwhile: after the warm-up, the rate is that of the
    schedule alone.

    Parameters
    ----------
    schedule : str, object or callable, default="constant"
        The schedule, as the estimator takes it; not a line search.
    epochs : int, default=5
        Epochs W, >= 1, of which the last is the first one at the full rate.

    References
    ----------
    Goyal, P. et al. (2017). Accurate, large minibatch SGD: training ImageNet in 1 hour.
    arXiv:1706.02677, section 2.2. The formula is that of Ma, J. and Yarats, D. (2021).
    On the adequacy of untuned warmup for adaptive optimization. AAAI.

    Examples
    --------
    >>> from sklopt import GradientRegressor
    >>> from sklopt.schedules import StepDecay, Warmup
    >>> model = GradientRegressor("adam", schedule=Warmup(StepDecay(), epochs=3))
    >>> model.set_params(schedule__schedule__factor=0.1).schedule
    Warmup(epochs=3, schedule=StepDecay(factor=0.1))
    """

    _parameter_constraints: dict = {
        "schedule": [StrOptions(set(_WARMED)), *_WARMED.values(), Function()],
        "epochs": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, schedule="constant", epochs=5):
        self.schedule = schedule
        self.epochs = epochs


SCHEDULES = {
    "constant": Constant,
    "step_decay": StepDecay,
    "exponential": ExponentialDecay,
    "inverse_scaling": InverseScaling,
    "cosine": Cosine,
    "plateau": Plateau,
    "line_search": LineSearch,
    "one_cycle": OneCycle,
    "warmup": Warmup,
}
