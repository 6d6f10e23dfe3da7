"""Measurements that change nothing: the observables on fresh samples, and the gradient check."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from dataclasses import replace

import jax
import jax.numpy as jnp
import msgspec
import numpy as np

from dmdstudio.base.units import from_internal
from dmdstudio.engine import refinement
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.gradient import gradients
from dmdstudio.engine.pool import Pool, draw_pool, weigh
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.program import Program
from dmdstudio.plan.events import (
    Evaluated,
    Event,
    Finished,
    GradientChecked,
    GradientRow,
    Phase,
)
from dmdstudio.plan.recipe import Recipe
from dmdstudio.service.build import build
from dmdstudio.service.control import Control
from dmdstudio.service.pace import pieces
from dmdstudio.service.uncertainty import of_ensemble

Events = Iterator[Event]

CHECK_STEP = 2e-6
"""Relative step of the finite differences in `check_gradient`."""


def evaluate(
    recipe: Recipe,
    control: Control,
    replicas: int | None = None,
    seed: int | None = None,
    iteration: int = -1,
    uncertainty: bool = False,
) -> Events:
    """Measure the observables of a recipe on fresh samples, and what is known of its parameters.

    Yields:
        phases and progress, last `Evaluated` (`Finished` where it was stopped).
    """
    yield Phase(name="starting")
    if seed is not None:
        execution = msgspec.structs.replace(recipe.execution, seed=seed)
        recipe = msgspec.structs.replace(recipe, execution=execution)
    problem, _ = build(recipe, replicas)
    program = Program(problem)
    ensemble = yield from measured(program, control, keep=uncertainty)
    if ensemble is None:
        yield Finished(reason="stopped", iterations=0, best_iteration=-1, seconds=0.0)
        return
    means = jax.tree.map(jnp.asarray, ensemble.means)
    loss, cotangent = jax.value_and_grad(problem.loss)(means)
    prior = float(problem.prior(jnp.asarray(problem.initial)))
    known = None
    if uncertainty:
        known = yield from of_ensemble(ensemble, problem.initial, iteration, control, 0.0)
    yield Evaluated(
        uncertainty=known,
        targets=refinement.target_reports(ensemble),
        parameters=problem.parameter_reports(problem.initial),
        loss=float(loss) + prior,
        prior=prior,
        loss_error=float(ensemble.standard_error(ensemble.influence(cotangent))),
        replicas=problem.replicas.count,
        seed=problem.seed,
        iteration=iteration,
        temperature=ensemble.temperature,
        energy_drift=ensemble.drift,
    )


def measured(
    program: Program, control: Control, keep: bool = False
) -> Generator[Event, None, Ensemble | None]:
    """Draw fresh starts and run all trajectories with the initial parameters."""
    problem = program.problem
    steps = problem.sampling.equilibration_steps
    share = steps / (steps + problem.dynamics.steps)
    sampler = draw_pool(program, problem.initial, None, steps, 0)
    pool = yield from pieces(sampler, "equilibrating", 0.0, share, control)
    if pool is None:
        return None
    ensemble = Ensemble(program, pool, weigh(program, pool, problem.initial))
    run = ensemble.propagate(problem.initial, keep)
    yield from pieces(run, "propagating", share, 1.0, control)
    return None if control.stop_requested else ensemble


def check_gradient(recipe: Recipe, control: Control, replicas: int = 4) -> Events:
    """Compare adjoint, plain backpropagation and central differences in float64, same starts.

    Adjoint and backpropagation differ in everything but the energy function; the finite difference
    is of the whole loss, with the weights of the starts, so it checks the thermodynamic part too. A
    truncation is left out: what it leaves of the gradient is no derivative of the loss.

    Yields:
        phases and progress, last `GradientChecked`.
    """
    yield Phase(name="starting")
    execution = msgspec.structs.replace(recipe.execution, precision="float64", lattice_bits=64)
    dynamics = recipe.dynamics
    if dynamics.segments > 1:  # starts of segments move with the parameters: not for differences
        steps = dynamics.steps // dynamics.segments
        dynamics = msgspec.structs.replace(dynamics, segments=1, steps=steps)
    recipe = msgspec.structs.replace(recipe, execution=execution, dynamics=dynamics)
    problem, _ = build(recipe, min(replicas, recipe.sampling.replicas))
    # of static targets only the start counts: what comes later moves with the parameters
    problem = replace(problem, static_interval=math.inf)
    program = Program(problem)
    ensemble = yield from measured(program, control, keep=True)
    if ensemble is None:
        yield Finished(reason="stopped", iterations=0, best_iteration=-1, seconds=0.0)
        return
    means = jax.tree.map(jnp.asarray, ensemble.means)
    cotangent = jax.grad(problem.loss)(means)
    values: dict[str, np.ndarray] = {}
    seconds: dict[str, float] = {}
    residual: float | None = None
    for name in ("reversible_adjoint", "backpropagation"):
        began = time.perf_counter()
        yield Phase(name="differentiating", detail=name)
        kind = gradients.get(name)
        own = name == problem.method.name and not _truncated(problem)
        method = problem.method if own else kind.build(kind.Options())
        compared = problem if method is problem.method else replace(problem, method=method)
        ensemble.program = program if compared is problem else Program(compared)
        work = refinement.differentiate(ensemble, problem.initial, cotangent)
        gradient = yield from pieces(work, "differentiating", 0.0, 1.0, control)
        if gradient is None:
            yield Finished(reason="stopped", iterations=0, best_iteration=-1, seconds=0.0)
            return
        values[name] = gradient.total
        seconds[name] = time.perf_counter() - began
        if np.isfinite(gradient.residual):
            residual = gradient.residual
    began = time.perf_counter()
    yield Phase(name="differentiating", detail="finite_difference")
    differences = yield from _loss_differences(program, ensemble.pool, control)
    if differences is None:
        yield Finished(reason="stopped", iterations=0, best_iteration=-1, seconds=0.0)
        return
    values["finite_difference"] = differences
    seconds["finite_difference"] = time.perf_counter() - began
    yield GradientChecked(
        rows=tuple(_gradient_row(problem, values, int(i)) for i in np.flatnonzero(problem.free)),
        reversal_residual=residual,
        precision="float64",
        replicas=problem.replicas.count,
        steps=problem.dynamics.steps,
        seconds=seconds,
    )


def _truncated(problem: Problem) -> bool:
    """Whether the method drops part of the gradient, which then is no derivative of the loss."""
    options = getattr(problem.method, "options", None)
    return getattr(options, "truncation", "none") != "none"


def _gradient_row(problem: Problem, values: dict[str, np.ndarray], index: int) -> GradientRow:
    slot = problem.slots[index]
    per_unit = from_internal(1.0, slot.unit)
    oracle = values["backpropagation"][index]
    return GradientRow(
        key=slot.key,
        unit=slot.unit,
        values={name: float(v[index]) / per_unit for name, v in values.items()},
        errors={name: _relative_difference(v[index], oracle) for name, v in values.items()},
    )


def _relative_difference(value: float, oracle: float) -> float:
    size = max(abs(value), abs(oracle))
    return float(abs(value - oracle) / (abs(oracle) or size)) if size else 0.0


def _loss_differences(
    program: Program, pool: Pool, control: Control
) -> Generator[Event, None, np.ndarray | None]:
    """Return central differences of the loss, starts fixed and reweighted [parameter].

    None where it was stopped.
    """
    problem = program.problem
    gradient = np.zeros(len(problem.initial))
    free = np.flatnonzero(problem.free)
    for place, index in enumerate(free):
        step = CHECK_STEP * (abs(problem.initial[index]) or 1.0)
        for sign in (1.0, -1.0):
            moved = problem.initial.copy()
            moved[index] += sign * step
            ensemble = Ensemble(program, pool, weigh(program, pool, moved))
            work = ensemble.propagate(moved, keep=False)
            first = (place + (0.0 if sign > 0 else 0.5)) / len(free)
            yield from pieces(work, "differentiating", first, first + 0.5 / len(free), control)
            if control.stop_requested:
                return None
            loss = float(problem.loss(jax.tree.map(jnp.asarray, ensemble.means)))
            loss += float(problem.prior(jnp.asarray(moved)))
            gradient[index] += sign * loss / (2.0 * step)
    return gradient
