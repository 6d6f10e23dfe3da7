"""What a refinement does after a fault: take back a step, or compute less at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dmdstudio.base.errors import CapacityExceeded, OutOfMemoryError
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.refinement import RefinementState, follow

SHRINK = 0.25
"""Factor of the learning rate when a step is taken back."""


def shorter_step(problem: Problem, state: RefinementState) -> RefinementState:
    """Take back the step that led to a state, and take a shorter one instead.

    The last good parameters, the optimiser's state there and the gradient measured there stand in
    the state, so that nothing is computed again.

    Args:
        problem: bounds and optimiser.
        state: after at least one step.
    """
    assert state.taken is not None
    shrink = SHRINK * state.shrink
    parameters, optimizer = follow(problem, state.taken, shrink)
    return state._replace(parameters=parameters, optimizer=optimizer, shrink=shrink)


def moved_most(problem: Problem, state: RefinementState) -> tuple[str, float]:
    """Return which parameter the last step changed most, and by which fraction."""
    assert state.taken is not None
    before = state.taken.parameters
    size = np.where(before == 0.0, 1.0, np.abs(before))
    size = np.where(problem.in_array, problem.scale, size)
    change = (state.parameters - before) / size
    most = int(np.argmax(np.abs(np.nan_to_num(change, nan=np.inf))))
    return problem.slot_at(most).key, float(change[most])


def smaller_batch(problem: Problem) -> Problem:
    """Return the problem with half as many replicas computed together; its results are the same.

    Raises:
        OutOfMemoryError: it is one replica per device already.
    """
    replicas = problem.replicas.halved()
    if replicas is None:
        raise OutOfMemoryError(
            f"One trajectory of {problem.system.atoms} atoms and {problem.dynamics.steps} steps "
            "at a time does not fit into the memory.",
            'Set gradient.frames = "retrace" (memory for one segment instead of a trajectory), '
            "more dynamics.segments, or a larger dynamics.record_every.",
        )
    return replace(problem, replicas=replicas)


def roomier(problem: Problem, fault: CapacityExceeded) -> Problem:
    """Return the problem with room for what a list was too short for.

    Raises:
        CapacityExceeded: no term of the force field has such a list.
    """
    larger = problem.with_capacity(fault.capacity)
    if larger is problem:
        raise fault
    return larger
