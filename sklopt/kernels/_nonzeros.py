"""Gradient descent on sparse rows: a step visits what is not zero only.

The step w ← (1 − α·l2)·w − α·g of a mini-batch moves every coefficient, but all alike
where the rows have zeros. So w is kept as scale · v: the scale takes the factor, and v
only −α·g/scale (Bottou, 2012, section 5.1). ‖v‖², of which the penalty is made, is
kept up to date likewise. Until the epoch's last mini-batch φ₁…φ_d hold v; that one
finds w there again.

References
----------
Bottou, L. (2012). Stochastic gradient descent tricks. In Neural Networks: Tricks of the
Trade. Springer.
"""

from . import _costs as cost
from ._averages import count_update
from ._batches import row_at, rows_ahead
from ._codes import Clock, Status
from ._compilation import kernel
from ._matrices import add_row, nonzeros, place_of, row_product
from ._mini_batches import walk
from ._models import predictor_of
from ._records import record_update
from ._rows import row_loss_and_slope, row_weight
from ._schedules import rate_at
from ._stopping import is_finite
from ._walking import cost_of_row, end_of_pool, is_any_running, leave_walk, open_epoch

# A scale beyond these is multiplied into v, long before one of them leaves the range.
SMALLEST_SCALE, LARGEST_SCALE = 1e-6, 1e6


