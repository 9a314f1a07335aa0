"""The objective against the epoch."""

import numpy as np
from sklearn.utils._param_validation import validate_params

from .._parameters import last_step
from ._fitted import EstimatorCurvesMixin, fitted_attribute, named
from ._style import (
    AXES,
    KEYWORDS,
    SCALE,
    add_legend,
    at_least_one_curve,
    checked_curves,
    draw_lines,
    drawing,
    scale_axes,
    show_zero,
)


class LossCurveDisplay(EstimatorCurvesMixin):
    """Objective J against the epoch, of one or several estimators.

    Make one with `from_estimator` or `from_estimators`.

    Parameters
    ----------
    loss_curves : dict of str to ndarray of shape (n_epochs,)
        The objective of every epoch, by the name of the curve.
    validation_loss_curves : dict of str to ndarray of shape (n_epochs,), default=None
        The same on validation data, for the names that have it.
    averaged_loss_curves : dict of str to ndarray of shape (n_epochs,), default=None
        The objective at the averaged parameters after every epoch, for the names that
        have it.
    learning_rates : dict of str to ndarray of shape (n_epochs,), default=None
        The learning rate of every epoch, for the names that have it.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the curves.
    figure_ : matplotlib Figure
        Their figure.
    lines_ : list of matplotlib Line2D
        The loss curves.
    validation_lines_ : list of matplotlib Line2D
        The validation loss curves.
    averaged_lines_ : list of matplotlib Line2D
        The averaged loss curves.
    rate_ax_ : matplotlib Axes or None
        Axes of the learning rates, where they are shown.
    rate_lines_ : list of matplotlib Line2D
        The learning rates.
    legend_ : matplotlib Legend
        The legend.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklopt import GradientRegressor
    >>> from sklopt.inspection import LossCurveDisplay
    >>> X, y = load_diabetes(return_X_y=True)
    >>> models = {
    ...     solver: GradientRegressor(solver, max_iter=30, tol=None).fit(X, y)
    ...     for solver in ("gd", "nesterov")
    ... }
    >>> display = LossCurveDisplay.from_estimators(models)
    >>> [line.get_label() for line in display.lines_]
    ['gd', 'nesterov']
    """

    def __init__(
        self,
        *,
        loss_curves,
        validation_loss_curves=None,
        averaged_loss_curves=None,
        learning_rates=None,
    ):
        self.loss_curves = loss_curves
        self.validation_loss_curves = validation_loss_curves
        self.averaged_loss_curves = averaged_loss_curves
        self.learning_rates = learning_rates

    @classmethod
    def from_estimators(cls, estimators, *, ax=None, **kwargs):
        """Draw the loss curves of several fitted estimators.

        Parameters
        ----------
        estimators : dict of str to object
            Fitted estimators with ``loss_curve_`` by name, or pipelines that end in
            one. Several targets are drawn as a curve each.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        LossCurveDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If an estimator is not fitted.
        TypeError
            If `estimators` is not a dict, or is empty.
        ValueError
            If an estimator has no ``loss_curve_``.
        """
        curves = {"loss": {}, "validation": {}, "averaged": {}, "rate": {}}
        for name, estimator in named(estimators).items():
            for kind, values in _curves(estimator).items():
                curves[kind] |= _per_target(name, values)
        display = cls(
            loss_curves=curves["loss"],
            validation_loss_curves=curves["validation"],
            averaged_loss_curves=curves["averaged"],
            learning_rates=curves["rate"],
        )
        return display.plot(ax=ax, **kwargs)

    @validate_params(
        {
            "ax": AXES,
            "xscale": SCALE,
            "yscale": SCALE,
            "show_validation": ["boolean"],
            "show_averaged": ["boolean"],
            "show_learning_rate": ["boolean"],
            "line_kw": KEYWORDS,
        },
        prefer_skip_nested_validation=True,
    )
    def plot(
        self,
        ax=None,
        *,
        xscale="linear",
        yscale="log",
        show_validation=True,
        show_averaged=True,
        show_learning_rate=False,
        line_kw=None,
    ):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        xscale : {"linear", "log"}, default="linear"
            Scale of the epochs. ``"log"`` begins at epoch 1, with epoch 0 to its left;
            ``ax_.set_xscale("log")`` would leave epoch 0 out.
        yscale : {"linear", "log"}, default="log"
            Scale of the objective; linear where no value is positive.
        show_validation : bool, default=True
            Whether to draw the validation loss of those who have it.
        show_averaged : bool, default=True
            Whether to draw the objective at the averaged parameters of those who were
            fitted with `average`.
        show_learning_rate : bool, default=False
            Whether to draw the learning rate on an axis of its own, at the right.
        line_kw : dict, default=None
            Keywords for ``Axes.plot``, for the loss curves.

        Returns
        -------
        LossCurveDisplay
            The display itself.
        """
        curves = at_least_one_curve(self.loss_curves, "loss_curves")
        validation = self._optional("validation_loss_curves")
        averaged = self._optional("averaged_loss_curves")
        rates = self._optional("learning_rates")
        with drawing(self, ax, (7.2, 4.2)) as is_own:
            ax = self.ax_
            self.lines_ = draw_lines(ax, curves, line_kw, linewidth=2)
            self.rate_lines_, self.rate_ax_ = [], None
            self.validation_lines_ = self._draw_beside(
                validation if show_validation else {},
                "validation",
                markevery=[-1],
                markerfacecolor="white",
                linewidth=0.9,
            )
            self.averaged_lines_ = self._draw_beside(
                averaged if show_averaged else {},
                "averaged",
                markevery=0.08,
                markersize=3.5,
                linewidth=0.9,
            )
            if show_learning_rate:
                self._draw_rates(rates)
            handles = self.lines_ + self.validation_lines_ + self.averaged_lines_
            scale_axes(ax, handles, xscale, yscale)
            ax.set(xlabel="Epoch $t$", ylabel=r"Objective $J$")
            add_legend(self, handles, is_own, "right upper", handlelength=3.5)
        return self

    def _optional(self, argument):
        """The curves of an argument that may be None."""
        curves = getattr(self, argument)
        return {} if curves is None else checked_curves(curves, argument)

    def _draw_beside(self, curves, kind, **look):
        """Lines in the colours of the training curves, thin and with other markers."""
        lines = []
        for name, line in zip(self.loss_curves, self.lines_, strict=True):
            if name in curves:
                lines += self.ax_.plot(
                    curves[name],
                    color=line.get_color(),
                    linestyle=line.get_linestyle(),
                    marker=line.get_marker(),
                    label=f"{name}, {kind}",
                    **look,
                )
        return lines

    def _draw_rates(self, rates):
        """Steps on an axis at the right, below the curves."""
        self.rate_ax_ = self.ax_.twinx()
        self.rate_ax_.set_ylabel(r"Learning rate $\alpha$ (faint steps)")
        # Axes that are drawn first lie below, if those above are see-through.
        self.ax_.set_zorder(self.rate_ax_.get_zorder() + 1)
        self.ax_.patch.set_visible(False)
        for name, line in zip(self.loss_curves, self.lines_, strict=True):
            if name in rates:
                self.rate_lines_ += self.rate_ax_.plot(
                    rates[name],
                    color=line.get_color(),
                    linestyle=line.get_linestyle(),
                    drawstyle="steps-post",
                    linewidth=1.2,
                    alpha=0.5,
                    label=str(name),
                )
        show_zero(self.rate_ax_)


def _curves(estimator):
    """What a fitted estimator has of every kind of curve, (E,) or (E, T)."""
    curves = {"loss": np.asarray(fitted_attribute(estimator, "loss_curve_"))}
    estimator = last_step(estimator)
    if getattr(estimator, "validation_loss_curve_", None) is not None:
        curves["validation"] = np.asarray(estimator.validation_loss_curve_)
    history, shape = getattr(estimator, "history_", {}), curves["loss"].shape
    for kind, column in (("averaged", "averaged_loss"), ("rate", "learning_rate")):
        if column in history:
            curves[kind] = _column(history, column, shape)
    return curves


def _column(history, name, shape):
    """A column like the loss curve: NaN where a target had stopped before."""
    values = np.full(shape, np.nan)
    targets = (history["target"],) if len(shape) == 2 else ()
    values[(history["epoch"], *targets)] = history[name]
    return values


def _per_target(name, values):
    """The curve by its name, or one for each target."""
    if values.ndim == 1:
        return {name: values}
    return {f"{name}, target {k}": column for k, column in enumerate(values.T)}
