"""The textbook algorithms, line by line in NumPy: what the compiled engine must equal.

Nothing here is fast, and nothing is taken from the package. `train` is the plain
double loop over epochs and mini-batches; all else are the formulas it calls. Names are
those of the formulas: φ is `phi`, intercept first; α is the rate; m and v are the
running averages; β is `beta`, in Adam `beta_1`; γ is `beta_2`; t counts from 0.
"""

import math
from functools import partial
from types import SimpleNamespace

import numpy as np

# --- the problem -----------------------------------------------------------------


class Linear:
    """f(x, φ) = φ₀ + φ₁x₁ + … + φ_d x_d."""

    def predict(self, phi, X):
        return phi[0] + X @ phi[1:]

    def pull_back(self, phi, X, slope):
        """Σᵢ slopeᵢ ∇f(xᵢ, φ)."""
        return np.concatenate([[slope.sum()], X.T @ slope])


class Gabor:
    """f(x, φ) = sin(z)·exp(−z²/window), z = φ₀ + κ(φ₁x₁ + … + φ_d x_d).

    With a head, φ ends with amplitude and offset: offset + amplitude·f.
    """

    def __init__(self, window=8.0, input_scale=0.06, has_head=False):
        self.window, self.input_scale, self.has_head = window, input_scale, has_head

    def z(self, phi, X):
        return phi[0] + self.input_scale * (X @ phi[1 : X.shape[1] + 1])

    def wave(self, z):
        return np.sin(z) * np.exp(-(z**2) / self.window)

    def wave_derivative(self, z):
        bell = np.exp(-(z**2) / self.window)
        return np.cos(z) * bell - np.sin(z) * 2 * z / self.window * bell

    def predict(self, phi, X):
        f = self.wave(self.z(phi, X))
        return phi[-1] + phi[-2] * f if self.has_head else f

    def pull_back(self, phi, X, slope):
        """Σᵢ slopeᵢ ∇f(xᵢ, φ)."""
        z = self.z(phi, X)
        inner, head = slope * self.wave_derivative(z), []
        if self.has_head:
            inner, head = phi[-2] * inner, [slope @ self.wave(z), slope.sum()]
        return np.concatenate([[inner.sum()], self.input_scale * (X.T @ inner), head])


LINEAR = Linear()


def weights_of(phi, X):
    """w = φ₁…φ_d, and 0 for the intercept and a head."""
    w = np.array(phi)
    w[0] = 0.0
    w[X.shape[1] + 1 :] = 0.0
    return w


def penalty(phi, X, alpha, l1=0.0):
    """alpha · ½ ‖w‖² + l1 · ‖w‖₁; the intercept φ₀ is not penalised."""
    w = weights_of(phi, X)
    return alpha * 0.5 * (w**2).sum() + l1 * np.abs(w).sum()


def penalty_gradient(phi, X, alpha):
    """Of the smooth part: alpha · w, and 0 for the intercept."""
    return alpha * weights_of(phi, X)


def soft(u, threshold):
    """u moved by the threshold toward 0, and 0 if that is nearer."""
    return np.sign(u) * np.maximum(np.abs(u) - threshold, 0.0)


def shrunk(phi, X, threshold):
    """φ after the proximal step of ‖w‖₁; the threshold is one of each parameter."""
    is_weight = weights_of(np.ones_like(phi), X) > 0
    return np.where(is_weight, soft(phi, threshold), phi)


def mean_one(sample_weight, n_samples):
    """sᵢ / s̄; without weights, ones."""
    if sample_weight is None:
        return np.ones(n_samples)
    sample_weight = np.asarray(sample_weight, dtype=float)
    return sample_weight / sample_weight.mean()


# --- losses: value and derivative in the prediction -------------------------------


def squared_error(f, y):
    """(f − y)²."""
    return (f - y) ** 2, 2.0 * (f - y)


def absolute_error(f, y):
    """|f − y|."""
    return np.abs(f - y), np.sign(f - y)


def huber(f, y, delta=1.35):
    """½r² near the target, δ|r| − ½δ² far from it."""
    r, is_near = f - y, np.abs(f - y) <= delta
    value = np.where(is_near, r**2 / 2, delta * np.abs(r) - delta**2 / 2)
    return value, np.where(is_near, r, delta * np.sign(r))


def epsilon_insensitive(f, y, epsilon=0.1):
    """max(0, |f − y| − ε)."""
    excess = np.maximum(0.0, np.abs(f - y) - epsilon)
    return excess, np.sign(f - y) * (excess > 0)


