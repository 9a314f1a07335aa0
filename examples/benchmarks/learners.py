"""sklopt and scikit-learn as competitors of `bench_peers`; others in peer_learners.py.

A learner has a name and a small grid of settings. It can `fit` for a number of epochs,
which is what is timed, and leave a `trail`: parameters after growing numbers of epochs,
by which it is found out, untimed, how many a level of the loss takes.

Rates are given in units of 1/d, as the mean of ‖x‖² is d, so that one grid suits
problems of any number of features.
"""

import time
import warnings
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, Ridge, SGDRegressor
from sklearn.neural_network import MLPRegressor

from sklopt import GradientRegressor
from sklopt.schedules import ExponentialDecay, InverseScaling
from sklopt.solvers import Nesterov

GROWTH = 4  # of the number of epochs, from one look at a path to the next
MANY = 10**9


class Footprint(NamedTuple):
    """Parameters after some epochs, and about how long a fit of these takes."""

    n_epochs: int
    seconds: float
    phi: np.ndarray


class Learner:
    """One that is fitted anew for every number of epochs.

    Attributes
    ----------
    name : str
    kind : {"full batch", "mini-batch", "iterative", "exact"}
        Full and mini-batch are sklopt's.
    settings : list of dict
    """

    name = kind = None
    settings = [{}]

    def takes(self, problem):
        """Whether it is meant for such a problem."""
        return True

    def prepared(self, X, y):
        """Data as it wants them; not timed."""
        return X, y

    def fit(self, setting, X, y, n_epochs):
        """Parameters after so many epochs, intercept first."""
        raise NotImplementedError

    def trail(self, setting, X, y, budget):
        """Footprints at growing numbers of epochs, until a fit takes over `budget`."""
        taken, n_epochs = 0.0, 1
        while taken <= budget:
            start = time.perf_counter()
            phi = self.fit(setting, X, y, n_epochs)
            taken = time.perf_counter() - start
            yield Footprint(n_epochs, taken, phi)
            n_epochs = max(n_epochs + 1, int(1.4 * n_epochs))


class StepwiseLearner(Learner):
    """One that can be watched epoch by epoch."""

    def epochs(self, setting, X, y):
        """Parameters after each epoch."""
        raise NotImplementedError

    def trail(self, setting, X, y, budget):
        taken, epochs = 0.0, self.epochs(setting, X, y)
        n_epochs = 0
        while taken <= budget:
            start = time.perf_counter()
            phi = next(epochs)
            taken += time.perf_counter() - start
            n_epochs += 1
            yield Footprint(n_epochs, taken, phi)


class FullBatch(Learner):
    """Nesterov on sufficient statistics, the rate left to sklopt.

    Its trail is the path that it stores.
    """

    name, kind = "sklopt, full batch", "full batch"
    settings = [{"solver": Nesterov(beta)} for beta in (0.9, 0.99)]

    def model(self, setting):
        """The estimator of a setting."""
        return GradientRegressor(batch_size=None, tol=None, **setting)

    def fit(self, setting, X, y, n_epochs):
        return _phi(self.model(setting).set_params(max_iter=n_epochs).fit(X, y))

    def trail(self, setting, X, y, budget):
        model = self.model(setting).set_params(store_path="epoch")
        done, first, n_epochs = 0, None, 1
        while True:
            start = time.perf_counter()
            path = model.set_params(max_iter=n_epochs).fit(X, y).path_
            taken = time.perf_counter() - start
            first = taken if first is None else first
            an_epoch = max(taken - first, 1e-9) / max(n_epochs - 1, 1)
            for t in range(done + 1, n_epochs + 1):
                yield Footprint(t, first + (t - 1) * an_epoch, path[t])
            done = n_epochs
            affordable = GROWTH if done == 1 else int((budget - first) / an_epoch)
            n_epochs = min(GROWTH * done, affordable)
            if n_epochs <= done:
                return


def _averaged(batch_size, rate, schedule, after=0):
    """A setting whose parameters are averaged after so many epochs."""
    return {
        "batch_size": batch_size,
        "rate": rate,
        "schedule": schedule,
        "average_after": after,
    }


