"""How the Displays look: axes, colours, lines and legends.

Colours are those of Okabe and Ito, which the colour-blind tell apart; dashes and
markers tell the same lines apart in grey.
"""

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

# What `plot` accepts of what several displays have.
AXES = [HasMethods("plot"), None]
KEYWORDS = [dict, None]
SCALE = [StrOptions({"linear", "log"})]


def line_style(index):
    """Keywords of the line with this index: colour, dash and marker."""
    return {
        "color": _COLORS[index % len(_COLORS)],
        "linestyle": _DASHES[index % len(_DASHES)],
        "marker": _MARKERS[index % len(_MARKERS)],
    }


def open_axes(display, ax, figsize):
    """Set `ax_` and `figure_`; returns whether the figure is the display's own."""
    check_matplotlib_support(f"{type(display).__name__}.plot")
    import matplotlib.pyplot as plt

    is_own = ax is None
    if is_own:
        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    display.ax_, display.figure_ = ax, ax.figure
    return is_own


def add_legend(display, handles, is_own, loc, **options):
    """Set `legend_`: beside the axes of an own figure, else where axes have room."""
    options = {"handles": handles, "labels": [h.get_label() for h in handles]} | options
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


def draw_lines(ax, curves, line_kw, **style):
    """A line for each array by name, a marker at its end; a list of Line2D."""
    lines = []
    for index, (name, curve) in enumerate(curves.items()):
        look = {**line_style(index), "markevery": [-1], "label": name}
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
