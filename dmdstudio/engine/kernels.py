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
   ``exponential`` and ``logarithm`` are there to be used (`loops.functions`). The form of a
   `switched.SwitchedPairs` gives ``parts`` and ``curve`` instead; `loops.switched` does the rest.
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
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np

from dmdstudio.engine.core import System


@dataclass(frozen=True)
class Radial:
    """The closed form of a pair potential.

    Attributes:
        template: file in `loops` that gives ``energy``, ``first`` and ``second``.
        parameters: names of the refinable numbers of a pair, which come first.
        trial: a value of every number, refinable and constant, in internal units, with a cutoff of
            4.5 to 15 angstrom; the kernels are tried with them before they are trusted.
        rows: file in `loops` that walks a row of pairs in place of ``pairs``; it takes ``weights``
            and ``sloped`` of the template.
        switched: the template gives ``parts`` and ``curve`` for ``loops/switched.py``, which brings
            them to zero at the cutoff; the first constants are the start of the switch and the
            inverse of its width.
    """

    template: str
    parameters: tuple[str, ...]
    trial: tuple[float, ...]
    switched: bool = False
    rows: str = ""

    @property
    def count(self) -> int:
        """Number of refinable numbers."""
        return len(self.parameters)

    def form(self, real: type[np.floating]) -> ModuleType:
        """Return the module that gives ``energy``, ``first`` and ``second`` in a precision."""
        given = {"REAL": real, **functions(real)}
        if self.rows:
            given["COUNT"] = self.count
        form = load(self.template, **given)
        if not self.switched:
            return form
        own = {"parts": form.parts, "curve": form.curve}
        return load("switched", CORE=self.template, COUNT=self.count, **own, **given)


@dataclass(frozen=True)
class Variant:
    """What the code of a kernel depends on.

    Attributes:
        radial: the closed form.
        precision: dtype of all numbers.
        bits: of a lattice coordinate.
        orthorhombic: the lattice vectors lie along x, y and z.
        uniform: there is one type of atoms.
        walk: ``dense`` or ``cells``, the template that walks the pairs.
    """

    radial: Radial
    precision: str
    bits: int
    orthorhombic: bool
    uniform: bool
    walk: str

    @classmethod
    def of(cls, radial: Radial, system: System, cutoff: float) -> Variant:
        """Return the variant that serves a system; the cutoff is in angstrom."""
        walk = system.pairs
        if walk == "auto":
            roomy = abs(np.linalg.det(system.cell)) > CELLS_FROM_VOLUME * cutoff**3
            walk = "cells" if roomy and system.atoms >= CELLS_FROM_ATOMS else "dense"
        return cls(
            radial,
            system.precision,
            system.lattice_bits,
            system.orthorhombic,
            len(system.type_names) == 1 and not radial.rows,
            walk,
        )


@functools.cache
def _minor_version() -> int:
    """Return XLA_FFI_API_MINOR as this jaxlib's own header states it."""
    header = Path(jax.ffi.include_dir()) / "xla" / "ffi" / "api" / "c_api.h"
    found = re.search(r"#define XLA_FFI_API_MINOR (\d+)", header.read_text())
    return int(found.group(1)) if found else 0


_LOOPS = Path(__file__).parent / "loops"
SORTS = ("force", "pull", "level", "strain")
_READING = ("words", "asks_metadata", "data", "length", "batch_of")
CELLS_FROM_ATOMS, CELLS_FROM_VOLUME = 500, 36.0
"""Cell lists are faster than all pairs where both are exceeded: atoms, and volume in cubed cutoffs.

Measured on argon (cutoff 10 angstrom): 729 atoms (34) take as long either way, within a tenth; 512
atoms (24) are twice as fast by all pairs, 2,197 (103) by cells.
"""


@functools.cache
def _text() -> str:
    """Return the text of all templates, read once: what a process compiles belongs together."""
    return "".join(f.read_text() for f in sorted(_LOOPS.glob("*.py")))


def _named(value: Any) -> str:
    """Return what tells a constant, or a function of another template, from all others."""
    name = getattr(value, "__name__", None)
    return repr(value) if name is None else f"{value.__module__}.{name}"


@functools.cache
def load(template: str, **constants: Any) -> ModuleType:
    """Run a template of `loops` with constants set, as a module of its own.

    numba keeps machine code on disk by file and qualified name of a function; ``variant`` marks the
    name with everything that the code depends on, so that no other variant finds it.
    """
    path = _LOOPS / f"{template}.py"
    told = "-".join(f"{name}={_named(value)}" for name, value in sorted(constants.items()))
    digest = hashlib.sha256(f"{told}{_text()}".encode()).hexdigest()[:16]
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


@functools.cache
def functions(real: type[np.floating]) -> dict[str, Any]:
    """Return the functions of `loops.functions` and `dihedrals` in a precision, for `load`."""
    loaded = load("functions", REAL=real)
    found = {name: getattr(loaded, name) for name in ("exponential", "logarithm")}
    loaded = load("dihedrals", REAL=real)
    names = ("dihedral", "turning", "torques", "turned_torques")
    return found | {name: getattr(loaded, name) for name in names}


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
def compiled(variant: Variant, sort: str) -> str:
    """Compile and register one kernel of a variant, one of `SORTS`; return XLA's name of it."""
    radial, real = variant.radial, np.dtype(variant.precision).type
    form = radial.form(real)
    given = {
        "REAL": real,
        "INTEGER": np.dtype(f"int{variant.bits}").type,
        "BITS": variant.bits,
        "ORTHORHOMBIC": variant.orthorhombic,
        "UNIFORM": variant.uniform,
        "COUNT": radial.count,
        "CONSTANTS": max(1, len(radial.trial) - radial.count),
        "RADIAL": form.__name__,
    }
    own = ("weights", "sloped") if radial.rows else ("energy", "first", "second")
    given |= {name: getattr(form, name) for name in own}
    pairs = load("pairs", **given)
    given |= {name: getattr(pairs, name) for name in ("vector", "add_by_kind", "spread_out", "FAR")}
    rows = load(radial.rows, **given) if radial.rows else pairs
    names = ("force", "pull", "energy", "strain")
    given |= {f"{name}_row": getattr(rows, f"{name}_row") for name in names}
    sums = load(variant.walk, **given)
    interface = load("interface", MINOR_VERSION=_minor_version())
    given |= {name: getattr(sums, name) for name in SORTS}
    given |= {name: getattr(interface, name) for name in _READING}
    entries = load("entries", SORT=sort, WALK=variant.walk, VERSION=_minor_version(), **given)
    name = f"{entries.__name__}_{sort}"
    jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(entries.entry.ctypes), platform="cpu")
    return name
