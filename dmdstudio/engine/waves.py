"""Ewald's sum over waves as functions of JAX, done by compiled loops on a CPU, by XLA elsewhere.

    U = 1/(4 pi eps0) [2 pi/V sum_k exp(-k^2/4 alpha^2)/k^2 |S(k)|^2 - alpha/sqrt(pi) sum_i q_i^2
                       - sum_left out q_i q_j (1/r - u(r))],      S(k) = sum_i q_i exp(i k.r_i)

with u(r) what a `charges.Screening` sums over pairs, so that nothing is counted twice. The waves
have integers n that stay when the cell changes, k.r = 2 pi n.s of the fractional coordinates s.
"""

from __future__ import annotations

import functools
import itertools
import math
import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.base.units import COULOMB
from dmdstudio.engine import kernels
from dmdstudio.engine.bonded import between
from dmdstudio.engine.charges import ChargedPairs, Screening
from dmdstudio.engine.core import Configuration, System, configuration
from dmdstudio.engine.voigt import VOIGT


@dataclass(frozen=True, eq=False)
class Waves:
    """The sum over waves of one system; functions of one replica and its charges [atom], e.

    Attributes:
        system: what it is made of.
        screening: of the pairs.
        reach: largest k, 1/angstrom.
    """

    system: System
    screening: Screening
    reach: float

    @property
    def trusted(self) -> bool:
        """Whether the compiled sums work here."""
        precision, bits = self.system.precision, self.system.lattice_bits
        return _sound(precision, bits, "force") and _sound("float64", bits, "level")

    @property
    def exact(self) -> Waves:
        """The same in float64."""
        return replace(self, system=replace(self.system, precision="float64"))

    # -- which waves --------------------------------------------------------------------------
    @cached_property
    def rows(self) -> np.ndarray:
        """First two indices of the waves, and the largest third one: each n or -n [row, 3].

        Rows with more waves come first.
        """
        turn = 2.0 * np.pi * np.linalg.inv(self.system.cell)
        most = np.floor(self.reach * np.linalg.norm(self.system.cell, axis=1) / (2.0 * np.pi))
        high, wide, deep = most.astype(int)
        third = np.arange(-deep, deep + 1)
        found = []
        for h, k in itertools.product(range(high + 1), range(-wide, wide + 1)):
            if h == 0 and k < 0:
                continue
            n = np.stack([np.full_like(third, h), np.full_like(third, k), third])
            inside = third[np.sum((turn @ n) ** 2, axis=0) <= self.reach**2]
            if len(inside):
                found.append((h, k, np.abs(inside).max()))
        return np.array(sorted(found, key=lambda row: -row[2]), np.int32)

    @cached_property
    def tops(self) -> np.ndarray:
        """How many rows have a third index [index]."""
        return np.sum(self.rows[:, 2] >= np.arange(self.rows[0, 2] + 1)[:, None], axis=1)

    @cached_property
    def indices(self) -> np.ndarray:
        """The integers n of all waves, one of each pair n and -n [wave, 3]."""
        found = [
            (h, k, m)
            for h, k, most in self.rows
            for m in range(-most, most + 1)
            if (h, k) != (0, 0) or m > 0
        ]
        return np.array(found)

    # -- by XLA -------------------------------------------------------------------------------
    def energy(self, where: Configuration, charge: Array) -> Array:
        """Return U, eV; differentiable by everything, as often as one likes."""
        dtype = where.offset.dtype
        indices = jnp.asarray(self.indices, where.lattice.dtype)
        turns = where.lattice @ indices.T  # integers wrap: whole turns drop out
        vectors = 2.0 * np.pi * _product(indices.astype(dtype), jnp.linalg.inv(where.cell).T)
        angle = turns.astype(dtype) * dtype.type(2.0 * np.pi / self.system.lattice_size)
        angle = angle + _product(where.offset, vectors.T)
        square = jnp.sum(vectors * vectors, axis=1)
        weight = jnp.exp(-square / (4.0 * self.screening.damping**2)) / square
        amplitude = _product(charge, jnp.cos(angle)) ** 2 + _product(charge, jnp.sin(angle)) ** 2
        volume = jnp.abs(jnp.linalg.det(where.cell))
        waves = 4.0 * np.pi / volume * jnp.sum(weight * amplitude)
        own = self.screening.damping / math.sqrt(math.pi) * jnp.sum(charge**2)
        return COULOMB * (waves - own - self._left_out(where, charge))

    def _left_out(self, where: Configuration, charge: Array) -> Array:
        """Return what the waves have of the pairs that do not count, 1/(4 pi eps0) = 1."""
        i, j = self.system.exclusions.T
        vectors = between(where, i, j)
        r = jnp.sqrt(jnp.sum(vectors * vectors, axis=1))
        cutoff = self.screening.cutoff
        inside = r < cutoff
        pair = jnp.where(inside, self.screening.energy(jnp.where(inside, r, cutoff)), 0.0)
        return jnp.sum(charge[i] * charge[j] * (1.0 / r - pair))

    def virial(self, where: Configuration, charge: Array) -> Array:
        """Return minus the derivative of U by the strain [3, 3], eV."""

        def strained(strain: Array) -> Array:
            cell = where.cell @ (jnp.eye(3) + strain)
            return self.energy(where._replace(cell=cell), charge)

        return -jax.grad(strained)(jnp.zeros((3, 3)))

    # -- by the compiled loops ----------------------------------------------------------------
    def force(self, where: Configuration, charge: Array) -> Array:
        """Return the forces [atom, xyz], eV/angstrom."""
        shape = jax.ShapeDtypeStruct(where.lattice.shape, self.system.dtype)
        return self._call("force", shape, where, charge)

    def pull(self, where: Configuration, charge: Array, w: Array) -> tuple[Array, Array, Array]:
        """Return force, (dF/dx)^T w [atom, xyz] and (dF/dq)^T w [atom] for a cotangent w of F."""
        vectors = jax.ShapeDtypeStruct(where.lattice.shape, self.system.dtype)
        slopes = jax.ShapeDtypeStruct(charge.shape, self.system.dtype)
        return self._call("pull", (vectors, vectors, slopes), where, charge, w)

    def level(self, where: Configuration, charge: Array) -> tuple[Array, Array, Array]:
        """Return U, its derivative by the charges [atom], and the virial [3, 3], in float64."""
        shapes = jax.ShapeDtypeStruct((7,), float), jax.ShapeDtypeStruct(charge.shape, float)
        total, slopes = self._call("level", shapes, where, charge)
        return total[0], slopes, total[1:][VOIGT]

    def exact_energy(self, where: Configuration, charge: Array) -> Array:
        """Return U by the compiled loops; differentiable once by the charges and by the cell."""
        return _level(self.exact, where.lattice, charge, where.cell)

    def _call(self, sort: str, shape: Any, where: Configuration, charge: Array, *more: Any) -> Any:
        system, dtype = self.system, self.system.dtype
        name = _compiled(system.precision, system.lattice_bits, sort)
        call = jax.ffi.ffi_call(name, shape, vmap_method="broadcast_all")
        return call(
            where.lattice,
            charge.astype(dtype),
            where.cell.reshape(9).astype(dtype),
            jnp.asarray(self.screening.damping, jnp.float64),
            jnp.asarray(self.screening.constants(system.precision), dtype),
            jnp.asarray(self.rows, jnp.int32),
            jnp.asarray(self.tops, jnp.int32),
            jnp.asarray(system.exclusions, jnp.int32),
            *more,
        )


