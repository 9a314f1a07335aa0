"""Other libraries as competitors of `bench_peers`; each only where it is installed."""

import importlib.util
import warnings

import numpy as np
from learners import Learner, StepwiseLearner
from sklearn.exceptions import ConvergenceWarning

ROWS_FOR_RIVER = 50_000


class Torch(StepwiseLearner):
    """Whole tensors, rows taken by a random order; no DataLoader."""

    name, kind, package = "torch", "iterative", "torch"
    settings = [
        {"solver": "sgd", "batch_size": 128, "rate": 2.0, "decay": 0.7},
        {"solver": "momentum", "batch_size": 1024, "rate": 0.5, "decay": 0.7},
        {"solver": "momentum", "batch_size": 1024, "rate": 0.5, "decay": 0.9},
        {"solver": "adam", "batch_size": 1024, "rate": 0.5, "decay": 0.7},
        {"solver": "adam", "batch_size": 4096, "rate": 1.0, "decay": 0.9},
        {"solver": "lbfgs"},
    ]

    def fit(self, setting, X, y, n_epochs):
        epochs = self.epochs(setting, X, y)
        for _ in range(n_epochs - 1):
            next(epochs)
        return next(epochs)

    def epochs(self, setting, X, y):
        import torch

        n_samples, n_features = X.shape
        generator = torch.Generator().manual_seed(0)
        X, y = torch.from_numpy(X), torch.from_numpy(y)
        model = torch.nn.Linear(n_features, 1, dtype=torch.float64)
        for parameter in model.parameters():
            torch.nn.init.zeros_(parameter)
        optimizer = _torch_optimizer(torch, model, setting, n_features)
        schedule = torch.optim.lr_scheduler.ExponentialLR(
            optimizer, setting.get("decay", 1.0)
        )
        is_full = setting["solver"] == "lbfgs"

        def update(X, y):
            def closure():
                optimizer.zero_grad()
                loss = torch.nn.functional.mse_loss(model(X)[:, 0], y)
                loss.backward()
                return loss

            optimizer.step(closure)

        while True:
            if is_full:
                update(X, y)
            else:
                order = torch.randperm(n_samples, generator=generator)
                for rows in order.split(setting["batch_size"]):
                    update(X[rows], y[rows])
            schedule.step()
            yield np.append(model.bias.detach().numpy(), model.weight.detach().numpy())


def _torch_optimizer(torch, model, setting, n_features):
    """Fused: the fastest that torch has for so few parameters."""
    parameters = model.parameters()
    if setting["solver"] == "lbfgs":
        return torch.optim.LBFGS(
            parameters, max_iter=1, history_size=20, line_search_fn="strong_wolfe"
        )
    # Its loss has no half: rates are ours, and momentum's a tenth of ours.
    rate = setting["rate"] / n_features
    if setting["solver"] == "adam":
        return torch.optim.Adam(parameters, lr=rate, fused=True)
    if setting["solver"] == "momentum":
        return torch.optim.SGD(
            parameters, lr=rate, momentum=0.9, nesterov=True, fused=True
        )
    return torch.optim.SGD(parameters, lr=rate, fused=True)


class Cyanure(Learner):
    """Variance-reduced and quasi-Newton solvers; never asked for a duality gap."""

    name, kind, package = "cyanure", "iterative", "cyanure"
    settings = [
        {"solver": "svrg"},
        {"solver": "acc-svrg"},
        {"solver": "qning-svrg"},
        {"solver": "qning-miso"},
        {"solver": "fista"},
        {"solver": "qning-ista"},
    ]

    def fit(self, setting, X, y, n_epochs):
        from cyanure.estimators import Regression

        model = Regression(
            penalty="none",
            fit_intercept=True,
            max_iter=n_epochs,
            tol=1e-15,
            duality_gap_interval=10**9,
            verbose=False,
            **setting,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, y)
        return np.append(model.intercept_, model.coef_)


class River(StepwiseLearner):
    """One row at a time; the rows are made dicts before the clock starts."""

    name, kind, package = "river", "iterative", "river"
    settings = [
        {"solver": "sgd", "rate": 0.25},
        {"solver": "sgd", "rate": 0.025},
        {"solver": "sgd", "rate": 0.5, "power": 0.5},
        {"solver": "averaged sgd", "rate": 0.25},
        {"solver": "adam", "rate": 0.025},
    ]

    def takes(self, problem):
        return len(problem.X) <= ROWS_FOR_RIVER

    def prepared(self, X, y):
        return [dict(enumerate(row)) for row in X.tolist()], y.tolist()

    def fit(self, setting, X, y, n_epochs):
        epochs = self.epochs(setting, X, y)
        for _ in range(n_epochs - 1):
            next(epochs)
        return next(epochs)

    def epochs(self, setting, X, y):
        from river import linear_model, optim

        rate = setting["rate"] / len(X[0])
        if "power" in setting:
            rate = optim.schedulers.InverseScaling(rate, setting["power"])
        solver = setting["solver"]
        optimizer = (optim.Adam if solver == "adam" else optim.SGD)(rate)
        if solver == "averaged sgd":
            optimizer = optim.Averager(optimizer)
        model = linear_model.LinearRegression(optimizer, intercept_lr=rate)
        rng = np.random.default_rng(0)
        while True:
            for i in rng.permutation(len(y)):
                model.learn_one(X[i], y[i])
            yield np.array([model.intercept, *(model.weights[j] for j in X[0])])


def peer_learners(report=print):
    """Those that are installed; of others a line is reported."""
    learners = []
    for learner in (Torch(), Cyanure(), River()):
        if importlib.util.find_spec(learner.package):
            learners.append(learner)
        else:
            report(f"{learner.package} is not installed: left out")
    return learners
