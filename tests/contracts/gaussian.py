"""A model with a known answer: summaries that are Gaussian and linear in the parameters."""

from __future__ import annotations

import functools
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np

from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.pool import Weights
from dmdstudio.engine.sensitivity import Sensitivity
from dmdstudio.engine.target import Target


class Line:
    """An observable whose prediction is the mean summary itself."""

    static = False
    axis = None

    def curve(self, mean):
        return mean


def ensemble(target, summaries, weight=None):
    """Return an ensemble of one target whose replicas say ``summaries`` [replica, point]."""
    count = len(summaries)
    weight = np.full(count, 1.0 / count) if weight is None else weight / weight.sum()
    problem = SimpleNamespace(halved=(target.key,) if target.halved else ())
    made = Ensemble(SimpleNamespace(problem=problem), None, Weights(weight, 1.0))
    made.summaries = {target.key: summaries[:, None]}
    made.samples = SimpleNamespace(values={}, explicit={})
    return made


def loss_and_error(target, made):
    """Return the loss of an ensemble and its standard error, as the loop takes them."""
    means = jax.tree.map(jnp.asarray, made.means)
    value, cotangent = _differentiated(target)(means)
    return float(value), float(made.standard_error(made.influence(cotangent)))


@functools.cache
def _differentiated(target):
    def loss(means):
        return target.loss(means.whole[target.key], means.halves.get(target.key))

    return jax.jit(jax.value_and_grad(loss))


class Model:
    """y = y_0 + J (theta - truth), told by replicas with correlated noise.

    Two parameters of size one, both free; the experiment is measured with errors of its own.
    """

    truth = np.array([1.0, 2.0])

    def __init__(self, points=6, replicas=12, noise=0.3, error=0.1, seed=0):
        self.random = np.random.default_rng(seed)
        self.jacobian = self.random.normal(size=(points, 2))
        self.mixing = noise * self.random.normal(size=(points, points)) / np.sqrt(points)
        self.replicas, self.noise = replicas, noise
        self.error = error * (1.0 + self.random.random(points))

    def measure(self):
        """Return a target with an experiment at the truth."""
        points = len(self.jacobian)
        value = self.jacobian @ self.truth + self.error * self.random.normal(size=points)
        return Target("line", Line(), 1.0, value, self.error, kind="chi_squared")

    def simulate(self, target, parameters, deviation=(np.inf, np.inf), prior_weight=1.0):
        """Return an ensemble at parameters, with its sensitivities."""
        points = len(self.jacobian)
        away = self.random.normal(size=(self.replicas, points)) @ self.mixing.T
        made = ensemble(target, self.jacobian @ parameters + away)
        made.program.problem = SimpleNamespace(
            targets=(target,),
            halved=(),
            free=np.array([True, True]),
            initial=np.asarray(self.truth),
            scale=np.asarray(self.truth),
            prior_mean=np.asarray(self.truth),
            prior_deviation=np.array(deviation),
            prior_weight=prior_weight,
        )
        spread = self.noise * self.random.normal(size=(self.replicas, points, 2))
        of_replicas = self.jacobian + spread
        derivative = of_replicas.mean(axis=0)
        errors = made.standard_error(of_replicas - derivative)
        centred = away - away.mean(axis=0)
        return made, {"line": Sensitivity(of_replicas, derivative, errors, centred)}