def _product(a: Array, b: Array) -> Array:
    """Return a product of matrices in full precision, on accelerators too."""
    return jnp.matmul(a, b, precision="highest")


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _level(waves: Waves, lattice: Array, charge: Array, cell: Array) -> Array:
    return waves.level(Configuration(lattice, jnp.zeros(()), cell), charge)[0]


@_level.defjvp
def _level_jvp(waves: Waves, primals: Any, tangents: Any) -> tuple[Array, Array]:
    lattice, charge, cell = primals
    _, by_charge, by_cell = tangents
    value, slopes, virial = waves.level(Configuration(lattice, jnp.zeros(()), cell), charge)
    strain = jnp.linalg.inv(cell) @ by_cell  # cell (1 + strain): dU = -W : strain
    return value, jnp.sum(slopes * by_charge) - jnp.sum(virial * strain)


# --------------------------------------------------------------------------- the compiled loops


@functools.cache
def _compiled(precision: str, bits: int, sort: str) -> str:
    """Compile and register ``force``, ``pull`` or ``level``; return XLA's name of it."""
    radial, real = ChargedPairs.kernel, np.dtype(precision).type
    form = kernels.load(radial.template, REAL=real)
    phases = kernels.load("phases", REAL=real, BITS=bits, COULOMB=COULOMB)
    rows = kernels.load("wave_rows", REAL=real)
    given: dict[str, Any] = {
        "REAL": real,
        "INTEGER": np.dtype(f"int{bits}").type,
        "FRACTION": 2.0**-bits,
        "COULOMB": COULOMB,
        "CONSTANTS": len(radial.trial) - 1,
    }
    for loaded, names in (
        (phases, ("powers", "reciprocal", "weights")),
        (rows, ("TILE", "fill", "amplitudes", "turned", "sweep", "answer")),
        (rows, ("coefficient", "gather")),
        (form, ("energy", "first", "second")),
    ):
        given |= {name: getattr(loaded, name) for name in names}
    waves = kernels.load("waves", **given)
    given |= {name: getattr(waves, name) for name in ("force", "pull", "level")}
    entries = kernels.load("wave_entries", SORT=sort, **given, **kernels.interface())
    name = f"{entries.__name__}_{sort}"
    jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(entries.entry.ctypes), platform="cpu")
    return name


