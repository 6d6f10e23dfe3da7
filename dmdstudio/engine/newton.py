"""Gauss-Newton refinement that remembers: every iteration's samples count towards the step.

The loss is close to a sum of squares of residuals r. An iteration k measures them and their
sensitivities J by relative parameters theta. The step goes to the optimum of the straight line
through all that was measured,

    r(theta) = <r_k> + <J_k> (theta - <theta_k>),

so that independent samples average out. How far the predictions move is how fast the past is
forgotten, exp(-(moved / 0.8 %)^2): at first the way is what matters, in the end the average. The
way is counted as the relative change of the parameter that they depend on most, so that steps along
a valley count little. Besides, the n-th iteration weighs n times the first, because early ones are
from further away and their samples lag behind the parameters. Sensitivities, which change less on
the way, are forgotten over 6 % only.

Noise of <J> feigns information where the data have none. Its covariance over replicas, summed as
<J>^T <J> is, is added to it as Levenberg's parameter is: directions of mere noise are hardly
followed.

Where sensitivities come from differences (`differences`), which need samples of their own, they
are measured anew, and the old ones forgotten, as parameters move by the step of the differences;
over which residuals then count as straight, too.

Source: J. Nocedal and S. J. Wright, Numerical Optimization (2006), chapter 10.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from scipy.optimize import lsq_linear

from dmdstudio.engine.adjoint import Truncation
from dmdstudio.engine.differences import differences
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.gradient import Work
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.sensitivity import Sensitivity, away_in_points, sensitivities
from dmdstudio.engine.target import Target

STRAIGHT = 0.008
"""Relative change of the stiffest parameter over which residuals count as straight lines."""

ALIKE = 0.06
"""Relative change of the stiffest parameter over which sensitivities count as the same."""

NEAR = 0.7
"""Change of a parameter, in steps of the differences, that calls for new ones."""

STREAM = 2**30
"""First of the random streams of differences; those of iterations are below."""


class Line(NamedTuple):
    """One iteration's residuals, weighted so that their squares sum up to the loss.

    Attributes:
        residual: of the data, then of the priors [row].
        jacobian: derivative by relative parameters [row, parameter]; zero for fixed ones.
        noise: what noise of the sensitivities adds to J^T J on average [parameter, parameter].
        slopes: measurements of the sensitivities: 1, or 0 where those remembered have to do.
    """

    residual: np.ndarray
    jacobian: np.ndarray
    noise: np.ndarray
    slopes: float = 1.0


class Learned(NamedTuple):
    """Sensitivities that a refinement has gathered, as sums over about ``count`` measurements.

    Attributes:
        count: what they weigh beside one measurement.
        jacobian: [row, free parameter], as in `Line`, of the targets' points alone.
        noise: its covariance, summed over the rows [free parameter, free parameter].
    """

    count: float
    jacobian: np.ndarray
    noise: np.ndarray


class NewtonState(NamedTuple):
    """Sums over the iterations, as far as they are not forgotten.

    Attributes:
        iterations: number of updates.
        count: of residuals.
        residual: of them [row].
        parameters: where they were measured, relative [parameter].
        slopes: count of sensitivities.
        jacobian: of them [row, parameter].
        noise: of them [parameter, parameter].
        last: the last iteration's parameters.
        measured: the parameters when sensitivities were last measured.
    """

    iterations: Array
    count: Array
    residual: Array
    parameters: Array
    slopes: Array
    jacobian: Array
    noise: Array
    last: Array
    measured: Array


def measure(
    ensemble: Ensemble, parameters: np.ndarray, horizon: int
) -> Generator[Work, None, Line]:
    """Measure sensitivities, and return the line that they make.

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
    return line(ensemble, parameters, found)


