"""Terms over bonds, angles, torsions or impropers: a subclass gives the energy of one of them.

On a CPU a term may offer a closed form to compiled loops, which are strict as those of `kernels`
are: the same bits in the forward and in the backward pass. Everywhere else the sums are XLA's.

A form is a file in `loops` with two functions of the vectors d from a bond's first atom to its
second, or a and b from an angle's centre to its ends, or a, b and c along the chain of a torsion
(of an improper: along the chain that its order makes of the four atoms), and the numbers q of its
kind:

* ``first(d, q)`` returns the force -du/dd; ``first(a, b, q)`` the two -du/da and -du/db, and so on;
* ``second(d, e, q)`` returns that force, its derivative along the displacement e, and the scalar
  product of e with the force's derivatives by q; ``second(a, b, e_a, e_b, q)`` alike: both forces,
  the derivatives of both, and the product; and so on.

Both must write the force as the same expression (call one function for it). ``exponential`` and
``logarithm`` of `loops.functions` are there to be used.
"""

from __future__ import annotations

import abc
import functools
import warnings
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.base.errors import PhysicsError
from dmdstudio.engine import kernels
from dmdstudio.engine.core import Configuration, Parameters, System, configuration
from dmdstudio.engine.potential import Potential, Pull
from dmdstudio.plan.impropers import ORDERS


@dataclass(frozen=True)
class Form:
    """The closed form of a term.

    Attributes:
        template: file in `loops` that gives ``first`` and ``second``.
        sort: of its terms: ``bond``, ``angle``, ``torsion``, ``improper``; or ``third_neighbour``,
            the two ends of torsions, whose kinds are pairs of types.
        parameters: names of the refinable numbers.
        trial: a value of every number; the loops are tried with them before they are trusted.
    """

    template: str
    sort: Literal["bond", "angle", "torsion", "improper", "third_neighbour"]
    parameters: tuple[str, ...]
    trial: tuple[float, ...]

    @property
    def atoms(self) -> int:
        """Number of atoms of one term."""
        return {"bond": 2, "third_neighbour": 2, "angle": 3}.get(self.sort, 4)

    def load(self, real: type[np.floating]) -> ModuleType:
        """Return the module that gives ``first`` and ``second`` in a precision."""
        return kernels.load(self.template, REAL=real, **kernels.functions(real))


@dataclass(frozen=True, eq=False)
class BondedPotential(Potential):
    """U = sum over bonds, angles, torsions or impropers of u, with numbers for each kind of them.

    Attributes:
        system: what it was built for.
        form: the closed form for the compiled loops.
    """

    options: Any
    system: System
    form: ClassVar[Form]

    @classmethod
    def build(cls, options: Any, system: System) -> BondedPotential:
        """Check that there is something to sum over and return the term."""
        if not len(_members(cls.form, system)):
            raise PhysicsError(
                f"{cls.name} needs {cls.form.sort}s, but the structure has none "
                f"({len(system.bonds)} bonds, {len(system.angles)} angles, "
                f"{len(system.torsions)} torsions, {len(system.impropers)} impropers).",
                "Leave the potential out, or check that the coordinates are in angstrom.",
            )
        return cls(options, system)

    @abc.abstractmethod
    def term_energy(self, vectors: tuple[Array, ...], numbers: Parameters) -> Array:
        """Return u in eV [term] of the vectors, each [term, xyz], and the numbers [term]."""

    @property
    def orders(self) -> tuple[tuple[int, ...], ...]:
        """Orders of an improper's atoms, each of which is a term."""
        return ORDERS["trefoil"]

    @property
    def share(self) -> float:
        """By what every term counts."""
        return 1.0

    @functools.cached_property
    def members(self) -> np.ndarray:
        """Atoms and kind of every term [term, atoms + 1]."""
        return _members(self.form, self.system, self.orders)

    def energy(self, parameters: Parameters, configuration: Configuration) -> Array:
        """Return the sum over the terms, eV."""
        *atoms, kinds = self.members.T
        ends = [(atoms[i], atoms[j]) for i, j in _VECTORS[self.form.sort]]
        vectors = tuple(between(configuration, first, second) for first, second in ends)
        numbers = {name: value[kinds] for name, value in parameters.items()}
        return self.share * jnp.sum(self.term_energy(vectors, numbers))

    @property
    def compiled(self) -> bool:
        """Whether the sums are done by the compiled loops rather than by XLA."""
        system = self.system
        return system.platform == "cpu" and _sound(self.form, system.precision, system.lattice_bits)

    def force(self, parameters: Parameters, configuration: Configuration) -> Array:
        """Return F [atom, xyz], eV/angstrom."""
        if not self.compiled:
            return super().force(parameters, configuration)
        table = self._table(parameters)
        return self.share * _force(self.form, self.system, self.members, table, configuration)

    def pull(
        self,
        parameters: Parameters,
        configuration: Configuration,
        w: Array,
        fixed: Parameters | None = None,
    ) -> Pull:
        """Return force and pulls from one sweep over the terms."""
        if not self.compiled:
            return super().pull(parameters, configuration, w, fixed)
        table = self._table(parameters | (fixed or {}))
        system = self.system
        vectors = jax.ShapeDtypeStruct(configuration.lattice.shape, system.dtype)
        slopes = jax.ShapeDtypeStruct(table.shape, system.dtype)
        name = _compile(self.form, system.precision, system.lattice_bits)["pull"]
        call = jax.ffi.ffi_call(name, (vectors, vectors, slopes), vmap_method="broadcast_all")
        operands = _operands(system, self.members, table, configuration)
        force, position, by_number = (self.share * found for found in call(*operands, w))
        columns = {n: by_number[:, k] for k, n in enumerate(self.form.parameters)}
        return Pull(force, position, {name: columns[name] for name in parameters})

    def _table(self, parameters: Parameters) -> Array:
        """Return the numbers as the loops take them [kind, number]."""
        return jnp.stack([parameters[name] for name in self.form.parameters], axis=-1)


