"""A line an epoch for those who ask for it."""

import numpy as np

from ..engine._restarts import best_of
from ..kernels._codes import Clock, Status


def reporter(verbose, training):
    """What prints a line after every `verbose`-th epoch, and when all have stopped.

    Of several targets it tells the mean of those that train, of several starts the best
    of those that do.
    """
    state, unit = training.state, training.coordinates.size**2

    def report(entries):
        epoch = int(state.clock[Clock.EPOCH])
        has_ended = not (state.progress["status"] == Status.RUNNING).any()
        if epoch % verbose == 0 or has_ended:
            entry = _leading(entries, training)
            numbers = {
                "loss": unit * entry["loss"],
                "averaged loss": unit * entry["averaged_loss"],
                "validation loss": unit * entry["validation_loss"],
                "learning rate": entry["rate"],
            }
            print(_line(epoch, numbers))

    return report


def _leading(entries, training):
    """Entries of the candidates that tell of the epoch, one of each live target."""
    name = "validation_loss" if training.stops_early else "loss"
    judge = np.where(np.isnan(entries["rate"]), np.inf, entries[name])
    status = training.state.progress["status"]
    leading = entries[best_of(judge, training.targets, status)]
    return leading[~np.isnan(leading["rate"])]


def _line(epoch, numbers):
    means = {name: values.mean() for name, values in numbers.items()}
    told = [f"{name} = {x:.6g}" for name, x in means.items() if not np.isnan(x)]
    return ", ".join([f"Epoch {epoch}", *told])
