"""What an estimator keeps of its training, and what it says of how that ended."""

import warnings
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from ..engine._curvature import Curvature
from ..engine._types import History, State
from ..kernels._codes import Clock, Rule, Status
from ..kernels._stopping import HOPELESS_GROWTH, NOISE
from ._coordinates import Coordinates

# A share of the objective at the start that is as good as none, whatever y is.
NEGLIGIBLE = 1e-10

# A share of the objective of a constant prediction that is worth training for.
LARGE_GAIN = 0.01


class DivergenceError(ValueError):
    """The objective is not finite, or has grown past any recovery."""


class Training(NamedTuple):
    """All that `partial_fit` needs to go on."""

    state: State
    history: History
    start: np.ndarray  # (K, P), the parameters before the first epoch
    basis: tuple | None  # what they were chosen by
    coordinates: Coordinates  # of the parameters in `state`, `history` and `start`
    targets: np.ndarray  # (K,), the column of y of each candidate
    is_single: bool  # whether y was one target without an axis of its own
    seed: int
    curvature: Curvature = Curvature()  # the worst that learning_rate="auto" met
    rule: int | None = None  # what the running averages in `state` belong to
    best: np.ndarray | None = None  # the candidate that is published of each target

    @classmethod
    def begun(cls, phi, is_path_kept, **others):
        """Before the first epoch, at φ of shape (K, P)."""
        state, history = State.first(phi), History.empty(phi, is_path_kept)
        return cls(state, history, **others)

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

    def moved(self, coordinates):
        """The training in other coordinates, its running averages at zero."""
        if all(map(np.array_equal, coordinates, self.coordinates)):
            return self
        phi = coordinates.inward(self.coordinates.outward(self.state.phi))
        path = coordinates.inward(self.coordinates.outward(self.history.path))
        unit = (self.coordinates.size / coordinates.size) ** 2
        entries, progress = self.history.entries.copy(), self.state.progress.copy()
        entries["loss"] *= unit
        for name in ("reference", "trivial", "final", "best", "last", "plateau_best"):
            progress[name] *= unit
        state = self.state._replace(phi=np.ascontiguousarray(phi), progress=progress)
        history = History(entries, path)
        start = coordinates.inward(self.coordinates.outward(self.start))
        moved = self._replace(
            state=state, history=history, start=start, coordinates=coordinates
        )
        return moved._replace(rule=None).under(self.rule)

    def per_target(self, values):
        """Of values (…, K) those that are published, as a scalar or (…,) for one."""
        values = np.asarray(values)[..., self.best]
        if not self.is_single:
            return values
        value = values[..., 0]
        return value.item() if np.ndim(value) == 0 else value

    def published_history(self):
        """The history without what others did after the last published one stopped."""
        progress, published = self.state.progress, self.state.progress[self.best]
        entries, path = self.history
        n_epochs = np.isfinite(entries["rate"][:, self.best]).any(axis=1).nonzero()[0]
        entries = entries[: n_epochs[-1] + 1 if n_epochs.size else 0]
        is_by_step = len(path) > 1 + progress["n_epochs"].max()
        clock = "n_updates" if is_by_step else "n_epochs"
        n_more = progress[clock].max() - published[clock].max()
        return History(entries, path[: len(path) - n_more])

    def columns(self):
        """The history as columns of a table, epochs of the first target first."""
        tables = []
        size = self.coordinates.size
        for target, k in enumerate(self.best):
            entries = self.history.entries[:, k]
            entries = entries[~np.isnan(entries["rate"])]
            columns = {
                "epoch": np.arange(len(entries)),
                "update": entries["n_updates"],
                "loss": size**2 * entries["loss"],
                "learning_rate": entries["rate"],
                "gradient_norm": entries["gradient_norm"],
            }
            if not self.is_single:
                columns["target"] = np.full(len(entries), target)
            tables.append(columns)
        return {
            name: np.concatenate([table[name] for table in tables])
            for name in tables[0]
        }


def stop_reasons(progress):
    """Why each candidate stopped, in words."""
    words = {
        Status.RUNNING: "max_iter",
        Status.CONVERGED: "tol",
        Status.DIVERGED: "diverged",
        Status.DROPPED: "dropped",
        Status.SATURATED: "saturated",
        Status.STOPPED: "callback",
    }
    return np.array([words[status] for status in progress["status"]])


def raise_if_diverged(owner, training, candidates, history, loss, *, is_auto):
    """Raise a `DivergenceError` that names epoch, rate and remedy.

    `history` is that of the epochs just trained, `loss` the objective after them.
    """
    state, progress = training.state, training.state.progress
    with np.errstate(over="ignore"):
        has_grown = loss > HOPELESS_GROWTH * progress["reference"]
    is_lost = progress["status"] == Status.DIVERGED
    is_lost |= ~np.isfinite(loss) | has_grown & (candidates["rule"] != Rule.ADAM)
    lost = training.best[is_lost[training.best]]
    if not lost.size:
        return
    k = lost[0]
    entries = history.entries[:, k]
    entries = entries[np.isfinite(entries["rate"])]
    epoch = state.clock[Clock.EPOCH] - len(history.entries) + len(entries)
    first = progress["reference"][k]
    last = max(np.nan_to_num([entries["loss"][-1], loss[k]], nan=np.inf, posinf=np.inf))
    unit = training.coordinates.size**2  # of the objective
    remedy = (
        "Standardise the features, e.g. with StandardScaler, or set a lower learning "
        "rate than the automatic one."
        if is_auto
        else "Lower the learning rate, or take learning_rate='auto'; features of very "
        "different scales call for StandardScaler."
    )
    raise DivergenceError(
        f"{owner} diverged in epoch {epoch} at learning_rate="
        f"{entries['rate'][-1]:.3g}: the objective went from {unit * first:.3g} to "
        f"{unit * last:.3g}. {remedy}"
    )


def warn_if_unfinished(owner, training, max_iter, untapped, large_gain):
    """Warn of a training that did not end at a minimum.

    `untapped` are the parts of the objectives that could easily be gained, of which
    `large_gain` says what share of a constant prediction's is worth a word.
    """
    progress = training.state.progress[training.best]
    loss = progress["final"]
    trivial, negligible = progress["trivial"], NEGLIGIBLE * progress["reference"]
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
    elif (loss > NOISE * trivial + negligible).any():
        trouble = (
            "stands still above the objective of a constant prediction. Lower tol, "
            "raise the learning rate, or standardise the features, e.g. with "
            "StandardScaler."
        )
    elif (is_large := (untapped > large_gain * trivial) & (trivial > negligible)).any():
        share = (untapped[is_large] / loss[is_large]).max()
        trouble = (
            "stands still, yet the objective could easily be lower by "
            f"{share:.0%}: features are of very different scales or far from 0, or the "
            "learning rate does not suit. Standardise the features, e.g. with "
            "StandardScaler, take learning_rate='auto', or lower tol."
        )
    else:
        return
    warnings.warn(f"{owner} {trouble}", ConvergenceWarning, stacklevel=4)