def between(configuration: Configuration, first: np.ndarray, second: np.ndarray) -> Array:
    """Return the minimum-image vectors from atoms to others [pair, xyz], angstrom."""
    lattice, offset = configuration.lattice, configuration.offset
    bits = 8 * lattice.dtype.itemsize
    steps = lattice[second] - lattice[first]  # wraps: the minimum image
    vectors = (steps.astype(offset.dtype) * offset.dtype.type(2.0**-bits)) @ configuration.cell
    return vectors + (offset[second] - offset[first])


_VECTORS = {
    "bond": ((0, 1),),
    "angle": ((1, 0), (1, 2)),
    "torsion": ((0, 1), (1, 2), (2, 3)),
    "improper": ((0, 1), (1, 2), (2, 3)),
    "third_neighbour": ((0, 1),),
}
"""From which atom of a term to which its vectors go."""


# --------------------------------------------------------------------------- the compiled loops


@functools.cache
def _compile(form: Form, precision: str, bits: int) -> dict[str, str]:
    """Compile and register the loops of a form; return XLA's name of each."""
    real = np.dtype(precision).type
    loaded = form.load(real)
    loops = kernels.load(
        "bonded",
        REAL=real,
        INTEGER=np.dtype(f"int{bits}").type,
        ATOMS=form.atoms,
        COUNT=len(form.parameters),
        FORM=form.template,
        first=loaded.first,
        second=loaded.second,
        **kernels.interface(),
    )
    return kernels.register(loops)


def _members(
    form: Form, system: System, orders: tuple[tuple[int, ...], ...] = ORDERS["trefoil"]
) -> np.ndarray:
    atoms, kinds = getattr(system, f"{form.sort}s"), getattr(system, f"{form.sort}_kinds")
    if form.sort == "improper":
        atoms = np.concatenate([atoms[:, order] for order in orders])
        kinds = np.tile(kinds, len(orders))
    return np.column_stack([atoms, kinds])


def _operands(
    system: System, members: np.ndarray, table: Array, where: Configuration
) -> tuple[Array, ...]:
    dtype = system.dtype
    return (
        where.lattice,
        table.astype(dtype),
        where.cell.reshape(9).astype(dtype) * dtype.type(1.0 / system.lattice_size),
        jnp.asarray(members, jnp.int32),
    )


def _force(
    form: Form, system: System, members: np.ndarray, table: Array, where: Configuration
) -> Array:
    name = _compile(form, system.precision, system.lattice_bits)["force"]
    call = jax.ffi.ffi_call(
        name, jax.ShapeDtypeStruct(where.lattice.shape, system.dtype), vmap_method="broadcast_all"
    )
    return call(*_operands(system, members, table, where))  # type: ignore[return-value]


@functools.cache
def _sound(form: Form, precision: str, bits: int) -> bool:
    """Compile a form and try it on one molecule against plain Python."""
    try:
        off = _trial_error(form, precision, bits)
    except Exception as error:  # another interface: say so, and let XLA do the sums
        warnings.warn(f"CPU kernels are off: {type(error).__name__}: {error}", stacklevel=2)
        return False
    sound = bool(off < (1e-12 if precision == "float64" else 1e-5))
    if not sound:
        warnings.warn(f"CPU kernels are off: they differ by {off:.1e} from Python.", stacklevel=2)
    return sound


def _trial_error(form: Form, precision: str, bits: int) -> float:
    """Return how far the forces of a bent molecule are from plain Python's, over the largest."""
    cell = np.array([[9.0, 0, 0], [1.0, 8.0, 0], [0, 0.5, 7.0]])
    chain = [[1, 0], [1, 2], [2, 3]]
    bonds = {"bond": chain[:1], "angle": chain[:2], "improper": [[1, 0], [1, 2], [1, 3]]}
    atoms = (np.zeros(4, int), np.ones(4), cell)
    system = System(("X",), *atoms, precision, bits, bonds=np.array(bonds.get(form.sort, chain)))
    positions = np.array([[0.1, 0.2, 0.3], [0.9, 0.8, 6.9], [1.5, 0.1, 0.4], [2.4, 0.6, 0.2]])
    with jax.ensure_compile_time_eval():
        lattice = system.to_lattice(jnp.asarray(positions))
        where = configuration(system, lattice, jnp.asarray(cell))
        members = _members(form, system)
        found = np.asarray(_force(form, system, members, jnp.asarray([form.trial]), where))
        positions = np.asarray(system.to_positions(lattice))  # as the lattice has them
    first = form.load(np.float64).first.py_func
    expected = np.zeros((4, 3))
    for *row, _ in members:
        ends = [(row[i], row[j]) for i, j in _VECTORS[form.sort]]
        apart = np.array([positions[j] - positions[i] for i, j in ends]) @ np.linalg.inv(cell)
        vectors = (apart - np.round(apart)) @ cell
        forces = np.reshape(first(*(tuple(v) for v in vectors), form.trial), (-1, 3))
        for (i, j), force in zip(ends, forces, strict=True):
            expected[j] += force
            expected[i] -= force
    return float(np.abs(found - expected).max() / np.abs(expected).max())
