"""The loop: generators of events. The command line, the engine process and tests iterate them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from dmdstudio import __version__
from dmdstudio.base.errors import DmdError, RunError, understood
from dmdstudio.engine import refinement
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.program import Program
from dmdstudio.engine.refinement import RefinementState
from dmdstudio.files.iterations import iteration_values
from dmdstudio.files.run_store import RunStore
from dmdstudio.plan.events import (
    Event,
    Failed,
    Finished,
    Iterated,
    Log,
    Phase,
    Progress,
    Started,
    StepReport,
)
from dmdstudio.plan.recipe import Recipe, recipe_to_toml
from dmdstudio.plan.terms import with_values
from dmdstudio.service import machine
from dmdstudio.service.build import build
from dmdstudio.service.control import Control
from dmdstudio.service.evaluation import check_gradient, evaluate
from dmdstudio.service.pace import Pace
from dmdstudio.service.stored_state import from_arrays, to_arrays

__all__ = ["check_gradient", "evaluate", "recipe_at", "refine", "resume"]

Events = Iterator[Event]
TEMPERATURE_TOLERANCE = 0.05
"""Relative difference of the trajectories' temperature that is worth a warning."""


def refine(recipe: Recipe, run_dir: str | Path, control: Control) -> Events:
    """Refine a recipe into a new run folder.

    Yields:
        `Started`, then phases, progress and one `Iterated` per iteration, last `Finished`.

    Raises:
        DmdError: something does not fit; once the folder exists, its log holds the error too.
    """
    yield Phase(name="starting")
    problem, complete = build(recipe)
    with RunStore.create(run_dir, complete) as store:
        state = refinement.init(problem)
        store.write_state(0, to_arrays(state))
        yield from _logged(store, _run(store, store.recipe(), problem, state, control))


def resume(run_dir: str | Path, iterations: int | None, control: Control) -> Events:
    """Go on with a run from its newest stored state, for ``iterations`` more where given.

    Yields and raises as `refine`.
    """
    yield Phase(name="starting")
    with RunStore.open(run_dir, write=True) as store:
        recipe = store.recipe()
        problem, _ = build(recipe)
        number, arrays = store.read_state()
        state = from_arrays(arrays, problem)
        last = problem.iterations if iterations is None else number + iterations
        yield from _logged(store, _run(store, recipe, problem, state, control, last))


def _logged(store: RunStore, events: Events) -> Events:
    """Write what counts to the run's log, and an error too, before passing it on."""
    try:
        for event in events:
            if not isinstance(event, (Phase, Progress)):
                store.append(event)
            yield event
    except Exception as error:
        known = understood(error) or DmdError(f"{type(error).__name__}: {error}"[:500])
        with contextlib.suppress(OSError):  # the disk itself may be what failed
            store.append(Failed(message=known.message, advice=known.advice, time=time.time()))
        raise


def _run(
    store: RunStore,
    recipe: Recipe,
    problem: Problem,
    state: RefinementState,
    control: Control,
    last: int | None = None,
) -> Events:
    began = time.perf_counter()
    last = problem.iterations if last is None else last
    yield _started(store, recipe, problem, state.iteration, last)
    program = Program(problem)
    pace = Pace(problem, state, last)
    while state.iteration < last:
        if control.checkpoint():
            break
        work = refinement.step(program, state)
        following = yield from pace.follow(work, state.iteration, control)
        if following is None:
            break
        state, report = following
        yield Iterated(report=report, time=time.time())
        yield from _warnings(problem, report)
        yield Phase(name="writing", iteration=report.iteration)
        store.write_state(state.iteration, to_arrays(state))
    reason = "completed" if state.iteration >= last else "stopped"
    yield Finished(
        reason=reason,
        iterations=state.iteration,
        best_iteration=_best(store),
        seconds=time.perf_counter() - began,
        time=time.time(),
    )


def _warnings(problem: Problem, report: StepReport) -> Events:
    """Say what is suspicious about an iteration."""
    wanted = problem.sampling.temperature
    if abs(report.temperature / wanted - 1.0) > TEMPERATURE_TOLERANCE:
        yield Log(
            level="warning",
            text=f"The trajectories are at {report.temperature:.1f} K, not at {wanted:g} K: raise "
            "sampling.equilibration_steps, or shorten the time steps.",
            time=time.time(),
        )
    if report.reversal_residual:
        yield Log(
            level="warning",
            text=f"The reversal missed its start by {report.reversal_residual:g} lattice units.",
            time=time.time(),
        )


def _best(store: RunStore) -> int:
    try:
        return iteration_values(store.events(), "best")[0]
    except RunError:
        return -1


def _started(store: RunStore, recipe: Recipe, problem: Problem, first: int, last: int) -> Started:
    names = [problem.system.type_names[t] for t in problem.system.types]
    counts = {name: names.count(name) for name in problem.system.type_names}
    return Started(
        run_dir=str(store.path),
        recipe=recipe_to_toml(recipe),
        title=recipe.title,
        formula="".join(f"{name}{n}" for name, n in counts.items()),
        atoms=problem.system.atoms,
        replicas=problem.replicas.count,
        iterations=last,
        first_iteration=first,
        device=machine.description(problem.replicas.devices),
        precision=problem.system.precision,
        method=problem.method.name,
        parameters=problem.parameter_reports(problem.initial),
        targets=tuple(refinement.described(target) for target in problem.targets),
        version=__version__,
        time=time.time(),
    )


def recipe_at(run_dir: str | Path, which: str | int) -> tuple[Recipe, int]:
    """Return a run's recipe with the parameters of an iteration, and its number.

    Args:
        run_dir: the run.
        which: ``'best'``, ``'last'`` or a number.
    """
    store = RunStore.open(run_dir)
    iteration, values = iteration_values(store.events(), which)
    return with_values(store.recipe(), values), iteration
