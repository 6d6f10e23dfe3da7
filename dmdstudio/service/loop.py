"""The loop: generators of events. The command line, the engine process and tests iterate them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dmdstudio import __version__
from dmdstudio.base.errors import DmdError, RunError, understood
from dmdstudio.engine import refinement
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.processes import Stopped
from dmdstudio.engine.program import Program
from dmdstudio.engine.refinement import RefinementState
from dmdstudio.files.iterations import iteration_values
from dmdstudio.files.run_requests import stop_asked
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
from dmdstudio.service import machine
from dmdstudio.service.arrays import NO_UNCERTAINTY, refined_files
from dmdstudio.service.build import build
from dmdstudio.service.control import Control
from dmdstudio.service.diagnosis import diagnose
from dmdstudio.service.evaluation import check_gradient, evaluate
from dmdstudio.service.pace import Pace
from dmdstudio.service.recovery import Recovery
from dmdstudio.service.refined import recipe_at
from dmdstudio.service.replay import replay
from dmdstudio.service.stored_state import from_arrays, to_arrays
from dmdstudio.service.uncertainty import of_run

__all__ = ["check_gradient", "diagnose", "evaluate", "recipe_at", "refine", "replay", "resume"]

Events = Iterator[Event]
TEMPERATURE_TOLERANCE = 0.05
"""Relative difference of the trajectories' temperature that is worth a warning."""
MISS_TOLERANCE = 1e-4
"""Miss of the reversal, angstrom, that changes forces and their derivatives by 1e-3 or less."""


def refine(recipe: Recipe, run_dir: str | Path, control: Control) -> Events:
    """Refine a recipe into a new run folder.

    Where several processes do it together, only the first writes; all of them yield the events.

    Yields:
        `Started`, then phases, progress and one `Iterated` per iteration, last `Finished`.

    Raises:
        DmdError: something does not fit; once the folder exists, its log holds the error too.
    """
    yield Phase(name="starting")
    processes = machine.processes()
    with processes.together():
        problem, complete = build(recipe)
        state = refinement.init(problem)
        if not processes.first:
            other = Followed(Path(run_dir), [])
            yield from _logged(other, _run(other, complete, problem, state, control))
            return
        with RunStore.create(run_dir, complete) as store:
            control.watch(lambda: stop_asked(store.path))
            store.write_refined(0, refined_files(problem, complete, state.parameters))
            store.write_state(0, to_arrays(state))
            yield from _logged(store, _run(store, store.recipe(), problem, state, control))


def resume(run_dir: str | Path, iterations: int | None, control: Control) -> Events:
    """Go on with a run from its newest stored state, for ``iterations`` more where given.

    Yields and raises as `refine`.
    """
    yield Phase(name="starting")
    processes = machine.processes()
    with processes.together(), RunStore.open(run_dir, write=processes.first) as store:
        recipe = store.recipe()
        problem, _ = build(recipe)
        newest = store.read_state()[0] if processes.first else 0
        number, arrays = store.read_state(int(processes.from_first(np.asarray(newest))))
        state = from_arrays(arrays, problem)
        last = problem.iterations if iterations is None else number + iterations
        if not processes.first:
            store = Followed(store.path, store.events())
        else:
            control.watch(lambda: stop_asked(store.path))
        yield from _logged(store, _run(store, recipe, problem, state, control, last))


class Followed:
    """The run folder as a process sees it that leaves the writing to the first one."""

    def __init__(self, path: Path, events: list[Event]) -> None:
        self.path = path
        self._events = events

    def append(self, event: Event) -> None:
        """Remember an event."""
        self._events.append(event)

    def write_state(self, number: int, arrays: dict[str, np.ndarray]) -> None:
        """Leave it."""

    def write_refined(self, number: int, files: dict[str, bytes]) -> None:
        """Leave it."""

    def events(self) -> list[Event]:
        """Return all events of the run."""
        return self._events


