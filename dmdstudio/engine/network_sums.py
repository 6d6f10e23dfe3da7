"""Energies and forces of embedded atom networks as functions of JAX, by compiled loops on a CPU.

XLA writes the pairs of a network into memory for every product, and rounds a force differently in
every program. The loops (`loops/eann.py`) keep a pair in the first-level cache and are strict.
"""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.engine import kernels
from dmdstudio.engine.core import Configuration, Parameters, System, configuration
from dmdstudio.engine.networks import MOMENTS, Network, random_network
from dmdstudio.engine.voigt import VOIGT

_PARTS = ("exponential", "within", "distances", "gaussians", "layout", "turned")


@dataclass(frozen=True, eq=False)
class NetworkSums:
    """The compiled loops of one network over one system; functions of one replica.

    All take ``q``, the arrays of the network one after the other, in the order of its shapes.

    Attributes:
        network: the shape.
        system: what it is made of; its precision is that of all numbers.
        species: index of every atom's element in the arrays [atom].
        cutoff: angstrom.
    """

    network: Network
    system: System
    species: np.ndarray
    cutoff: float

    @property
    def trusted(self) -> bool:
        """Whether the compiled loops work for this system here."""
        network = self.network
        return _sound(
            network.radials, network.shells, self.system.precision, self.system.lattice_bits
        )

    def flat(self, parameters: Parameters) -> Array:
        """Return the arrays one after the other."""
        return jnp.concatenate([jnp.ravel(parameters[key]) for key in self.network.shapes])

    def arrays(self, q: Array) -> Parameters:
        """Return the arrays by name."""
        shapes = self.network.shapes
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
        parts = jnp.split(q, ends[:-1])
        return {key: a.reshape(s) for a, (key, s) in zip(parts, shapes.items(), strict=True)}

    def force(self, where: Configuration, q: Array) -> Array:
        """Return the forces [atom, xyz], eV/angstrom."""
        shape = jax.ShapeDtypeStruct(where.lattice.shape, self.system.dtype)
        return self._call("force", shape, where, q)

    def pull(self, where: Configuration, q: Array, w: Array) -> tuple[Array, Array, Array]:
        """Return force, (dF/dx)^T w [atom, xyz] and (dF/dq)^T w for a cotangent w of F."""
        vectors = jax.ShapeDtypeStruct(where.lattice.shape, self.system.dtype)
        slopes = jax.ShapeDtypeStruct(q.shape, self.system.dtype)
        return self._call("pull", (vectors, vectors, slopes), where, q, w)

    def energy(self, where: Configuration, q: Array) -> Array:
        """Return the energy, eV; differentiable once by q and by the cell."""
        return _energy(self, where.lattice, q, where.cell)

    def virial(self, where: Configuration, q: Array) -> Array:
        """Return minus the derivative by the strain [3, 3], eV; differentiable by q."""
        return _virial(self, where.lattice, q, where.cell)

    def level(self, where: Configuration, q: Array) -> tuple[Array, Array, Array]:
        """Return the energy, its derivative by q, and the virial [3, 3]."""
        dtype = self.system.dtype
        shapes = jax.ShapeDtypeStruct((7,), dtype), jax.ShapeDtypeStruct(q.shape, dtype)
        total, slopes = self._call("level", shapes, where, q)
        return total[0], slopes, total[1:][VOIGT]

    def strain(self, where: Configuration, q: Array) -> Array:
        """Return the derivatives of the virial by q [6, number]."""
        shape = jax.ShapeDtypeStruct((6, *q.shape), self.system.dtype)
        return self._call("strain", shape, where, q)

    def _call(self, sort: str, shape: Any, where: Configuration, q: Array, *more: Array) -> Any:
        network, system, dtype = self.network, self.system, self.system.dtype
        name = _compiled(
            network.radials, network.shells, system.precision, system.lattice_bits, sort
        )
        units = [network.elements, len(network.widths), network.radials * network.shells]
        call = jax.ffi.ffi_call(name, shape, vmap_method="broadcast_all")
        return call(
            where.lattice,
            q.astype(dtype),
            jnp.asarray([*units, *network.widths], jnp.int64),
            where.cell.reshape(9).astype(dtype) * dtype.type(1.0 / system.lattice_size),
            jnp.asarray(self.cutoff, dtype),
            jnp.asarray(self.species, jnp.int32),
            *more,
        )


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _energy(sums: NetworkSums, lattice: Array, q: Array, cell: Array) -> Array:
    return sums.level(Configuration(lattice, jnp.zeros(()), cell), q)[0]