@functools.cache
def _sound(precision: str, bits: int, sort: str) -> bool:
    """Compile a sum and try it on a few atoms against plain Python."""
    try:
        off = _trial_error(precision, bits, sort)
    except Exception as error:  # another interface: say so, and let XLA do the sums
        warnings.warn(f"CPU kernels are off: {type(error).__name__}: {error}", stacklevel=2)
        return False
    sound = bool(off < (1e-12 if precision == "float64" else 1e-5))
    if not sound:
        warnings.warn(f"CPU kernels are off: they differ by {off:.1e} from Python.", stacklevel=2)
    return sound


def _trial_error(precision: str, bits: int, sort: str) -> float:
    """Return how far forces (or the energy) of five ions are from plain Python's, relatively."""
    cell = np.array([[9.0, 0, 0], [1.0, 8.0, 0], [0, 0.5, 10.0]])
    bonds = np.array([[1, 0], [1, 2]])
    system = System(("X",), np.zeros(5, int), np.ones(5), cell, precision, bits, bonds=bonds)
    positions = np.random.default_rng(3).normal(scale=2.0, size=(5, 3))
    positions[[0, 2]] = positions[1] + np.array([[0.9, 0.3, 0], [-0.5, 0.8, 0.2]])
    charge = np.array([0.4, -0.8, 0.4, 0.7, -0.7])
    waves = Waves(system, Screening.tapered(4.0, 0.7), 4.0)
    with jax.ensure_compile_time_eval():
        lattice = system.to_lattice(jnp.asarray(positions))
        where = configuration(system, lattice, jnp.asarray(cell))
        # not `exact_energy`: a custom rule would be traced by whoever asks first
        found = (
            waves.force(where, jnp.asarray(charge))
            if sort == "force"
            else waves.level(where, jnp.asarray(charge))[0]
        )
        found = np.asarray(found)
        positions = np.asarray(system.to_positions(lattice))  # as the lattice has them
    energy, slope = _plainly(waves, positions, charge)
    expected = -slope if sort == "force" else energy
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def _plainly(waves: Waves, positions: np.ndarray, charge: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the energy and its slope by the positions [atom, xyz] as the formula says it."""
    cell, screening = waves.system.cell, waves.screening
    k = 2.0 * np.pi * waves.indices @ np.linalg.inv(cell).T
    square = np.sum(k * k, axis=1)
    volume = abs(np.linalg.det(cell))
    weight = 4.0 * np.pi / volume * np.exp(-square / (4.0 * screening.damping**2)) / square
    factor = np.exp(1j * positions @ k.T)
    amplitude = charge @ factor
    energy = weight @ np.abs(amplitude) ** 2
    energy -= screening.damping / math.sqrt(math.pi) * charge @ charge
    slope = -2.0 * charge[:, None] * (np.imag(amplitude.conj() * factor) * weight) @ k
    form = kernels.load(ChargedPairs.kernel.template, REAL=np.float64)
    for i, j in waves.system.exclusions:
        fractional = (positions[j] - positions[i]) @ np.linalg.inv(cell)
        d = (fractional - np.round(fractional)) @ cell
        r = math.sqrt(d @ d)
        pair, by_square, _ = form.energy.py_func(d @ d, (1.0, *screening.constants("float64")))
        energy += charge[i] * charge[j] * (pair - 1.0 / r)
        push = charge[i] * charge[j] * (2.0 * by_square + 1.0 / r**3) * d
        slope[j] += push
        slope[i] -= push
    return COULOMB * energy, COULOMB * slope
