"""What is known of the refined parameters: at the end of a run, and on fresh samples."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping

import numpy as np

from dmdstudio.base.units import from_internal, to_internal
from dmdstudio.engine import uncertainty as engine
from dmdstudio.engine.adjoint import Truncation
from dmdstudio.engine.differences import differences
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.gradients.reversible_adjoint import ReversibleAdjoint
from dmdstudio.engine.newton import Learned
from dmdstudio.engine.pool import Pool, draw_pool, weigh
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.program import Program
from dmdstudio.engine.sensitivity import Sensitivity, sensitivities
from dmdstudio.plan.events import (
    Direction,
    Event,
    ParameterUncertainty,
    TargetSensitivity,
    Uncertainty,
)
from dmdstudio.service.control import Control
from dmdstudio.service.pace import pieces

NOTABLE = 0.05
"""Component of a direction of unit length that is worth telling."""

STREAM = 2**31
"""First of the random streams that no iteration uses."""


def of_run(
    program: Program,
    pool: Pool,
    values: Mapping[str, float],
    iteration: int,
    control: Control,
    horizon: int = 0,
    learned: Learned | None = None,
) -> Generator[Event, None, Uncertainty | None]:
    """Measure the uncertainty of one iteration's parameters on samples drawn afresh for it.

    The samples that chose the iteration would favour it. The iterations are done by then, so that
    all of this is at a fraction of one.

    Args:
        program: compiled functions.
        pool: where the sampler's chains are.
        values: parameters by key, in their own units.
        iteration: number in the report.
        control: asked to stop; then None is returned.
        horizon: that the refinement measured for its adjoint, in blocks; 0 where it did not.
        learned: sensitivities that the optimiser has gathered, None where it does not.
    """
    problem = program.problem
    parameters = np.array([to_internal(values[slot.key], slot.unit) for slot in problem.scalars])
    steps = problem.sampling.decorrelation_steps
    sampler = draw_pool(program, parameters, pool, steps, STREAM + iteration)
    fresh = yield from pieces(sampler, "sampling", 1.0, 1.0, control)
    if fresh is None:
        return None
    ensemble = Ensemble(program, fresh, weigh(program, fresh, parameters), horizon=horizon)
    yield from pieces(ensemble.propagate(parameters, True), "propagating", 1.0, 1.0, control)
    if control.stop_requested:
        return None
    return (yield from of_ensemble(ensemble, parameters, iteration, control, 1.0, learned))


def of_ensemble(
    ensemble: Ensemble,
    parameters: np.ndarray,
    iteration: int,
    control: Control,
    first: float,
    learned: Learned | None = None,
) -> Generator[Event, None, Uncertainty | None]:
    """Measure the uncertainty with trajectories that have run; None where it was stopped.

    Args:
        ensemble: the trajectories.
        parameters: that they have run with [parameter].
        iteration: number in the report.
        control: asked to stop.
        first: fraction of all work that was done before.
        learned: as of `of_run`.
    """
    problem = ensemble.problem
    if problem.optimizer.by_differences:
        step, notes = problem.optimizer.sensitivity_step or 0.0, ()
        work = differences(ensemble, parameters, step, STREAM + STREAM // 2 + iteration)
    else:
        truncation, notes = _truncation(ensemble)
        work = sensitivities(ensemble, parameters, truncation)
    found = yield from pieces(work, "differentiating", first, 1.0, control)
    if found is None:
        return None
    known = engine.uncertainty(ensemble, parameters, found, learned)
    slots = [problem.scalars[k] for k in np.flatnonzero(problem.free)]
    unit = np.array([from_internal(1.0, slot.unit) for slot in slots])
    return Uncertainty(
        iteration=iteration,
        parameters=_parameters(problem, parameters[problem.free], known),
        covariance=(known.covariance * np.outer(unit, unit)).tolist(),
        correlation=known.correlation.tolist(),
        undetermined=tuple(
            Direction(changes=dict(zip((s.key for s in slots), row, strict=True)), held=bool(held))
            for row, held in zip(known.undetermined.tolist(), known.held, strict=True)
        ),
        sensitivities=tuple(_sensitivity(problem, key, found[key], unit) for key in found),
        notes=(*notes, *_notes(problem, known)),
        replicas=problem.replicas.count,
        time=time.time(),
    )


def _truncation(ensemble: Ensemble) -> tuple[Truncation | None, tuple[str, ...]]:
    """Return the truncation that the gradient has, as far as tangents can have it too."""
    problem, method = ensemble.problem, ensemble.problem.method
    if not isinstance(method, ReversibleAdjoint) or method.options.truncation == "none":
        return None, ()
    if method.options.truncation in ("window", "damping"):
        return method.truncation(problem), ()
    if ensemble.horizon:
        return Truncation.window(problem.blocks, ensemble.horizon), ()
    return None, (
        f"Sensitivities are not truncated, but gradient.truncation = "
        f"{method.options.truncation!r}: trust them as far as their errors say.",
    )


def _parameters(
    problem: Problem, values: np.ndarray, known: engine.Uncertainty
) -> tuple[ParameterUncertainty, ...]:
    reports = []
    for k, index in enumerate(np.flatnonzero(problem.free)):
        slot = problem.scalars[index]
        unit = from_internal(1.0, slot.unit)
        value, half = float(values[k]) * unit, float(known.half_width[k]) * unit
        determined = bool(known.determined[k])
        reports.append(
            ParameterUncertainty(
                key=slot.key,
                unit=slot.unit,
                value=value,
                error=float(known.error[k]) * unit if determined else None,
                lower=value - half if determined else None,
                upper=value + half if determined else None,
                experiment=float(np.sqrt(known.experiment[k, k])) * unit,
                sampling=float(np.sqrt(known.sampling[k, k])) * unit,
                prior=float(np.sqrt(known.prior[k, k])) * unit,
                remaining=float(known.remaining[k]) * unit,
            )
        )
    return tuple(reports)


def _sensitivity(
    problem: Problem, key: str, found: Sensitivity, unit: np.ndarray
) -> TargetSensitivity:
    target = next(t for t in problem.targets if t.key == key)
    observable, axis = target.observable, target.report_axis
    return TargetSensitivity(
        name=key,
        label=observable.label,
        unit=observable.unit,
        derivative=(found.derivative / unit).T.tolist(),
        error=(found.error / unit).T.tolist(),
        axis=[] if axis is None else np.asarray(axis, np.float64).tolist(),
        axis_label=observable.axis_label,
        axis_unit=observable.axis_unit,
    )


def _notes(problem: Problem, known: engine.Uncertainty) -> tuple[str, ...]:
    """Say in sentences what the numbers leave out and where they warn."""
    keys = [slot.key for slot in problem.scalars if slot.free]
    notes = []
    for direction, held in zip(known.undetermined, known.held, strict=True):
        notes.append(_undetermined(dict(zip(keys, direction, strict=True)), bool(held)))
    for target in problem.targets:
        if target.compared and target.experiment_error is None:
            notes.append(
                f"{target.key} has no experimental errors: their share is left out. Give them in "
                "the file or as the target's relative_error."
            )
    statistical = np.sqrt(np.diag(known.covariance))
    far = known.determined & (np.abs(known.remaining) > 2.0 * statistical)
    for k in np.flatnonzero(far):
        notes.append(
            f"{keys[k]} has not arrived: a Gauss-Newton step would still move it by "
            f"{abs(known.remaining[k]) / statistical[k]:.1f} standard errors. Go on with more "
            "iterations or a lower final_learning_rate."
        )
    return tuple(notes)


def _undetermined(changes: dict[str, float], held: bool) -> str:
    """Say which parameters the data do not tell, or not tell apart."""
    parts = {key: change for key, change in changes.items() if abs(change) > NOTABLE}
    if len(parts) == 1:
        what = next(iter(parts))
    else:
        listed = ", ".join(f"{key} by {change:+.2g}" for key, change in parts.items())
        what = f"relative changes of {listed} together"
    so = (
        "a prior holds it."
        if held
        else "more replicas, another target that depends on it, or a prior would."
    )
    return f"The data do not determine {what}: {so}"
