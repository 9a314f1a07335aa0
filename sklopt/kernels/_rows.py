"""What one row has to say: its weight, its loss and the slope of that."""

from ._compilation import kernel
from ._losses import loss_derivative, loss_value, mean_of


@kernel
def row_weight(data, row):
    """Sample weight of a row, 1 where there are none."""
    return float(data.weight[row]) if data.weight.size else 1.0


@kernel
def row_bias(data, row):
    """What φ₀ is multiplied by in a row, 1 in all but condensed data."""
    return data.bias[row] if data.bias.size else 1.0


@kernel
def row_loss(data, plan, candidate, row, prediction):
    """s · ℓ(f, y)."""
    weight = row_weight(data, row)
    if weight == 0.0:
        return 0.0  # of any row, also of one whose loss overflows
    return weight * loss_value(plan, prediction, data.y[row, candidate.target])


@kernel
def row_square(data, plan, candidate, row, prediction):
    """s · (mean − y)² of the mean that f stands for, whatever the loss."""
    weight = row_weight(data, row)
    if weight == 0.0:
        return 0.0
    residual = mean_of(plan, prediction) - data.y[row, candidate.target]
    return weight * residual * residual


@kernel
def row_loss_and_slope(data, plan, candidate, row, prediction):
    """s · ℓ(f, y) and s · ∂ℓ/∂f."""
    weight = row_weight(data, row)
    if weight == 0.0:
        return 0.0, 0.0
    target = data.y[row, candidate.target]
    loss = loss_value(plan, prediction, target)
    return weight * loss, weight * loss_derivative(plan, prediction, target)
