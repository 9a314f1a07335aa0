"""Schedules: the rate as a function of time, and the line search."""

import math


def constant(first_rate, t):
    """α₀."""
    return first_rate


def step_decay(first_rate, t, factor=0.5, every=100):
    """α₀ · c^⌊t/s⌋."""
    return first_rate * factor ** (t // every)


def exponential(first_rate, t, factor=0.99):
    """α₀ · c^t."""
    return first_rate * factor**t


def inverse_scaling(first_rate, t, power=0.25):
    """α₀ / (t+1)^p."""
    return first_rate / (t + 1) ** power


def cosine(first_rate, t, epochs):
    """α₀ · ½(1 + cos(πt/T)), and 0 after T."""
    return first_rate * 0.5 * (1 + math.cos(math.pi * min(t, epochs) / epochs))


def one_cycle(first_rate, t, epochs, rise, start, end):
    """Up to α₀ at rise·T − 1, down to α₀ · end at T − 1, by half cosine waves."""
    top, last = max(0, rise * epochs - 1), epochs - 1
    if t < top:
        wave = (1 - math.cos(math.pi * t / top)) / 2
        return first_rate * (start + (1 - start) * wave)
    if t >= last:
        return first_rate * (1 if t == top else end)
    wave = (1 + math.cos(math.pi * (t - top) / (last - top))) / 2
    return first_rate * (end + (1 - end) * wave)


def function(first_rate, t, of):
    """α₀ · f(t)."""
    return first_rate * of(t)


PURE_SCHEDULES = {
    "constant": constant,
    "step_decay": step_decay,
    "exponential": exponential,
    "inverse_scaling": inverse_scaling,
    "cosine": cosine,
    "one_cycle": one_cycle,
    "function": function,
}


class Plateau:
    """ReduceLROnPlateau: lower the rate after more than `patience` stale epochs.

    An epoch is stale unless its loss is below (1 − threshold) · best. The rate falls
    to `min_rate` at the lowest, nor ever below a millionth of the first one.
    """

    def __init__(
        self,
        first_rate,
        factor=0.5,
        patience=3,
        cooldown=0,
        min_rate=0.0,
        threshold=1e-4,
    ):
        self.rate, self.factor = first_rate, factor
        self.patience, self.cooldown, self.threshold = patience, cooldown, threshold
        self.floor = min(first_rate, max(min_rate, 1e-6 * first_rate))
        self.best, self.n_stale, self.n_cooling = math.inf, 0, 0

    def close_epoch(self, loss):
        if loss < self.best * (1 - self.threshold):
            self.best, self.n_stale = loss, 0
        else:
            self.n_stale += 1
        if self.n_cooling > 0:
            self.n_cooling -= 1
            self.n_stale = 0
        if self.n_stale > self.patience:
            self.rate = max(self.factor * self.rate, self.floor)
            self.n_cooling, self.n_stale = self.cooldown, 0


class Rates:
    """The rate of the update at hand, whichever the schedule."""

    def __init__(self, schedule, first_rate, params):
        params = dict(params or {})
        self.warmup = params.pop("epochs") if schedule == "warmup" else 1
        if schedule == "warmup":
            schedule, params = params["schedule"]
            params = dict(params)
        self.per = params.pop("per", "epoch")
        self.formula = PURE_SCHEDULES.get(schedule)
        self.first_rate, self.params = first_rate, params
        self.plateau = Plateau(first_rate, **params) if schedule == "plateau" else None

    def now(self, epoch, t):
        rate = self.without_warmup(epoch, t)
        return None if rate is None else rate * min(1, (epoch + 1) / self.warmup)

    def without_warmup(self, epoch, t):
        if self.plateau:
            return self.plateau.rate
        if self.formula is None:
            return None  # a line search has to find it
        time = t if self.per == "update" else epoch
        return self.formula(self.first_rate, time, **self.params)

    def close_epoch(self, loss):
        if self.plateau:
            self.plateau.close_epoch(loss)


def thirds(a, d):
    """b and c, at the thirds of a…d."""
    return a + (d - a) / 3, a + 2 * (d - a) / 3


def line_search(J, longest, tolerance=1e-5):
    """The step that a bracketing search finds lowest; J is a function of the step.

    Four points a < b < c < d, b and c at the thirds. If a is lowest, halve b, c, d
    toward a; else if J(b) < J(c), d ← c; else a ← b; re-place the thirds; stop when
    |b − c| is below that share of c, or c itself is next to nothing. The step is
    (b + c)/2, or none where that would be no descent.
    """
    a, d = 0.0, longest
    b, c = thirds(a, d)
    while True:
        if J(a) < min(J(b), J(c), J(d)):
            b, c, d = (a + (point - a) / 2 for point in (b, c, d))
        elif J(b) < J(c):
            d = c
        else:
            a = b
        b, c = thirds(a, d)
        if c - b < tolerance * c or c < 1e-16 * longest:
            break
    step = (b + c) / 2
    return step if J(step) < J(0.0) else 0.0
