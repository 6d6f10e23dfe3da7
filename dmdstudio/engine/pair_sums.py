"""Sums over pairs as functions of JAX, done by the compiled loops of `kernels` on a CPU."""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.engine import kernels
from dmdstudio.engine.core import Configuration, System, configuration
from dmdstudio.engine.kernels import Radial, Variant
from dmdstudio.engine.voigt import VOIGT


@dataclass(frozen=True, eq=False)
class PairSums:
    """The sums of one pair potential over one system; functions of one replica.

    All take ``table``, the refinable numbers of every pair of types [type, type, number],
    symmetric, and leave out the system's exclusions.

    Attributes:
        radial: the closed form.
        system: what it is made of.
        constants: the other numbers of the form.
        cutoff: the form is zero from here on, angstrom.
    """

    radial: Radial
    system: System
    constants: tuple[float, ...]
    cutoff: float

    def trusted(self, sort: str) -> bool:
        """Whether a compiled sum, ``force`` or ``level``, works for this system here."""
        return _sound(Variant.of(self.radial, self.system, self.cutoff), sort)

    def force(self, where: Configuration, table: Array) -> Array:
        """Return the forces [atom, xyz], eV/angstrom."""
        shape = jax.ShapeDtypeStruct(where.lattice.shape, self.system.dtype)
        return self._call("force", shape, where, table)

    def pull(self, where: Configuration, table: Array, w: Array) -> tuple[Array, Array, Array]:
        """Return force, (dF/dx)^T w [atom, xyz] and (dF/dtable)^T w for a cotangent w of F."""
        vectors = jax.ShapeDtypeStruct(where.lattice.shape, self.system.dtype)
        slopes = jax.ShapeDtypeStruct(table.shape, self.system.dtype)
        return self._call("pull", (vectors, vectors, slopes), where, table, w)

    def energy(self, where: Configuration, table: Array) -> Array:
        """Return the energy, eV; differentiable once by the table and by the cell."""
        return _energy(self, where.lattice, table, where.cell)

    def virial(self, where: Configuration, table: Array) -> Array:
        """Return minus the derivative by the strain [3, 3], eV; differentiable by the table."""
        return _virial(self, where.lattice, table, where.cell)

    def level(self, where: Configuration, table: Array) -> tuple[Array, Array, Array]:
        """Return the energy, its derivative by the table, and the virial [3, 3]."""
        dtype = self.system.dtype
        shapes = jax.ShapeDtypeStruct((7,), dtype), jax.ShapeDtypeStruct(table.shape, dtype)
        total, slopes = self._call("level", shapes, where, table)
        return total[0], slopes, total[1:][VOIGT]

    def strain(self, where: Configuration, table: Array) -> Array:
        """Return the derivative of the virial by the table [type, type, number, 3, 3]."""
        shape = (*table.shape[:2], 6 * table.shape[2])
        found = self._call("strain", jax.ShapeDtypeStruct(shape, self.system.dtype), where, table)
        return found.reshape(*table.shape, 6)[..., VOIGT]

    def _call(self, sort: str, shape: Any, where: Configuration, table: Array, *more: Array) -> Any:
        system, dtype = self.system, self.system.dtype
        name = kernels.compiled(Variant.of(self.radial, system, self.cutoff), sort)
        call = jax.ffi.ffi_call(name, shape, vmap_method="broadcast_all")
        return call(
            where.lattice,
            table.astype(dtype),
            jnp.asarray(self.constants or (0.0,), dtype),
            where.cell.reshape(9).astype(dtype) * dtype.type(1.0 / system.lattice_size),
            jnp.asarray(self.cutoff, dtype),
            jnp.asarray(system.types, jnp.int32),
            jnp.asarray(self._left_out),
            *more,
        )

    @functools.cached_property
    def _left_out(self) -> np.ndarray:
        """Excluded partners of all atoms: where those of an atom begin, then they themselves."""
        system = self.system
        pairs = np.concatenate([system.exclusions, system.exclusions[:, ::-1]])
        pairs = pairs[np.lexsort(pairs.T[::-1])]
        begins = np.searchsorted(pairs[:, 0], np.arange(system.atoms + 1)) + system.atoms + 1
        return np.concatenate([begins, pairs[:, 1]]).astype(np.int32)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _energy(sums: PairSums, lattice: Array, table: Array, cell: Array) -> Array:
    return sums.level(Configuration(lattice, jnp.zeros(()), cell), table)[0]


