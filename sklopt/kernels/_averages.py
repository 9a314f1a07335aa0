"""Averages of the iterates: what a training that averages comes to.

Each update moves the average φ̄ a share c toward the parameters φ that it led to. For
the n-th of them c = max(least, (1 + lead)/(n + lead)). lead = least = 0 is the mean of
Polyak and Ruppert, c = 1/n. With least > 0 it is an exponential average of decay
1 − least; its window grows with n first, and the faster the start is forgotten the
larger the lead. As c = 1 for n = 1, it has no bias that were to be corrected.
"""

from ._compilation import kernel


@kernel
def count_update(plan, candidate, state, k):
    """Count an update that candidate k has made, and average what it led to."""
    progress = state.progress[k]
    progress.n_updates += 1
    progress.slot_age += 1
    if plan.averages:
        average_parameters(candidate, progress, state.phi, state.average, k)


@kernel
def average_parameters(candidate, progress, phi, average, k):
    """φ̄ ← φ̄ + c (φ − φ̄) after an update; φ̄ is φ before the averaging begins.

    In this form a parameter that stands still is averaged to itself, to the last bit.
    """
    if progress.n_updates >= candidate.average_from:
        progress.n_averaged += 1
    if progress.n_averaged <= 1:
        for p in range(phi.shape[1]):
            average[k, p] = phi[k, p]
        return
    lead = candidate.average_lead
    share = max(candidate.least_share, (1.0 + lead) / (progress.n_averaged + lead))
    for p in range(phi.shape[1]):
        average[k, p] += share * (phi[k, p] - average[k, p])
