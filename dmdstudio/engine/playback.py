"""The trajectory of a single replica as frames to look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from dmdstudio.engine.core import Start, State
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.processes import ALONE


def play(
    problem: Problem, parameters: np.ndarray, start: Start, every: int, count: int
) -> Iterator[np.ndarray]:
    """Run one replica and yield its configuration at the start and after every ``every`` steps.

    The steps are those of `Leapfrog.forward`, so that the frames are the configurations which a
    refinement's trajectory passes through.

    Args:
        problem: says what moves and how.
        parameters: [parameter].
        start: where it begins [atom, ...].
        every: steps from frame to frame.
        count: number of frames, 1 or more.

    Yields:
        Fractional coordinates on the lattice [atom, 3], ``count`` times.
    """
    lattice, cell = jnp.asarray(start.lattice), jnp.asarray(start.cell)
    field = problem.field.fitted(lattice, cell)
    leapfrog = replace(problem, field=field).leapfrog()
    devices = problem.replicas.devices[:1]
    alone = replace(problem.replicas, count=1, batch=1, devices=devices, processes=ALONE)

    def begin(shared: Array, where: Start) -> State:
        return leapfrog.start(problem.theta(shared), where)

    def advance(shared: Array, state: State, vectors: Array) -> State:
        theta, box = problem.theta(shared), leapfrog.box(vectors)

        def step(_: Any, state: State) -> State:
            return leapfrog.step(theta, box, state)[0]

        return lax.fori_loop(0, every, step, state)

    values = jnp.asarray(parameters)
    one = jax.tree.map(lambda a: jnp.asarray(a)[None], start)
    yield np.asarray(start.lattice)
    if count == 1:
        return
    state, onward = alone.compile(begin)(values, one), alone.compile(advance)
    for _ in range(count - 1):
        state = onward(values, state, one.cell)
        yield np.asarray(state.lattice[0])
