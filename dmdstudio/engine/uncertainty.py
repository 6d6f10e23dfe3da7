"""Standard errors of refined parameters, from the sensitivities and the replicas.

The refined parameters are where the loss's derivative vanishes, so that noise of experiment and
simulation shifts them by

    d theta = A (J^T W d(experiment - prediction) + d(J^T) r + P d(prior mean))
    A = (J^T W J + P)^-1

with J the sensitivities, W and r the second and (negative) first derivative of half the loss by
the predictions, and P that of the priors: Gauss, Newton and Laplace's approximation. Noise of the
sensitivities, which would add to J^T W J, is measured and taken off it. The covariance is the
sandwich A (noise of experiment + noise of simulation + noise of priors) A, whatever the weights of
the targets are, and A itself where they are the inverse squared errors. The simulation's noise
comes from the replicas (infinitesimal jackknife), correlations between the points of a curve
included; the experiment's errors are taken as independent of each other.

Parameters are relative to their starting values in here, so that directions have a meaning.

Source: P. J. Huber, Proc. 5th Berkeley Symp. Math. Stat. Prob. 1, 221 (1967); the infinitesimal
jackknife is L. A. Jaeckel's (1972).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.newton import Learned
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.sensitivity import Sensitivity
from dmdstudio.engine.target import Target

CONFIDENCE = 0.95
"""Coverage of the intervals."""

RESOLVED = 3.0
"""Information of a direction over the information that noise of the sensitivities feigns, from
where on it counts as determined: the sensitivity as measured, noise and all, is twice its noise."""

ROUNDING = 1e-12
"""Information of a direction over the largest, below which it is a matter of rounding."""

LEANING = 0.1
"""Component of a direction from where on its parameters count as affected."""


@dataclass(frozen=True)
class Uncertainty:
    """What is known of the free parameters, internal units.

    Attributes:
        experiment, sampling, prior: parts of the covariance [parameter, parameter] that errors of
            the experiment, finitely many replicas, and the width of priors have.
        remaining: the Gauss-Newton step from here [parameter]: how far the refinement stopped from
            where the loss is the smallest, as this simulation sees it.
        determined: whether every direction that a parameter takes part in is held [parameter].
        undetermined: directions that the data do not determine, as relative changes of unit length
            [direction, parameter].
        held: which of them a prior holds [direction].
        effective_replicas: number of replicas that equal weights would need for the same error.
    """

    experiment: np.ndarray
    sampling: np.ndarray
    prior: np.ndarray
    remaining: np.ndarray
    determined: np.ndarray
    undetermined: np.ndarray
    held: np.ndarray
    effective_replicas: float

    @property
    def covariance(self) -> np.ndarray:
        """Of the refined parameters, from all sources [parameter, parameter]."""
        return self.experiment + self.sampling + self.prior

    @property
    def correlation(self) -> np.ndarray:
        """Correlation matrix [parameter, parameter]; zero where nothing is known."""
        deviation = np.sqrt(np.diag(self.covariance))
        scale = np.where(deviation > 0.0, deviation, np.inf)
        return self.covariance / (scale[:, None] * scale)

    @property
    def error(self) -> np.ndarray:
        """Standard error [parameter], infinite where a parameter is not determined.

        The way that remains to the optimum counts as an error of the value at which the refinement
        stopped.
        """
        squared = np.diag(self.covariance) + self.remaining**2
        return np.where(self.determined, np.sqrt(squared), np.inf)

    @property
    def half_width(self) -> np.ndarray:
        """Half of the 95 % interval [parameter].

        With few replicas the noise is itself known with noise: Student's quantile, with the degrees
        of freedom that Welch and Satterthwaite give to the sum of all parts.
        """
        sampling = np.diag(self.sampling)
        share = np.where(sampling > 0.0, self.error**2 / np.where(sampling > 0, sampling, 1.0), 0.0)
        freedom = np.where(share > 0.0, share**2 * (self.effective_replicas - 1.0), np.inf)
        return self.error * stats.t.ppf(0.5 + CONFIDENCE / 2.0, freedom)


def uncertainty(
    ensemble: Ensemble,
    parameters: np.ndarray,
    found: dict[str, Sensitivity],
    learned: Learned | None = None,
) -> Uncertainty:
    """Return what is known of the free parameters.

    Args:
        ensemble: trajectories with these parameters.
        parameters: [parameter], internal units.
        found: sensitivities by target.
        learned: sensitivities that the refinement has gathered on its way, which are added to
            these.
    """
    problem, free = ensemble.problem, ensemble.problem.free
    before, row = 0.0 if learned is None else learned.count, 0
    size = problem.scale[free]
    count = len(size)
    information, noise = np.zeros((count, count)), np.zeros((count, count))
    experiment = [np.zeros((count, 1))]  # its noise is the sum of these times unit noise
    slope = np.zeros(count)  # minus half the derivative of the loss
    influence = np.zeros((len(ensemble.weights.weight), count))
    for target in problem.targets:
        if not target.compared:
            continue
        sensitivity = found[target.key]
        jacobian = sensitivity.derivative * size
        pull, weight = derivatives(target, ensemble)
        away = sensitivity.of_replicas * size - jacobian
        noise += _noise(ensemble, away, weight)
        if learned is not None:
            points = len(target.scale)
            root = np.sqrt(target.weight * target.share) / target.scale
            gathered = learned.jacobian[row : row + points] / root[:, None]
            jacobian = (gathered + jacobian) / (before + 1.0)
            row += points
        weighted = jacobian.T * weight
        information += weighted @ jacobian
        slope += jacobian.T @ pull
        if target.experiment_error is not None:
            experiment.append(weighted * target.experiment_error)
        influence += np.einsum("p,rpk->rk", pull, away) - sensitivity.away @ weighted.T
    if learned is not None:
        noise = (learned.noise + noise) / (before + 1.0) ** 2
    curvature, prior_slope = _prior(problem, parameters, size)
    information -= noise  # as squares, noisy sensitivities are too large
    directions = _Directions.of(information, noise, curvature)
    data, inverse = directions.data, directions.inverse
    replicas = len(influence)
    sampling = (
        data @ (ensemble.weights.weight[:, None] * influence).T * np.sqrt(replicas / (replicas - 1))
    )

    def covariance(noise: np.ndarray) -> np.ndarray:
        response = size[:, None] * (inverse @ noise)
        return response @ response.T

    return Uncertainty(
        experiment=covariance(data @ np.concatenate(experiment, axis=1)),
        sampling=covariance(sampling),
        prior=covariance(np.sqrt(problem.prior_weight * curvature)),
        remaining=inverse @ (data @ slope + prior_slope) * size,
        determined=directions.determined,
        undetermined=directions.vectors[:, ~directions.resolved].T,
        held=directions.held,
        effective_replicas=float(1.0 / np.sum(ensemble.weights.weight**2)),
    )


def _noise(ensemble: Ensemble, away: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return what noise adds to the information of a target [parameter, parameter].

    Args:
        ensemble: weights of the replicas.
        away: deviations of their sensitivities [replica, point, parameter].
        weight: of the points.
    """
    share = ensemble.weights.weight[:, None, None] * away
    replicas = len(share)
    return np.einsum("rpk,p,rpl->kl", share, weight, share) * replicas / (replicas - 1)


