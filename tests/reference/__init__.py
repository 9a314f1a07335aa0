"""The textbook algorithms, line by line in NumPy: what the compiled engine must equal.

Nothing here is fast, and nothing is taken from the package. `train` is the plain
double loop over epochs and mini-batches; all else are the formulas it calls. Names are
those of the formulas: φ is `phi`, intercept first; α is the rate; m and v are the
running averages; β is `beta`, in Adam `beta_1`; γ is `beta_2`; t counts from 0.
"""

from ._losses import LOSSES
from ._objective import (
    Gabor,
    batch_gradient,
    batch_objective,
    gradient,
    mean_one,
    objective,
    soft,
)
from ._orders import draw_block_order, shuffled_orders
from ._schedules import Plateau, Rates
from ._solvers import averaged, averaging_weights, momentum
from ._training import stopped_early, train

__all__ = [
    "LOSSES",
    "Gabor",
    "Plateau",
    "Rates",
    "averaged",
    "averaging_weights",
    "batch_gradient",
    "batch_objective",
    "draw_block_order",
    "gradient",
    "mean_one",
    "momentum",
    "objective",
    "shuffled_orders",
    "soft",
    "stopped_early",
    "train",
]