def _logged(store: RunStore | Followed, events: Events) -> Events:
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
    store: RunStore | Followed,
    recipe: Recipe,
    problem: Problem,
    state: RefinementState,
    control: Control,
    last: int | None = None,
) -> Events:
    began = time.perf_counter()
    last = problem.iterations if last is None else last
    yield _started(store, recipe, problem, state.iteration, last)
    pace = Pace(problem, state, last)

    def keep(state: RefinementState) -> None:
        files = refined_files(problem, recipe, state.parameters)
        store.write_refined(state.iteration, files)  # first: a state promises them
        store.write_state(state.iteration, to_arrays(state))

    recovery, processes = Recovery(problem, keep), problem.replicas.processes
    with contextlib.suppress(Stopped):
        while not processes.any(control.checkpoint()) and state.iteration < last:
            following = yield from recovery.iterate(state, pace, control)
            if following is None:
                break
            state, report = following
            same = processes.from_first(state.parameters)  # whatever the others' arithmetic
            state = state._replace(parameters=same)
            yield Iterated(report=report, time=time.time())
            yield from _warnings(problem, report)
            yield Phase(name="writing", iteration=report.iteration)
            keep(state)
        if state.iteration >= last and problem.refinement.uncertainty:
            yield from _uncertainty(store, recovery.program, state, control)
    reason = "completed" if state.iteration >= last else "stopped"
    yield Finished(
        reason=reason,
        iterations=state.iteration,
        best_iteration=_best(store),
        seconds=time.perf_counter() - began,
        time=time.time(),
    )


def _uncertainty(
    store: RunStore | Followed, program: Program, state: RefinementState, control: Control
) -> Events:
    """Measure what is known of the best iteration's parameters; a failure spoils no run."""
    if state.pool is None:
        return
    if problem_arrays := program.problem.arrays:
        text = (
            f"The uncertainty is not measured: {NO_UNCERTAINTY}; here "
            f"{program.problem.free.sum():,} are free, such as those of {problem_arrays[0].key}."
        )
        yield Log(level="info", text=text, time=time.time())
        return
    processes = program.replicas.processes
    try:
        number, values = iteration_values(store.events(), "best")
        gathered = refinement.learned_of(program.problem, state)
        known = yield from of_run(
            program, state.pool, values, number, control, state.horizon, gathered
        )
    except Exception as error:
        if (why := processes.settle(error)) is None:
            raise
        text = f"The uncertainty could not be measured: {why.message} {why.advice}".strip()
        yield Log(level="warning", text=text, time=time.time())
        return
    if known is None:
        processes.stop()
    else:
        yield known


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
        yield Log(level="warning", text=_missed(problem, report), time=time.time())


def _missed(problem: Problem, report: StepReport) -> str:
    """Say by how much the reversal missed its start, and what to do where it matters."""
    units = report.reversal_residual or 0.0
    length = units / problem.system.lattice_size * problem.system.perpendicular_widths.max()
    advice = (
        "The gradient does not feel that."
        if length < MISS_TOLERANCE
        else "The gradient is off: set gradient.anchor_every to a tenth of the steps of a segment, "
        "or execution.precision = float64."
    )
    missed = f"{units:g} lattice units ({length:.1e} angstrom)"
    return f"The reversal missed its start by {missed}. {advice}"


def _best(store: RunStore | Followed) -> int:
    try:
        return iteration_values(store.events(), "best")[0]
    except RunError:
        return -1


def _started(
    store: RunStore | Followed, recipe: Recipe, problem: Problem, first: int, last: int
) -> Started:
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
        device=machine.description(problem.replicas.devices, problem.replicas.processes.count),
        precision=problem.system.precision,
        method=problem.method.name,
        parameters=problem.parameter_reports(problem.initial),
        targets=tuple(refinement.described(target) for target in problem.targets),
        version=__version__,
        time=time.time(),
    )
