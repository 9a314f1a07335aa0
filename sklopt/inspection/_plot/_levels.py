"""Levels of the contours of a surface, and the numbers beside their scale."""

import numpy as np

# The lowest level above the lowest point, as a share of the whole height ("log").
LOWEST_SHARE = 1e-3


def levels_of(values, spacing, n_levels):
    """Increasing levels of J from the lowest to the highest value of the grid."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        raise ValueError("The objective is nowhere finite within the limits.")
    low, high = finite.min(), finite.max()
    shares = np.linspace(0, 1, n_levels + 1)
    if spacing == "quantile":
        levels = np.quantile(finite, shares)
    elif spacing == "log":
        heights = np.append(0, np.geomspace(LOWEST_SHARE, 1, n_levels))
        levels = low + (high - low) * heights
    else:
        levels = low + (high - low) * shares
    levels = np.unique(levels)
    # A flat surface is one band.
    return levels if len(levels) > 1 else low + np.array([-0.5, 0.5])


def numerals(ticks):
    """The ticks in three digits, or in as many as tell them apart."""
    for digits in range(3, 17):
        labels = [f"{tick:.{digits}g}" for tick in ticks]
        if len(set(labels)) == len(ticks):
            break
    return labels
