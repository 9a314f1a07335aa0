"""What the Displays read of fitted estimators, with refusals that say what to do."""

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted


def named(estimators):
    """The estimators by name; a refusal of anything but a non-empty mapping."""
    if not hasattr(estimators, "items") or not len(estimators):
        raise TypeError(
            "estimators must be a dict of at least one fitted estimator by name, "
            f"got {estimators!r}."
        )
    return dict(estimators)


def default_name(estimator, name):
    """The name given, or that of the class."""
    return type(last_step(estimator)).__name__ if name is None else name


def last_step(estimator):
    """The estimator itself, or the one that ends a pipeline."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def fitted(estimator):
    """The last step, a refusal if it is not fitted."""
    estimator = last_step(estimator)
    check_is_fitted(estimator)
    return estimator


def as_it_sees(estimator, X):
    """X after the steps of a pipeline that come before the last."""
    has_steps_before = isinstance(estimator, Pipeline) and len(estimator) > 1
    return estimator[:-1].transform(X) if has_steps_before else X


def stored_path(estimator):
    """`path_` of one target, shape (n_points, P)."""
    estimator = fitted(estimator)
    if not hasattr(estimator, "path_"):
        raise ValueError(
            f"{type(estimator).__name__} has no path_: fit it with "
            "store_path='epoch' or store_path='step'."
        )
    if estimator.path_.ndim != 2:
        raise ValueError(
            f"path_ has the shape {estimator.path_.shape}: several targets, each with "
            "a surface of its own. Fit an estimator for each."
        )
    return estimator.path_


def fitted_parameters(estimator):
    """φ of one target, the intercept first; shape (P,)."""
    return np.asarray(fitted(estimator)._last_phi(), dtype=np.float64)


def objective(estimator, X, y, sample_weight=None):
    """J on given data, seen from behind the other steps of a pipeline."""
    owner = fitted(estimator)
    if not hasattr(owner, "_objective"):
        raise TypeError(f"{type(owner).__name__} is not an estimator of sklopt.")
    return owner._objective(as_it_sees(estimator, X), y, sample_weight)


def parameter_names(estimator, J):
    """Names of φ: "intercept", the features, and "amplitude" and "offset" of a head.

    φ₀ of a wave is its phase and no intercept: it has no name but its number.
    """
    estimator = last_step(estimator)
    first = "intercept" if hasattr(estimator, "intercept_") else "phi_0"
    unnamed = [f"x{j}" for j in range(estimator.n_features_in_)]
    features = getattr(estimator, "feature_names_in_", unnamed)
    head = ["amplitude", "offset"] if J.has_head else []
    return [first, *map(str, features), *head]


def parameter_index(parameter, names):
    """Index of a parameter that is given by its index or its name."""
    numbered = [f"phi_{index}" for index in range(len(names))]
    if isinstance(parameter, str):
        if parameter in numbered and parameter not in names:
            return numbered.index(parameter)
        if parameter not in names:
            raise ValueError(
                f"There is no parameter {parameter!r}; they are {', '.join(names)}."
            )
        return names.index(parameter)
    if not 0 <= parameter < len(names):
        raise ValueError(
            f"There is no parameter {parameter}: φ has {len(names)}, counted from 0."
        )
    return int(parameter)


def parameter_label(index, names):
    """φ with its index, and the name where the user gave one."""
    name, symbol = names[index].replace("$", r"\$"), rf"$\phi_{{{index}}}$"
    is_nameless = name in (f"x{index - 1}", f"phi_{index}")
    return symbol if is_nameless else f"{symbol} ({name})"
