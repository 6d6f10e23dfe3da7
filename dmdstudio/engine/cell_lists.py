"""Which atoms may be near one: cells of the lattice, as XLA sees them.

Nothing is kept from step to step: the same positions in the same cell have the same lists, atoms in
the order of cells and then of their numbers. (The cell lists of jax-md are for floating-point
positions in upright boxes, and have room in every cell for what the fullest holds.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from dmdstudio.engine.core import Configuration, System
from dmdstudio.engine.potential import ROOM

SIDES = 3
"""Cells along the first lattice vector that the cutoff spans; one along the others."""

MARGIN = 1.00001
"""Width of the cells over what they need, for rounding."""

STEP = 8
"""Lengths of lists are multiples of it, so that little is compiled again."""

SHARE = 0.5
"""Candidates over atoms, from where on all distances are quicker than cells, for lists of them."""


class Runs(NamedTuple):
    """Where the atoms that may be near every atom stand in the order of cells.

    Attributes:
        first: place of the first of a run [atom, run].
        length: atoms of a run [atom, run].
        end: place behind the row of cells that a run is in [atom, run].
        period: atoms of that row, which begins again at its end [atom, run].
    """

    first: Array
    length: Array
    end: Array
    period: Array


class Candidates(NamedTuple):
    """Atoms that may be near every atom.

    Attributes:
        index: which they are [atom, candidate].
        there: which of them are any [atom, candidate].
        longest: atoms in the longest run of cells; there are too few candidates where it exceeds
            the length of the runs.
    """

    index: Array
    there: Array
    longest: Array


@dataclass(frozen=True)
class CellLists:
    """Lists of candidates by cells, for one system and one cutoff.

    Atoms are sorted by cells that span the cutoff; those along the first lattice vector follow each
    other, so that what is near an atom stands in few *runs*, each of several cells. Where the cell
    has changed, so have the numbers of cells: up to ``most``, and as few as one.

    Attributes:
        cutoff: angstrom.
        most: cells along the lattice vectors at most [3].
        length: atoms of a run that there is room for.
    """

    cutoff: float
    most: tuple[int, int, int]
    length: int

    @classmethod
    def of(cls, system: System, cutoff: float) -> CellLists:
        """Return lists for a structure without order, of the system's density."""
        counts = np.floor(_sides() * system.perpendicular_widths / (MARGIN * cutoff)).astype(int)
        counts = np.maximum(counts, 1)
        while counts.prod() > 4 * system.atoms + 64:  # a thin gas: empty cells cost time too
            counts[np.argmax(counts)] = (counts.max() + 1) // 2
        share = np.minimum(2 * _sides() + 1, counts)
        share[1:] = 1
        expected = system.atoms * share.prod() / counts.prod()
        length = with_room(expected, system.atoms)
        return cls(cutoff, (int(counts[0]), int(counts[1]), int(counts[2])), length)

    @property
    def size(self) -> int:
        """Number of candidates."""
        return min(3, self.most[1]) * min(3, self.most[2]) * self.length

    def with_length(self, length: int) -> CellLists:
        """Return the lists with runs of another length."""
        return replace(self, length=length)

    def counts(self, cell: Array) -> Array:
        """Return the numbers of cells along the vectors of a cell [3, xyz] in angstrom [3]."""
        a, b, c = cell.astype(jnp.float64)
        faces = jnp.stack([jnp.cross(b, c), jnp.cross(c, a), jnp.cross(a, b)])
        widths = jnp.abs(jnp.dot(a, faces[0])) / jnp.sqrt(jnp.sum(faces**2, axis=1))
        counts = jnp.floor(_sides() * widths / (MARGIN * self.cutoff)).astype(jnp.int32)
        return jnp.clip(counts, 1, np.array(self.most, np.int32))

    def candidates(self, lattice: Array, cell: Array) -> Candidates:
        """Return the candidates of all atoms.

        Args:
            lattice: [atom, 3].
            cell: lattice vectors as rows [3, xyz], angstrom.
        """
        order, runs = self.runs(lattice, cell)
        return Candidates(*self.listed(order, runs), jnp.max(runs.length))

    def runs(self, lattice: Array, cell: Array) -> tuple[Array, Runs]:
        """Return the order of the atoms by cells [atom], and the runs about all of them.

        Arguments as of `candidates`.
        """
        nx, ny, nz = self.counts(cell)
        places = [_place(lattice[:, k], n) for k, n in enumerate((nx, ny, nz))]
        x, y, z = lax.optimization_barrier(places)
        cells = (z * ny + y) * nx + x
        number = jnp.arange(len(lattice), dtype=jnp.int64)
        keys = jnp.sort((cells.astype(jnp.int64) << 32) | number)  # quicker than an argsort
        order = (keys & (2**32 - 1)).astype(jnp.int32)
        last = math.prod(self.most) + 1
        begins = jnp.searchsorted((keys >> 32).astype(jnp.int32), jnp.arange(last, dtype=jnp.int32))
        begins = begins.astype(jnp.int32)

        row, any_row = self._rows(y, z, ny, nz)
        row = row * nx
        whole = nx <= 2 * SIDES + 1
        low = jnp.where(whole, 0, _wrapped(x - SIDES, nx))[:, None]
        high = low + jnp.where(whole, nx, 2 * SIDES + 1)
        beyond = high > nx  # the run goes on where the row begins
        row_first, row_last = _at(begins, row), _at(begins, row + nx)
        first = _at(begins, row + low)
        last = _at(begins, row + jnp.where(beyond, high - nx, high))
        length = last - first + jnp.where(beyond, row_last - row_first, 0)
        length = jnp.where(any_row, length, 0)

        runs = Runs(first, length, row_last, row_last - row_first)
        return order, lax.optimization_barrier(runs)  # else found again for every candidate

    def listed(self, order: Array, runs: Runs) -> tuple[Array, Array]:
        """Return the atoms of runs [atom, candidate], and which of them are any.

        Args:
            order: of all atoms [atom].
            runs: about some atoms.
        """
        first, length, end, period = (a[..., None] for a in runs)
        along = jnp.arange(self.length, dtype=jnp.int32)
        slot = first + along
        slot = jnp.where(slot >= end, slot - period, slot)
        there = along < length
        index = _at(order, jnp.where(there, slot, 0))
        shape = (len(runs.first), -1)
        index, there = index.reshape(shape), there.reshape(shape)
        return lax.optimization_barrier((index, there))  # else found for each coordinate

    def _rows(self, y: Array, z: Array, ny: Array, nz: Array) -> tuple[Array, Array]:
        """Return the rows of cells about all atoms [atom, row], and which of them are any."""
        beside = list(product(*(range(min(3, most)) for most in self.most[1:])))
        j, k = np.array(beside, np.int32).T
        across = jnp.where(ny < 3, j, _wrapped(y[:, None] + (j - 1), ny))
        up = jnp.where(nz < 3, k, _wrapped(z[:, None] + (k - 1), nz))
        there = (j < ny) & (k < nz)
        return jnp.where(there, up * ny + across, 0), there


