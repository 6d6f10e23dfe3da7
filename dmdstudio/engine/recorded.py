"""What the targets say of a trajectory that another engine has run, frame by frame."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from dmdstudio.base.errors import PhysicsError
from dmdstudio.engine.core import Phase, Tree, configuration
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.pool import Weights
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.program import Program
from dmdstudio.engine.refinement import target_reports
from dmdstudio.plan.events import TargetReport

CROWDED = 1.5
"""Length of lists of neighbours over what the start needs."""


class Recording(NamedTuple):
    """A trajectory at constant energy, in frames of the problem's interval.

    Attributes:
        positions: [frame, atom, xyz], angstrom; in any image.
        velocities: [frame, atom, xyz], angstrom/fs.
        cell: lattice vectors as rows [3, xyz], angstrom.
    """

    positions: np.ndarray
    velocities: np.ndarray
    cell: np.ndarray


def reports_of(problem: Problem, recordings: Iterable[Recording]) -> tuple[TargetReport, ...]:
    """Return what independent trajectories predict of all targets, with standard errors.

    Args:
        problem: its initial parameters are those of the surfaces and of the potential.
        recordings: two or more, each of all steps of the problem's own.

    Raises:
        PhysicsError: an energy is no number.
    """
    start = jnp.asarray(problem.start), jnp.asarray(problem.system.cell)
    needed = problem.crowding(*start)[0]
    problem = problem.with_capacity(math.ceil(CROWDED * needed))
    measure = jax.jit(partial(_measured, problem))
    found = []
    for one in recordings:
        cell = jnp.asarray(one.cell)
        lattice = problem.system.to_lattice(jnp.asarray(one.positions), cell)
        velocities = jnp.asarray(one.velocities, problem.system.dtype)
        found.append(
            jax.device_get(measure(jnp.asarray(problem.initial), lattice, velocities, cell))
        )
    summaries, values = jax.tree.map(lambda *parts: np.stack(parts), *found)
    if not all(np.isfinite(a).all() for a in jax.tree.leaves((summaries, values))):
        raise PhysicsError("The targets of the other engine's trajectories are no numbers.")
    even = Weights(np.full(len(found), 1.0 / len(found)), 1.0)
    pool = cast(Any, None)  # there is none, and nothing of reports needs one
    samples = SimpleNamespace(values=values)
    ensemble = Ensemble(Program(problem), pool, even, summaries=summaries, samples=samples)
    return target_reports(ensemble)


def _measured(
    problem: Problem, parameters: Array, lattice: Array, velocities: Array, cell: Array
) -> tuple[Tree, Tree]:
    """Return summaries [segment, ...] and values of static targets [segment, stretch, ...]."""
    theta, system = problem.theta(parameters), problem.system
    segments, blocks, stretches = problem.dynamics.segments, problem.blocks, problem.stretches

    def phase(frame: tuple[Array, Array]) -> Phase:
        return Phase(configuration(system, frame[0], cell), frame[1])

    summaries: Tree = {}
    if problem.dynamic:
        features = lax.map(lambda f: problem.frame(theta, phase(f)), (lattice, velocities))
        pieces = jax.tree.map(
            lambda a: jnp.stack([a[s * blocks : (s + 1) * blocks + 1] for s in range(segments)]),
            features,
        )
        summaries = lax.map(problem.summaries, pieces)
    values: Tree = {}
    if problem.static:
        begin = np.arange(segments * stretches) * (blocks // stretches)
        values = lax.map(
            lambda f: problem.static_values(parameters, phase(f), cell, problem.static),
            (lattice[begin], velocities[begin]),
        )
        values = jax.tree.map(lambda a: a.reshape(segments, stretches, *a.shape[1:]), values)
    return summaries, values
