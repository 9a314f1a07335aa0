"""The objective over two parameters, and the ways that trainings took on it."""

from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from .._parameters import fitted_parameters
from ._critical_points import by_kind, draw_critical_points
from ._fitted import axis_names, by_name, fitted_objective, named, stored_path
from ._levels import levels_of, numerals
from ._plane import checked_limits, chosen_plane, frame
from ._style import AXES, KEYWORDS, add_legend, drawing, line_style, styled

# From valley to height: light, so that paths stand out where they end.
SURFACE_COLORS = ("#fffef8", "#e3e9ea", "#b9c8d0", "#8aa2b2", "#5f7d94")

# Paths of at most this many points have a dot at each.
MOST_DOTS = 60

# Bands at most: a colormap has as many colours.
MOST_LEVELS = 256

# Levels with a number beside the scale of J, at most.
MOST_TICKS = 8


class LossSurfaceDisplay:
    """Contours of the objective J over two parameters, with the paths of trainings.

    Make one with `from_estimator` or `from_estimators`.

    Parameters
    ----------
    xx0 : ndarray of shape (grid_resolution, grid_resolution)
        First coordinate of the grid, as ``numpy.meshgrid`` gives it.
    xx1 : ndarray of shape (grid_resolution, grid_resolution)
        Second coordinate.
    values : ndarray of shape (grid_resolution, grid_resolution)
        J there.
    paths : dict of str to ndarray of shape (n_points, 2), default=None
        Paths by name, in the two coordinates.
    critical_points : dict of str to ndarray of shape (n_points, 2), default=None
        Points to mark, by their kind.
    xlabel : str, default=None
        Label of the first coordinate.
    ylabel : str, default=None
        Label of the second.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes of the surface.
    figure_ : matplotlib Figure
        Their figure.
    surface_ : matplotlib QuadContourSet
        The filled contours.
    contours_ : matplotlib QuadContourSet
        The lines between them.
    colorbar_ : matplotlib Colorbar or None
        The scale of J.
    lines_ : list of matplotlib Line2D
        The paths.
    starts_ : list of matplotlib Line2D
        A hollow circle where each path starts.
    ends_ : list of matplotlib Line2D
        A full circle where each path ends.
    critical_points_ : list of matplotlib Line2D
        The marked points, one entry a kind.
    legend_ : matplotlib Legend or None
        The legend, where there is something to name.

    References
    ----------
    Li, H. et al. (2018). Visualizing the loss landscape of neural nets. NeurIPS.

    Examples
    --------
    >>> from sklopt import GradientRegressor
    >>> from sklopt.inspection import LossSurfaceDisplay
    >>> X, y = [[0.0], [1.0], [2.0]], [1.0, 2.5, 3.5]
    >>> models = {
    ...     solver: GradientRegressor(solver, max_iter=50, tol=None, store_path="step")
    ...     for solver in ("gd", "momentum")
    ... }
    >>> display = LossSurfaceDisplay.from_estimators(
    ...     {name: model.fit(X, y) for name, model in models.items()}, X, y
    ... )
    >>> display.paths["gd"].shape
    (51, 2)
    """

    def __init__(
        self,
        *,
        xx0,
        xx1,
        values,
        paths=None,
        critical_points=None,
        xlabel=None,
        ylabel=None,
    ):
        self.xx0 = xx0
        self.xx1 = xx1
        self.values = values
        self.paths = paths
        self.critical_points = critical_points
        self.xlabel = xlabel
        self.ylabel = ylabel

    @classmethod
    def from_estimator(cls, estimator, X, y, *, name=None, ax=None, **kwargs):
        """Draw the surface of a fitted estimator and its path.

        Parameters
        ----------
        estimator : object
            An estimator of sklopt fitted with `store_path`, or a pipeline that ends
            in one.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The samples that J is a mean over.
        y : array-like of shape (n_samples,)
            Their targets.
        name : str, default=None
            Name of the path; None takes that of the class.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed to `from_estimators`.

        Returns
        -------
        LossSurfaceDisplay
            The display, drawn.
        """
        return cls.from_estimators(by_name(estimator, name), X, y, ax=ax, **kwargs)

    @classmethod
    @validate_params(
        {
            "directions": [StrOptions({"paths"}), "array-like", None],
            "grid_resolution": [Interval(Integral, 2, None, closed="left")],
        },
        prefer_skip_nested_validation=False,  # `plot` checks what it is passed
    )
    def from_estimators(
        cls,
        estimators,
        X,
        y,
        *,
        sample_weight=None,
        parameters=(0, 1),
        directions=None,
        limits=None,
        grid_resolution=150,
        critical_points=None,
        ax=None,
        **kwargs,
    ):
        """Draw one surface and the paths of several fitted estimators.

        Where there are more than two parameters, the others are held at the values
        of the first estimator, and a path is seen as its shadow on that plane: what
        the contours say of it is right only near the plane.

        Parameters
        ----------
        estimators : dict of str to object
            Estimators of sklopt by name, fitted with `store_path`, or pipelines that
            end in one. All must have the same objective.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The samples that J is a mean over.
        y : array-like of shape (n_samples,)
            Their targets.
        sample_weight : array-like of shape (n_samples,), default=None
            Their weights.
        parameters : sequence of two int or str, default=(0, 1)
            The parameters of the two axes: their indices in φ, ``"phi_0"`` and so on,
            or ``"intercept"``, names of features, ``"amplitude"`` and ``"offset"``.
        directions : {"paths"} or array-like of shape (2, P), default=None
            Two directions in place of two parameters; ``"paths"`` takes those in which
            the paths go furthest.
        limits : tuple of two (low, high), default=None
            What the axes show; None is all of the paths and critical points.
        grid_resolution : int, default=150
            Points of the grid along each axis, >= 2.
        critical_points : dict of str to array-like of shape (n_points, P), or list of \
                Curvature, default=None
            Points φ to mark, by their kind: ``"minimum"``, ``"maximum"``,
            ``"saddle point"`` or other words. Or objects with attributes ``kind`` and
            ``at``, such as `sklopt.inspection.curvature` returns.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed to `plot`.

        Returns
        -------
        LossSurfaceDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If an estimator is not fitted.
        TypeError
            If `estimators` is not a dict or is empty, or has one that is not of sklopt.
        ValueError
            If an estimator has no ``path_``, several targets, or another objective; or
            if J is nowhere finite within the limits.
        """
        estimators = named(estimators)
        first = next(iter(estimators.values()))
        J = _shared_objective(estimators, X, y, sample_weight)
        paths = {name: stored_path(model) for name, model in estimators.items()}
        names, phi = axis_names(first, J), fitted_parameters(first, J)
        every_path = list(paths.values())
        plane = chosen_plane(parameters, directions, names, every_path, phi)
        paths = {name: plane.coordinates(path) for name, path in paths.items()}
        marked = {
            kind: plane.coordinates(points)
            for kind, points in by_kind(critical_points, len(phi)).items()
        }
        if limits is None:
            limits = frame(np.concatenate([*paths.values(), *marked.values()]))
        else:
            limits = checked_limits(limits)
        grid = np.meshgrid(*(np.linspace(*ends, grid_resolution) for ends in limits))
        # What overflows is left blank; a wave there is 0·∞, which is invalid.
        with np.errstate(over="ignore", invalid="ignore"):
            values = J.value(plane.points(*grid).reshape(-1, J.n_params))
        display = cls(
            xx0=grid[0],
            xx1=grid[1],
            values=values.reshape(grid[0].shape),
            paths=paths,
            critical_points=marked,
            xlabel=plane.labels[0],
            ylabel=plane.labels[1],
        )
        return display.plot(ax=ax, **kwargs)

    @validate_params(
        {
            "ax": AXES,
            "spacing": [StrOptions({"log", "quantile", "linear"})],
            "n_levels": [Interval(Integral, 2, MOST_LEVELS, closed="both")],
            "colorbar": ["boolean"],
            "legend": ["boolean"],
            "surface_kw": KEYWORDS,
            "line_kw": KEYWORDS,
        },
        prefer_skip_nested_validation=True,
    )
    def plot(
        self,
        ax=None,
        *,
        spacing="log",
        n_levels=18,
        colorbar=True,
        legend=True,
        surface_kw=None,
        line_kw=None,
    ):
        """Draw the surface, the paths and the critical points.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        spacing : {"log", "quantile", "linear"}, default="log"
            How the levels are spaced: in equal ratios of the height above the lowest
            point, so that valleys show; so that equal areas lie between them, which
            shows hills and valleys alike; or in equal steps.
        n_levels : int, default=18
            Number of bands, from 2 to 256.
        colorbar : bool, default=True
            Whether to draw the scale of J.
        legend : bool, default=True
            Whether to draw a legend.
        surface_kw : dict, default=None
            Keywords for ``Axes.contourf``.
        line_kw : dict, default=None
            Keywords for ``Axes.plot``, for the paths.

        Returns
        -------
        LossSurfaceDisplay
            The display itself.
        """
        levels = levels_of(self.values, spacing, n_levels)
        with drawing(self, ax, (7.0, 5.4)) as is_own:
            self._draw_surface(levels, surface_kw or {})
            self._draw_paths(line_kw)
            self.critical_points_ = draw_critical_points(
                self.ax_, self.critical_points or {}
            )
            self.ax_.set_xlim(self.xx0.min(), self.xx0.max())
            self.ax_.set_ylim(self.xx1.min(), self.xx1.max())
            self.ax_.set(xlabel=self.xlabel, ylabel=self.ylabel)
            self.colorbar_ = self._colorbar() if colorbar else None
            self.legend_ = None
            handles = self._named_handles()
            if legend and handles:
                loc, n_columns = "lower center", min(4, len(handles))
                add_legend(self, handles, is_own, loc, ncols=n_columns, handlelength=3)
        return self

    def _draw_surface(self, levels, surface_kw):
        from matplotlib.colors import BoundaryNorm, LinearSegmentedColormap

        colormap = LinearSegmentedColormap.from_list("surface", SURFACE_COLORS)
        fill = {"levels": levels, "cmap": colormap, "zorder": 0} | surface_kw
        if "colors" in fill:
            del fill["cmap"]
        # Bands of equal steps in colour, whatever their steps in J.
        elif "norm" not in fill and np.ndim(fill["levels"]):
            fill["norm"] = BoundaryNorm(fill["levels"], MOST_LEVELS)
        values = np.ma.masked_invalid(self.values)
        ax = self.ax_
        self.surface_ = ax.contourf(self.xx0, self.xx1, values, **fill)
        lines = {"colors": "#33414d", "linewidths": 0.5, "alpha": 0.6, "zorder": 0.5}
        levels = self.surface_.levels[1:-1]
        self.contours_ = ax.contour(self.xx0, self.xx1, values, levels=levels, **lines)

    def _draw_paths(self, line_kw):
        self.lines_, self.starts_, self.ends_ = [], [], []
        for index, (name, path) in enumerate((self.paths or {}).items()):
            look = line_style(index) | {"linewidth": 1.8, "label": str(name)}
            look["markersize"] = 3.5 if len(path) <= MOST_DOTS else 0
            # A white band below keeps lines apart from contours and from each other.
            self.ax_.plot(*path.T, color="white", linewidth=3.6, zorder=1.9)
            (line,) = self.ax_.plot(*path.T, **styled(look, line_kw))
            ring = {"marker": "o", "markersize": 9, "linestyle": "", "zorder": 3}
            color = line.get_color()
            hollow = {"markerfacecolor": "white", "markeredgecolor": color}
            full = {"markerfacecolor": color, "markeredgecolor": "white"}
            self.lines_.append(line)
            self.starts_ += self.ax_.plot(
                *path[0], markeredgewidth=2, **(ring | hollow)
            )
            self.ends_ += self.ax_.plot(*path[-1], **(ring | full))

    def _colorbar(self):
        levels = self.surface_.levels
        ticks = levels[:: -(-len(levels) // MOST_TICKS)]
        bar = self.figure_.colorbar(self.surface_, ax=self.ax_, label="Objective $J$")
        bar.set_ticks(ticks, labels=numerals(ticks))
        bar.ax.minorticks_off()
        return bar

    def _named_handles(self):
        """What the legend names: paths, their ends, and kinds of points."""
        from matplotlib.lines import Line2D

        ends = []
        if self.lines_:
            look = {"linestyle": "", "marker": "o", "markeredgecolor": "#555555"}
            look["markersize"] = 8
            ends = [
                Line2D([], [], markerfacecolor=face, label=label, **look)
                for label, face in {"start": "white", "end": "#555555"}.items()
            ]
        return self.lines_ + ends + self.critical_points_


def _shared_objective(estimators, X, y, sample_weight):
    """The objective of all estimators, which must be one."""
    (first, J), *others = (
        (name, fitted_objective(model, X, y, sample_weight))
        for name, model in estimators.items()
    )
    for name, other in others:
        if not all(map(np.array_equal, J, other)):
            raise ValueError(
                f"{first!r} and {name!r} have different objectives, so no common "
                "surface: give them the same features, loss, penalty and model."
            )
    return J
