"""One iteration: sample, propagate, compare, differentiate, step. Pure: state in, state out."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import optax

from dmdstudio.engine.divergence import require_numbers
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.gradient import Pathwise, Work
from dmdstudio.engine.horizon import ENOUGH, signal_to_noise
from dmdstudio.engine.newton import (
    Learned,
    Line,
    gauss_newton,
    learned,
    measure,
    measure_apart,
    rows,
    slope,
)
from dmdstudio.engine.pool import Pool, renewed
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.program import Program
from dmdstudio.engine.target import Means, Target
from dmdstudio.plan.events import Curve, StepReport, TargetReport

GAUSS_NEWTON = "gauss_newton"

MEASURE_AGAIN = 5
"""Iterations after which a measured horizon may be measured again, where the noise calls for it."""

RECOVERY = 1.2
"""Growth of a shrunk learning rate per iteration that goes well."""


class Taken(NamedTuple):
    """The last step: where it began, and the gradient that it followed.

    Attributes:
        parameters: before it [parameter].
        optimizer: optax's state before it.
        gradient: of the loss there [parameter], internal units.
        line: residuals and sensitivities there, where the optimiser asks for them.
    """

    parameters: np.ndarray
    optimizer: Any
    gradient: np.ndarray
    line: Line | None = None


class RefinementState(NamedTuple):
    """Everything that the next iteration depends on.

    Attributes:
        iteration: number of iterations done.
        parameters: [parameter], internal units.
        optimizer: optax's state.
        pool: starting phases, None before the first iteration.
        horizon: of the adjoint in blocks, where it was measured; 0 to measure it.
        shrink: factor of the learning rate in the last step; below one after a failure.
        taken: the last step, None before the first.
    """

    iteration: int
    parameters: np.ndarray
    optimizer: Any
    pool: Pool | None
    horizon: int = 0
    shrink: float = 1.0
    taken: Taken | None = None


class Gradient(NamedTuple):
    """The derivative of the loss by the free parameters, in internal units; 0 for the others.

    Attributes:
        total, error, thermodynamic: [parameter]; the error is the standard error over replicas of
            the linear response, the loss's own residual taken as exact. The thermodynamic part is
            None where it is not told apart.
        residual: of the reversal, lattice units; nan where nothing was reversed.
        horizon: of the adjoint in blocks, where it was measured, else 0.
    """

    total: np.ndarray
    error: np.ndarray
    thermodynamic: np.ndarray | None = None
    residual: float = float("nan")
    horizon: int = 0


def init(problem: Problem) -> RefinementState:
    """Return the state before the first iteration."""
    optimizer = _optimizer(problem).init(jnp.ones(len(problem.initial), jnp.float64))
    return RefinementState(0, problem.initial.copy(), optimizer, None)


def learned_of(problem: Problem, state: RefinementState) -> Learned | None:
    """Return the sensitivities that the optimiser has gathered, None where it does not."""
    if problem.optimizer.kind != GAUSS_NEWTON:
        return None
    return learned(problem, state.optimizer)


def _optimizer(problem: Problem) -> optax.GradientTransformationExtraArgs:
    plan = problem.optimizer
    if plan.kind == GAUSS_NEWTON:
        return gauss_newton(rows(problem), plan.largest_step, plan.sensitivity_step)
    schedule = optax.cosine_decay_schedule(
        plan.learning_rate, problem.iterations, plan.final_learning_rate / plan.learning_rate
    )
    momentum = plan.momentum
    make = {
        "adam": lambda: optax.adam(schedule, b1=momentum),
        "adabelief": lambda: optax.adabelief(schedule, b1=momentum),
        "rmsprop": lambda: optax.rmsprop(schedule, momentum=momentum),
        "sgd": lambda: optax.sgd(schedule, momentum=momentum),
    }[plan.kind]
    clip = optax.clip_by_global_norm(plan.gradient_clip) if plan.gradient_clip else optax.identity()
    return optax.with_extra_args_support(optax.chain(clip, make()))


def learning_rate(problem: Problem, iteration: int) -> float:
    """Return the learning rate of an iteration."""
    plan = problem.optimizer
    progress = min(iteration / problem.iterations, 1.0)
    cosine = 0.5 * (1.0 + np.cos(np.pi * progress))
    return float(
        plan.final_learning_rate + (plan.learning_rate - plan.final_learning_rate) * cosine
    )


# ----------------------------------------------------------------------------------- the loop


def step(
    program: Program, state: RefinementState
) -> Generator[Work, None, tuple[RefinementState, StepReport]]:
    """Do one iteration; yields after every piece of work, so that it can be paused and stopped.

    Returns:
        The next state, and what was measured with the parameters of the given one.

    Raises:
        DivergenceError: a trajectory, the loss or the gradient is not a number.
    """
    began = time.perf_counter()
    problem = program.problem
    pool, weights, resampled = yield from renewed(
        program, state.pool, state.parameters, state.iteration
    )
    ensemble = Ensemble(program, pool, weights, horizon=state.horizon)
    apart = problem.optimizer.by_differences
    yield from ensemble.propagate(state.parameters, keep=not apart)

    loss, cotangent = program.loss(ensemble.means)
    prior = float(problem.prior(jnp.asarray(state.parameters)))
    loss = float(loss) + prior
    line = None
    if apart:
        memory = state.optimizer
        line = yield from measure_apart(ensemble, state.parameters, memory, state.iteration)
        total, error = (v / problem.scale for v in slope(ensemble, line, memory))
        gradient = Gradient(total, error)
    else:
        gradient = yield from differentiate(ensemble, state.parameters, cotangent)
    require_numbers(problem, loss, gradient.total, state.iteration)
    if problem.optimizer.kind == GAUSS_NEWTON and not apart:
        line = yield from measure(ensemble, state.parameters, gradient.horizon)
    shrink = min(1.0, RECOVERY * state.shrink)
    measured = float(signal_to_noise(*(g * problem.relative for g in gradient[:2])))
    report = StepReport(
        iteration=state.iteration,
        loss=loss,
        prior=prior,
        loss_error=float(ensemble.standard_error(ensemble.influence(cotangent))),
        parameters=problem.parameter_reports(
            state.parameters, gradient.total, gradient.error, gradient.thermodynamic
        ),
        targets=target_reports(ensemble),
        gradient_norm=float(np.linalg.norm(gradient.total * problem.relative)),
        signal_to_noise=measured,
        horizon=problem.time_of(gradient.horizon) if gradient.horizon else None,
        learning_rate=None
        if problem.optimizer.kind == GAUSS_NEWTON
        else shrink * learning_rate(problem, state.iteration),
        effective_sample_fraction=weights.fraction,
        resampled=resampled,
        reversal_residual=None if np.isnan(gradient.residual) else gradient.residual,
        energy_drift=ensemble.drift,
        temperature=ensemble.temperature,
        seconds=time.perf_counter() - began,
    )
    taken = Taken(state.parameters, state.optimizer, gradient.total, line)
    parameters, optimizer = follow(problem, taken, shrink)
    used = pool._replace(uses=pool.uses + 1)
    again = measured < ENOUGH and (state.iteration + 1) % MEASURE_AGAIN == 0
    horizon = 0 if again else gradient.horizon
    after = state.iteration + 1
    return RefinementState(after, parameters, optimizer, used, horizon, shrink, taken), report


def differentiate(
    ensemble: Ensemble, parameters: np.ndarray, cotangent: Means
) -> Generator[Work, None, Gradient]:
    """Return the derivative of the loss: along the trajectories, through the weights, of priors.

    With c_n = <dL/dmean, summary_n> and the weights w_n of the starts,

        dL/dtheta = sum_n w_n [dc_n/dtheta - beta (c_n - <c>) (dU/dtheta(x_n) - <dU/dtheta>)]
                    + d prior/dtheta

    Source: Han & Yu (2025), equation 3, with reweighted starts; the second term as in
    `Ensemble.score`.
    """
    problem = ensemble.problem
    if problem.dynamic:
        method = problem.method
        pathwise = yield from method.pathwise(ensemble, jnp.asarray(parameters), cotangent)
    else:  # nothing depends on the way from one configuration to the next
        shape = (problem.replicas.count, len(problem.initial))
        pathwise = Pathwise(np.zeros(shape), float("nan"))
    weight, score = ensemble.weights.weight, ensemble.score(cotangent) * problem.free
    thermodynamic = weight @ score
    contributions = pathwise.gradient * problem.free + score
    total = weight @ contributions
    error = ensemble.standard_error(contributions - total)
    total = total + np.asarray(jax.grad(problem.prior)(jnp.asarray(parameters))) * problem.free
    return Gradient(total, error, thermodynamic, pathwise.residual, pathwise.horizon)


def follow(problem: Problem, step: Taken, shrink: float) -> tuple[np.ndarray, Any]:
    """Take a step in relative parameters and put them back within their bounds.

    Args:
        problem: bounds and optimiser.
        step: where it begins and which gradient it follows.
        shrink: factor of the learning rate.

    Returns:
        The parameters [parameter] and the optimiser's state after the step.
    """
    before, first_order = step.parameters, problem.optimizer.kind != GAUSS_NEWTON
    size = np.where(problem.logarithmic, before, problem.scale) if first_order else problem.scale
    relative = jnp.asarray(np.where(problem.free, step.gradient * size, 0.0))
    scaled = jnp.asarray(before / problem.scale)
    more = {} if step.line is None else {"line": step.line}
    updates, optimizer = _optimizer(problem).update(relative, step.optimizer, scaled, **more)
    change = shrink * problem.rate * size * np.asarray(updates)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        by_factor = before * np.exp(change / before)
    moved = np.where(problem.logarithmic, by_factor, before + change)
    moved = np.where(problem.free, np.clip(moved, *problem.bounds), before)
    if problem.constraints is not None:
        moved = problem.constraints.kept(before, moved, problem.relative, problem.bounds)
    return moved, optimizer


# ----------------------------------------------------------------------------------- reports


def target_reports(ensemble: Ensemble) -> tuple[TargetReport, ...]:
    """Describe prediction and experiment of every target, with standard errors."""
    return tuple(_target_report(ensemble, target) for target in ensemble.problem.targets)


def _target_report(ensemble: Ensemble, target: Target) -> TargetReport:
    observable = target.observable
    mean = jax.tree.map(jnp.asarray, ensemble.means.whole[target.key])
    away = jax.tree.map(
        lambda s, m: jnp.asarray(s - m),
        ensemble.of_replicas[target.key],
        ensemble.means.whole[target.key],
    )

    def with_error(function: Any) -> tuple[list[float], list[float]]:
        value = function(mean)
        response = jax.vmap(lambda tangent: jax.jvp(function, (mean,), (tangent,))[1])(away)
        return _floats(value), _floats(ensemble.standard_error(np.asarray(response)))

    value, error = with_error(target.prediction)
    curves = []
    for index, detail in enumerate(observable.details(mean)):
        line, line_error = with_error(lambda m, i=index: observable.details(m)[i].value)
        curves.append(
            Curve(
                name=detail.name,
                label=detail.label,
                axis=_floats(detail.axis),
                axis_label=detail.axis_label,
                axis_unit=detail.axis_unit,
                value=line,
                unit=detail.unit,
                error=line_error,
            )
        )
    return msgspec.structs.replace(
        described(target),
        value=value,
        error=error,
        loss=float(target.loss(mean, ensemble.means.halves.get(target.key))),
        curves=tuple(curves),
    )


def described(target: Target) -> TargetReport:
    """Describe a target before anything is predicted: its experiment and its axis."""
    observable = target.observable
    return TargetReport(
        name=target.key,
        observable=observable.name,
        label=observable.label,
        unit=observable.unit,
        value=[],
        error=[],
        axis=[] if target.report_axis is None else _floats(target.report_axis),
        axis_label=observable.axis_label,
        axis_unit=observable.axis_unit,
        experiment=[] if target.experiment is None else _floats(target.experiment),
        experiment_error=(
            [] if target.experiment_error is None else _floats(target.experiment_error)
        ),
        source=target.source,
        weight=target.weight,
        point_weight=[] if target.point_weight is None else _floats(target.point_weight),
    )


def _floats(values: Any) -> list[float]:
    return np.asarray(values, np.float64).tolist()
