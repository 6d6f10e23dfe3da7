"""How far a piece of work is, and how long it will still take."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

from dmdstudio.engine.differences import PHASE as DIFFERENCES
from dmdstudio.engine.gradient import Work
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.refinement import GAUSS_NEWTON, RefinementState
from dmdstudio.plan.events import Event, Phase, Progress
from dmdstudio.service.control import Control

DERIVATIVE_COST = 3.0
"""Cost of a backward step in forward steps, for the first guess of the time left."""


SCAN_COST = 20.0
"""Cost of measuring the horizon of the adjoint, in forward steps, where that is asked for."""


TANGENT_COST = 6.0
"""Cost of one parameter's tangent in forward steps."""


class Pace:
    """Turns pieces of work into phases, progress and an estimate of the time left.

    Work is counted in steps of dynamics of the whole pool; the estimate is what is left, at the
    speed measured so far.
    """

    def __init__(self, problem: Problem, state: RefinementState, last: int) -> None:
        steps, plan = problem.dynamics.all_steps, problem.sampling
        self._cost = {
            "sampling": float(plan.decorrelation_steps),
            "propagating": float(steps),
            "differentiating": DERIVATIVE_COST * steps,
            "diagnosing": SCAN_COST * steps,
            "tangents": TANGENT_COST * int(problem.free.sum()) * steps,
        }
        ends = 2 * int(problem.free.sum())
        self._cost[DIFFERENCES] = ends * (self._cost["sampling"] + self._cost["propagating"])
        self._apart = problem.optimizer.by_differences
        self._newton = problem.optimizer.kind == GAUSS_NEWTON
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
        forward = redraw * cost["sampling"] + cost["propagating"]
        if self._apart:
            return forward
        tangents = cost["tangents"] if self._newton else 0.0
        return forward + cost["differentiating"] + tangents

    def follow(
        self, work: Generator[Work, None, Any], iteration: int, control: Control
    ) -> Generator[Event, None, Any]:
        """Pass on the work of one iteration as events; None where it was stopped."""
        phase, base, compiled = "preparing", self._spent, True
        at_first = base
        yield Phase(name=phase, iteration=iteration)
        while not control.checkpoint():
            began = time.perf_counter()
            try:
                name, fraction = next(work)
            except StopIteration as end:
                self._first = False
                return end.value
            except Exception:
                self._spent = at_first  # it is done again, or not at all
                raise
            if name == "sampling" and self._first:
                name = "equilibrating"
            if name != phase:
                if name == "diagnosing":  # not planned: it comes where it is needed
                    self._total += self._cost[name] - self._cost["differentiating"]
                elif name == DIFFERENCES:  # likewise
                    self._total += self._cost[name]
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


def pieces(
    work: Generator[Work, None, Any], name: str, first: float, last: float, control: Control
) -> Generator[Event, None, Any]:
    """Pass on a piece of work as events, as the part ``first`` to ``last`` of all there is.

    Returns:
        What the work returns; None where it was stopped.
    """
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