def cells_pay(system: System, lists: CellLists, share: float = SHARE) -> bool:
    """Whether a system finds what is near by cells: as it is told, or where they are quicker.

    Args:
        system: what it is made of.
        lists: of the candidates.
        share: candidates over atoms, from where on cells are not quicker.
    """
    if system.pairs == "auto":
        return lists.size < share * system.atoms
    return system.pairs == "cells"


def separations(
    where: Configuration, index: Array, own: Array | None = None
) -> tuple[Array, Array, Array]:
    """Return the x, y and z of minimum-image vectors to other atoms [atom, other], angstrom.

    Each by itself: XLA gathers numbers much quicker than rows of three.

    Args:
        where: the atoms.
        index: numbers of the others [atom, other].
        own: which atoms the rows are of [atom]; None for all.
    """
    dtype, bits = where.offset.dtype, 8 * where.lattice.dtype.itemsize
    share = dtype.type(2.0**-bits)
    steps = [differences(s, index, own) for s in where.lattice.T]  # wraps: the minimum image
    a, b, c = (s.astype(dtype) * share for s in steps)
    cell = where.cell.astype(dtype)
    moved = [differences(x, index, own) for x in where.offset.T]
    x, y, z = (a * cell[0, k] + b * cell[1, k] + c * cell[2, k] + moved[k] for k in range(3))
    return x, y, z


def differences(values: Array, index: Array, own: Array | None = None) -> Array:
    """Return values [atom] of other atoms less those of the atoms themselves [atom, other].

    Args:
        values: of all atoms.
        index: numbers of the others [atom, other].
        own: which atoms the rows are of [atom]; None for all.
    """
    return _at(values, index) - (values if own is None else _at(values, own))[:, None]


def _sides() -> np.ndarray:
    return np.array([SIDES, 1, 1])


def with_room(expected: float, most: int) -> int:
    """Return a length of lists that hold this many on average, at random."""
    return max(1, min(most, math.ceil(ROOM * (expected + 3.0 * math.sqrt(expected)))))


def _place(s: Array, count: Array) -> Array:
    """Return which of the cells along a vector lattice coordinates [atom] lie in."""
    top = (s >> (8 * s.dtype.itemsize - 32)).astype(jnp.int64) + 2**31
    return ((top * count) >> 32).astype(jnp.int32)


def _wrapped(place: Array, count: Array) -> Array:
    """Return places outside by less than a period where they are inside."""
    return jnp.where(place < 0, place + count, jnp.where(place >= count, place - count, place))


def _at(values: Array, index: Array) -> Array:
    """Return values [number] at indices that are known to be inside."""
    return values.at[index].get(mode="promise_in_bounds")