def squared_epsilon_insensitive(f, y, epsilon=0.1):
    """max(0, |f − y| − ε)²."""
    excess = np.maximum(0.0, np.abs(f - y) - epsilon)
    return excess**2, 2 * excess * np.sign(f - y)


def quantile(f, y, quantile=0.5):
    """max(q (y − f), (1 − q)(f − y))."""
    value = np.maximum(quantile * (y - f), (1 - quantile) * (f - y))
    return value, np.where(f > y, 1 - quantile, -quantile) * (f != y)


def poisson(f, y):
    """eᶠ − y f + y log y − y, where 0 log 0 = 0."""
    constant = np.array([t * math.log(t) - t if t > 0 else 0.0 for t in y])
    return np.exp(f) - y * f + constant, np.exp(f) - y


def gamma(f, y):
    """f + y e⁻ᶠ − log y − 1."""
    return f + y * np.exp(-f) - np.log(y) - 1, 1 - y * np.exp(-f)


LOSSES = {
    "squared_error": squared_error,
    "absolute_error": absolute_error,
    "huber": huber,
    "epsilon_insensitive": epsilon_insensitive,
    "squared_epsilon_insensitive": squared_epsilon_insensitive,
    "quantile": quantile,
    "poisson": poisson,
    "gamma": gamma,
}


# --- the objective ---------------------------------------------------------------


def batch_objective(phi, X, y, s, alpha, model=LINEAR, loss=squared_error, l1=0.0):
    """Σ_{i∈B} sᵢ ℓ(f(xᵢ), yᵢ) / |B| + penalty; the sᵢ have mean 1 over all rows."""
    value, _ = loss(model.predict(phi, X), y)
    return (s * value).sum() / len(y) + penalty(phi, X, alpha, l1)


def batch_gradient(
    phi, X, y, s, alpha, model=LINEAR, loss=squared_error, is_trained=True
):
    """g = Σ_{i∈B} sᵢ ∇ℓᵢ / |B| + alpha·∇R, ∇ℓᵢ = ℓ'(f(xᵢ), yᵢ) · ∇f(xᵢ)."""
    _, derivative = loss(model.predict(phi, X), y)
    slope = s * derivative
    g = model.pull_back(phi, X, slope) / len(y) + penalty_gradient(phi, X, alpha)
    return np.where(is_trained, g, 0.0)


def objective(phi, X, y, sample_weight=None, alpha=0.0, loss=squared_error, l1=0.0):
    """J(φ) = Σ sᵢ ℓ(f(xᵢ), yᵢ) / Σ sᵢ + penalty."""
    s = mean_one(sample_weight, len(y))
    return batch_objective(phi, X, y, s, alpha, loss=loss, l1=l1)


def gradient(phi, X, y, sample_weight=None, alpha=0.0):
    """∇J(φ)."""
    return batch_gradient(phi, X, y, mean_one(sample_weight, len(y)), alpha)


# --- solvers: from a gradient to a step ------------------------------------------


def descent(phi, m, v, g, rate, t):
    """φ ← φ − α g."""
    return phi - rate * g, m, v


def momentum(phi, m, v, g, rate, t, beta=0.9):
    """m ← βm + (1−β)g;  φ ← φ − αm."""
    m = beta * m + (1 - beta) * g
    return phi - rate * m, m, v


def adam(phi, m, v, g, rate, t, beta_1=0.9, beta_2=0.99, epsilon=1e-8):
    """m ← βm + (1−β)g, v ← γv + (1−γ)g², φ ← φ − α m̃/(√ṽ + ε)."""
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * g**2
    m_tilde = m / (1 - beta_1 ** (t + 1))
    v_tilde = v / (1 - beta_2 ** (t + 1))
    return phi - rate * m_tilde / (np.sqrt(v_tilde) + epsilon), m, v


def here(phi, m, rate):
    """The gradient is taken where φ is."""
    return phi


def look_ahead(phi, m, rate):
    """Nesterov takes the gradient at φ − αm, where the average is about to lead."""
    return phi - rate * m


# Where a solver takes its gradient, and what it does with it.
SOLVERS = {
    "gd": (here, descent),
    "sgd": (here, descent),
    "momentum": (here, momentum),
    "nesterov": (look_ahead, momentum),
    "adam": (here, adam),
}