@_energy.defjvp
def _energy_jvp(sums: NetworkSums, primals: Any, tangents: Any) -> tuple[Array, Array]:
    lattice, q, cell = primals
    _, by_q, by_cell = tangents
    value, slopes, virial = sums.level(Configuration(lattice, jnp.zeros(()), cell), q)
    strain = jnp.linalg.inv(cell) @ by_cell  # cell (1 + strain): dU = -W : strain
    return value, jnp.sum(slopes * by_q) - jnp.sum(virial * strain)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _virial(sums: NetworkSums, lattice: Array, q: Array, cell: Array) -> Array:
    return sums.level(Configuration(lattice, jnp.zeros(()), cell), q)[2]


@_virial.defjvp
def _virial_jvp(sums: NetworkSums, primals: Any, tangents: Any) -> tuple[Array, Array]:
    lattice, q, cell = primals
    slopes = sums.strain(Configuration(lattice, jnp.zeros(()), cell), q)
    return _virial(sums, lattice, q, cell), (slopes @ tangents[1])[VOIGT]


# --------------------------------------------------------------------------- the compiled loops


@functools.cache
def _loops(radials: int, shells: int, precision: str, bits: int, sort: str) -> Any:
    """Compile the loops of one sort of networks of a shape."""
    given = {
        "REAL": np.dtype(precision).type,
        "INTEGER": np.dtype(f"int{bits}").type,
        "RADIALS": radials,
    }
    parts = kernels.load("eann_parts", **given)
    given |= {"MOMENTS": MOMENTS[shells - 1], "SORT": sort}
    given |= {name: getattr(parts, name) for name in _PARTS}
    given["through"] = kernels.load("eann_networks", **given).through
    return kernels.load("eann", **given, **kernels.interface())


@functools.cache
def _compiled(radials: int, shells: int, precision: str, bits: int, sort: str) -> str:
    """Compile and register the loops of one sort; return XLA's name of them."""
    loops = _loops(radials, shells, precision, bits, sort)
    name = f"{loops.__name__}_{sort}"
    jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(loops.entry.ctypes), platform="cpu")
    return name


@functools.cache
def _sound(radials: int, shells: int, precision: str, bits: int) -> bool:
    """Compile the loops and try whether XLA is given what a direct call gives."""
    try:
        return _as_called(radials, shells, precision, bits)
    except Exception as error:  # another interface: say so, and let XLA do it
        warnings.warn(f"CPU networks are off: {type(error).__name__}: {error}", stacklevel=2)
        return False


def _as_called(radials: int, shells: int, precision: str, bits: int) -> bool:
    """Tell whether forces through XLA are those of a direct call, for three atoms."""
    cell = np.array([[9.0, 0, 0], [1.0, 8.0, 0], [0, 0.5, 7.0]])
    system = System(("X", "Y"), np.array([0, 1, 1]), np.ones(3), cell, precision, bits)
    positions = np.array([[0.1, 0.2, 0.3], [0.9, 0.8, 6.9], [1.5, 0.1, 0.4]])
    given = random_network(2, radials, (3,), 3.0, 1, shells)
    network = Network.of(given, "trial")
    sums = NetworkSums(network, system, system.types, 3.0)
    with jax.ensure_compile_time_eval():
        lattice = system.to_lattice(jnp.asarray(positions))
        where = configuration(system, lattice, jnp.asarray(cell))
        q = sums.flat({key: jnp.asarray(a, system.dtype) for key, a in given.items()})
        found = np.asarray(sums.force(where, q))
    real, loops = system.dtype.type, _loops(radials, shells, precision, bits, "force")
    out, none = np.zeros((3, 3), real), np.zeros((6, 3), real)
    rows = tuple(real(c) * real(1.0 / system.lattice_size) for c in cell.ravel())
    units = np.array([2, 1, radials * shells, 3])
    loops.evaluate(
        np.asarray(lattice), np.asarray(q), units, rows, real(3.0), system.types.astype(np.int32),
        none, np.zeros((3, 3), real), out, none, np.zeros(1, real),
    )  # fmt: skip
    return bool(np.any(out) and np.array_equal(found, out))


def exact(sums: NetworkSums) -> NetworkSums:
    """Return the same in float64."""
    return replace(sums, system=replace(sums.system, precision="float64"))