def measure_apart(
    ensemble: Ensemble, parameters: np.ndarray, state: NewtonState, iteration: int
) -> Generator[Work, None, Line]:
    """Measure sensitivities by differences, unless enough of them is remembered.

    Args:
        ensemble: trajectories that the forward pass has run.
        parameters: [parameter], internal units.
        state: what is remembered.
        iteration: its number fixes the random numbers.
    """
    problem, relative = ensemble.problem, parameters / ensemble.problem.scale
    step = problem.optimizer.sensitivity_step
    assert step is not None
    if state.slopes and np.abs(relative - state.measured).max() < NEAR * step:
        square = np.zeros((len(parameters), len(parameters)))
        nothing = np.zeros(np.shape(state.jacobian))
        return Line(_residual(ensemble, parameters), nothing, square, 0.0)
    found = yield from differences(ensemble, parameters, step, STREAM + iteration)
    return line(ensemble, parameters, found)


def slope(ensemble: Ensemble, measured: Line, state: NewtonState) -> tuple[np.ndarray, np.ndarray]:
    """Return the derivative of the loss by relative parameters, and its error [parameter].

    The error is the predictions', the sensitivities taken as exact.

    Args:
        ensemble: the trajectories.
        measured: of them.
        state: before them.
    """
    jacobian = _jacobian(state, measured)
    gradient = 2.0 * jacobian.T @ measured.residual
    roots = [(t, _root(t, ensemble)) for t in ensemble.problem.targets if t.compared]
    away = np.concatenate([away_in_points(ensemble, t.key) * root for t, root in roots], axis=1)
    influence = 2.0 * away @ jacobian[: away.shape[1]]
    return gradient, ensemble.standard_error(influence)


def _jacobian(state: NewtonState, measured: Line) -> np.ndarray:
    """Return the line's own sensitivities, or those remembered where it has none."""
    if measured.slopes:
        return measured.jacobian
    return np.asarray(state.jacobian / state.slopes)


def _moved(state: NewtonState, measured: Line, parameters: np.ndarray | Array) -> float:
    """Return the way from the last iteration, as a change of the stiffest parameter."""
    if not state.count:
        return np.inf
    jacobian = _jacobian(state, measured)
    stiffest = np.linalg.norm(jacobian, axis=0).max()
    way = np.linalg.norm(jacobian @ np.asarray(parameters - state.last))
    return float(way / max(stiffest, 1e-300))


def _kept(moved: float, range_: float) -> float:
    """Return how much of the past counts after a move."""
    return float(np.exp(-((moved / range_) ** 2)))


def _root(target: Target, ensemble: Ensemble) -> np.ndarray:
    """Return what a prediction is multiplied by so that squares sum up to the loss [point]."""
    weight = target.weight * target.share
    if target.kind == "huber":
        z = np.asarray(target.residual(ensemble.means.whole[target.key]))
        weight = weight * np.minimum(1.0, target.huber_threshold / np.maximum(np.abs(z), 1e-300))
    return np.sqrt(weight) / target.scale


def _residual(ensemble: Ensemble, parameters: np.ndarray) -> np.ndarray:
    """Return the residuals of data and priors [row]."""
    problem, found = ensemble.problem, []
    for target in problem.targets:
        if target.compared:
            z = np.asarray(target.residual(ensemble.means.whole[target.key]))
            found.append(_root(target, ensemble) * target.scale * z)
    narrow, free = _narrow(problem), problem.free
    away = (parameters[free] - problem.prior_mean[free]) / problem.scale[free]
    return np.concatenate([*found, narrow * away])


def _narrow(problem: Problem) -> np.ndarray:
    """Return how fast the priors' residuals change with relative parameters [free parameter]."""
    free = problem.free
    width = problem.prior_deviation[free]
    return np.sqrt(problem.prior_weight) * problem.scale[free] / width


def line(ensemble: Ensemble, parameters: np.ndarray, found: dict[str, Sensitivity]) -> Line:
    """Return the line of sensitivities by target, priors included."""
    problem, free = ensemble.problem, np.flatnonzero(ensemble.problem.free)
    size, share = problem.scale[free], ensemble.weights.weight
    replicas = len(share)
    jacobians, noise = [], np.zeros((len(free), len(free)))
    for target in problem.targets:
        if not target.compared:
            continue
        each = found[target.key].of_replicas * size * _root(target, ensemble)[:, None]
        jacobian = np.tensordot(share, each, axes=1)
        away = share[:, None, None] * (each - jacobian)
        noise += np.einsum("rpk,rpl->kl", away, away) * replicas / (replicas - 1)
        jacobians.append(jacobian)
    jacobians.append(np.diag(_narrow(problem)))
    count = len(problem.free)
    wide, square = np.zeros((rows(problem), count)), np.zeros((count, count))
    wide[:, free] = np.concatenate(jacobians)
    square[np.ix_(free, free)] = noise
    return Line(_residual(ensemble, parameters), wide, square)