def derivatives(target: Target, ensemble: Ensemble) -> tuple[np.ndarray, np.ndarray]:
    """Return minus half the first and half the second derivative of the loss [point].

    By the prediction of all replicas; that of the two halves differs from it by noise only.
    """
    z = np.asarray(target.residual(ensemble.means.whole[target.key]))
    factor = target.weight * target.share / target.scale
    limit = target.huber_threshold if target.kind == "huber" else np.inf
    return -factor * np.clip(z, -limit, limit), factor / target.scale * (np.abs(z) < limit)


def _prior(
    problem: Problem, parameters: np.ndarray, size: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return half the second and minus half the first derivative of the priors, relative."""
    free = problem.free
    mean = problem.prior_mean[free]
    narrow = size / problem.prior_deviation[free]  # zero where there is none
    pull = (mean - parameters[free]) / size
    return np.diag(problem.prior_weight * narrow**2), problem.prior_weight * narrow**2 * pull


@dataclass(frozen=True)
class _Directions:
    """Which relative changes of the parameters are known.

    Attributes:
        vectors: principal directions of the data's information, one a column.
        resolved: which of them the data determine [direction].
        data: projector on those; elsewhere the data have only noise to offer.
        inverse: of the information of data and priors, where they have any.
        unknown: directions in which they have none, one a column.
    """

    vectors: np.ndarray
    resolved: np.ndarray
    data: np.ndarray
    inverse: np.ndarray
    unknown: np.ndarray

    @classmethod
    def of(cls, information: np.ndarray, noise: np.ndarray, curvature: np.ndarray) -> _Directions:
        """Tell directions that the data determine from noise and from nothing."""
        values, vectors = np.linalg.eigh(information)
        feigned = np.einsum("kd,kl,ld->d", vectors, noise, vectors)
        resolved = values > np.maximum(RESOLVED * feigned, ROUNDING * np.abs(values).max())
        data = vectors[:, resolved] @ vectors[:, resolved].T
        values, both = np.linalg.eigh(data @ information @ data + curvature)
        known = values > ROUNDING * np.abs(values).max()
        inverse = both[:, known] / values[known] @ both[:, known].T
        return cls(vectors, resolved, data, inverse, both[:, ~known])

    @property
    def determined(self) -> np.ndarray:
        """Which parameters take no notable part in a direction that nothing holds [parameter]."""
        return np.linalg.norm(self.unknown, axis=1) < LEANING

    @property
    def held(self) -> np.ndarray:
        """Whether priors hold what the data do not determine [unresolved direction]."""
        lost = self.unknown.T @ self.vectors[:, ~self.resolved]
        return np.linalg.norm(lost, axis=0) < LEANING
