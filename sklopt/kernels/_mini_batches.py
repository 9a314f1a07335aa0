"""Mini-batches of any size under any rule: all gradients, then a step."""

from . import _costs as cost
from ._averages import count_update
from ._batches import row_at, rows_ahead
from ._clipping import clip
from ._codes import Clock, Loss, Model, Rule, Schedule, Status
from ._compilation import kernel
from ._matrices import add_rows, add_rows_to_two, row_products, row_products_of_two
from ._models import add_head_gradient, prediction_at, predictor_of, pull_on_predictor
from ._penalties import add_smooth_gradient, penalty_value
from ._proximal import apply_proximal_step, shrink
from ._records import record_update, remember
from ._rows import row_bias, row_loss_and_slope, row_weight
from ._rules import apply_rule, look_ahead
from ._schedules import rate_at
from ._stopping import is_finite
from ._walking import cost_of_row, end_of_pool, is_any_running, leave_walk, open_epoch


@kernel
def walk(data, plan, candidates, state, scratch, record, budget):
    """Walk the mini-batches as far as the budget reaches; returns the cost."""
    n_rows = data.y.shape[0]
    row_cost = cost_of_row(data, plan, state)
    batch_cost = state.phi.size * cost.PARAMETER + cost.BATCH
    point = scratch.point if plan.looks_ahead else state.phi
    row, spent = state.clock[Clock.ROW], 0
    pool_stop = end_of_pool(plan, n_rows, row)
    if row == 0:
        open_epoch(plan, candidates, state.progress, scratch.tally)
    while row < pool_stop and spent < budget:
        batch_start = row - row % plan.batch_size
        batch_stop = min(batch_start + plan.batch_size, n_rows)
        if row == batch_start:
            open_batch(plan, candidates, state, scratch)
        # The budget does not cut the rows that are seen together: sums would differ.
        stop = min(batch_stop, pool_stop, row + scratch.rows.size)
        n_found, size = stop - row, batch_stop - batch_start
        find_rows(data, plan, scratch, row, stop)
        add_gradients(
            data, plan, candidates, state.progress, scratch, point, n_found, size
        )
        spent += n_found * row_cost
        row = stop
        if stop == batch_stop:
            if batch_stop == n_rows:
                remember(state.phi, scratch.before)
            close_batch(plan, candidates, state, scratch, point, size)
            spent += batch_cost
            if not is_any_running(state.progress):
                row = n_rows
            elif scratch.batch_weight[0] > 0.0 and not plan.searches_line:
                record_update(plan, state, record)
    leave_walk(plan, state.clock, n_rows, row, pool_stop)
    return spent


@kernel
def open_batch(plan, candidates, state, scratch):
    """Forget the last gradient; place the points where the next one is taken."""
    scratch.batch_weight[0] = 0.0
    for k in range(candidates.size):
        tally, progress = scratch.tally[k], state.progress[k]
        tally.batch_loss = 0.0
        for p in range(state.phi.shape[1]):
            scratch.gradient[k, p] = 0.0
        if candidates[k].is_per_update:
            tally.rate = rate_at(plan, candidates[k], progress)
        if plan.looks_ahead:
            rate = tally.rate if candidates[k].rule == Rule.NESTEROV else 0.0
            look_ahead(state.phi, state.slots, k, rate, scratch.point)
            shrink(plan, candidates[k], scratch.point, k, rate)


@kernel
def find_rows(data, plan, scratch, first, stop):
    """Note the rows at places first…stop of the epoch's order, and add their weights.

    Those that come next are asked for of memory meanwhile.
    """
    pool_start = first - first % plan.pool_size
    order, ahead = scratch.order, rows_ahead(data, scratch.order)
    for place in range(first, stop):
        row = row_at(data, order, pool_start, place, ahead)
        scratch.rows[place - first] = row
        scratch.batch_weight[0] += row_weight(data, row)


@kernel
def add_gradients(data, plan, candidates, progress, scratch, point, n_found, size):
    """Add loss and gradient, at each candidate's point, of the rows that were found.

    g = Σ s ∇ℓ / |B|. Weights have mean 1 over the training set; dividing by |B| and
    not by the batch's own weight keeps g unbiased.

    All rows are predicted before any is added, so that the processor fetches and
    multiplies the next one while the last one waits for its slope.
    """
    share, n_running = 1.0 / size, list_running(progress, scratch.running)
    multiply_rows(data.X, plan, scratch, point, n_found, n_running)
    judge_rows(data, plan, candidates, scratch, point, n_found, n_running, share)
    add_multiples(data.X, scratch, n_found, n_running)


@kernel
def list_running(progress, running):
    """Note which candidates train; returns how many."""
    n_running = 0
    for k in range(progress.size):
        if progress[k].status == Status.RUNNING:
            running[n_running] = k
            n_running += 1
    return n_running


