"""What the Displays read of fitted estimators, with refusals that say what to do."""

from sklearn.utils.validation import check_is_fitted

from .._parameters import last_step, objective_of


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


def fitted(estimator):
    """The last step, a refusal if it is not fitted."""
    estimator = last_step(estimator)
    check_is_fitted(estimator)
    return estimator


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


def objective(estimator, X, y, sample_weight=None):
    """J of a fitted estimator on given data."""
    fitted(estimator)
    return objective_of(estimator, X, y, sample_weight)


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
