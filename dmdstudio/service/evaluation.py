"""Measurements that change nothing: the observables on fresh samples, and the gradient check."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import msgspec
import numpy as np

from dmdstudio.base.units import from_internal
from dmdstudio.engine import refinement
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.gradient import GradientMethod, gradients
from dmdstudio.engine.pool import Pool, draw_pool, weigh
from dmdstudio.engine.problem import AnySlot, ArraySlot, Problem
from dmdstudio.engine.program import Program
from dmdstudio.plan.events import (
    TRUNCATED_ADJOINT,
    Evaluated,
    Event,
    Finished,
    GradientChecked,
    GradientRow,
    Phase,
)
from dmdstudio.plan.recipe import Recipe
from dmdstudio.service.arrays import NO_UNCERTAINTY, too_many
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
    problem, _ = build(recipe, replicas, refined=uncertainty)
    if uncertainty and problem.arrays:
        raise too_many(problem, NO_UNCERTAINTY, "Leave out the uncertainty.")
    program = Program(problem)
    ensemble = yield from measured(program, control, keep=uncertainty)
    if ensemble is None:
        yield Finished(reason="stopped", iterations=0, best_iteration=-1, seconds=0.0)
        return
    loss, cotangent = program.loss(ensemble.means)
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
    share = steps / (steps + problem.dynamics.all_steps)
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
    truncation is left out, for what it leaves of the gradient is no derivative of the loss; the
    truncated adjoint comes as one more method, whose difference is the bias of its truncation.

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
    _, cotangent = program.loss(ensemble.means)
    values: dict[str, np.ndarray] = {}
    seconds: dict[str, float] = {}
    residual: float | None = None
    for name, method in _compared(problem.method).items():
        began = time.perf_counter()
        yield Phase(name="differentiating", detail=name)
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
    probes = _probes(problem, values["backpropagation"])
    differences = yield from _loss_differences(program, ensemble.pool, probes, control)
    if differences is None:
        yield Finished(reason="stopped", iterations=0, best_iteration=-1, seconds=0.0)
        return
    seconds["finite_difference"] = time.perf_counter() - began
    yield GradientChecked(
        rows=tuple(
            _gradient_row(probe, values, difference)
            for probe, difference in zip(probes, differences, strict=True)
        ),
        reversal_residual=residual,
        precision="float64",
        replicas=problem.replicas.count,
        steps=problem.dynamics.steps,
        seconds=seconds,
        truncation=_truncation(problem.method),
    )


def _compared(own: GradientMethod) -> dict[str, GradientMethod]:
    """Return the methods that are compared, by name; the recipe's own twice where it truncates."""
    kinds = [gradients.get(name) for name in ("reversible_adjoint", "backpropagation")]
    found = {kind.name: kind.build(kind.Options()) for kind in kinds}
    if _truncation(own):
        return {**found, TRUNCATED_ADJOINT: own}
    return {name: own if name == own.name else method for name, method in found.items()}


def _truncation(method: GradientMethod) -> str:
    """Return how the method drops part of the gradient; empty where it is the whole."""
    truncation = getattr(getattr(method, "options", None), "truncation", "none")
    return "" if truncation == "none" else truncation


class _Probe(NamedTuple):
    """A direction along which a gradient is checked by differences.

    Attributes:
        slot: the parameter, or the array that is moved as a whole, along its gradient.
        place: of its numbers in the vector of parameters.
        direction: of unit length [number].
        step: length of a step.
    """

    slot: AnySlot
    place: slice
    direction: np.ndarray
    step: float


def _probes(problem: Problem, gradient: np.ndarray) -> list[_Probe]:
    """Return one direction for every free parameter and every array; see `_Probe`."""
    probes = []
    for slot, place in zip(problem.slots, problem.places, strict=True):
        if not slot.free:
            continue
        direction = np.ones(slot.size)
        if isinstance(slot, ArraySlot) and np.any(gradient[place]):
            direction = gradient[place]
        step = CHECK_STEP * slot.scale * math.sqrt(slot.size)
        probes.append(_Probe(slot, place, direction / np.linalg.norm(direction), step))
    return probes


def _gradient_row(probe: _Probe, values: dict[str, np.ndarray], difference: float) -> GradientRow:
    """Return derivatives along a probe, and how far the whole gradient of a method is off."""
    slot, place = probe.slot, probe.place
    per_unit = from_internal(1.0, slot.unit)
    oracle = values["backpropagation"][place]
    found = {name: float(v[place] @ probe.direction) for name, v in values.items()}
    errors = {name: _relative_difference(v[place], oracle) for name, v in values.items()}
    own = oracle @ probe.direction
    return GradientRow(
        key=slot.key,
        unit=slot.unit,
        values={k: v / per_unit for k, v in {**found, "finite_difference": difference}.items()},
        errors={**errors, "finite_difference": _relative_difference(difference, own)},
    )


def _relative_difference(value: Any, oracle: Any) -> float:
    size = max(np.linalg.norm(value), np.linalg.norm(oracle))
    away = np.linalg.norm(np.subtract(value, oracle))
    return float(away / (np.linalg.norm(oracle) or size)) if size else 0.0


def _loss_differences(
    program: Program, pool: Pool, probes: list[_Probe], control: Control
) -> Generator[Event, None, list[float] | None]:
    """Return central differences of the loss, starts fixed and reweighted, along every probe.

    None where it was stopped.
    """
    problem = program.problem
    found = [0.0] * len(probes)
    for index, probe in enumerate(probes):
        for sign in (1.0, -1.0):
            moved = problem.initial.copy()
            moved[probe.place] += sign * probe.step * probe.direction
            ensemble = Ensemble(program, pool, weigh(program, pool, moved))
            work = ensemble.propagate(moved, keep=False)
            first = (index + (0.0 if sign > 0 else 0.5)) / len(probes)
            yield from pieces(work, "differentiating", first, first + 0.5 / len(probes), control)
            if control.stop_requested:
                return None
            loss = float(problem.loss(jax.tree.map(jnp.asarray, ensemble.means)))
            loss += float(problem.prior(jnp.asarray(moved)))
            found[index] += sign * loss / (2.0 * probe.step)
    return found
