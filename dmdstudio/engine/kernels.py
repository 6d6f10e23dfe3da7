"""Compiled pair sums for the CPU, called from inside XLA.

XLA's CPU backend recomputes pair terms for every reduction. These loops, compiled by numba, visit
every pair once and hold everything of a row in the first-level cache: force and pull of 346 argon
atoms take 0.15 and 0.4 ms on one core.

The loops are *strict*: no contraction to fused multiply-add and no reordering of sums, and both use
the same expression for the force. So the force of the forward pass and the force inside the
backward pass are the same bits, which exact reversal needs. The inner loop runs over the atom whose
sums are stored, so that it vectorises without reordering.

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
    """The closed form of a pair potential for one atom type.

    Attributes:
        template: file in `loops` that gives ``first`` and ``second``.
        parameters: names of the refinable numbers, which come first among the numbers.
    """

    template: str
    parameters: tuple[str, ...]


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


def _register(radial: Radial, system: System) -> tuple[str, str]:
    """Compile and register both kernels of a system; return their names."""
    return _compile(radial, system.precision, system.lattice_bits, system.orthorhombic)


@functools.cache
def _compile(radial: Radial, precision: str, bits: int, orthorhombic: bool) -> tuple[str, str]:
    form = load(radial.template, REAL=np.dtype(precision).type)
    loops = load(
        "pairs",
        REAL=np.dtype(precision).type,
        INTEGER=np.dtype(f"int{bits}").type,
        ORTHORHOMBIC=orthorhombic,
        COUNT=len(radial.parameters),
        MINOR_VERSION=_minor_version(),
        first=form.first,
        second=form.second,
        RADIAL=radial.template,
    )
    names = []
    for sort in ("force", "pull"):
        name = f"{loops.__name__}_{sort}"
        entry = getattr(loops, f"{sort}_entry")
        jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(entry.ctypes), platform="cpu")
        names.append(name)
    return names[0], names[1]


def _operands(system: System, where: Configuration, numbers: Array) -> tuple[Array, Array]:
    padded = jnp.zeros(8, system.dtype).at[: len(numbers)].set(numbers)
    cell = where.cell.reshape(9) * system.dtype.type(1.0 / system.lattice_size)
    return padded, cell


def pair_force(radial: Radial, system: System, where: Configuration, numbers: Array) -> Array:
    """Return the forces [atom, xyz] of one replica, eV/angstrom."""
    name, _ = _register(radial, system)
    call = jax.ffi.ffi_call(
        name, jax.ShapeDtypeStruct(where.lattice.shape, system.dtype), vmap_method="broadcast_all"
    )
    return call(where.lattice, *_operands(system, where, numbers))  # type: ignore[return-value]


def pair_pull(
    radial: Radial, system: System, where: Configuration, numbers: Array, w: Array
) -> tuple[Array, Array, Array]:
    """Return force, (dF/dx)^T w [atom, xyz] and (dF/dq)^T w [refinable] of one replica."""
    _, name = _register(radial, system)
    vectors = jax.ShapeDtypeStruct(where.lattice.shape, system.dtype)
    slopes = jax.ShapeDtypeStruct((len(radial.parameters),), system.dtype)
    call = jax.ffi.ffi_call(name, (vectors, vectors, slopes), vmap_method="broadcast_all")
    force, position, by_number = call(where.lattice, *_operands(system, where, numbers), w)
    return force, position, by_number


@functools.cache
def _sound(radial: Radial, precision: str, bits: int, orthorhombic: bool) -> bool:
    """Compile a variant and try it on three atoms against plain Python."""
    cell = np.eye(3) * 40.0
    cell[1, 0] = 0.0 if orthorhombic else 5.0
    system = System(("X",), np.zeros(3, int), np.ones(3), cell, precision, bits)
    positions = np.array([[0.0, 0, 0], [3.9, 0.3, 0], [0.2, 4.1, 39.0]])
    numbers = np.array([3.4, 0.01, 6.0, 0.25])
    try:
        with jax.ensure_compile_time_eval():
            lattice = system.to_lattice(jnp.asarray(positions))
            where = configuration(system, lattice, jnp.asarray(cell))
            force = pair_force(radial, system, where, jnp.asarray(numbers, precision))
            positions = np.asarray(system.to_positions(lattice))  # as the lattice has them
    except Exception as error:  # another interface: say so, and let XLA do the sums
        warnings.warn(f"CPU kernels are off: {type(error).__name__}: {error}", stacklevel=2)
        return False
    first = load(radial.template, REAL=np.float64).first.py_func
    expected = np.zeros((3, 3))
    for i, j in ((0, 1), (0, 2), (1, 2)):
        fractional = (positions[j] - positions[i]) @ np.linalg.inv(cell)
        d = (fractional - np.round(fractional)) @ cell
        pair = -2.0 * first(d @ d, tuple(numbers)) * d
        expected[j] += pair
        expected[i] -= pair
    off = np.abs(np.asarray(force) - expected).max() / np.abs(expected).max()
    sound = bool(off < (1e-12 if precision == "float64" else 1e-5))
    if not sound:
        warnings.warn(f"CPU kernels are off: they differ by {off:.1e} from XLA.", stacklevel=2)
    return sound


def available(radial: Radial, system: System) -> bool:
    """Whether the compiled kernels work for a system on this machine."""
    return _sound(radial, system.precision, system.lattice_bits, system.orthorhombic)
