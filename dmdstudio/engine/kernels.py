"""Compiled pair sums for the CPU, called from inside XLA.

XLA's CPU backend recomputes pair terms for every reduction. These loops, compiled by numba, visit
every pair once and hold everything of a row in the first-level cache: force and pull of 346 argon
atoms take 0.15 and 0.4 ms on one core.

The loops are *strict*: no contraction to fused multiply-add and no reordering of sums, and both use
the same expression for the force. So the force of the forward pass and the force inside the
backward pass are the same bits, which exact reversal needs. The inner loop runs over the atom whose
sums are stored, so that it vectorises without reordering.

A new pair potential becomes fast in three steps; without them XLA does its sums:

1. Write ``loops/<template>.py`` beside `loops.lennard_jones`, with three functions of the squared
   distance s and the numbers q of a pair (a tuple: the refinable ones, then the constants), in
   ``REAL`` numbers only and without branches (``a if c else b`` of two computed values is none):

   * ``energy(s, q)`` returns u, du/ds, du/dq_1, du/dq_2 ...
   * ``first(s, q)`` returns g = du/ds
   * ``second(s, q)`` returns g, dg/ds, dg/dq_1, dg/dq_2 ...

   with derivatives by the refinable numbers only. They must write g as the same expression (call
   one function for it), be exactly zero beyond the cutoff, as at ``s = FAR``, where excluded pairs
   are put, and be finite for every allowed value, zero too (do not divide by a parameter).
2. Set ``kernel = Radial(template, names, trial)`` in the `PairPotential`, with the names of the
   refinable numbers in what `PairPotential.pair_parameters` returns, and a trial value of all.
3. Return the constants from `PairPotential.kernel_constants`.

`PairPotential.pair_parameters` is differentiated by JAX, so that any mixing rule goes. The contract
tests compare energies, forces and pulls with those of `PairPotential.pair_energy`.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import re
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.engine.core import Configuration, System, configuration


@dataclass(frozen=True)
class Radial:
    """The closed form of a pair potential.

    Attributes:
        template: file in `loops` that gives ``energy``, ``first`` and ``second``.
        parameters: names of the refinable numbers of a pair, which come first.
        trial: a value of every number, refinable and constant, in internal units, with a cutoff of
            4.5 to 15 angstrom; the kernels are tried with them before they are trusted.
    """

    template: str
    parameters: tuple[str, ...]
    trial: tuple[float, ...]

    @property
    def count(self) -> int:
        """Number of refinable numbers."""
        return len(self.parameters)


@dataclass(frozen=True)
class Variant:
    """What the code of a kernel depends on."""

    radial: Radial
    precision: str
    bits: int
    orthorhombic: bool
    uniform: bool

    @classmethod
    def of(cls, radial: Radial, system: System) -> Variant:
        """Return the variant that serves a system."""
        return cls(
            radial,
            system.precision,
            system.lattice_bits,
            system.orthorhombic,
            len(system.type_names) == 1,
        )


@functools.cache
def _minor_version() -> int:
    """Return XLA_FFI_API_MINOR as this jaxlib's own header states it."""
    header = Path(jax.ffi.include_dir()) / "xla" / "ffi" / "api" / "c_api.h"
    found = re.search(r"#define XLA_FFI_API_MINOR (\d+)", header.read_text())
    return int(found.group(1)) if found else 0


_LOOPS = Path(__file__).parent / "loops"


@functools.cache
def load(template: str, **constants: Any) -> ModuleType:
    """Run a template of `loops` with constants set, as a module of its own.

    numba keeps machine code on disk by file and qualified name of a function; ``variant`` marks the
    name with everything that the code depends on, so that no other variant finds it.
    """
    path = _LOOPS / f"{template}.py"
    text = "".join(f.read_text() for f in sorted(_LOOPS.glob("*.py")))
    told = "-".join(f"{k}={getattr(v, '__name__', v)}" for k, v in sorted(constants.items()))
    digest = hashlib.sha256(f"{told}{text}".encode()).hexdigest()[:16]
    name = f"dmdstudio_{template}_{digest}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)

    def variant(function: Any) -> Any:
        function.__qualname__ += f"_{digest}"
        return function

    vars(module).update(constants, variant=variant)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def interface() -> dict[str, Any]:
    """Return the functions of ``loops/interface.py`` for `load`, and what their code depends on."""
    loaded = load("interface", MINOR_VERSION=_minor_version())
    reading = ("words", "asks_metadata", "data", "length", "batch_of")
    return {"INTERFACE": loaded.__name__, **{name: getattr(loaded, name) for name in reading}}


def register(loops: ModuleType) -> dict[str, str]:
    """Make the force and the pull of loaded loops known to XLA; return its name of each."""
    names = {}
    for sort in ("force", "pull"):
        names[sort] = f"{loops.__name__}_{sort}"
        entry = getattr(loops, f"{sort}_entry")
        jax.ffi.register_ffi_target(names[sort], jax.ffi.pycapsule(entry.ctypes), platform="cpu")
    return names


@functools.cache
def _compile(variant: Variant) -> dict[str, str]:
    """Compile and register the kernels of a variant; return XLA's name of each."""
    radial, real = variant.radial, np.dtype(variant.precision).type
    form = load(radial.template, REAL=real)
    loops = load(
        "pairs",
        REAL=real,
        INTEGER=np.dtype(f"int{variant.bits}").type,
        ORTHORHOMBIC=variant.orthorhombic,
        UNIFORM=variant.uniform,
        COUNT=radial.count,
        CONSTANTS=max(1, len(radial.trial) - radial.count),
        RADIAL=radial.template,
        first=form.first,
        second=form.second,
        **interface(),
    )
    return register(loops)