@kernel
def multiply_rows(X, plan, scratch, point, n_found, n_running):
    """Put Σⱼ φⱼ₊₁ xⱼ of each row into the `pulls` of each candidate.

    Two candidates at a time read X once. One that is left over is its own partner: so
    no sum tells in which company it was taken.
    """
    rows, pulls, running = scratch.rows, scratch.pulls, scratch.running
    if plan.in_pairs:
        for i in range(0, n_running, 2):
            k, m = running[i], running[min(i + 1, n_running - 1)]
            row_products_of_two(X, rows, n_found, point, k, m, pulls)
    else:
        for i in range(n_running):
            row_products(X, rows, n_found, point, running[i], pulls)


@kernel
def judge_rows(data, plan, candidates, scratch, point, n_found, n_running, share):
    """Add each candidate's losses; turn its products into pulls."""
    is_plain = plan.model == Model.LINEAR and not plan.has_head
    is_plain = is_plain and plan.loss == Loss.SQUARED_ERROR
    for i in range(n_running):
        k = scratch.running[i]
        candidate, tally = candidates[k], scratch.tally[k]
        # Both calls are the same on purpose. In the first the compiler knows model and
        # loss, and leaves the choice of them out of the loop over rows, which is worth
        # an eighth of an epoch.
        if is_plain:
            judge_rows_for(
                data, plan, candidate, tally, scratch, point, k, n_found, share
            )
        else:
            judge_rows_for(
                data, plan, candidate, tally, scratch, point, k, n_found, share
            )


@kernel
def judge_rows_for(data, plan, candidate, tally, scratch, point, k, n_found, share):
    """Add the rows' losses, and their gradient in all but the weights of features.

    In `pulls`, Σⱼ φⱼ₊₁ xⱼ of each row gives way to what its xⱼ is to be multiplied by.
    """
    rows, pulls, gradient = scratch.rows, scratch.pulls, scratch.gradient
    total_loss = total_pull = 0.0
    for i in range(n_found):
        row = rows[i]
        z = predictor_of(plan, data, row, pulls[k, i], point, k)
        prediction = prediction_at(plan, z, point, k)
        loss, slope = row_loss_and_slope(data, plan, candidate, row, prediction)
        pull = pull_on_predictor(plan, z, point, k, share * slope)
        add_head_gradient(plan, z, k, share * slope, gradient)
        total_loss += loss
        total_pull += pull * row_bias(data, row)
        pulls[k, i] = pull * plan.input_scale
    tally.batch_loss += total_loss
    gradient[k, 0] += total_pull


@kernel
def add_multiples(X, scratch, n_found, n_running):
    """Add Σ pull · xⱼ of the rows to the gradient of each candidate."""
    rows, pulls, running = scratch.rows, scratch.pulls, scratch.running
    for i in range(0, n_running - 1, 2):
        k, m = running[i], running[i + 1]
        add_rows_to_two(X, rows, n_found, pulls, scratch.gradient, k, m)
    if n_running % 2:
        k = running[n_running - 1]
        add_rows(X, rows, n_found, pulls, scratch.gradient, k)


@kernel
def close_batch(plan, candidates, state, scratch, point, size):
    """Judge a mini-batch and take its step; one without weight is skipped."""
    for k in range(candidates.size):
        candidate, progress, tally = candidates[k], state.progress[k], scratch.tally[k]
        if progress.status != Status.RUNNING:
            continue
        tally.kept = 1.0
        objective = tally.batch_loss / size + penalty_value(plan, candidate, point, k)
        tally.epoch_loss += size * objective
        if not is_finite(objective):
            progress.status = Status.DIVERGED
        elif scratch.batch_weight[0] > 0.0:
            finish_gradient(plan, candidate, point, scratch.gradient, k)
            if plan.clips:
                tally.kept = clip(scratch.gradient, k, candidate.largest_norm)
            if candidate.schedule != Schedule.LINE_SEARCH:
                take_step(plan, candidate, state, scratch.gradient, k, tally.rate)


@kernel
def take_step(plan, candidate, state, gradient, k, rate):
    """Move φ by the rule, then by the part of the penalty that is not smooth."""
    phi, slots, progress = state.phi, state.slots, state.progress[k]
    age = progress.slot_age
    apply_rule(candidate, phi, slots, gradient, k, rate, age)
    apply_proximal_step(plan, candidate, phi, slots, k, rate, age)
    count_update(plan, candidate, state, k)


@kernel
def finish_gradient(plan, candidate, point, gradient, k):
    """Add the penalty's smooth part to g; take out of it what is not trained."""
    add_smooth_gradient(plan, candidate, point, k, 1.0, gradient)
    for p in range(gradient.shape[1]):
        if not plan.is_trained[p]:
            gradient[k, p] = 0.0
