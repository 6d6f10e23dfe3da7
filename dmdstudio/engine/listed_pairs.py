"""Sums over pairs that cells find, as XLA does them: large systems where no compiled loops run.

Atoms are taken piece by piece, so that memory is needed for the candidates of a piece only. Every
pair is seen from both of its atoms: then the sums over an atom's own row are all that there is, and
nothing is scattered, which takes long on accelerators and adds in an order that is not fixed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from dmdstudio.engine.cell_lists import CellLists, Runs, differences, separations
from dmdstudio.engine.core import Configuration, Parameters, System

SHARE = 1.0
"""Candidates over atoms, from where on the sums over all pairs are quicker.

Measured on argon by XLA on a CPU: with 512 atoms and 720 candidates both take as long, with 768 and
672 cells are nearly twice as fast. Force and pulls take 68 microseconds per atom for 1,728 atoms
and 53 for 6,400.
"""

PIECE = {"cpu": 2**18}
"""Candidates of a piece by platform: on a CPU such that a piece stays in its cache."""

LARGEST_PIECE = 2**22
"""Candidates of a piece elsewhere: 16 MiB for each number of a candidate in single precision."""


class _Piece(NamedTuple):
    """Some atoms: their numbers [atom], runs of cells, and whom they leave out [atom, other]."""

    own: Array
    runs: Runs
    left_out: Array


class _Near(NamedTuple):
    """The candidates of a piece [atom, candidate].

    Attributes:
        index: which atoms they are.
        vectors: the x, y and z to them, angstrom.
        squared: distances, angstrom^2; far beyond the cutoff where they do not count.
    """

    index: Array
    vectors: tuple[Array, Array, Array]
    squared: Array


@dataclass(frozen=True, eq=False)
class ListedPairs:
    """The sums of one pair potential over one system; functions of one replica.

    All take ``table``, the numbers of every pair of types by name, each [type, type] and symmetric.
    Where a run of cells is longer than `CellLists` has room for, they are no numbers.

    Attributes:
        curve: u in eV as a function of squared distances and numbers of pairs; elementwise, zero
            beyond the cutoff.
        system: what it is made of; its exclusions are left out.
        cutoff: angstrom.
        cells: what finds the pairs.
    """

    curve: Callable[[Array, Parameters], Array]
    system: System
    cutoff: float
    cells: CellLists

    def energy(self, where: Configuration, table: Parameters) -> Array:
        """Return the energy, eV; differentiable by everything, as often as one likes."""
        order, pieces, short = self._pieces(where)

        @jax.checkpoint
        def of(piece: _Piece) -> Array:
            near = self._near(piece, order, where)
            return self._sum(table, near.squared, piece, near.index)

        return jnp.sum(_each(of, pieces)) * short.astype(where.offset.dtype)

    def force(self, where: Configuration, table: Parameters) -> Array:
        """Return the forces [atom, xyz], eV/angstrom: the same bits in whatever program it stands.

        Nothing is fused across the ends of what it is made of; see `Potential.force`.
        """
        return self._force(where, table, self._begun(where))

    def pull(
        self, where: Configuration, table: Parameters, w: Array
    ) -> tuple[Array, Array, Parameters]:
        """Return force, (dF/dx)^T w [atom, xyz] and (dF/dtable)^T w for a cotangent w of F.

        With U = sum_i sum_j u(s_ij)/2, s = |d|^2 and d the vector from i to j, F_i is the sum over
        j of 2 u' d, so that its change along w is that of 2 (u'' s_w d + u' d_w), where d_w is the
        difference of w and s_w = 2 d.d_w. By the numbers it is minus the derivative of U's own
        change along w.
        """
        begun = order, pieces, short = self._begun(where)

        def of(piece: _Piece) -> tuple[Array, Parameters]:
            near = self._near(piece, order, where)
            along = [differences(v, near.index, piece.own) for v in w.T]
            moved = 2.0 * sum(v * t for v, t in zip(near.vectors, along, strict=True))

            def slopes(squared: Array) -> tuple[Parameters, Array]:
                whole = partial(self._sum, piece=piece, index=near.index)
                return jax.grad(whole, argnums=(0, 1))(table, squared)

            (_, slope), (mixed, turned) = jax.jvp(slopes, (near.squared,), (moved,))
            slope, turned = lax.optimization_barrier((slope, turned))
            both = zip(near.vectors, along, strict=True)
            sums = [jnp.sum(turned * v + slope * t, axis=1) for v, t in both]
            return 4.0 * jnp.stack(sums, axis=-1), mixed

        position, mixed = _each(of, pieces)
        short = short.astype(w.dtype)
        by_table = jax.tree.map(lambda a: -jnp.sum(a, axis=0) * short, mixed)
        return self._force(where, table, begun), self._joined(position) * short, by_table

    def _force(self, where: Configuration, table: Parameters, begun: _Begun) -> Array:
        (order, pieces, short), where, table = lax.optimization_barrier((begun, where, table))

        def of(piece: _Piece) -> Array:
            near = self._near(piece, order, where)
            whole = partial(self._sum, piece=piece, index=near.index)
            slope = lax.optimization_barrier(jax.grad(whole, argnums=1)(table, near.squared))
            return 4.0 * jnp.stack([jnp.sum(slope * v, axis=1) for v in near.vectors], axis=-1)

        found = self._joined(_each(of, pieces))
        return lax.optimization_barrier(found * short.astype(found.dtype))

    # -- pairs ------------------------------------------------------------------------------------
    @cached_property
    def _left_out(self) -> np.ndarray:
        """Every atom itself and its excluded partners, as often as fills a row [atom, other]."""
        system = self.system
        pairs = np.concatenate([system.exclusions, system.exclusions[:, ::-1]])
        pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
        counts = np.bincount(pairs[:, 0], minlength=system.atoms)
        found = np.repeat(np.arange(system.atoms)[:, None], 1 + counts.max(), axis=1)
        begins = np.cumsum(counts) - counts
        found[pairs[:, 0], 1 + np.arange(len(pairs)) - begins[pairs[:, 0]]] = pairs[:, 1]
        return found.astype(np.int32)

    @property
    def _rows(self) -> int:
        """Atoms of a piece: all pieces have as many."""
        most = PIECE.get(self.system.platform, LARGEST_PIECE)
        pieces = -(-self.system.atoms * self.cells.size // most)
        return -(-self.system.atoms // min(pieces, self.system.atoms))

    def _begun(self, where: Configuration) -> _Begun:
        """Return what all sums over one configuration share."""
        return lax.optimization_barrier(self._pieces(lax.optimization_barrier(where)))

    def _pieces(self, where: Configuration) -> _Begun:
        """Return the order of cells, all pieces, and nan where a run is too long for the lists.

        The last piece is filled up with atoms that have nothing around them.
        """
        order, runs = self.cells.runs(where.lattice, lax.stop_gradient(where.cell))
        rows, atoms = self._rows, self.system.atoms
        own = jnp.arange(atoms, dtype=jnp.int32)
        whole = _Piece(own, runs, jnp.asarray(self._left_out))
        more = -atoms % rows

        def part(a: Array) -> Array:
            filled = jnp.pad(a, [(0, more)] + [(0, 0)] * (a.ndim - 1))
            return filled.reshape(-1, rows, *a.shape[1:])

        short = jnp.where(jnp.max(runs.length) > self.cells.length, jnp.nan, 1.0)
        return order, jax.tree.map(part, whole), short

    def _joined(self, found: Array) -> Array:
        """Return rows of pieces [piece, atom, xyz] as those of all atoms."""
        return found.reshape(-1, 3)[: self.system.atoms]

    def _near(self, piece: _Piece, order: Array, where: Configuration) -> _Near:
        """Return the candidates of a piece."""
        index, counts = self.cells.listed(order, piece.runs)
        for other in piece.left_out.T:
            counts = counts & (index != other[:, None])
        vectors = separations(where, index, piece.own)
        squared = jnp.where(counts, sum(v * v for v in vectors), (2.0 * self.cutoff) ** 2)
        return _Near(index, *lax.optimization_barrier((vectors, squared)))

    def _sum(self, table: Parameters, squared: Array, piece: _Piece, index: Array) -> Array:
        """Return half the sum of u over the rows of a piece."""
        kinds = len(self.system.type_names)
        if kinds == 1:
            pair = {name: value[0, 0] for name, value in table.items()}
        else:
            types = jnp.asarray(self.system.types, jnp.int32)
            own, others = types[piece.own], types[index]
            pair = {name: _of_types(value, own, others) for name, value in table.items()}
        return 0.5 * jnp.sum(self.curve(squared, pair))


_Begun = tuple[Array, _Piece, Array]
"""The order of cells, the pieces, and the number that sums are multiplied by: 1 or nan."""


def _of_types(value: Array, own: Array, others: Array) -> Array:
    """Return values [type, type] of pairs [atom, other]: picked, so that derivatives are sums."""
    row = jnp.zeros((len(own), value.shape[1]), value.dtype)
    for kind, numbers in enumerate(value):
        row = jnp.where(own[:, None] == kind, numbers, row)
    found = jnp.zeros(others.shape, value.dtype)
    for kind in range(value.shape[1]):
        found = jnp.where(others == kind, row[:, kind, None], found)
    return found


def _each(function: Callable[[_Piece], Any], pieces: _Piece) -> Any:
    """Return what a function finds of all pieces, in one axis more."""
    if len(pieces.own) == 1:
        found = function(jax.tree.map(lambda a: a[0], pieces))
        return jax.tree.map(lambda a: a[None], found)
    return lax.map(function, pieces)
