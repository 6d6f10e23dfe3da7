"""The nearest neighbours of every atom in lists of one length, for potentials of many bodies.

The lists are drawn from all distances, or from those within cells, at every step: nothing is kept
from step to step, so that the same positions always have the same lists. Only the vectors are
differentiated.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from dmdstudio.engine.cell_lists import STEP, CellLists, cells_pay, separations, with_room
from dmdstudio.engine.core import Configuration, Parameters, System
from dmdstudio.engine.potential import Potential, Pull


class Nearest(NamedTuple):
    """Neighbours of every atom.

    Attributes:
        vectors: to them [atom, neighbour, xyz], angstrom.
        distance: [atom, neighbour], angstrom; 1 where there is none.
        inside: which of them are within the cutoff [atom, neighbour].
        index: which atoms they are [atom, neighbour]; [1, atom] where there are no lists.
        short: whether a list is too short.
    """

    vectors: Array
    distance: Array
    inside: Array
    index: Array
    short: Array

    def at(self, vectors: Array) -> Nearest:
        """Return the same neighbours at other vectors."""
        return _nearest(vectors, self.inside, self.index, self.short)

    def checked(self, energy: Array) -> Array:
        """Return an energy that is no number, nor are its derivatives, where a list is short."""
        return energy * jnp.where(self.short, jnp.nan, 1.0).astype(energy.dtype)


Own = TypeVar("Own", bound="Listed")


@dataclass(frozen=True, eq=False)
class Listed(abc.ABC):
    """What goes by the neighbours of every atom, found by distance: a potential, or a surface.

    Attributes:
        options: its own; they have a ``cutoff``.
        system: what it was built for.
        capacity: length of the lists; 0 where all atoms count as neighbours.
        cells: what finds the neighbours; None where all distances are looked at.
    """

    options: Any
    system: System
    capacity: int = 0
    cells: CellLists | None = None

    @property
    def cutoff(self) -> float:
        """Distance beyond which it is zero, angstrom."""
        return self.options.cutoff or 0.0  # `build` refuses none

    def sized(self: Own) -> Own:
        """Return the term with lists for a structure without order, of the system's density."""
        if self.system.pairs == "dense":
            return replace(self, capacity=_rounded(self.system.atoms, self.system), cells=None)
        ball = 4.0 / 3.0 * math.pi * self.cutoff**3 / abs(np.linalg.det(self.system.cell))
        wanted = with_room(ball * self.system.atoms, self.system.atoms)
        cells = CellLists.of(self.system, self.cutoff)
        found = cells if cells_pay(self.system, cells) else None
        return replace(self, capacity=_rounded(wanted, self.system), cells=found)

    def with_capacity(self: Own, capacity: int) -> Own:
        """Return the term with lists of at least this length; itself where they are as long.

        Runs of cells grow alike.
        """
        capacity = _rounded(capacity, self.system)
        if not 0 < self.capacity < capacity:
            return self
        cells = self.cells and self.cells.with_length(self._run(capacity))
        return replace(self, capacity=capacity, cells=cells)

    def _run(self, capacity: int) -> int:
        """Return the length of runs that goes with a length of lists."""
        assert self.cells is not None
        most = self.system.atoms
        if capacity >= most - 1:
            return most
        return min(most, math.ceil(self.cells.length * capacity / self.capacity))

    def crowding(self, lattice: Array, cell: Array) -> tuple[int, int]:
        """Return the most neighbours that an atom has, and how many there is room for.

        Where runs of cells are fuller than the lists, they count in their place.
        """
        if not 0 < self.capacity < self.system.atoms - 1:
            return 0, 0
        exact, cells = jnp.asarray(cell, jnp.float64), self.cells
        most, run = map(int, _fullest(cells, self.cutoff, lattice, exact))
        if cells is None:
            return most, self.capacity
        if run > cells.length:
            longer = cells.with_length(-(-run // STEP) * STEP)
            most = int(_fullest(longer, self.cutoff, lattice, exact)[0])
        return max(most, math.ceil(run * self.capacity / cells.length)), self.capacity

    # -- neighbours -------------------------------------------------------------------------------
    def nearest(self, where: Configuration) -> Nearest:
        """Return the neighbours of every atom."""
        if not self.capacity:
            return self._all(where)
        around = _within(self.cells, self.cutoff, where)
        count = around.inside.shape[1]
        keys = jnp.where(around.inside, count - jnp.arange(count, dtype=jnp.float32), 0.0)
        key, place = lax.top_k(keys, min(self.capacity, count))  # in order; quick for float32
        inside, own = key > 0.0, jnp.arange(self.system.atoms, dtype=jnp.int32)[:, None]
        index = place.astype(jnp.int32)
        if around.index is not None:
            index = jnp.take_along_axis(around.index, index, axis=1)
        index = lax.optimization_barrier(jnp.where(inside, index, own))
        short = jnp.max(jnp.sum(around.inside, axis=1)) > self.capacity
        if self.cells is not None:
            short = short | (around.longest > self.cells.length)
        vectors = jnp.stack(separations(where, index), axis=-1)
        return _nearest(vectors, inside, index, short)

    def _all(self, where: Configuration) -> Nearest:
        """Return all atoms as neighbours."""
        vectors = where.displacements()
        squared = lax.stop_gradient(jnp.sum(vectors * vectors, axis=-1))
        inside = jnp.fill_diagonal(squared < self.cutoff**2, False, inplace=False)
        index = jnp.arange(self.system.atoms, dtype=jnp.int32)[None]
        return _nearest(vectors, inside, index, jnp.zeros((), bool))


@dataclass(frozen=True, eq=False)
class NearestPotential(Listed, Potential):
    """A potential of the neighbours of every atom."""

    # -- energy and forces ------------------------------------------------------------------------
    @abc.abstractmethod
    def energy_of(self, parameters: Parameters, near: Nearest) -> Array:
        """Return the potential energy, eV, as a function of the vectors to neighbours."""

    def energy(self, parameters: Parameters, configuration: Configuration) -> Array:
        """Return the potential energy, eV."""
        return self.energy_of(parameters, self.nearest(configuration))

    def force(self, parameters: Parameters, configuration: Configuration) -> Array:
        """Return F [atom, xyz], eV/angstrom: the same bits in whatever program it stands.

        It is made in stages, and nothing is fused across their ends: the lists, the slopes of the
        energy by the vectors, and their sums over atoms. So `pull` can share the first.
        """
        if not self.capacity:
            return super().force(parameters, configuration)
        near, moved = self._begun(configuration)
        return self._summed(self._slopes(parameters, near), moved)

    def pull(
        self,
        parameters: Parameters,
        configuration: Configuration,
        w: Array,
        fixed: Parameters | None = None,
    ) -> Pull:
        """Return force, (dF/dx)^T w and (dF/dtheta)^T w; see `Potential.pull`.

        Atoms that move along w move the vectors along the differences of w, so that all derivatives
        are those of a sum over atoms of their own lists.
        """
        if not self.capacity:
            return super().pull(parameters, configuration, w, fixed)
        fixed = fixed or {}
        near, moved = self._begun(configuration)

        def slopes(vectors: Array) -> tuple[Parameters, Array]:
            def energy(moving: Parameters, vectors: Array) -> Array:
                return self.energy_of(moving | fixed, near.at(vectors))

            return jax.grad(energy, argnums=(0, 1))(parameters, vectors)

        zero = jnp.zeros_like(w)
        along = lax.optimization_barrier(jax.jvp(moved, (zero,), (w,))[1])
        mixed, turned = jax.jvp(slopes, (near.vectors,), (along,))[1]
        force = self._summed(self._slopes(parameters | fixed, near), moved)
        position = self._summed(lax.optimization_barrier(turned), moved)
        return Pull(force, position, jax.tree.map(jnp.negative, mixed))

    def _begun(self, where: Configuration) -> tuple[Nearest, Callable[[Array], Array]]:
        """Return the neighbours, and the vectors to them as a function of the offset."""
        lattice, cell = lax.optimization_barrier((where.lattice, where.cell))
        where = Configuration(lattice, where.offset, cell)
        near = Nearest(*lax.optimization_barrier(tuple(self.nearest(where))))

        def moved(offset: Array) -> Array:
            return jnp.stack(separations(where._replace(offset=offset), near.index), axis=-1)

        return near, moved

    def _slopes(self, parameters: Parameters, near: Nearest) -> Array:
        """Return the derivative of the energy by the vectors [atom, neighbour, xyz]."""
        numbers, near = lax.optimization_barrier((parameters, near))

        def energy(vectors: Array) -> Array:
            return self.energy_of(numbers, near.at(vectors))

        return lax.optimization_barrier(jax.grad(energy)(near.vectors))

    def _summed(self, slopes: Array, moved: Callable[[Array], Array]) -> Array:
        """Return the forces [atom, xyz] of slopes by the vectors."""
        zero = jnp.zeros((self.system.atoms, 3), slopes.dtype)
        (total,) = jax.vjp(moved, zero)[1](slopes)
        return lax.optimization_barrier(-total)


def _nearest(vectors: Array, inside: Array, index: Array, short: Array) -> Nearest:
    squared = jnp.sum(vectors * vectors, axis=-1)
    return Nearest(vectors, jnp.sqrt(jnp.where(inside, squared, 1.0)), inside, index, short)


class _Within(NamedTuple):
    """Which candidates are within a cutoff.

    Attributes:
        inside: [atom, candidate].
        index: which atoms the candidates are, alike; None where they are all.
        longest: atoms in the longest run of cells; 0 without cells.
    """

    inside: Array
    index: Array | None
    longest: Array


def _within(cells: CellLists | None, cutoff: float, where: Configuration) -> _Within:
    """Return what is within a cutoff (angstrom) of every atom; nothing is differentiated."""
    where = lax.stop_gradient(jax.tree.map(jnp.asarray, where))
    if cells is None:
        vectors = where.displacements()
        inside = jnp.sum(vectors * vectors, axis=-1) < cutoff**2
        return _Within(jnp.fill_diagonal(inside, False, inplace=False), None, jnp.zeros((), int))
    found = cells.candidates(where.lattice, where.cell)
    x, y, z = separations(where, found.index)
    inside = found.there & (x * x + y * y + z * z < cutoff**2)
    inside = inside & (found.index != jnp.arange(len(where.lattice), dtype=jnp.int32)[:, None])
    return _Within(inside, found.index, found.longest)


@partial(jax.jit, static_argnums=(0, 1))
def _fullest(
    cells: CellLists | None, cutoff: float, lattice: Array, cell: Array
) -> tuple[Array, Array]:
    """Return the most neighbours that an atom has, and the most atoms in a run of cells."""
    where = Configuration(lattice, jnp.zeros(lattice.shape), cell)
    found = _within(cells, cutoff, where)
    return jnp.max(jnp.sum(found.inside, axis=1)), found.longest


def _rounded(capacity: int, system: System) -> int:
    """Return a length that few others differ from."""
    return max(min(-(-capacity // STEP) * STEP, system.atoms - 1), 1)
