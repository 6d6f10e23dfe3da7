"""Starts that are run both ways in time: as they are, and with their velocities reversed.

Newton's equations and the ensemble of the starts know no direction of time, so that (x, -v) is as
good a start as (x, v) and every start gives two trajectories. Both belong to the same replica: its
segments are those of the one way and then those of the other, and errors are over replicas still.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from dmdstudio.engine.core import Start, Tree
from dmdstudio.engine.dynamics import Trajectory


def each_way(run: Callable[[Start], Tree], start: Start) -> Tree:
    """Return what a function gives of both starts, one after the other [way, ...]."""

    def one(sign: Any) -> Tree:
        return run(start._replace(velocities=sign * start.velocities))

    return lax.map(one, jnp.array([1.0, -1.0], start.velocities.dtype))


def together(tree: Tree) -> Tree:
    """Put arrays [way, segment, ...] one behind the other [segment, ...]."""
    return jax.tree.map(lambda a: a.reshape(-1, *a.shape[2:]), tree)


def forward(run: Callable[[Start], Trajectory], start: Start) -> Trajectory:
    """Return the trajectories of both ways: summaries and samples together, the rest [way, ...]."""
    found = each_way(run, start)
    return found._replace(summaries=together(found.summaries), samples=together(found.samples))


def backward(pull: Callable[[Trajectory], Any], trajectory: Trajectory) -> Any:
    """Return what a function gives of each of two trajectories that `forward` made [way, ...]."""
    return lax.map(pull, trajectory._replace(summaries=None, samples=None, energies=None))
