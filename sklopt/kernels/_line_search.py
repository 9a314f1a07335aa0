"""The bracketing line search along the ray φ − step · ∇J.

Four steps a < b < c < d bracket the lowest point, b and c at the thirds. The models
read a row through the linear predictor z only, so that z and its slope along the ray
are computed once and every trial costs one multiplication a row.
"""

from . import _costs as cost
from ._averages import count_update
from ._codes import Bracket, Clock, Phase, Ray, Schedule, Search, Status
from ._compilation import entry_point, kernel
from ._losses import loss_cost
from ._matrices import row_size
from ._models import linear_predictor, model_cost, prediction_at
from ._penalties import penalty_value
from ._rows import row_loss
from ._rules import descent
from ._walking import phase_after_updates

A, B, C, D = range(4)

# Halving toward a ends here, as a share of the first d: φ is as low as the ray goes.
NEGLIGIBLE_STEP = 1e-16

# Rows whose losses are summed before they join the total: whole blocks of them, or the
# digits would tell where the search paused, and so how many candidates there are.
ROWS_SUMMED = 256


@entry_point
def search_line(data, plan, candidates, state, scratch, budget):
    """Take the line search that is due to its end, or until the budget is spent.

    An entry point of its own, so that who searches no line does not compile it.
    """
    clock = state.clock
    while budget > 0:
        if clock[Clock.PHASE] == Phase.PROJECT:
            if clock[Clock.ROW] == 0:
                open_searches(candidates, state, scratch)
            budget -= project_rows(data, plan, state, scratch, budget)
        elif clock[Clock.PHASE] == Phase.SEARCH:
            budget -= search_rows(data, plan, candidates, state, scratch, budget)
        else:
            return


@kernel
def place_thirds(steps):
    """b and c at the thirds of a…d."""
    steps[B] = steps[A] + (steps[D] - steps[A]) / 3.0
    steps[C] = steps[A] + (steps[D] - steps[A]) * 2.0 / 3.0


@kernel
def open_bracket(steps, largest_step):
    """a = 0 and d the largest step to be considered."""
    steps[A] = 0.0
    steps[D] = largest_step
    place_thirds(steps)


@kernel
def narrow_bracket(steps, J):
    """If a is lowest, halve b, c, d toward it; else drop the side that is higher."""
    if J[A] < J[B] and J[A] < J[C] and J[A] < J[D]:
        steps[D] = steps[A] + (steps[D] - steps[A]) / 2.0
    elif J[B] < J[C]:
        steps[D] = steps[C]
    else:
        steps[A] = steps[B]
    place_thirds(steps)


@kernel
def forget_trials(J):
    """Make ready for the next sweep."""
    for place in range(J.size):
        J[place] = 0.0


@kernel
def open_searches(candidates, state, scratch):
    """Open the bracket of every running candidate that asks for a line search."""
    for k in range(candidates.size):
        scratch.tally[k].search = Search.DONE
        is_searching = candidates[k].schedule == Schedule.LINE_SEARCH
        if is_searching and state.progress[k].status == Status.RUNNING:
            scratch.tally[k].search = Search.NARROWING
            open_bracket(scratch.bracket[k, Bracket.STEP], candidates[k].first_rate)
            forget_trials(scratch.bracket[k, Bracket.OBJECTIVE])


@kernel
def project(plan, data, phi, gradient, tally, ray, first, stop):
    """z of rows first…stop at φ, and its slope along the gradient."""
    for k in range(tally.size):
        if tally[k].search != Search.DONE:
            for row in range(first, stop):
                ray[k, Ray.Z, row] = linear_predictor(plan, data, row, phi, k)
                ray[k, Ray.SLOPE, row] = linear_predictor(plan, data, row, gradient, k)


@kernel
def move(phi, gradient, k, step, point):
    """φ − step · ∇J."""
    for p in range(phi.shape[1]):
        point[k, p] = phi[k, p] - step * gradient[k, p]


