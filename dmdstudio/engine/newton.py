"""Gauss-Newton refinement that remembers: every iteration's samples count towards the step.

The data's part of the loss is close to a sum of squares of residuals z. With their sensitivities Z
by relative parameters theta, an iteration k measures

    N_k = Z^T Z,   s_k = Z^T z  (half the derivative),

so that its own idea of the optimum is where

    (theta - theta_k)^T N_k (theta - theta_k) + 2 s_k^T (theta - theta_k)

is the smallest. The step goes to the minimum of the sum over all iterations, earlier ones forgotten
by a factor that rises from the memory to one: at first the way is what matters, in the end the
average over independent samples.

Sampling noise of Z feigns information where the data have none. The noise matrix, its covariance
over replicas summed as N is, damps the step in such directions as Levenberg's parameter does.

Source: J. Nocedal and S. J. Wright, Numerical Optimization (2006), chapter 10.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from dmdstudio.engine.adjoint import Truncation
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.gradient import Work
from dmdstudio.engine.sensitivity import Sensitivity, sensitivities
from dmdstudio.engine.uncertainty import derivatives

NOISE_DAMPING = 4.0
"""How many times the noise matrix is added: a sensitivity counts from twice its noise on."""


class Normal(NamedTuple):
    """One iteration's normal equations in relative parameters; zero for fixed ones.

    Attributes:
        slope: half the derivative of the data's part of the loss [parameter].
        curvature: N [parameter, parameter].
        noise: what noise of the sensitivities adds to N on average [parameter, parameter].
    """

    slope: np.ndarray
    curvature: np.ndarray
    noise: np.ndarray


class NewtonState(NamedTuple):
    """Sums over the iterations, and how many there were.

    Attributes:
        curvature, noise: of the normal equations [parameter, parameter].
        moment: sum of N_k theta_k - s_k [parameter].
        count: number of iterations.
    """

    curvature: Array
    noise: Array
    moment: Array
    count: Array


def measure(
    ensemble: Ensemble, parameters: np.ndarray, horizon: int
) -> Generator[Work, None, Normal]:
    """Measure sensitivities, and return the normal equations with the priors in them.

    Args:
        ensemble: trajectories that the forward pass has run.
        parameters: [parameter], internal units.
        horizon: of the tangents in blocks, where it was measured; 0 for what the settings say.
    """
    problem = ensemble.problem
    truncation = problem.method.truncation(problem)
    if horizon:
        truncation = Truncation.window(problem.blocks, horizon)
    found = yield from sensitivities(ensemble, parameters, truncation)
    return normal_equations(ensemble, parameters, found)


def normal_equations(
    ensemble: Ensemble, parameters: np.ndarray, found: dict[str, Sensitivity]
) -> Normal:
    """Return the normal equations of sensitivities by target."""
    problem, free = ensemble.problem, np.flatnonzero(ensemble.problem.free)
    size, count = problem.scale[free], len(free)
    share = ensemble.weights.weight
    replicas = len(share)
    slope, curvature, noise = np.zeros(count), np.zeros((count, count)), np.zeros((count, count))
    for target in problem.targets:
        if not target.compared:
            continue
        sensitivity = found[target.key]
        jacobian = sensitivity.derivative * size
        pull, weight = derivatives(target, ensemble)
        slope -= jacobian.T @ pull
        curvature += (jacobian.T * weight) @ jacobian
        away = share[:, None, None] * (sensitivity.of_replicas * size - jacobian)
        noise += np.einsum("p,rpk,rpl->kl", weight, away, away) * replicas / (replicas - 1)
    narrow = problem.prior_weight * (size / problem.prior_deviation[free]) ** 2
    mean = np.array([slot.prior_mean for slot in problem.slots])[free]
    slope += narrow * (parameters[free] - mean) / size
    curvature += np.diag(narrow)
    whole = len(problem.free)

    def spread(part: np.ndarray) -> np.ndarray:
        wide = np.zeros((whole,) * part.ndim)
        wide[np.ix_(*(free,) * part.ndim)] = part
        return wide

    return Normal(spread(slope), spread(curvature), spread(noise))


def gauss_newton(
    memory: float, iterations: int, largest_step: float
) -> optax.GradientTransformationExtraArgs:
    """Return the optimiser; its update takes ``normal``, the gradient itself is not used.

    Args:
        memory: share of the past that is kept at first; rises to one over the iterations.
        iterations: of the refinement.
        largest_step: largest relative change of a parameter.
    """

    def init(parameters: Array) -> NewtonState:
        count = len(parameters)
        square = jnp.zeros((count, count))
        return NewtonState(square, square, jnp.zeros(count), jnp.zeros((), jnp.int64))

    def update(
        updates: Array, state: NewtonState, params: Array | None = None, *, normal: Normal
    ) -> tuple[Array, NewtonState]:
        assert params is not None
        progress = jnp.minimum(state.count / max(1, iterations - 1), 1.0)
        keep = memory + (1.0 - memory) * 0.5 * (1.0 - jnp.cos(jnp.pi * progress))
        curvature = keep * state.curvature + normal.curvature
        noise = keep * state.noise + normal.noise
        moment = keep * state.moment + normal.curvature @ params - normal.slope
        step = solve(*(np.asarray(a) for a in (curvature, noise, moment - curvature @ params)))
        step = step * np.minimum(1.0, largest_step / max(np.abs(step).max(), 1e-300))
        return jnp.asarray(step), NewtonState(curvature, noise, moment, state.count + 1)

    return optax.GradientTransformationExtraArgs(init, update)  # type: ignore[arg-type]


def solve(curvature: np.ndarray, noise: np.ndarray, downhill: np.ndarray) -> np.ndarray:
    """Return (N + damping x noise)^-1 downhill, within what anything is known of."""
    matrix = curvature + NOISE_DAMPING * noise
    return np.linalg.lstsq(matrix, downhill, rcond=1e-12)[0]