class MiniBatch(StepwiseLearner):
    """Mini-batches, on the samples."""

    name, kind = "sklopt, mini-batch", "mini-batch"
    settings = [
        _averaged(1, 0.25, InverseScaling(power=0.5)),
        _averaged(1, 0.1, "constant"),
        _averaged(32, 2.0, InverseScaling(power=0.5)),
        _averaged(32, 2.0, InverseScaling(power=1.0), after=1),
        _averaged(32, 2.0, "constant"),
        {"batch_size": 32, "rate": 2.0, "schedule": ExponentialDecay(0.5)},
    ]

    def model(self, setting, shape):
        """The estimator of a setting, for data of (n_samples, n_features)."""
        given = dict(setting)
        n_samples, n_features = shape
        if "average_after" in given:
            n_updates = given.pop("average_after") * n_samples // given["batch_size"]
            given["average"] = n_updates or True
        return GradientRegressor(
            "sgd",
            learning_rate=given.pop("rate") / n_features,
            shuffle="blocks",
            tol=None,
            random_state=0,
            **given,
        )

    def fit(self, setting, X, y, n_epochs):
        return _phi(
            self.model(setting, X.shape).set_params(max_iter=n_epochs).fit(X, y)
        )

    def epochs(self, setting, X, y):
        model = self.model(setting, X.shape)
        while True:
            yield _phi(model.partial_fit(X, y))


class Sgd(StepwiseLearner):
    """SGDRegressor; its loss has a half, so that its rates are twice ours."""

    name, kind = "SGDRegressor", "iterative"
    settings = [
        {"rate": 0.5, "average": True},
        {"rate": 0.15, "average": True},
        {"rate": 0.05, "average": True},
        {"rate": 0.05},
        {"rate": 0.5, "learning_rate": "invscaling", "power_t": 0.25},
        {"rate": 1.0, "learning_rate": "invscaling", "power_t": 0.5},
    ]

    def model(self, setting, n_features):
        """The estimator of a setting."""
        given = {"learning_rate": "constant"} | setting
        given["eta0"] = given.pop("rate") / n_features
        return SGDRegressor(
            penalty=None, tol=None, random_state=np.random.RandomState(0), **given
        )

    def fit(self, setting, X, y, n_epochs):
        model = self.model(setting, X.shape[1]).set_params(max_iter=n_epochs)
        return _phi(model.fit(X, y))

    def epochs(self, setting, X, y):
        model = self.model(setting, X.shape[1])
        while True:
            yield _phi(model.partial_fit(X, y))


class Network(StepwiseLearner):
    """MLPRegressor without a hidden layer."""

    name, kind = "MLPRegressor", "iterative"
    settings = [
        {"solver": "sgd", "batch_size": 200, "rate": 0.5},
        {"solver": "sgd", "batch_size": 1000, "rate": 0.5},
        {
            "solver": "sgd",
            "batch_size": 200,
            "rate": 1.0,
            "learning_rate": "invscaling",
        },
        {"solver": "adam", "batch_size": 200, "rate": 0.05},
        {"solver": "adam", "batch_size": 1000, "rate": 0.5},
        {"solver": "lbfgs"},
    ]

    def model(self, setting, n_features):
        """The estimator of a setting."""
        given = dict(setting)
        if "rate" in given:
            given["learning_rate_init"] = given.pop("rate") / n_features
        return MLPRegressor(
            hidden_layer_sizes=(),
            alpha=0.0,
            tol=0.0,
            n_iter_no_change=MANY,
            max_fun=MANY,
            random_state=0,
            **given,
        )

    def fit(self, setting, X, y, n_epochs):
        model = self.model(setting, X.shape[1]).set_params(max_iter=n_epochs)
        with warnings.catch_warnings():
            # It warns at max_iter whatever its tol.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return _network_phi(model.fit(X, y))

    def trail(self, setting, X, y, budget):
        if setting["solver"] == "lbfgs":  # which knows no partial_fit
            return Learner.trail(self, setting, X, y, budget)
        return super().trail(setting, X, y, budget)

    def epochs(self, setting, X, y):
        model = self.model(setting, X.shape[1])
        while True:
            yield _network_phi(model.partial_fit(X, y))


class Exact(Learner):
    """A direct solver, of which there is but one answer."""

    kind = "exact"

    def __init__(self, name, model):
        self.name = name
        self.model = model

    def fit(self, setting, X, y, n_epochs):
        return _phi(self.model.fit(X, y))

    def trail(self, setting, X, y, budget):
        start = time.perf_counter()
        phi = self.fit(setting, X, y, 1)
        yield Footprint(1, time.perf_counter() - start, phi)


def own_learners():
    """sklopt's two ways."""
    return [FullBatch(), MiniBatch()]


def scikit_learners():
    """Those of scikit-learn."""
    # An l2 penalty of 1e-8 in all is nothing; 0 is what Ridge advises against.
    ridge = Ridge(alpha=1e-8, solver="cholesky")
    return [
        Sgd(),
        Network(),
        Exact('Ridge(solver="cholesky")', ridge),
        Exact("LinearRegression()", LinearRegression()),
    ]


def _phi(model):
    return np.append(model.intercept_, model.coef_)


def _network_phi(model):
    return np.append(model.intercepts_[0], model.coefs_[0])
