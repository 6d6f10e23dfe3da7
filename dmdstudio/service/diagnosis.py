"""Diagnosis of a recipe: how chaotic its trajectories are and how far back to differentiate."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import msgspec
import numpy as np

from dmdstudio.base.errors import RecipeError
from dmdstudio.base.units import from_internal
from dmdstudio.engine import horizon as horizons
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.horizon import Growth, HorizonScan
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.program import Program
from dmdstudio.plan.events import Advice, Diagnosed, Event, Finished, HorizonRow, Phase, Progress
from dmdstudio.plan.recipe import Recipe
from dmdstudio.service.build import build
from dmdstudio.service.control import Control
from dmdstudio.service.evaluation import measured
from dmdstudio.service.pace import pieces

MEASURED = 0.4
"""Share of the work, about, that sampling and the trajectories are."""


def diagnose(recipe: Recipe, control: Control, replicas: int | None = None) -> Iterator[Event]:
    """Measure growth of the adjoint, and gradient and noise against the horizon.

    Yields:
        phases and progress, last `Diagnosed` (`Finished` where it was stopped).

    Raises:
        RecipeError: no target is a function of the trajectory.
    """
    yield Phase(name="starting")
    gradient = msgspec.structs.replace(
        recipe.gradient, method="reversible_adjoint", options={"truncation": "none"}
    )
    problem, _ = build(msgspec.structs.replace(recipe, gradient=gradient), replicas)
    if not problem.dynamic:
        raise RecipeError(
            "No target depends on the dynamics, so there is no adjoint to diagnose.",
            "Their gradients come from the ensemble alone and have no horizon.",
        )
    program = Program(problem)
    ensemble = yield from _first_part(measured(program, control, keep=True))
    if ensemble is None:
        yield _stopped()
        return
    work = horizons.growth(ensemble, problem.initial, problem.seed)
    growth = yield from pieces(work, "diagnosing", MEASURED, MEASURED + 0.1, control)
    if growth is None:
        yield _stopped()
        return
    _, cotangent = program.loss(ensemble.means)
    work = horizons.scan(ensemble, problem.initial, cotangent)
    scan = yield from pieces(work, "diagnosing", MEASURED + 0.1, 1.0, control)
    if scan is None:
        yield _stopped()
        return
    yield _diagnosed(problem, ensemble, growth, scan)


def _first_part(events: Generator[Event, None, Ensemble | None]) -> Generator[Event, None, Any]:
    """Pass events on, their progress as part of the whole; return what they return."""
    while True:
        try:
            event = next(events)
        except StopIteration as end:
            return end.value
        if isinstance(event, Progress):
            part = MEASURED * event.fraction
            event = msgspec.structs.replace(event, fraction=part, seconds_left=None)
        yield event


def _stopped() -> Finished:
    return Finished(reason="stopped", iterations=0, best_iteration=-1, seconds=0.0)


def _diagnosed(
    problem: Problem, ensemble: Ensemble, growth: Growth, scan: HorizonScan
) -> Diagnosed:
    middle = np.exp(np.log(np.maximum(growth.ratio, 1e-300)).mean(axis=0))
    low, high = np.quantile(growth.ratio, (0.25, 0.75), axis=0)
    return Diagnosed(
        lag=growth.lag.tolist(),
        growth=middle.tolist(),
        growth_low=low.tolist(),
        growth_high=high.tolist(),
        rate=growth.rate,
        rows=tuple(_row(problem, scan, index) for index in range(len(scan.blocks))),
        reference=problem.time_of(scan.blocks[scan.reference]),
        chosen=problem.time_of(scan.blocks[scan.chosen]),
        reason=reason(problem, scan),
        advice=tuple(_advice(problem, ensemble, scan)),
        units={slot.key: slot.unit for slot in problem.slots if slot.free},
        reversal_residual=max(way.residual for way in scan.pathwise),
        energy_drift=ensemble.drift,
        temperature=ensemble.temperature,
        replicas=problem.replicas.count,
        segments=problem.dynamics.segments,
        length=problem.time_of(problem.blocks),
        precision=problem.system.precision,
    )


def _row(problem: Problem, scan: HorizonScan, index: int) -> HorizonRow:
    def per_unit(relative: np.ndarray) -> dict[str, float]:
        found = relative / problem.scale
        return {
            slot.key: float(_single(found[place]) / from_internal(1.0, slot.unit))
            for place, slot in zip(problem.places, problem.slots, strict=True)
            if slot.free
        }

    return HorizonRow(
        horizon=problem.time_of(scan.blocks[index]),
        signal_to_noise=float(scan.signal_to_noise[index]),
        drift=float(scan.drift[index]),
        gradients=per_unit(scan.gradient[index]),
        errors=per_unit(scan.error[index]),
    )


def _single(values: np.ndarray) -> float:
    """Return the only number of a parameter, or the norm of an array's."""
    return float(values[0]) if len(values) == 1 else float(np.linalg.norm(values))


