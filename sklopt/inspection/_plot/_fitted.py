"""What the Displays read of fitted estimators, with refusals that say what to do."""

from collections.abc import Mapping
from numbers import Integral

from sklearn.utils.validation import check_is_fitted

from .._parameters import last_step, objective_of


class EstimatorCurvesMixin:
    """A display of a curve for each estimator: of one, where it can of several."""

    @classmethod
    def from_estimator(cls, estimator, *, name=None, ax=None, **kwargs):
        """Draw what there is of one fitted estimator.

        Parameters
        ----------
        estimator : object
            A fitted estimator, or a pipeline that ends in one, such as
            `from_estimators` takes.
        name : str, default=None
            Its name in the legend; None takes that of the class.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **kwargs : dict
            Passed to `from_estimators`.

        Returns
        -------
        Display
            The display, drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If it keeps no record of what is drawn.
        """
        return cls.from_estimators(by_name(estimator, name), ax=ax, **kwargs)


def by_name(estimator, name):
    """One estimator by the name given, or by that of its class."""
    name = type(last_step(estimator)).__name__ if name is None else name
    return {name: estimator}


def named(estimators):
    """The estimators by name; a refusal of anything but a non-empty mapping."""
    if not isinstance(estimators, Mapping) or not estimators:
        raise TypeError(
            "estimators must be a dict of at least one fitted estimator by name, "
            f"got {estimators!r}."
        )
    return dict(estimators)


def fitted(estimator):
    """The last step, a refusal if it is not fitted."""
    estimator = last_step(estimator)
    check_is_fitted(estimator)
    return estimator


def fitted_attribute(estimator, name):
    """An attribute of the fitted last step, a refusal if there is none."""
    estimator = fitted(estimator)
    value = getattr(estimator, name, None)
    if value is None:
        raise ValueError(
            f"{type(estimator).__name__} has no {name}: pass a fitted estimator that "
            "has one, such as GradientRegressor; of a search, its best_estimator_."
        )
    return value


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


def fitted_objective(estimator, X, y, sample_weight=None):
    """J of a fitted estimator on given data."""
    fitted(estimator)
    return objective_of(estimator, X, y, sample_weight).seen()


def axis_names(estimator, J):
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
    if isinstance(parameter, Integral) and not isinstance(parameter, bool):
        if 0 <= parameter < len(names):
            return int(parameter)
    elif isinstance(parameter, str):
        words = [*names, *(f"phi_{index}" for index in range(len(names)))]
        if parameter in words:
            return words.index(parameter) % len(names)
    raise ValueError(
        f"parameters must be indices from 0 to {len(names) - 1}, or names out of "
        f"{', '.join(names)}; got {parameter!r}."
    )


def parameter_label(index, names):
    """φ with its index, and the name where the user gave one."""
    name, symbol = names[index].replace("$", r"\$"), rf"$\phi_{{{index}}}$"
    is_nameless = name in (f"x{index - 1}", f"phi_{index}")
    return symbol if is_nameless else f"{symbol} ({name})"