@kernel
def add_trial_losses(data, plan, candidate, state, scratch, k, first, stop):
    """Add the losses of rows first…stop at the four steps of the bracket of k."""
    ray, bracket = scratch.ray[k], scratch.bracket[k]
    for place in range(bracket.shape[1]):
        step = bracket[Bracket.STEP, place]
        move(state.phi, scratch.gradient, k, step, scratch.point)
        for start in range(first, stop, ROWS_SUMMED):
            total = 0.0
            for row in range(start, min(start + ROWS_SUMMED, stop)):
                z = ray[Ray.Z, row] - step * ray[Ray.SLOPE, row]
                prediction = prediction_at(plan, z, scratch.point, k)
                total += row_loss(data, plan, candidate, row, prediction)
            bracket[Bracket.OBJECTIVE, place] += total


@kernel
def finish_trials(plan, candidate, n_rows, state, scratch, k):
    """Turn the summed losses of a bracket into objectives."""
    bracket = scratch.bracket[k]
    for place in range(bracket.shape[1]):
        step = bracket[Bracket.STEP, place]
        move(state.phi, scratch.gradient, k, step, scratch.point)
        loss = bracket[Bracket.OBJECTIVE, place] / n_rows
        penalty = penalty_value(plan, candidate, scratch.point, k)
        bracket[Bracket.OBJECTIVE, place] = loss + penalty


@kernel
def continue_search(candidate, tally, bracket, objective):
    """One decision of the line search, after a sweep over the data.

    `objective` is J(φ). A step that would not lower it is given up.
    """
    steps, J = bracket[Bracket.STEP], bracket[Bracket.OBJECTIVE]
    if tally.search == Search.CHECKING:
        tally.rate = steps[A] if J[A] < objective else 0.0
        tally.search = Search.DONE
    else:
        width = steps[D] - steps[A]
        narrow_bracket(steps, J)
        is_narrow = steps[C] - steps[B] < candidate.tolerance * steps[C]
        # Thirds of neighbouring numbers are these again.
        is_narrow |= steps[D] - steps[A] >= width
        if is_narrow or steps[C] < NEGLIGIBLE_STEP * candidate.first_rate:
            steps[A] = 0.5 * (steps[B] + steps[C])
            tally.search = Search.CHECKING
    forget_trials(J)


@kernel
def project_rows(data, plan, state, scratch, budget):
    """Prepare the trial steps of a line search; returns the cost."""
    n_rows, first = data.y.shape[0], state.clock[Clock.ROW]
    row_cost = 2 * state.phi.shape[0] * row_size(data.X) + cost.ROW
    stop = min(n_rows, first + budget // row_cost + 1)
    project(
        plan,
        data,
        state.phi,
        scratch.gradient,
        scratch.tally,
        scratch.ray,
        first,
        stop,
    )
    state.clock[Clock.ROW] = stop
    if stop == n_rows:
        state.clock[Clock.PHASE], state.clock[Clock.ROW] = Phase.SEARCH, 0
    return (stop - first) * row_cost


@kernel
def search_rows(data, plan, candidates, state, scratch, budget):
    """Evaluate the open brackets; decide after a whole sweep; returns the cost."""
    n_rows, first = data.y.shape[0], state.clock[Clock.ROW]
    trial_cost = cost.TRIAL + model_cost(plan) + loss_cost(plan)
    row_cost = trial_cost * scratch.bracket.size
    n_blocks = budget // (ROWS_SUMMED * row_cost) + 1
    stop = min(n_rows, first + ROWS_SUMMED * n_blocks)
    state.clock[Clock.ROW] = stop % n_rows
    is_any_open = False
    for k in range(candidates.size):
        if scratch.tally[k].search == Search.DONE:
            continue
        add_trial_losses(data, plan, candidates[k], state, scratch, k, first, stop)
        if stop == n_rows:
            decide_search(plan, candidates[k], state, scratch, k, n_rows)
        if scratch.tally[k].search != Search.DONE:
            is_any_open = True
    if not is_any_open:
        state.clock[Clock.PHASE] = phase_after_updates(plan)
    return (stop - first) * row_cost


@kernel
def decide_search(plan, candidate, state, scratch, k, n_rows):
    """Narrow the bracket of candidate k, or take its step."""
    tally = scratch.tally[k]
    finish_trials(plan, candidate, n_rows, state, scratch, k)
    continue_search(candidate, tally, scratch.bracket[k], tally.epoch_loss / n_rows)
    if tally.search == Search.DONE:
        descent(state.phi, scratch.gradient, k, tally.rate)
        count_update(plan, candidate, state, k)