def learned(problem: Problem, state: NewtonState) -> Learned:
    """Return the sensitivities that the optimiser remembers."""
    free = problem.free
    points = rows(problem) - int(free.sum())
    return Learned(
        float(state.slopes),
        np.asarray(state.jacobian)[:points, free],
        np.asarray(state.noise)[np.ix_(free, free)],
    )


def _within(matrix: np.ndarray, pull: np.ndarray, largest: float) -> np.ndarray:
    """Return the x with the least x.matrix.x / 2 - pull.x of all whose elements are not larger.

    A parameter that has far to go holds up no other: those find what is best for them beside it.

    Args:
        matrix: symmetric, no eigenvalue below zero [parameter, parameter].
        pull: [parameter].
        largest: bound of every element's size.
    """
    values, vectors = np.linalg.eigh(matrix)
    seen = values > 1e-12 * values[-1]
    if not seen.any():
        return np.zeros(len(matrix))
    root = np.sqrt(values[seen])
    design, goal = root[:, None] * vectors.T[seen], pull @ vectors[:, seen] / root
    return lsq_linear(design, goal, (-largest, largest), method="bvls").x


def rows(problem: Problem) -> int:
    """Return the number of residuals of a problem."""
    data = sum(len(t.scale) for t in problem.targets if t.compared)
    return data + int(problem.free.sum())


def gauss_newton(
    rows: int, largest_step: float, sensitivity_step: float | None = None
) -> optax.GradientTransformationExtraArgs:
    """Return the optimiser; its update takes ``line``, the gradient itself is not used.

    Args:
        rows: number of residuals.
        largest_step: largest relative change of a parameter.
        sensitivity_step: of the differences that sensitivities come from; None for tangents.
    """

    def init(parameters: Array) -> NewtonState:
        count = len(parameters)
        nothing = jnp.zeros(count)
        return NewtonState(
            jnp.zeros(()),
            jnp.zeros(()),
            jnp.zeros(rows),
            nothing,
            jnp.zeros(()),
            jnp.zeros((rows, count)),
            jnp.zeros((count, count)),
            nothing,
            nothing,
        )

    def update(
        updates: Array, state: NewtonState, params: Array | None = None, *, line: Line
    ) -> tuple[Array, NewtonState]:
        assert params is not None
        moved = _moved(state, line, params)
        keep, alike = _kept(moved, STRAIGHT), _kept(moved, ALIKE)
        if sensitivity_step is not None:
            keep = _kept(moved, max(STRAIGHT, NEAR * sensitivity_step))
            apart = float(np.abs(np.asarray(params - state.measured)).max())
            alike = _kept(apart, sensitivity_step) if line.slopes else 1.0
        keep *= state.iterations / (state.iterations + 1.0)
        state = NewtonState(
            state.iterations + 1.0,
            keep * state.count + 1.0,
            keep * state.residual + line.residual,
            keep * state.parameters + params,
            alike * state.slopes + line.slopes,
            alike * state.jacobian + line.jacobian,
            alike**2 * state.noise + line.noise,
            params,
            params if line.slopes else state.measured,
        )
        jacobian = np.asarray(state.jacobian / state.slopes)
        away = params - state.parameters / state.count
        here = state.residual / state.count + jacobian @ away
        matrix = jacobian.T @ jacobian + np.asarray(state.noise / state.slopes**2)
        step = _within(matrix, -jacobian.T @ np.asarray(here), largest_step)
        return jnp.asarray(step), state

    return optax.GradientTransformationExtraArgs(init, update)  # type: ignore[arg-type]