def coordinate_rates(solver, v, rate, t, beta_2=0.99, epsilon=1e-8, **others):
    """What a solver's step at time t multiplies m, or g, by in each coordinate."""
    if solver == "adam":
        return rate / (np.sqrt(v / (1 - beta_2 ** (t + 1))) + epsilon)
    return rate


# --- schedules: the rate as a function of time -----------------------------------


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


# --- clipping --------------------------------------------------------------------


def clipped(g, largest):
    """g, scaled to that norm if it is longer."""
    norm = np.linalg.norm(g)
    return g if largest is None or norm <= largest else g * (largest / norm)


# --- averages of the iterates ----------------------------------------------------


def averaging_weights(average, n_updates):
    """What the parameters after each update weigh in the average; None for no update.

    True and k: all from the k-th on weigh the same. "exponential": the n-th comes in
    with the share c = max(1/1000, 9/(n + 8)), and leaves the others 1 − c of theirs.
    """
    if average == "exponential":
        shares = np.maximum(1 / 1000, 9 / (np.arange(1, n_updates + 1) + 8))
        left = np.cumprod(1 - shares[:0:-1])[::-1]  # by all that come later
        return shares * np.append(left, 1.0)
    return (np.arange(1, n_updates + 1) >= int(average)).astype(float)


def averaged(steps, average):
    """The average of φ after each update of `steps`, φ at the start not counted.

    The last φ where none is to be averaged yet.
    """
    weights = averaging_weights(average, len(steps) - 1)
    if not average or not weights.any():
        return steps[-1]
    return weights @ steps[1:] / weights.sum()


# --- the order of an epoch -------------------------------------------------------

_MASK = 2**64 - 1
_INCREMENT = 0x9E3779B97F4A7C15


def mix(z):
    """SplitMix64's output function, on 64-bit unsigned integers."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def random_below(n, key, i):
    """The i-th number of a key's stream: SplitMix64 on a counter."""
    bits = mix((key + i * _INCREMENT) & _MASK) >> 11
    return int(bits * 2.0**-53 * n)


def shuffled(items, key, first=0):
    """The inside-out Fisher-Yates shuffle, by the key's numbers from `first` on."""
    order = []
    for i, item in enumerate(items):
        j = random_below(i + 1, key, first + i)
        order.append(item)
        order[i], order[j] = order[j], order[i]
    return order


def epoch_key(seed, epoch):
    return mix(seed ^ mix(epoch + _INCREMENT))


def draw_order(n_samples, seed, epoch):
    """Any order of the rows, one as likely as another."""
    return shuffled(range(n_samples), epoch_key(seed, epoch))


def draw_block_order(n_samples, seed, epoch, block_size, pool_size):
    """Whole blocks of rows in random order, then the rows shuffled pool by pool.

    The first block begins at a random row, the rows being a ring; the rows that are
    too few for a block come last.
    """
    key = epoch_key(seed, epoch)
    n_blocks = n_samples // block_size
    if n_blocks == 0:
        return draw_order(n_samples, seed, epoch)
    block_key = mix(key)
    shift = random_below(n_samples, block_key, n_blocks)
    ring = [*range(shift, n_samples), *range(shift)]
    pieces = [ring[i : i + block_size] for i in range(0, n_samples, block_size)]
    read = [*shuffled(range(n_blocks), block_key), *range(n_blocks, len(pieces))]
    rows = [row for block in read for row in pieces[block]]
    order = []
    for first in range(0, n_samples, pool_size):
        order += shuffled(rows[first : first + pool_size], key, first)
    return order


def seed_of(random_state):
    """The number that an integer `random_state` stands for."""
    return int(np.random.RandomState(random_state).randint(np.iinfo(np.int32).max))


def shuffled_orders(n_samples, n_epochs, random_state, draw=draw_order):
    """One order an epoch."""
    seed = seed_of(random_state)
    return [draw(n_samples, seed, epoch) for epoch in range(n_epochs)]


# --- training --------------------------------------------------------------------


def batches(order, batch_size):
    """Consecutive pieces of an epoch's order; the last one may be smaller."""
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


