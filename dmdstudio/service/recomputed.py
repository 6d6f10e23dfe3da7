"""The targets of a run, computed again from trajectories of the engine that an export is for."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import msgspec
import numpy as np

from dmdstudio.base.errors import DmdError
from dmdstudio.engine.recorded import Recording, reports_of
from dmdstudio.files.iterations import iteration_reports
from dmdstudio.files.run_store import RunStore
from dmdstudio.plan.certificate import TargetCheck
from dmdstudio.plan.events import TargetReport
from dmdstudio.plan.recipe import Recipe
from dmdstudio.service.build import build
from dmdstudio.service.other_engine import Exported, Motion, OtherEngine
from dmdstudio.service.refined import recipe_at


def recomputed(
    engine: OtherEngine, run_dir: str | Path, which: str | int, exported: Exported
) -> tuple[TargetCheck, ...]:
    """Run as many trajectories in an engine as the run has replicas, and compare every target.

    Sampling, steps and frames are the run's own; so are the surfaces.

    Args:
        engine: one that moves and is installed.
        run_dir: the run that was exported.
        which: its iteration.
        exported: the files, and the structure that they hold.
    """
    recipe, iteration = recipe_at(run_dir, which)
    ours = iteration_reports(RunStore.open(run_dir).events())[iteration].targets
    try:
        theirs = _by(engine, recipe, exported)
    except DmdError as error:
        return tuple(_check(engine, one, None, str(error)) for one in ours)
    found = {report.name: report for report in theirs}
    return tuple(_check(engine, one, found[one.name]) for one in ours)


def _by(engine: OtherEngine, recipe: Recipe, exported: Exported) -> tuple[TargetReport, ...]:
    problem, _ = build(recipe, refined=False)
    sampling, dynamics = problem.sampling, problem.dynamics
    motion = Motion(
        pieces=sampling.replicas,
        steps=dynamics.steps,
        timestep_fs=dynamics.timestep,
        record_every=dynamics.record_every,
        temperature=sampling.temperature,
        friction=sampling.friction,
        bath_timestep_fs=sampling.timestep,
        equilibration=sampling.equilibration_steps,
        decorrelation=sampling.decorrelation_steps,
        pressure=sampling.pressure if sampling.ensemble == "npt" else None,
        seed=recipe.execution.seed + 1,
    )
    cell = exported.configurations[0].cell
    with tempfile.TemporaryDirectory() as folder:
        copies = [Path(shutil.copy(path, folder)) for path in exported.files]
        inside = Exported(copies, exported.terms, exported.configurations, exported.provenance)
        return reports_of(
            problem,
            (
                Recording(piece.positions, piece.velocities, cell * piece.growth)
                for piece in engine.trajectories(inside, motion)
            ),
        )


def _check(
    engine: OtherEngine, ours: TargetReport, theirs: TargetReport | None, note: str = ""
) -> TargetCheck:
    check = TargetCheck(
        engine=engine.name,
        target=ours.name,
        label=ours.label,
        unit=ours.unit,
        value=tuple(ours.value),
        error=tuple(ours.error),
        note=note,
    )
    if theirs is None:
        return check
    apart = np.subtract(theirs.value, ours.value)
    spread = np.hypot(theirs.error, ours.error)
    known = spread > 0.0  # curves may begin with what is 0 by definition
    deviation = float(np.sqrt(np.mean((apart[known] / spread[known]) ** 2))) if known.any() else 0.0
    return msgspec.structs.replace(
        check,
        their_value=tuple(theirs.value),
        their_error=tuple(theirs.error),
        deviation=deviation,
    )
