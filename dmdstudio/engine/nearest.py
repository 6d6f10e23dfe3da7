"""The nearest neighbours of every atom in lists of one length, for potentials of many bodies.

The lists are drawn from all distances at every step: nothing is kept from step to step, so that the
same positions always have the same lists. Only the vectors are differentiated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from dmdstudio.engine.core import Configuration, System
from dmdstudio.engine.potential import ROOM, Potential

STEP = 8
"""Lengths of lists are multiples of it, so that little is compiled again."""


class Nearest(NamedTuple):
    """Neighbours of every atom.

    Attributes:
        vectors: to them [atom, neighbour, xyz], angstrom.
        distance: [atom, neighbour], angstrom; 1 where there is none.
        inside: which of them are within the cutoff [atom, neighbour].
        index: which atoms they are [atom, neighbour].
        short: whether a list is too short.
    """

    vectors: Array
    distance: Array
    inside: Array
    index: Array
    short: Array


Own = TypeVar("Own", bound="NearestPotential")


@dataclass(frozen=True, eq=False)
class NearestPotential(Potential):
    """A potential of the neighbours of every atom, found by distance.

    Attributes:
        options: of the term; they have a ``cutoff``.
        system: what it was built for.
        capacity: length of the lists.
    """

    options: object
    system: System
    capacity: int = 0

    @property
    def cutoff(self) -> float:
        """Distance beyond which it is zero, angstrom."""
        return self.options.cutoff  # type: ignore[attr-defined]

    def sized(self: Own) -> Own:
        """Return the term with lists for a structure without order, of the system's density."""
        ball = 4.0 / 3.0 * math.pi * self.cutoff**3 / abs(np.linalg.det(self.system.cell))
        expected = ball * self.system.atoms
        wanted = math.ceil(ROOM * (expected + 3.0 * math.sqrt(expected)))
        return replace(self, capacity=_rounded(wanted, self.system))

    def with_capacity(self: Own, capacity: int) -> Own:
        """Return the term with lists of at least this length; itself where they are as long."""
        capacity = _rounded(capacity, self.system)
        return replace(self, capacity=capacity) if self.capacity < capacity else self

    def crowding(self, lattice: Array, cell: Array) -> tuple[int, int]:
        """Return the most neighbours that an atom has, and how many there is room for."""
        where = Configuration(lattice, jnp.zeros(lattice.shape), jnp.asarray(cell, jnp.float64))
        within = self._all_squared(where) < self.cutoff**2
        return int(jnp.max(jnp.sum(within, axis=1))), self.capacity

    def nearest(self, where: Configuration) -> Nearest:
        """Return the neighbours of every atom."""
        dtype, square = where.offset.dtype, self.cutoff**2
        squared = self._all_squared(where)
        short = jnp.max(jnp.sum(squared < square, axis=1)) > self.capacity
        near, index = lax.top_k(-squared, self.capacity)
        steps = where.lattice[index] - where.lattice[:, None]  # wraps: the minimum image
        bits = 8 * where.lattice.dtype.itemsize
        vectors = (steps.astype(dtype) * dtype.type(2.0**-bits)) @ where.cell.astype(dtype)
        vectors = vectors + (where.offset[index] - where.offset[:, None])
        inside = -near < square
        length = jnp.sum(vectors * vectors, axis=-1)
        distance = jnp.sqrt(jnp.where(inside, length, 1.0))
        return Nearest(vectors, distance, inside, index, short)

    def _all_squared(self, where: Configuration) -> Array:
        """Return squared distances [atom, atom], far from oneself; nothing is differentiated."""
        vectors = lax.stop_gradient(jax.tree.map(jnp.asarray, where)).displacements()
        squared = jnp.sum(vectors * vectors, axis=-1)
        return jnp.fill_diagonal(squared, 2.0 * self.cutoff**2, inplace=False)


def _rounded(capacity: int, system: System) -> int:
    """Return a length that few others differ from."""
    return max(min(-(-capacity // STEP) * STEP, system.atoms - 1), 1)