@kernel
def walk_by_nonzeros(data, plan, candidates, state, scratch, record, budget):
    """Walk sparse mini-batches; the last goes the general way, for the record."""
    n_rows, row = data.y.shape[0], state.clock[Clock.ROW]
    last_batch = n_rows - 1 - (n_rows - 1) % plan.batch_size
    if row >= last_batch:
        return walk(data, plan, candidates, state, scratch, record, budget)
    spent_on_scales = 0
    if row == 0:
        open_epoch(plan, candidates, state.progress, scratch.tally)
        open_scales(plan, candidates, state.phi, scratch.tally)
        spent_on_scales = state.phi.size
    row_cost, pool_stop = cost_of_row(data, plan, state), end_of_pool(plan, n_rows, row)
    spent, is_over = 0, False
    while row < min(pool_stop, last_batch) and spent < budget and not is_over:
        batch_start = row - row % plan.batch_size
        batch_stop = batch_start + plan.batch_size
        if row == batch_start:
            open_sparse_batch(plan, candidates, state.progress, scratch)
        stop = min(batch_stop, pool_stop, row + (budget - spent) // row_cost + 1)
        note_slopes(data, plan, candidates, state, scratch, row, stop, batch_start)
        spent += (stop - row) * row_cost
        row = stop
        if stop == batch_stop:
            spent += close_sparse_batch(data, plan, candidates, state, scratch, record)
            is_over = not is_any_running(state.progress)
    if row >= last_batch or is_over:
        for k in range(candidates.size):
            fold_scale(plan, state.phi, scratch.tally[k], k)
        spent_on_scales += state.phi.size
    leave_walk(plan, state.clock, n_rows, n_rows if is_over else row, pool_stop)
    return spent + spent_on_scales


@kernel
def open_scales(plan, candidates, phi, tally):
    """v = w at the beginning of an epoch."""
    for k in range(tally.size):
        tally[k].scale = 1.0
        # Without a penalty a w may be too large to square: 0·∞ is no number.
        tally[k].square = square_of(plan, phi, k) if candidates[k].l2 > 0.0 else 0.0


@kernel
def square_of(plan, phi, k):
    """‖v‖², v being what φ₁…φ_d hold."""
    total = 0.0
    for p in range(1, plan.n_weights + 1):
        total += phi[k, p] * phi[k, p]
    return total


@kernel
def fold_scale(plan, phi, tally, k):
    """w = scale · v again in φ₁…φ_d."""
    for p in range(1, plan.n_weights + 1):
        phi[k, p] *= tally.scale
    tally.square = square_of(plan, phi, k)
    tally.scale = 1.0


@kernel
def open_sparse_batch(plan, candidates, progress, scratch):
    """Forget the losses of the last mini-batch; set the rate of this one."""
    scratch.batch_weight[0] = 0.0
    for k in range(candidates.size):
        scratch.tally[k].batch_loss = 0.0
        if candidates[k].is_per_update:
            scratch.tally[k].rate = rate_at(plan, candidates[k], progress[k])


@kernel
def note_slopes(data, plan, candidates, state, scratch, first, stop, batch_start):
    """Add the losses of rows first…stop of a mini-batch, and note their slopes."""
    phi, tally = state.phi, scratch.tally
    pool_start = first - first % plan.pool_size
    order, ahead = scratch.order, rows_ahead(data, scratch.order)
    for place in range(first, stop):
        row = row_at(data, order, pool_start, place, ahead)
        scratch.rows[place - batch_start] = row
        scratch.batch_weight[0] += row_weight(data, row)
        for k in range(candidates.size):
            if state.progress[k].status == Status.RUNNING:
                product = tally[k].scale * row_product(data.X, row, phi, k)
                z = predictor_of(plan, data, row, product, phi, k)
                loss, slope = row_loss_and_slope(data, plan, candidates[k], row, z)
                tally[k].batch_loss += loss
                scratch.pulls[k, place - batch_start] = slope


@kernel
def close_sparse_batch(data, plan, candidates, state, scratch, record):
    """Judge a mini-batch and take its step; returns what that cost beyond its rows.

    A mini-batch without weight is skipped. All here are full ones.
    """
    size, spent = plan.batch_size, cost.BATCH * candidates.size
    for k in range(candidates.size):
        candidate, progress, tally = candidates[k], state.progress[k], scratch.tally[k]
        if progress.status != Status.RUNNING:
            continue
        penalty = 0.5 * candidate.l2 * tally.scale * tally.scale * tally.square
        objective = tally.batch_loss / size + penalty
        tally.epoch_loss += size * objective
        if not is_finite(objective):
            progress.status = Status.DIVERGED
        elif scratch.batch_weight[0] > 0.0:
            if decay(plan, candidate, state.phi, tally, k):
                spent += state.phi.shape[1]
            descend_sparsely(data, plan, candidate, state.phi, scratch, tally, k)
            count_update(plan, candidate, state, k)
    if scratch.batch_weight[0] > 0.0 and is_any_running(state.progress):
        record_update(plan, state, record)
    return spent


@kernel
def decay(plan, candidate, phi, tally, k):
    """w ← (1 − α·l2)·w; whether that took a look at every coefficient."""
    tally.scale *= 1.0 - tally.rate * candidate.l2
    is_due = not SMALLEST_SCALE < abs(tally.scale) < LARGEST_SCALE
    if is_due:
        fold_scale(plan, phi, tally, k)
    return is_due


@kernel
def descend_sparsely(data, plan, candidate, phi, scratch, tally, k):
    """w ← w − α·Σ pull·x / |B|, and φ₀ likewise."""
    step = tally.rate / plan.batch_size
    for i in range(plan.batch_size):
        pull = step * scratch.pulls[k, i]
        if plan.is_trained[0]:
            phi[k, 0] -= pull
        pull *= plan.input_scale / tally.scale
        if candidate.l2 > 0.0:
            tally.square += move_along_row(data.X, scratch.rows[i], -pull, phi, k)
        else:
            add_row(data.X, scratch.rows[i], -pull, phi, k)


@kernel
def move_along_row(X, row, pull, phi, k):
    """v ← v + pull · x; returns what ‖v‖² grows by."""
    values, columns = nonzeros(X, row)
    even = odd = 0.0  # sums of their own, so that none waits for the other
    n_pairs = values.size // 2
    for i in range(0, 2 * n_pairs, 2):
        even += move_along(phi, k, place_of(columns[i]), pull * values[i])
        odd += move_along(phi, k, place_of(columns[i + 1]), pull * values[i + 1])
    for i in range(2 * n_pairs, values.size):
        even += move_along(phi, k, place_of(columns[i]), pull * values[i])
    return even + odd


@kernel
def move_along(phi, k, p, step):
    """One coefficient's step; returns what its square grows by."""
    before = phi[k, p]
    phi[k, p] = before + step
    return step * (2.0 * before + step)