def reason(problem: Problem, scan: HorizonScan) -> str:
    """Say in words why a horizon was chosen."""
    chosen, reference = scan.chosen, scan.reference
    ratio = scan.signal_to_noise
    taken = f"{problem.time_of(scan.blocks[chosen]):.3g} ps"
    if ratio[reference] < horizons.ENOUGH:
        return (
            f"{taken}: at no horizon is the gradient {horizons.ENOUGH:g} times its standard error; "
            f"here it is {ratio[chosen]:.3g} times, the most that {problem.replicas.count} "
            "replicas give."
        )
    last = len(scan.blocks) - 1
    if chosen == last:
        return (
            f"{taken}, all of it: even there the gradient is {ratio[chosen]:.2g} times its "
            "standard error, so nothing needs to be cut."
        )
    longest = f"{problem.time_of(scan.blocks[reference]):.3g} ps"
    return (
        f"{taken}: there the gradient is {ratio[chosen]:.2g} times its standard error and "
        f"{100 * scan.drift[chosen]:.2g} % away from the one at {longest}, the longest horizon "
        f"with a ratio above {horizons.ENOUGH:g}; bias and noise together are the smallest."
    )


def _advice(problem: Problem, ensemble: Ensemble, scan: HorizonScan) -> Iterator[Advice]:
    """Yield what to change in the recipe."""
    blocks, needed = problem.blocks, problem.longest_window
    if needed is not None and (fits := _pieces(blocks, needed)) > 1:
        segments = fits * problem.dynamics.segments
        yield Advice(
            text=f"The longest correlation needs {problem.time_of(needed):.3g} ps of a segment's "
            f"{problem.time_of(blocks):.3g} ps: up to dynamics.segments = {segments} shortens the "
            "gradient's way without any bias.",
            changes={"dynamics.segments": segments},
        )
    ratio = float(scan.signal_to_noise[scan.chosen])
    if ratio < horizons.ENOUGH:
        more = int(np.ceil(problem.replicas.count * (horizons.ENOUGH / max(ratio, 0.1)) ** 2))
        yield Advice(
            text=f"For a signal-to-noise ratio of {horizons.ENOUGH:g} set sampling.replicas to "
            f"about {more}.",
            changes={"sampling.replicas": more},
        )
    chosen = scan.blocks[scan.chosen]
    if chosen < blocks:
        horizon = float(f"{problem.time_of(chosen):.3g}")
        yield Advice(
            text=f'Set gradient.truncation = "window" and gradient.horizon = {horizon:g}, or '
            'truncation = "auto".',
            changes={"gradient.truncation": "window", "gradient.horizon": horizon},
        )
    residual = max(way.residual for way in scan.pathwise)
    if residual > 0.0:
        off = residual / problem.system.lattice_size * problem.system.perpendicular_widths.max()
        yield Advice(
            text=f"The reversal missed its start by up to {off:.1e} angstrom: set "
            "gradient.anchor_every or execution.precision = float64.",
            changes={"execution.precision": "float64"},
        )


def _pieces(blocks: int, needed: int) -> int:
    """Return into how many equal pieces of ``needed`` blocks or more a segment can be cut."""
    most = blocks // max(1, needed)
    return next(pieces for pieces in range(most, 0, -1) if blocks % pieces == 0) if most else 1
