"""The loop: generators of events. The command line, the engine process and tests iterate them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import msgspec
import numpy as np

from dmdstudio import __version__
from dmdstudio.base.errors import DmdError, RunError, understood
from dmdstudio.base.units import from_internal
from dmdstudio.engine import refinement
from dmdstudio.engine.ensemble import Ensemble, Pool, Program, draw_pool, weigh
from dmdstudio.engine.gradient import Work, gradients
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.refinement import RefinementState
from dmdstudio.files.iterations import iteration_values
from dmdstudio.files.run_store import RunStore
from dmdstudio.plan.events import (
    Evaluated,
    Event,
    Failed,
    Finished,
    GradientChecked,
    GradientRow,
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

Events = Iterator[Event]
TEMPERATURE_TOLERANCE = 0.05
"""Relative difference of the trajectories' temperature that is worth a warning."""

DERIVATIVE_COST = 3.0
"""Cost of a backward step in forward steps, for the first guess of the time left."""


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
        store.write_state(0, _to_arrays(state))
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
        state = _from_arrays(arrays, problem)
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
            store.append(Failed(message=known.message, advice=known.advice))
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
    done = 0
    while state.iteration < last:
        if control.checkpoint():
            break
        work = refinement.step(program, state)
        following = yield from pace.follow(work, state.iteration, control)
        if following is None:
            break
        state, report = following
        done += 1
        yield Iterated(report=report)
        yield from _warnings(problem, report)
        yield Phase(name="writing", iteration=report.iteration)
        store.write_state(state.iteration, _to_arrays(state))
    reason = "completed" if state.iteration >= last else "stopped"
    yield Finished(
        reason=reason,
        iterations=state.iteration,
        best_iteration=_best(store),
        seconds=time.perf_counter() - began,
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


# ------------------------------------------------------------------------------------ progress


class Pace:
    """Turns pieces of work into phases, progress and an estimate of the time left.

    Work is counted in steps of dynamics of the whole pool; the estimate is what is left, at the
    speed measured so far.
    """

    def __init__(self, problem: Problem, state: RefinementState, last: int) -> None:
        steps, plan = problem.dynamics.steps, problem.sampling
        self._cost = {
            "sampling": float(plan.decorrelation_steps),
            "propagating": float(steps),
            "differentiating": DERIVATIVE_COST * steps,
        }
        self._first = state.pool is None
        self._equilibration = float(plan.equilibration_steps)
        self._redraw = 1.0 / plan.reuse_limit
        self._total = (last - state.iteration) * self._iteration(self._redraw)
        self._total += self._equilibration if self._first else 0.0
        self._spent = 0.0
        self._timed_cost = 0.0  # of the pieces that did not wait for the compiler
        self._timed_seconds = 0.0

    def _iteration(self, redraw: float) -> float:
        cost = self._cost
        return redraw * cost["sampling"] + cost["propagating"] + cost["differentiating"]

    def follow(
        self, work: Generator[Work, None, Any], iteration: int, control: Control
    ) -> Generator[Event, None, Any]:
        """Pass on the work of one iteration as events; None where it was stopped."""
        phase, base, compiled = "preparing", self._spent, True
        yield Phase(name=phase, iteration=iteration)
        while not control.checkpoint():
            began = time.perf_counter()
            try:
                name, fraction = next(work)
            except StopIteration as end:
                self._first = False
                return end.value
            if name == "sampling" and self._first:
                name = "equilibrating"
            if name != phase:
                phase, base = name, self._spent
                yield Phase(name=name, iteration=iteration)
            if name == "compiling":
                compiled = False
                continue
            cost = self._equilibration if name == "equilibrating" else self._cost[name]
            before, self._spent = self._spent, base + cost * fraction
            if compiled:
                self._timed_cost += self._spent - before
                self._timed_seconds += time.perf_counter() - began
            compiled = True
            yield self._progress(iteration, name, fraction)
        work.close()
        return None

    def _progress(self, iteration: int, name: str, fraction: float) -> Progress:
        left = None
        if self._timed_cost > 0.0:
            remaining = max(self._total - self._spent, 0.0)
            left = self._timed_seconds / self._timed_cost * remaining
        return Progress(
            fraction=min(self._spent / self._total, 1.0),
            seconds_left=left,
            iteration=iteration,
            phase=name,
            phase_fraction=fraction,
        )


# ------------------------------------------------------------------------------- stored states


def _to_arrays(state: RefinementState) -> dict[str, np.ndarray]:
    arrays = {
        "iteration": np.asarray(state.iteration),
        "parameters": np.asarray(state.parameters),
    }
    for index, leaf in enumerate(jax.tree.leaves(state.optimizer)):
        arrays[f"optimizer/{index}"] = np.asarray(leaf)
    if state.pool is not None:
        for name, value in state.pool._asdict().items():
            arrays[f"pool/{name}"] = np.asarray(value)
    return arrays


def _from_arrays(arrays: dict[str, np.ndarray], problem: Problem) -> RefinementState:
    empty = refinement.init(problem)
    leaves, tree = jax.tree.flatten(empty.optimizer)
    stored = [jnp.asarray(arrays[f"optimizer/{i}"]) for i in range(len(leaves))]
    pool = None
    if "pool/lattice" in arrays:
        fields = {name: arrays[f"pool/{name}"] for name in Pool._fields}
        pool = Pool(**{**fields, "uses": int(fields["uses"])})
    return RefinementState(
        int(arrays["iteration"]),
        arrays["parameters"],
        jax.tree.unflatten(tree, stored),
        pool,
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


# ---------------------------------------------------------------------------------- evaluation


def evaluate(
    recipe: Recipe,
    control: Control,
    replicas: int | None = None,
    seed: int | None = None,
    iteration: int = -1,
) -> Events:
    """Measure the observables of a recipe on fresh samples.

    Yields:
        phases and progress, last `Evaluated` (`Finished` where it was stopped).
    """
    yield Phase(name="starting")
    if seed is not None:
        execution = msgspec.structs.replace(recipe.execution, seed=seed)
        recipe = msgspec.structs.replace(recipe, execution=execution)
    problem, _ = build(recipe, replicas)
    program = Program(problem)
    ensemble = yield from _measured(program, control)
    if ensemble is None:
        yield Finished(reason="stopped", iterations=0, best_iteration=-1, seconds=0.0)
        return
    means = jax.tree.map(jnp.asarray, ensemble.means)
    loss, cotangent = jax.value_and_grad(problem.loss)(means)
    yield Evaluated(
        targets=refinement.target_reports(ensemble),
        parameters=problem.parameter_reports(problem.initial),
        loss=float(loss),
        loss_error=float(ensemble.standard_error(ensemble.influence(cotangent))),
        replicas=problem.replicas.count,
        seed=problem.seed,
        iteration=iteration,
        temperature=ensemble.temperature,
        energy_drift=ensemble.drift,
    )


def _measured(
    program: Program, control: Control, keep: bool = False
) -> Generator[Event, None, Ensemble | None]:
    """Draw fresh starts and run all trajectories with the initial parameters."""
    problem = program.problem
    steps = problem.sampling.equilibration_steps
    lattice = np.broadcast_to(problem.start, (problem.replicas.count, *problem.start.shape))
    share = steps / (steps + problem.dynamics.steps)
    sampler = draw_pool(program, problem.initial, lattice, steps, 0)
    pool = yield from _pieces(sampler, "equilibrating", 0.0, share, control)
    if pool is None:
        return None
    ensemble = Ensemble(program, pool, weigh(program, pool, problem.initial))
    run = ensemble.propagate(problem.initial, keep)
    yield from _pieces(run, "propagating", share, 1.0, control)
    return None if control.stop_requested else ensemble


def _pieces(
    work: Generator[Work, None, Any], name: str, first: float, last: float, control: Control
) -> Generator[Event, None, Any]:
    began = time.perf_counter()
    yield Phase(name=name)
    while True:
        if control.checkpoint():
            work.close()
            return None
        try:
            piece = next(work)
        except StopIteration as end:
            return end.value
        if piece.phase == "compiling":
            yield Phase(name="compiling")
            continue
        if not piece.fraction:
            continue
        elapsed = time.perf_counter() - began
        yield Progress(
            fraction=first + (last - first) * piece.fraction,
            seconds_left=elapsed * (1.0 / piece.fraction - 1.0) if name == "propagating" else None,
            phase=name,
            phase_fraction=piece.fraction,
        )


# ------------------------------------------------------------------------------ gradient check

CHECK_STEP = 1e-5
"""Relative step of the finite differences in `check_gradient`."""


def check_gradient(recipe: Recipe, control: Control, replicas: int = 4) -> Events:
    """Compare adjoint, plain backpropagation and central differences in float64, same starts.

    Adjoint and backpropagation differ in everything but the energy function; the finite difference
    is of the whole loss, with the weights of the starts, so it checks the thermodynamic part too.

    Yields:
        phases and progress, last `GradientChecked`.
    """
    yield Phase(name="starting")
    execution = msgspec.structs.replace(recipe.execution, precision="float64", lattice_bits=64)
    recipe = msgspec.structs.replace(recipe, execution=execution)
    problem, _ = build(recipe, min(replicas, recipe.sampling.replicas))
    program = Program(problem)
    ensemble = yield from _measured(program, control, keep=True)
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
        method = problem.method if name == problem.method.name else kind.build(kind.Options())
        compared = problem if method is problem.method else replace(problem, method=method)
        ensemble.program = program if compared is problem else Program(compared)
        work = refinement.differentiate(ensemble, problem.initial, cotangent)
        gradient = yield from _pieces(work, "differentiating", 0.0, 1.0, control)
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
            yield from _pieces(work, "differentiating", first, first + 0.5 / len(free), control)
            if control.stop_requested:
                return None
            loss = float(problem.loss(jax.tree.map(jnp.asarray, ensemble.means)))
            gradient[index] += sign * loss / (2.0 * step)
    return gradient
