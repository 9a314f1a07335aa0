"""How the Displays look: axes, colours, lines and legends.

Colours are those of Okabe and Ito, which the colour-blind tell apart; dashes and
markers tell the same lines apart in grey.
"""

import textwrap
from collections.abc import Mapping
from contextlib import contextmanager

import numpy as np
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._param_validation import HasMethods, StrOptions

_COLORS = ("#0072B2", "#D55E00", "#009E73", "#000000", "#CC79A7", "#E69F00", "#56B4E9")
_DASHES = (
    "-",
    (0, (5, 1.5)),
    (0, (1, 1)),
    (0, (6, 1.5, 1, 1.5)),
    (0, (5, 1, 1, 1, 1, 1)),
    (0, (2, 1)),
    (0, (1, 2)),
)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")

# Letters of a line in a legend: a longer one leaves the axes beside it no room.
LONGEST_LABEL = 24

# What `plot` accepts of what several displays have.
AXES = [HasMethods(["plot", "set_xlim"]), None]
KEYWORDS = [dict, None]
SCALE = [StrOptions({"linear", "log"})]


def line_style(index):
    """Keywords of the line with this index: colour, dash and marker."""
    return {
        "color": _COLORS[index % len(_COLORS)],
        "linestyle": _DASHES[index % len(_DASHES)],
        "marker": _MARKERS[index % len(_MARKERS)],
    }


@contextmanager
def axes_of(caller, ax, figsize=None):
    """Axes to draw on in the body; a figure made for it is closed if the body fails."""
    check_matplotlib_support(caller)
    import matplotlib.pyplot as plt

    if ax is not None:
        yield ax
        return
    figure, ax = plt.subplots(figsize=figsize, layout="constrained")
    try:
        yield ax
    except BaseException:
        # pyplot would keep it, and notebooks would show it half drawn.
        plt.close(figure)
        raise


@contextmanager
def drawing(display, ax, figsize):
    """Set `ax_` and `figure_`; yields whether the figure is the display's own."""
    with axes_of(f"{type(display).__name__}.plot", ax, figsize) as display.ax_:
        display.figure_ = display.ax_.figure
        yield ax is None


def add_legend(display, handles, is_own, loc, **options):
    """Set `legend_`: beside the axes of an own figure, else where axes have room."""
    labels = [textwrap.fill(h.get_label(), LONGEST_LABEL) for h in handles]
    options = {"handles": handles, "labels": labels} | options
    if is_own:
        owner, loc = display.figure_, f"outside {loc}"
    else:
        owner, loc = display.ax_, "best"
        options.pop("ncols", None)
    display.legend_ = owner.legend(loc=loc, frameon=not is_own, **options)
    if not is_own:
        display.legend_.set_zorder(10)


def styled(defaults, keywords):
    """Keywords of a Line2D: those of the user, aliases too, go before the defaults."""
    from matplotlib.cbook import normalize_kwargs
    from matplotlib.lines import Line2D

    return defaults | normalize_kwargs(keywords or {}, Line2D)


def checked_curves(curves, argument):
    """Arrays by name, (n_epochs,) each; a refusal of anything but a dict of these."""
    if not isinstance(curves, Mapping):
        raise TypeError(f"{argument} must be a dict of curves by name, got {curves!r}.")
    return {
        name: _checked_curve(curve, f"{argument}[{name!r}]")
        for name, curve in curves.items()
    }


def at_least_one_curve(curves, argument):
    """`checked_curves`, with a refusal of none."""
    curves = checked_curves(curves, argument)
    if not curves:
        raise ValueError(f"{argument} must have at least one curve, got {{}}.")
    return curves


def _checked_curve(curve, argument):
    try:
        values = np.asarray(curve, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{argument}: {error}") from error
    if values.ndim != 1:
        raise ValueError(
            f"{argument} must be of one dimension, a number for each epoch; got shape "
            f"{values.shape}."
        )
    return values


def draw_lines(ax, curves, line_kw, **style):
    """A line for each array by name, a marker at its end; a list of Line2D."""
    lines = []
    for index, (name, curve) in enumerate(curves.items()):
        look = {**line_style(index), "markevery": [-1], "label": str(name)}
        lines += ax.plot(range(len(curve)), curve, **styled(look | style, line_kw))
    for line in lines:
        # Axes begin at the first epoch, 0, until someone gives them another scale.
        line.sticky_edges.x.append(0)
    return lines


def show_zero(ax):
    """Let the y axis reach 0, unless someone gives it a logarithmic scale."""
    ax.update_datalim([(0, 0)])
    ax.autoscale_view()


def scale_axes(ax, lines, xscale, yscale):
    """Linear or logarithmic axes; the first epoch is 0 and stays in the picture."""
    if xscale == "log":
        ax.set_xscale("symlog", linthresh=1)
        ax.xaxis.set_major_formatter("{x:g}")
    if yscale == "linear" or any(np.any(line.get_ydata() > 0) for line in lines):
        ax.set_yscale(yscale)
    ax.autoscale_view()  # margins are those of the new scales
    ax.grid(alpha=0.3)