@_energy.defjvp
def _energy_jvp(sums: PairSums, primals: Any, tangents: Any) -> tuple[Array, Array]:
    lattice, table, cell = primals
    _, by_table, by_cell = tangents
    value, slopes, virial = sums.level(Configuration(lattice, jnp.zeros(()), cell), table)
    strain = jnp.linalg.inv(cell) @ by_cell  # cell (1 + strain): dU = -W : strain
    return value, jnp.sum(slopes * by_table) - jnp.sum(virial * strain)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _virial(sums: PairSums, lattice: Array, table: Array, cell: Array) -> Array:
    return sums.level(Configuration(lattice, jnp.zeros(()), cell), table)[2]


@_virial.defjvp
def _virial_jvp(sums: PairSums, primals: Any, tangents: Any) -> tuple[Array, Array]:
    lattice, table, cell = primals
    slopes = sums.strain(Configuration(lattice, jnp.zeros(()), cell), table)
    return _virial(sums, lattice, table, cell), jnp.einsum("abkxy,abk->xy", slopes, tangents[1])


# -------------------------------------------------------------------------- may they be trusted?


@functools.cache
def _sound(variant: Variant, sort: str) -> bool:
    """Compile a kernel of a variant and try it on four atoms against plain Python."""
    try:
        off = _trial_error(variant, sort)
    except Exception as error:  # another interface: say so, and let XLA do the sums
        warnings.warn(f"CPU kernels are off: {type(error).__name__}: {error}", stacklevel=2)
        return False
    sound = bool(off < (1e-12 if variant.precision == "float64" else 1e-5))
    if not sound:
        warnings.warn(f"CPU kernels are off: they differ by {off:.1e} from Python.", stacklevel=2)
    return sound


def _trial_error(variant: Variant, sort: str) -> float:
    """Return how far forces (or the energy) of four atoms are from plain Python's, relatively."""
    radial = variant.radial
    cell = np.eye(3) * 40.0
    cell[1, 0] = 0.0 if variant.orthorhombic else 5.0
    names = ("X",) if variant.uniform else ("X", "Y")
    types = np.arange(4) % len(names)
    bonds = np.array([[0, 3]])
    system = System(
        names, types, np.ones(4), cell, variant.precision, variant.bits, "cpu", bonds, variant.walk
    )
    positions = np.array([[0.0, 0, 0], [3.9, 0.3, 0], [0.2, 4.1, 39.0], [0.9, 0, 0.4]])
    numbers, constants = np.array(radial.trial[: radial.count]), radial.trial[radial.count :]
    share = 1.0 + 0.01 * (np.arange(len(names))[:, None] + np.arange(len(names)))
    table = share[..., None] * numbers
    sums = PairSums(radial, system, constants, 15.0)
    with jax.ensure_compile_time_eval():
        lattice = system.to_lattice(jnp.asarray(positions))
        where = configuration(system, lattice, jnp.asarray(cell))
        # not `energy`: a custom rule would be traced by whoever asks first
        found = (
            sums.force(where, jnp.asarray(table))
            if sort == "force"
            else (sums.level(where, jnp.asarray(table))[0])
        )
        found = np.asarray(found)
        positions = np.asarray(system.to_positions(lattice))  # as the lattice has them
    form = radial.form(np.float64)
    force, level = np.zeros((4, 3)), 0.0
    for i, j in ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3)):
        fractional = (positions[j] - positions[i]) @ np.linalg.inv(cell)
        d = (fractional - np.round(fractional)) @ cell
        q = (*table[types[i], types[j]], *constants)
        pair = -2.0 * _plain(form.first)(d @ d, q) * d
        force[j] += pair
        force[i] -= pair
        level += _plain(form.energy)(d @ d, q)[0]
    expected = force if sort == "force" else level
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def _plain(function: Any) -> Any:
    """Return a function as Python runs it."""
    return getattr(function, "py_func", function)
