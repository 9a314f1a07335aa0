"""Solvers: how an estimator turns gradients into steps.

A solver is a description, not an algorithm: it holds hyperparameters under
scikit-learn's rules for parameters, so that ``clone``, ``set_params`` and any search
reach them (``solver__beta=0.8``). The estimator runs it. With α the learning rate, g
the gradient of a mini-batch and t the number of updates so far, counted from 0:

=================== =====================================================
`GD`                φ ← φ − α ∇J(φ), on the whole training set
`SGD`               φ ← φ − α g
`Momentum`          m ← βm + (1−β)g(φ);  φ ← φ − αm
`Nesterov`          m ← βm + (1−β)g(φ − αm);  φ ← φ − αm
`Adam`              m ← βm + (1−β)g;  v ← γv + (1−γ)g²;
                    φ ← φ − α m̃ / (√ṽ + ε)
=================== =====================================================

The average m is the (1 − β) average of the textbook. Libraries that accumulate
m ← βm + g instead (torch, `sklearn.neural_network.MLPRegressor`) take the same step at
the rate α(1 − β).

Of a penalty l2·½‖w‖² + l1·‖w‖₁ on the coefficients w, g holds the smooth part, l2·w.
The other ends every update with a proximal step, wⱼ ← soft(wⱼ, c): that is wⱼ moved by
c toward 0, and exactly 0 if 0 is no farther. The intercept is left alone.

=================== ======================== ==================
rule                threshold c              g is taken at
=================== ======================== ==================
`GD`, `SGD`         α·l1                     φ
`Momentum`          α·l1                     φ
`Nesterov`          α·l1                     soft(φ − αm, α·l1)
`Adam`              α·l1/(√ṽⱼ + ε) for wⱼ    φ
=================== ======================== ==================

The threshold is l1 times what the rule multiplies g, or its average, by: the proximal
step in the metric of the rule's own step. So the minimum of the objective is where a
training stands still: g and m are −l1·sign(wⱼ) there, and what a step of the rule moves
wⱼ by, the threshold takes back. It holds for the look-ahead point alike, which without
a threshold would lie ahead of a minimum that is reached.

References
----------
Duchi, J. and Singer, Y. (2009). Efficient online and batch learning using forward
backward splitting. JMLR, 10.

Parikh, N. and Boyd, S. (2014). Proximal algorithms. Foundations and Trends in
Optimization, 1(3).

Yun, J., Lozano, A. and Yang, E. (2021). Adaptive proximal gradient methods for
structured neural networks. NeurIPS, 34. The step in the metric of Adam.
"""

from numbers import Real

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval

__all__ = ["GD", "SGD", "Adam", "Momentum", "Nesterov"]

_DECAY = [Interval(Real, 0, 1, closed="left")]


class GD(BaseEstimator):
    """Gradient descent on the whole training set: one update an epoch.

    φ ← φ − α ∇J(φ). ``batch_size`` and ``shuffle`` of the estimator are ignored.

    References
    ----------
    Prince, S. J. D. (2023). Understanding Deep Learning, section 6.1. MIT Press.

    Examples
    --------
    >>> from sklopt import GradientRegressor
    >>> from sklopt.solvers import GD
    >>> model = GradientRegressor(GD(), learning_rate=0.25, max_iter=500, tol=1e-12)
    >>> model.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]).predict([[3.0]]).round(6)
    array([7.])
    """

    _parameter_constraints: dict = {}


class SGD(BaseEstimator):
    """Stochastic gradient descent: one update a mini-batch, φ ← φ − α g.

    References
    ----------
    Prince, S. J. D. (2023). Understanding Deep Learning, section 6.2. MIT Press.

    Examples
    --------
    >>> from sklopt import GradientRegressor
    >>> from sklopt.solvers import SGD
    >>> model = GradientRegressor(SGD(), batch_size=1, learning_rate=0.1)
    >>> model.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]).predict([[3.0]]).round(1)
    array([7.])
    """

    _parameter_constraints: dict = {}


class Momentum(BaseEstimator):
    """Descent along a running average of the gradient.

    m ← βm + (1−β) g(φ);  φ ← φ − αm.

    Parameters
    ----------
    beta : float, default=0.9
        Weight β of the past in the average, in [0, 1). 0 is `SGD`.

    References
    ----------
    Prince, S. J. D. (2023). Understanding Deep Learning, section 6.3. MIT Press.

    Examples
    --------
    >>> from sklopt import GradientRegressor
    >>> from sklopt.solvers import Momentum
    >>> GradientRegressor(Momentum(beta=0.8)).set_params(solver__beta=0.5).solver
    Momentum(beta=0.5)
    """

    _parameter_constraints: dict = {"beta": _DECAY}

    def __init__(self, beta=0.9):
        self.beta = beta


class Nesterov(BaseEstimator):
    """Momentum whose gradient is taken where the average is about to lead.

    m ← βm + (1−β) g(φ − αm);  φ ← φ − αm.

    Parameters
    ----------
    beta : float, default=0.9
        Weight β of the past in the average, in [0, 1). 0 is `SGD`.

    References
    ----------
    Prince, S. J. D. (2023). Understanding Deep Learning, section 6.3.1. MIT Press.

    Examples
    --------
    >>> from sklopt.solvers import Nesterov
    >>> Nesterov(beta=0.95)
    Nesterov(beta=0.95)
    """

    _parameter_constraints: dict = {"beta": _DECAY}

    def __init__(self, beta=0.9):
        self.beta = beta


class Adam(BaseEstimator):
    """Adaptive moment estimation: each parameter moves at a length of its own.

    m ← βm + (1−β)g;  v ← γv + (1−γ)g²;  m̃ = m/(1−β^{t+1});  ṽ = v/(1−γ^{t+1});
    φ ← φ − α m̃/(√ṽ + ε).

    With β = γ = 0 this is the normalised gradient: every parameter moves by α, in the
    direction of the gradient's sign.

    Parameters
    ----------
    beta_1 : float, default=0.9
        Weight β of the past in the average of the gradient, in [0, 1).
    beta_2 : float, default=0.99
        Weight γ of the past in the average of its square, in [0, 1). The original
        paper, torch and scikit-learn take 0.999.
    epsilon : float, default=1e-8
        Small number ε > 0 that keeps the quotient finite.

    References
    ----------
    Prince, S. J. D. (2023). Understanding Deep Learning, section 6.4. MIT Press.
    Kingma, D. P. and Ba, J. (2015). Adam: a method for stochastic optimization. ICLR.

    Examples
    --------
    >>> from sklopt.solvers import Adam
    >>> Adam(beta_2=0.999)
    Adam(beta_2=0.999)
    """

    _parameter_constraints: dict = {
        "beta_1": _DECAY,
        "beta_2": _DECAY,
        "epsilon": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(self, beta_1=0.9, beta_2=0.99, epsilon=1e-8):
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon


SOLVERS = {
    "gd": GD,
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adam": Adam,
}
