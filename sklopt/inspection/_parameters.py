"""The objective of an estimator, and the point of it that is looked at."""

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import check_is_fitted

from .._naming import naming

# What a parameter is where it is not trained; the wave's amplitude is 1.
UNTRAINED = {"amplitude": 1.0}


def last_step(estimator):
    """The estimator itself, or the one that ends a pipeline."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def as_it_sees(estimator, X):
    """X after the steps of a pipeline that come before the last."""
    has_steps_before = isinstance(estimator, Pipeline) and len(estimator) > 1
    return estimator[:-1].transform(X) if has_steps_before else X


def objective_of(estimator, X, y, sample_weight=None):
    """J on these data, seen from behind the other steps of a pipeline."""
    owner = last_step(estimator)
    if isinstance(owner, type):
        raise TypeError(f"{owner.__name__} is a class: pass an instance of it.")
    if not hasattr(owner, "_objective"):
        raise TypeError(f"{type(owner).__name__} is not an estimator of sklopt.")
    try:
        return owner._objective(as_it_sees(estimator, X), y, sample_weight)
    except InvalidParameterError as error:
        # `validate_params` would put its function's name in place of the estimator's.
        raise ValueError(str(error)) from error


def parameters_at(estimator, objective, at=None):
    """`at` checked, (P,), or the fitted parameters in the order of `objective`."""
    if at is None:
        return fitted_parameters(estimator, objective)
    with naming("at"):
        at = check_array(at, dtype=np.float64, ensure_2d=False, input_name="at")
    names = parameter_names(objective)
    if at.shape != (len(names),):
        raise ValueError(
            f"at has shape {at.shape}, but there are {len(names)} parameters: "
            f"{', '.join(names)}."
        )
    for name, value, is_trained in zip(names, at, objective.is_trained, strict=True):
        fixed = UNTRAINED.get(name, 0.0)
        if not is_trained and value != fixed:
            raise ValueError(
                f"at has {name} = {value:g}, which is not trained: it stays {fixed:g}."
            )
    return at


def parameter_names(objective):
    """phi_0, phi_1, …, and of a head amplitude and offset."""
    head = ["amplitude", "offset"] if objective.has_head else []
    return [f"phi_{p}" for p in range(objective.X.shape[1] + 1)] + head


def fitted_parameters(estimator, objective):
    """φ of one target in the order of `objective`, (P,)."""
    estimator = last_step(estimator)
    check_is_fitted(estimator)
    if hasattr(estimator, "phi_"):
        phi = estimator.phi_
    elif np.ndim(estimator.intercept_):
        raise ValueError(
            f"This {type(estimator).__name__} was fitted with y of two dimensions: fit "
            "it with one target of one dimension, or say at which parameters."
        )
    else:
        phi = np.append(estimator.intercept_, estimator.coef_)
    if objective.has_head:
        phi = np.append(phi, [estimator.amplitude_, estimator.offset_])
    return np.asarray(phi, dtype=np.float64)
