"""The model at several epochs, over its data."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval, validate_params

from ..._naming import naming
from .._parameters import as_it_sees
from ._fitted import fitted, fitted_objective, stored_path
from ._style import AXES, KEYWORDS, add_legend, drawing, styled

# Epochs that are drawn unless others are asked for.
N_EPOCHS = 6

# How light the first curve is and how dark the last, as parts of the colour map.
LIGHTEST, DARKEST = 0.35, 1.0


class ModelPathDisplay:
    """A model of one feature as it was at several epochs, light to dark.

    Make one with `from_estimator`.

    Parameters
    ----------
    x : ndarray of shape (n_samples,)
        The feature.
    y : ndarray of shape (n_samples,)
        The target.
    grid : ndarray of shape (n_grid,)
        Values of the feature where the model is drawn.
    predictions : ndarray of shape (n_curves, n_grid)
        The model there at each epoch.
    epochs : sequence of int
        Epochs trained until each curve; 0 is the start.
    xlabel : str, default="$x$"
        Label of the feature.
    ylabel : str, default="$y$"
        Label of the target.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the model.
    figure_ : matplotlib Figure
        Their figure.
    lines_ : list of matplotlib Line2D
        The model, a line an epoch.
    points_ : matplotlib Line2D
        The data.
    legend_ : matplotlib Legend
        The legend.

    Examples
    --------
    >>> from sklopt import GradientRegressor
    >>> from sklopt.inspection import ModelPathDisplay
    >>> X, y = [[0.0], [1.0], [2.0]], [1.0, 2.5, 3.5]
    >>> model = GradientRegressor(max_iter=20, tol=None, store_path="epoch").fit(X, y)
    >>> display = ModelPathDisplay.from_estimator(model, X, y, epochs=[0, 1, 20])
    >>> [line.get_label() for line in display.lines_]
    ['epoch 0', 'epoch 1', 'epoch 20']
    """

    def __init__(self, *, x, y, grid, predictions, epochs, xlabel="$x$", ylabel="$y$"):
        self.x = x
        self.y = y
        self.grid = grid
        self.predictions = predictions
        self.epochs = epochs
        self.xlabel = xlabel
        self.ylabel = ylabel

    @classmethod
    @validate_params(
        {
            "epochs": ["array-like", None],
            "grid_resolution": [Interval(Integral, 2, None, closed="left")],
        },
        prefer_skip_nested_validation=False,  # `plot` checks what it is passed
    )
    def from_estimator(
        cls, estimator, X, y, *, epochs=None, grid_resolution=300, ax=None, **kwargs
    ):
        """Draw the model of a fitted estimator at several epochs of its training.

        Parameters
        ----------
        estimator : object
            An estimator of sklopt fitted with `store_path`, or a pipeline that ends
            in one.
        X : array-like of shape (n_samples, 1)
            One feature.
        y : array-like of shape (n_samples,)
            One target.
        epochs : sequence of int, default=None
            Epochs trained until each curve; 0 is the start. They are drawn in their
            order in time, each once. None takes the start, the end and a few in
            between, more of them early.
        grid_resolution : int, default=300
            Points of each curve, >= 2.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        ModelPathDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If it is not of sklopt.
        ValueError
            If X has several features or y several targets, or if the estimator has no
            ``path_`` or an epoch was not trained.
        """
        J = fitted_objective(estimator, X, y)
        by_epoch = _path_by_epoch(estimator)
        epochs = _checked_epochs(epochs, len(by_epoch) - 1)
        with naming("X"):
            x = check_array(X, dtype=np.float64, input_name="X")
        if x.shape[1] != 1:
            raise ValueError(
                f"X must have one feature to be drawn, got {x.shape[1]} of them."
            )
        grid = np.linspace(x.min(), x.max(), grid_resolution)
        seen = as_it_sees(estimator, _like(X, grid[:, np.newaxis]))
        J = J._replace(X=np.asarray(seen, dtype=np.float64))
        display = cls(
            x=x[:, 0],
            y=np.asarray(y),
            grid=grid,
            predictions=J.mean(by_epoch[epochs]),
            epochs=epochs,
            xlabel=str(X.columns[0]) if hasattr(X, "columns") else "$x$",
            ylabel=str(getattr(y, "name", None) or "$y$"),
        )
        return display.plot(ax=ax, **kwargs)

    @validate_params(
        {"ax": AXES, "line_kw": KEYWORDS, "point_kw": KEYWORDS},
        prefer_skip_nested_validation=True,
    )
    def plot(self, ax=None, *, cmap="Blues", line_kw=None, point_kw=None):
        """Draw the data, and the model over it.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        cmap : str or matplotlib Colormap, default="Blues"
            Where the colours come from; one that goes from light to dark.
        line_kw : dict, default=None
            Keywords for ``Axes.plot``, for the model.
        point_kw : dict, default=None
            Keywords for ``Axes.plot``, for the data.

        Returns
        -------
        ModelPathDisplay
            The display itself.
        """
        n_curves = len(self.epochs)
        data_look = {
            "linestyle": "",
            "marker": "o",
            "markerfacecolor": "white",
            "markeredgecolor": "black",
            "zorder": 3,
            "label": "data",
        }
        with drawing(self, ax, (6.4, 4.2)) as is_own:
            import matplotlib as mpl

            ax = self.ax_
            (self.points_,) = ax.plot(self.x, self.y, **styled(data_look, point_kw))
            colors = mpl.colormaps.get_cmap(cmap)(_shades(n_curves))
            widths = np.linspace(1.2, 2.6, n_curves)
            self.lines_ = []
            for k, epoch in enumerate(self.epochs):
                look = {"color": colors[k], "linewidth": widths[k]}
                look |= {"zorder": 1.5 + k / 99, "label": f"epoch {epoch}"}
                curve = self.predictions[k]
                self.lines_ += ax.plot(self.grid, curve, **styled(look, line_kw))
            ax.set(xlabel=self.xlabel, ylabel=self.ylabel)
            add_legend(self, [self.points_, *self.lines_], is_own, "right upper")
        return self


def _shades(n_curves):
    """Where in the colour map the curves are, the last at its dark end."""
    return np.linspace(DARKEST, LIGHTEST, n_curves)[::-1]


def _path_by_epoch(estimator):
    """The parameters at the start and after every epoch, (n_iter_ + 1, P)."""
    path, estimator = stored_path(estimator), fitted(estimator)
    # The length of a path does not tell: every 100th update of 4 epochs of 120 each is
    # as many points as epochs.
    kept = estimator._training.store_path
    clock = "epoch" if kept == "epoch" else "update"
    every = kept if isinstance(kept, Integral) else 1
    ends = estimator.history_[clock] + (clock == "epoch")  # epochs count from 0
    ends = np.append(0, ends)
    if len(path) != ends[-1] // every + 1:
        raise ValueError(
            "path_ does not begin where the training did: fit with store_path='epoch', "
            "or set it before the first partial_fit."
        )
    if (ends % every).any():
        raise ValueError(
            f"path_ has only every update whose number is a multiple of {every}, and "
            "epochs end at others: fit with store_path='epoch'."
        )
    return path[ends // every]


def _checked_epochs(epochs, last):
    """The epochs asked for, or a few from 0 to the last, in equal ratios."""
    if epochs is None:
        between = np.geomspace(1, last, N_EPOCHS - 1).round().astype(int)
        return [0, *np.unique(between).tolist()]
    with naming("epochs"):
        asked = np.asarray(epochs)
    if asked.ndim != 1 or not np.issubdtype(asked.dtype, np.integer):
        raise ValueError(
            f"epochs must be a list of at least one whole number, got {epochs!r}."
        )
    if asked.min() < 0 or asked.max() > last:
        raise ValueError(
            f"epochs must lie between 0 and {last}, the last of this training; got "
            f"{epochs!r}."
        )
    return np.unique(asked).tolist()


def _like(X, values):
    """Values in a table with the column of X, if it is one."""
    if hasattr(X, "columns"):
        return type(X)(values, columns=X.columns)
    return values
