"""An iteration that is carried through faults: with less at a time, longer lists, shorter steps."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Generator

from dmdstudio.base.errors import (
    CapacityExceeded,
    DivergenceError,
    DmdError,
    OutOfMemoryError,
    PhysicsError,
)
from dmdstudio.engine import refinement
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.program import Program
from dmdstudio.engine.recovery import moved_most, roomier, shorter_step, smaller_batch
from dmdstudio.engine.refinement import RefinementState
from dmdstudio.plan.events import Event, Log, StepReport
from dmdstudio.service.control import Control
from dmdstudio.service.pace import Pace

SHORTER_STEPS = 5
"""Steps in a row that may fail, each a quarter of the one before."""

ENLARGEMENTS = 10
"""How often lists may prove too short in one iteration."""

LONG_STEP = 0.1
"""Relative change of a parameter that is reason enough for a failure after it."""

Keep = Callable[[RefinementState], None]
Done = tuple[RefinementState, StepReport] | None


class Recovery:
    """Does iterations, and does one again where it failed.

    Lack of memory and short lists change nothing but the program: the random numbers of a pool
    belong to its replicas, so the same iteration follows. A divergence takes back the step that
    led to it.

    Args:
        problem: what is refined.
        keep: stores a state whose step was taken back.

    Attributes:
        program: compiled functions, as they are after the faults so far.
    """

    def __init__(self, problem: Problem, keep: Keep) -> None:
        self.program = Program(problem)
        self._keep = keep
        self._failed = 0
        self._enlarged = 0

    def iterate(
        self, state: RefinementState, pace: Pace, control: Control
    ) -> Generator[Event, None, Done]:
        """Do one iteration.

        Returns:
            The next state and what was measured; None where it was stopped.

        Raises:
            DmdError: it cannot be done; what is stored can be resumed.
        """
        self._failed = self._enlarged = 0
        processes = self.program.replicas.processes
        while True:
            work = refinement.step(self.program, state)
            try:
                done = yield from pace.follow(work, state.iteration, control)
            except Exception as error:
                fault = processes.settle(error)
                if fault is None:
                    raise
                fault.with_traceback(None)  # its frames hold the arrays of what failed
            else:
                if done is None:
                    processes.stop()
                return done
            del work
            state, words = self._answer(state, fault)
            yield Log(level="warning", text=words, time=time.time())

    def _answer(self, state: RefinementState, fault: DmdError) -> tuple[RefinementState, str]:
        """Return the state to go on with and what is said of it; raise where nothing helps."""
        match fault:
            case OutOfMemoryError():
                return state, self._halve()
            case CapacityExceeded():
                return state, self._enlarge(fault)
            case DivergenceError() if state.taken is not None:
                return self._take_back(state, fault)
        raise fault

    def _rebuild(self, problem: Problem) -> None:
        self.program = Program(problem)
        gc.collect()  # programs and arrays refer to each other

    def _halve(self) -> str:
        before = self.program.replicas.batch
        self._rebuild(smaller_batch(self.program.problem))
        return (
            f"The memory was too small for {before} replicas at a time: the iteration is done "
            f"again with {self.program.replicas.batch} at a time. The results are the same."
        )

    def _enlarge(self, fault: CapacityExceeded) -> str:
        self._enlarged += 1
        if self._enlarged > ENLARGEMENTS:
            raise fault
        self._rebuild(roomier(self.program.problem, fault))
        return f"{fault.message} The iteration is done again with room for {fault.capacity}."

    def _take_back(self, state: RefinementState, fault: DmdError) -> tuple[RefinementState, str]:
        self._failed += 1
        problem = self.program.problem
        key, change = moved_most(problem, state)
        if self._failed > SHORTER_STEPS:
            raise PhysicsError(
                f"Iteration {state.iteration} failed {self._failed} times in a row, the last time "
                f"after a step of {change:.2g} relative. {fault.message}",
                f"{fault.advice} What is stored can be resumed.",
            )
        advice = fault.advice
        if abs(change) > LONG_STEP:
            advice = (
                "So long a step is the likely cause: lower optimizer.learning_rate, or tighten the "
                "bounds of the parameters."
            )
        state = shorter_step(problem, state)
        self._keep(state)
        return state, (
            f"Iteration {state.iteration} failed after {key} had changed by {change:+.2%}. "
            f"{fault.message} {advice} The step is taken back and done again with "
            f"{state.shrink:.3g} of the learning rate."
        )