def train(
    X,
    y,
    *,
    orders,
    solver="sgd",
    solver_params=None,
    schedule="constant",
    schedule_params=None,
    learning_rate,
    batch_size=None,
    sample_weight=None,
    alpha=0.0,
    l1=0.0,
    is_trained=True,
    init=None,
    model=LINEAR,
    loss="squared_error",
    loss_params=None,
    average=False,
    clipping=None,
):
    """Train for one epoch per entry of `orders`.

    Parameters
    ----------
    X, y : ndarray of shape (n, d) and (n,)
    orders : list of sequences of row numbers
        The order of the rows in each epoch.
    solver, schedule, loss : str
        With their hyperparameters in `solver_params` and so on.
    learning_rate : float
        α₀; of a line search the longest step.
    batch_size : int or None
        None is the whole training set, as it is for ``solver="gd"`` in any case.
    alpha, l1 : float
        Weights of ½ ‖w‖², which is part of the gradient, and of ‖w‖₁, whose proximal
        step ends every update, and the way to a look-ahead point.
    is_trained : bool or sequence of bool
        Of each parameter; the others stay as they are.
    average : bool, int or "exponential"
        Which updates `averages` is of.
    clipping : float or None
        The largest norm of a gradient.

    Returns
    -------
    SimpleNamespace
        path : (epochs + 1, d + 1), φ at the start and after each epoch.
        steps : (updates + 1, d + 1), φ at the start and after each update.
        averages : (epochs, d + 1), the averaged φ after each epoch.
        losses : (epochs,), the mean objective seen, before each update.
        rates : (epochs,), the rate of each epoch's last mini-batch.
        norms : (epochs,), ‖g‖ of each epoch's last mini-batch; NaN if it has no weight.
        moves : (epochs,), length of the step that it made; likewise.
    """
    point_of, update = SOLVERS[solver]
    solver_params, schedule_params = solver_params or {}, schedule_params or {}
    schedule_rates = Rates(schedule, learning_rate, schedule_params)
    loss_of = partial(LOSSES[loss], **(loss_params or {}))
    s = mean_one(sample_weight, len(y))
    if batch_size is None or solver == "gd":
        batch_size = len(y)

    phi = np.zeros(X.shape[1] + 1) if init is None else np.array(init, dtype=float)
    m, v, t = np.zeros_like(phi), np.zeros_like(phi), 0
    path, steps, losses, rates, norms, moves = [phi], [phi], [], [], [], []
    averages = []
    for epoch, order in enumerate(orders):
        seen = 0.0
        for batch in batches(np.asarray(order), batch_size):
            rate = schedule_rates.now(epoch, t)
            point = point_of(phi, m, rate)
            if l1 and point_of is look_ahead:
                point = shrunk(point, X, rate * l1)
            part = X[batch], y[batch], s[batch], alpha, model, loss_of
            seen += batch_objective(point, *part, l1) * len(batch) / len(y)
            norm = move = math.nan
            if s[batch].sum() == 0:
                continue  # a batch without weight says nothing
            g = batch_gradient(point, *part, is_trained)
            norm = np.linalg.norm(g)
            g = clipped(g, clipping)
            if schedule == "line_search":
                J = objective_along(phi, g, part)
                rate = line_search(J, learning_rate, **schedule_params)
            phi, m, v = update(phi, m, v, g, rate, t, **solver_params)
            if l1:
                rates_now = coordinate_rates(solver, v, rate, t, **solver_params)
                phi = shrunk(phi, X, l1 * rates_now)
            t += 1
            move = np.linalg.norm(phi - steps[-1])
            steps.append(phi)
        schedule_rates.close_epoch(seen)
        path.append(phi)
        averages.append(averaged(np.array(steps), average))
        losses.append(seen)
        rates.append(rate)
        norms.append(norm)
        moves.append(move)
    records = {"path": path, "steps": steps, "averages": averages, "losses": losses}
    records |= {"rates": rates, "norms": norms, "moves": moves}
    return SimpleNamespace(**{name: np.array(r) for name, r in records.items()})


def stopped_early(validation_losses, tol, n_iter_no_change):
    """Epochs trained, and the epoch whose parameters are kept.

    Training ends after `n_iter_no_change` epochs in sequence without a validation loss
    below (1 − tol) · the best; what is kept is the lowest of all, by however little.
    """
    best, n_stale = math.inf, 0
    for epoch, loss in enumerate(validation_losses):
        if loss < best * (1 - tol):
            best, n_stale = loss, 0
        else:
            n_stale += 1
        if n_stale == n_iter_no_change:
            return epoch + 1, int(np.argmin(validation_losses[: epoch + 1]))
    return len(validation_losses), int(np.argmin(validation_losses))


def objective_along(phi, g, part):
    """J as a function of the step along −g."""
    return lambda step: batch_objective(phi - step * g, *part)
