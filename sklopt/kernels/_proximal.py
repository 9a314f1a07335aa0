"""The step of the l1 penalty, which makes coefficients exactly zero.

A rule moves φ to u by the gradient of all but l1·‖w‖₁. What follows is the proximal
step of that part in the metric of the rule's own step,

    w ← argmin_w Σⱼ (wⱼ − uⱼ)² / (2 rateⱼ) + l1·‖w‖₁ = soft(uⱼ, rateⱼ · l1),

where soft(u, c) is u moved by c toward 0, and 0 if that is nearer, and rateⱼ is what
the rule multiplies a gradient, or its average, by in coordinate j:

=================== ==================
descent             α
momentum, nesterov  α
adam                α / (√ṽⱼ + ε)
=================== ==================

With these, and only these, a training stands still where it should: in the minimum the
gradient, and so its average m, is −l1·sign(wⱼ) where wⱼ ≠ 0 and no longer than l1 where
wⱼ = 0, and a rule's step by rateⱼ·mⱼ is just what the threshold takes back. For the
same reason Nesterov's look-ahead point is soft(φ − αm, α·l1), the point to which the
average and the penalty lead together: without the threshold it would look ahead of a
minimum that it stands in.

References
----------
Parikh, N. and Boyd, S. (2014). Proximal algorithms. Foundations and Trends in
Optimization, 1(3).

Duchi, J. and Singer, Y. (2009). Efficient online and batch learning using forward
backward splitting. JMLR, 10.

Yun, J., Lozano, A. and Yang, E. (2021). Adaptive proximal gradient methods for
structured neural networks. NeurIPS, 34. (The step in Adam's metric.)
"""

import math

from ._codes import Rule, Slot
from ._compilation import kernel


@kernel
def soft_threshold(u, threshold):
    """The w of the lowest ½(w − u)² + threshold·|w|."""
    # Not the other way round: what is not a number must not become 0.
    if abs(u) <= threshold:
        return 0.0
    return u - math.copysign(threshold, u)


@kernel
def shrink(plan, candidate, point, k, rate):
    """w ← soft(w, rate·l1), all coordinates alike."""
    threshold = rate * candidate.l1
    if threshold > 0.0:
        for p in range(1, plan.n_weights + 1):
            point[k, p] = soft_threshold(point[k, p], threshold)


@kernel
def shrink_by_coordinate(plan, candidate, phi, slots, k, rate, t):
    """wⱼ ← soft(wⱼ, rateⱼ·l1) after Adam's step at time t, ṽ being that of the step."""
    square_scale = 1.0 / (1.0 - candidate.beta_2 ** (t + 1.0))
    push, epsilon = rate * candidate.l1, candidate.epsilon
    for p in range(1, plan.n_weights + 1):
        root = math.sqrt(square_scale * slots[k, Slot.SQUARE, p])
        phi[k, p] = soft_threshold(phi[k, p], push / (root + epsilon))


@kernel
def apply_proximal_step(plan, candidate, phi, slots, k, rate, t):
    """The step of the l1 penalty of candidate k, after the rule's at time t."""
    if candidate.rule == Rule.ADAM:
        if candidate.l1 > 0.0:
            shrink_by_coordinate(plan, candidate, phi, slots, k, rate, t)
    else:
        shrink(plan, candidate, phi, k, rate)
