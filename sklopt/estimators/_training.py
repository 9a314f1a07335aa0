"""What an estimator keeps of its training, and what it says of how that ended."""

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..engine._curvature import Curvature
from ..engine._types import History, State
from ..kernels._codes import Clock, Rule, Status
from ..kernels._stopping import HOPELESS_GROWTH, NOISE

# A share of the objective at the start that is as good as none, whatever y is.
NEGLIGIBLE = 1e-10


class Training(NamedTuple):
    """All that `partial_fit` needs to go on."""

    state: State
    history: History
    is_single: bool  # whether y was one target without an axis of its own
    seed: int
    curvature: Curvature = Curvature()  # the worst that learning_rate="auto" met
    rule: int | None = None  # what the running averages in `state` belong to

    @classmethod
    def begun(cls, phi, is_single, seed, is_path_kept):
        """Before the first epoch, at φ of shape (K, P)."""
        return cls(State.first(phi), History.empty(phi, is_path_kept), is_single, seed)

    @property
    def is_new(self):
        """Whether no epoch was trained yet."""
        return self.rule is None

    def resumed(self, is_path_kept):
        """A copy to go on with. The path has no holes: a new wish begins it anew."""
        state = State(*(array.copy() for array in self.state))
        history = self.history
        if not (is_path_kept and len(history.path)):
            path = History.empty(state.phi, is_path_kept).path
            history = history._replace(path=path)
        return self._replace(state=state, history=history)

    def under(self, rule):
        """The training as a rule takes it up: its running averages, or none."""
        if rule != self.rule:
            self.state.slots[:] = 0.0
            self.state.progress["slot_age"] = 0
        return self._replace(rule=rule)

    def seen(self, curvature):
        """The training after another look at data, of which it keeps the worst."""
        return self._replace(curvature=self.curvature.worse(curvature))

    def per_target(self, values):
        """Values of shape (…, K) without the last axis for one target."""
        if not self.is_single:
            return values
        value = values[..., 0]
        return value.item() if np.ndim(value) == 0 else value

    def columns(self):
        """The history as columns of a table, epochs of the first target first."""
        tables = []
        for k, entries in enumerate(self.history.entries.T):
            entries = entries[~np.isnan(entries["rate"])]
            columns = {
                "epoch": np.arange(len(entries)),
                "update": entries["n_updates"],
                "loss": entries["loss"],
                "learning_rate": entries["rate"],
                "gradient_norm": entries["gradient_norm"],
            }
            if not self.is_single:
                columns["target"] = np.full(len(entries), k)
            tables.append(columns)
        return {
            name: np.concatenate([table[name] for table in tables])
            for name in tables[0]
        }


def raise_if_diverged(owner, training, candidates, history, loss):
    """Raise a ValueError that names epoch, rate and remedy.

    `history` is that of the epochs just trained, `loss` the objective after them.
    """
    state, progress = training.state, training.state.progress
    has_grown = loss > HOPELESS_GROWTH * progress["reference"]
    is_lost = progress["status"] == Status.DIVERGED
    is_lost |= ~np.isfinite(loss) | has_grown & (candidates["rule"] != Rule.ADAM)
    if not is_lost.any():
        return
    k = int(is_lost.argmax())
    entries = history.entries[:, k]
    entries = entries[np.isfinite(entries["rate"])]
    epoch = state.clock[Clock.EPOCH] - len(history.entries) + len(entries)
    first = progress["reference"][k]
    last = max(np.nan_to_num([entries["loss"][-1], loss[k]], nan=np.inf))
    raise ValueError(
        f"{owner} diverged in epoch {epoch} at learning_rate="
        f"{entries['rate'][-1]:.3g}: the objective went from {first:.3g} to "
        f"{last:.3g}. Lower the learning rate, or take learning_rate='auto'; features "
        "of very different scales call for StandardScaler."
    )


def warn_if_unfinished(owner, training, loss, max_iter):
    """Warn of a training that did not end at a minimum."""
    progress = training.state.progress
    useless = NOISE * progress["trivial"] + NEGLIGIBLE * progress["reference"]
    if (loss > NOISE * progress["reference"]).any():
        trouble = (
            "ended above the objective that it began with: the learning rate is too "
            "high. Lower it, or take learning_rate='auto'."
        )
    elif (progress["status"] == Status.RUNNING).any():
        trouble = (
            f"stopped at max_iter={max_iter} before the objective stood still. Raise "
            "max_iter, raise the learning rate, or standardise the features, e.g. "
            "with StandardScaler; tol=None trains for max_iter epochs without this "
            "warning."
        )
    elif (loss > useless).any():
        trouble = (
            "stands still above the objective of a constant prediction. Lower tol, "
            "raise the learning rate, or standardise the features, e.g. with "
            "StandardScaler."
        )
    else:
        return
    warnings.warn(f"{owner} {trouble}", ConvergenceWarning, stacklevel=4)