def _left_out(system: System) -> np.ndarray:
    """Return the excluded partners of all atoms: where those of an atom begin, then they."""
    pairs = np.concatenate([system.exclusions, system.exclusions[:, ::-1]])
    pairs = pairs[np.lexsort(pairs.T[::-1])]
    begins = np.searchsorted(pairs[:, 0], np.arange(system.atoms + 1)) + system.atoms + 1
    return np.concatenate([begins, pairs[:, 1]]).astype(np.int32)


def _operands(
    system: System, where: Configuration, table: Array, constants: tuple[float, ...]
) -> tuple[Array, ...]:
    dtype = system.dtype
    return (
        where.lattice,
        table.astype(dtype),
        jnp.asarray(constants or (0.0,), dtype),
        where.cell.reshape(9).astype(dtype) * dtype.type(1.0 / system.lattice_size),
        jnp.asarray(system.types, jnp.int32),
        jnp.asarray(_left_out(system)),
    )


def pair_force(
    radial: Radial,
    system: System,
    where: Configuration,
    table: Array,
    constants: tuple[float, ...],
) -> Array:
    """Return the forces [atom, xyz] of one replica, eV/angstrom.

    Args:
        radial: the form.
        system: what it is made of; its exclusions are left out.
        where: the atoms.
        table: refinable numbers of every pair of types [type, type, number], symmetric.
        constants: the other numbers.
    """
    name = _compile(Variant.of(radial, system))["force"]
    call = jax.ffi.ffi_call(
        name, jax.ShapeDtypeStruct(where.lattice.shape, system.dtype), vmap_method="broadcast_all"
    )
    return call(*_operands(system, where, table, constants))  # type: ignore[return-value]


def pair_pull(
    radial: Radial,
    system: System,
    where: Configuration,
    table: Array,
    constants: tuple[float, ...],
    w: Array,
) -> tuple[Array, Array, Array]:
    """Return force, (dF/dx)^T w [atom, xyz] and (dF/dtable)^T w, all of one replica.

    Args:
        radial: the form.
        system: what it is made of; its exclusions are left out.
        where: the atoms.
        table: refinable numbers of every pair of types [type, type, number], symmetric.
        constants: the other numbers.
        w: cotangent of the forces [atom, xyz].
    """
    name = _compile(Variant.of(radial, system))["pull"]
    vectors = jax.ShapeDtypeStruct(where.lattice.shape, system.dtype)
    slopes = jax.ShapeDtypeStruct(table.shape, system.dtype)
    call = jax.ffi.ffi_call(name, (vectors, vectors, slopes), vmap_method="broadcast_all")
    force, position, by_number = call(*_operands(system, where, table, constants), w)
    return force, position, by_number


# -------------------------------------------------------------------------- may they be trusted?


def available(radial: Radial, system: System) -> bool:
    """Whether the compiled kernels work for a system on this machine."""
    return _sound(Variant.of(radial, system))


@functools.cache
def _sound(variant: Variant) -> bool:
    """Compile a variant and try it on four atoms against plain Python."""
    try:
        off = _trial_error(variant)
    except Exception as error:  # another interface: say so, and let XLA do the sums
        warnings.warn(f"CPU kernels are off: {type(error).__name__}: {error}", stacklevel=2)
        return False
    sound = bool(off < (1e-12 if variant.precision == "float64" else 1e-5))
    if not sound:
        warnings.warn(f"CPU kernels are off: they differ by {off:.1e} from Python.", stacklevel=2)
    return sound


def _trial_error(variant: Variant) -> float:
    """Return how far the forces of a small system are from plain Python's, over the largest."""
    radial = variant.radial
    cell = np.eye(3) * 40.0
    cell[1, 0] = 0.0 if variant.orthorhombic else 5.0
    names = ("X",) if variant.uniform else ("X", "Y")
    types = np.arange(4) % len(names)
    system = System(
        names,
        types,
        np.ones(4),
        cell,
        variant.precision,
        variant.bits,
        bonds=np.array([[0, 3]]),
    )
    positions = np.array([[0.0, 0, 0], [3.9, 0.3, 0], [0.2, 4.1, 39.0], [0.9, 0, 0.4]])
    numbers, constants = np.array(radial.trial[: radial.count]), radial.trial[radial.count :]
    share = 1.0 + 0.01 * (np.arange(len(names))[:, None] + np.arange(len(names)))
    table = share[..., None] * numbers
    with jax.ensure_compile_time_eval():
        lattice = system.to_lattice(jnp.asarray(positions))
        where = configuration(system, lattice, jnp.asarray(cell))
        found = np.asarray(pair_force(radial, system, where, jnp.asarray(table), constants))
        positions = np.asarray(system.to_positions(lattice))  # as the lattice has them
    first = load(radial.template, REAL=np.float64).first.py_func
    expected = np.zeros((4, 3))
    for i, j in ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3)):
        fractional = (positions[j] - positions[i]) @ np.linalg.inv(cell)
        d = (fractional - np.round(fractional)) @ cell
        q = (*table[types[i], types[j]], *constants)
        pair = -2.0 * first(d @ d, q) * d
        expected[j] += pair
        expected[i] -= pair
    return float(np.abs(found - expected).max() / np.abs(expected).max())
