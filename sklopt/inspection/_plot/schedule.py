"""The learning rate against the epoch."""

from collections.abc import Iterable, Mapping
from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import (
    Interval,
    InvalidParameterError,
    validate_params,
)

from ...estimators import GradientRegressor
from ...schedules import LineSearch
from ._fitted import EstimatorCurvesMixin, fitted_attribute, named
from ._style import (
    AXES,
    KEYWORDS,
    SCALE,
    add_legend,
    at_least_one_curve,
    draw_lines,
    drawing,
    scale_axes,
    show_zero,
)

_COUNT = [Interval(Integral, 1, None, closed="left")]


class ScheduleDisplay(EstimatorCurvesMixin):
    """Learning rate α against the epoch, of one or several schedules.

    Make one with `from_schedules`, for what a schedule does by itself, or with
    `from_estimators`, for what it did in a training.

    Parameters
    ----------
    learning_rates : dict of str to ndarray of shape (n_epochs,)
        The learning rate of every epoch, by the name of the schedule.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the rates.
    figure_ : matplotlib Figure
        Their figure.
    lines_ : list of matplotlib Line2D
        The rates.
    legend_ : matplotlib Legend
        The legend.

    Examples
    --------
    >>> from sklopt.inspection import ScheduleDisplay
    >>> from sklopt.schedules import StepDecay
    >>> display = ScheduleDisplay.from_schedules(
    ...     ["cosine", StepDecay(factor=0.5, every=2)], learning_rate=0.8, n_epochs=5
    ... )
    >>> display.learning_rates["StepDecay(every=2)"]
    array([0.8, 0.8, 0.4, 0.4, 0.2])
    """

    def __init__(self, *, learning_rates):
        self.learning_rates = learning_rates

    @classmethod
    @validate_params(
        {
            "learning_rate": [Interval(Real, 0, None, closed="neither")],
            "n_epochs": _COUNT,
            "updates_per_epoch": _COUNT,
        },
        prefer_skip_nested_validation=False,  # estimators check the schedules
    )
    def from_schedules(
        cls,
        schedules,
        *,
        learning_rate=1.0,
        n_epochs=100,
        updates_per_epoch=1,
        ax=None,
        **kwargs,
    ):
        """Draw schedules as they run when the objective stands still.

        Only ``"plateau"`` heeds the objective; its rate falls as soon as its patience
        allows. What a line search takes cannot be told without data: use
        `from_estimator`.

        Parameters
        ----------
        schedules : list or dict of str to (str or object)
            Schedules as estimators take them; a dict gives them names.
        learning_rate : float, default=1.0
            The first rate α₀.
        n_epochs : int, default=100
            Epochs to draw; also those of a ``Cosine(epochs=None)``.
        updates_per_epoch : int, default=1
            Mini-batches of an epoch, for schedules that count updates. The rate drawn
            is that of the last one.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        ScheduleDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If `schedules` is neither a list nor a dict, or is empty.
        ValueError
            If one of them is no schedule, or a line search.
        """
        rates = {
            name: _rates_at_rest(
                name, schedule, learning_rate, n_epochs, updates_per_epoch
            )
            for name, schedule in _named_schedules(schedules).items()
        }
        return cls(learning_rates=rates).plot(ax=ax, **kwargs)

    @classmethod
    def from_estimators(cls, estimators, *, ax=None, **kwargs):
        """Draw the learning rates of several trainings.

        Parameters
        ----------
        estimators : dict of str to object
            Fitted estimators with ``history_`` by name, or pipelines that end in one.
            Of several targets, the first is drawn.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        ScheduleDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If an estimator is not fitted.
        TypeError
            If `estimators` is not a dict, or is empty.
        ValueError
            If an estimator has no ``history_``.
        """
        rates = {
            name: _rates_of_training(fitted_attribute(estimator, "history_"))
            for name, estimator in named(estimators).items()
        }
        return cls(learning_rates=rates).plot(ax=ax, **kwargs)

    @validate_params(
        {"ax": AXES, "xscale": SCALE, "yscale": SCALE, "line_kw": KEYWORDS},
        prefer_skip_nested_validation=True,
    )
    def plot(self, ax=None, *, xscale="linear", yscale="linear", line_kw=None):
        """Draw the rates.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        xscale : {"linear", "log"}, default="linear"
            Scale of the epochs. ``"log"`` begins at epoch 1, with epoch 0 to its left;
            ``ax_.set_xscale("log")`` would leave epoch 0 out.
        yscale : {"linear", "log"}, default="linear"
            Scale of the rate; linear where no rate is positive.
        line_kw : dict, default=None
            Keywords for ``Axes.plot``.

        Returns
        -------
        ScheduleDisplay
            The display itself.
        """
        curves = at_least_one_curve(self.learning_rates, "learning_rates")
        with drawing(self, ax, (7.2, 4.0)) as is_own:
            self.lines_ = draw_lines(
                self.ax_,
                curves,
                line_kw,
                linewidth=2,
                drawstyle="steps-post",
            )
            scale_axes(self.ax_, self.lines_, xscale, yscale)
            if yscale == "linear":
                show_zero(self.ax_)
            self.ax_.set(xlabel="Epoch $t$", ylabel=r"Learning rate $\alpha_t$")
            add_legend(self, self.lines_, is_own, "right upper", handlelength=3.5)
        return self


def _named_schedules(schedules):
    """The schedules by name; those of a list are named as they print."""
    if isinstance(schedules, Mapping) and schedules:
        return dict(schedules)
    is_list = isinstance(schedules, Iterable) and not isinstance(schedules, str)
    by_name = {str(s): s for s in schedules} if is_list else {}
    if not by_name:
        raise TypeError(
            "schedules must be a list or a dict of at least one schedule, got "
            f"{schedules!r}: one alone is a list too, as in ['cosine']."
        )
    return by_name


def _rates_at_rest(name, schedule, learning_rate, n_epochs, updates_per_epoch):
    """The rates that an estimator takes where all gradients are zero.

    So the formulas stay where they are, and no rate is too high.
    """
    if schedule == "line_search" or isinstance(schedule, LineSearch):
        raise ValueError(
            "The rates of a line search depend on the data: fit an estimator with it, "
            "and pass that to ScheduleDisplay.from_estimator."
        )
    model = GradientRegressor(
        "sgd",
        learning_rate=learning_rate,
        schedule=schedule,
        batch_size=1,
        max_iter=n_epochs,
        tol=None,
    )
    zeros = np.zeros(updates_per_epoch)
    try:
        model.fit(zeros[:, np.newaxis], zeros)
    except InvalidParameterError as error:
        raise ValueError(f"schedules[{name!r}] is no schedule: {error}") from error
    return _rates_of_training(model.history_)


def _rates_of_training(history):
    """One rate an epoch, of the first target."""
    if "target" in history:
        history = history[history["target"] == 0]
    return history["learning_rate"].to_numpy()
