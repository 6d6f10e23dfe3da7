"""What a potential is, and the sum of several: energy, force, and one pass per backward step."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from msgspec import Struct

from dmdstudio.base.registry import Registry
from dmdstudio.engine.core import Configuration, Parameters, System, Theta, configuration
from dmdstudio.engine.voigt import COLUMNS, ROWS, STRAINS
from dmdstudio.plan.catalog import Entry, ParameterField, fields_of

ROOM = 1.25
"""Length of a list of neighbours over what a configuration needs."""


class Pull(NamedTuple):
    """Everything that one backward step needs of the forces F at a configuration.

    Attributes:
        force: F [atom, xyz], eV/angstrom.
        position: (dF/dx)^T w [atom, xyz].
        parameters: (dF/dtheta)^T w, shaped as the parameters that are differentiated by.
    """

    force: Array
    position: Array
    parameters: Any


class Example(NamedTuple):
    """A small system with a potential, for the tests that every potential must pass.

    Attributes:
        system: what it is made of.
        potential: the term.
        parameters: of the term.
        positions: [atom, xyz], angstrom.
    """

    system: System
    potential: Potential
    parameters: Parameters
    positions: np.ndarray


class ArrayField(NamedTuple):
    """An array of numbers that belong together, such as the weights of a layer.

    Attributes:
        name: in the parameters of its term.
        unit: of all its numbers.
        free: whether they are refined.
        scale: by which changes of a number are counted, internal units; 0 for the root mean square
            of all of them.
    """

    name: str
    unit: str
    free: bool
    scale: float = 0.0


class Potential(abc.ABC):
    """One term of the potential energy.

    A subclass declares itself by its class attributes and gives `energy`; force and pull follow by
    differentiation, and may be overridden where a closed form is faster. Whatever gives them, the
    force of `pull` must be the same bits as `force`: exact reversal lives on that.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    doc: ClassVar[str]
    source: ClassVar[str] = ""
    Options: ClassVar[type[Struct]]
    parameters: ClassVar[tuple[ParameterField, ...]]

    @classmethod
    @abc.abstractmethod
    def build(cls, options: Any, system: System) -> Potential:
        """Return the term for a system; raise `PhysicsError` where they do not fit together."""

    @classmethod
    @abc.abstractmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return examples by name, built for a precision, a lattice and a platform."""

    @abc.abstractmethod
    def energy(self, parameters: Parameters, configuration: Configuration) -> Array:
        """Return the potential energy in eV (a scalar)."""

    def derived(self) -> frozenset[tuple[str, str]]:
        """Return the (parameter, owner) that the term finds by itself, so that none is given."""
        return frozenset()

    def arrays(self, given: Mapping[str, np.ndarray]) -> tuple[ArrayField, ...]:
        """Check the arrays of the parameter file and describe them; none where it reads no file.

        Args:
            given: arrays by name, internal units.

        Raises:
            FileError, RecipeError: they do not fit together, or not to the system.
        """
        return ()

    def initial_arrays(self) -> Mapping[str, np.ndarray]:
        """Return the arrays to start from where no file is named; none where there are none."""
        return {}

    def check(  # noqa: B027  most terms take any value that their bounds allow
        self, values: Mapping[str, np.ndarray], free: Mapping[str, np.ndarray]
    ) -> None:
        """Raise `RecipeError` where starting values cannot be.

        Args:
            values: parameters in internal units, each [owner].
            free: which of them are refined, alike.
        """

    def in_precision(self, parameters: Parameters, dtype: Any) -> Parameters:
        """Return parameters (float64) as `force` and `pull` take them: in their precision."""
        return jax.tree.map(lambda a: jnp.asarray(a, dtype), parameters)

    def force(self, parameters: Parameters, configuration: Configuration) -> Array:
        """Return F = -dU/dx [atom, xyz], eV/angstrom: the same bits in whatever program it stands.

        XLA would fuse the force with what else a program needs and round it otherwise there (sums
        in another order, products contracted to fused multiply-adds). Exact reversal lives on the
        same bits forth and back, so nothing is fused across these barriers.
        """
        return force_of(self.energy, parameters, configuration)

    def pull(
        self,
        parameters: Parameters,
        configuration: Configuration,
        w: Array,
        fixed: Parameters | None = None,
    ) -> Pull:
        """Return force, (dF/dx)^T w and (dF/dtheta)^T w.

        With G(x, theta) = grad U, jvp along (w, 0) gives G = (-F, dU/dtheta) and
        (H w, d2U/dtheta dx w); H is symmetric, so these are the negative pulls. F is not taken
        from there but from `force`, whose bits are those of the way forth: one more force, and the
        way back is exact for every potential that says no more than its energy.

        Args:
            parameters: of this term, those that are differentiated by.
            configuration: where.
            w: cotangent of the forces [atom, xyz].
            fixed: its other parameters.
        """
        return pull_of(self.energy, parameters, configuration, w, fixed)

    def level(self, parameters: Parameters, configuration: Configuration) -> Array:
        """Return the energy of a configuration in float64, eV, as samples want it.

        Differentiable by the parameters and the cell, not by the offset.
        """
        return self.energy(parameters, configuration)

    def virial(self, parameters: Parameters, configuration: Configuration) -> Array:
        """Return minus the derivative of the energy by the strain [3, 3], eV, in float64."""

        def strained(strain: Array) -> Array:
            cell = configuration.cell @ (jnp.eye(3) + strain)
            return self.energy(parameters, configuration._replace(cell=cell))

        return -jax.grad(strained)(jnp.zeros((3, 3)))

    def with_capacity(self, capacity: int) -> Potential:
        """Return the term with lists of neighbours of at least this length; itself where it has
        none that is shorter.
        """
        return self

    def crowding(self, lattice: Array, cell: Array) -> tuple[int, int]:
        """Return the length that lists need at a configuration and the length that they have."""
        return 0, 0

    @classmethod
    def entry(cls) -> Entry:
        """Describe the potential for the catalog."""
        return Entry(
            section="potential",
            name=cls.name,
            label=cls.label,
            doc=cls.doc,
            fields=fields_of(cls.Options),
            parameters=cls.parameters,
            unit="eV",
            source=cls.source,
        )


potentials: Registry[type[Potential]] = Registry("potential")

Energy = Callable[[Parameters, Configuration], Array]
"""An energy, eV, or a part of one."""


def force_of(energy: Energy, parameters: Parameters, where: Configuration) -> Array:
    """Return the forces of an energy [atom, xyz], eV/angstrom; see `Potential.force`."""
    numbers, lattice, cell = lax.optimization_barrier((parameters, where.lattice, where.cell))
    where = Configuration(lattice, where.offset, cell)

    def moved(offset: Array) -> Array:
        return energy(numbers, where._replace(offset=offset))

    return lax.optimization_barrier(-jax.grad(moved)(where.offset))


def pull_of(
    energy: Energy,
    parameters: Parameters,
    where: Configuration,
    w: Array,
    fixed: Parameters | None = None,
) -> Pull:
    """Return the forces of an energy and their pulls; see `Potential.pull`."""
    fixed = fixed or {}

    def moved(moving: Parameters, offset: Array) -> Array:
        return energy(moving | fixed, where._replace(offset=offset))

    def gradient(offset: Array) -> tuple[Parameters, Array]:
        return jax.grad(moved, argnums=(0, 1))(parameters, offset)

    mixed, curvature = jax.jvp(gradient, (where.offset,), (w,))[1]
    force = force_of(energy, parameters | fixed, where)
    return Pull(force, -curvature, jax.tree.map(jnp.negative, mixed))


@dataclass(frozen=True)
class ForceField:
    """A sum of potentials over one system; functions of one replica's lattice and cell."""

    system: System
    terms: tuple[tuple[str, Potential], ...]

    def with_capacity(self, capacity: int) -> ForceField:
        """Return the sum with longer lists of neighbours; itself where no term has shorter ones."""
        return self._of(tuple((key, term.with_capacity(capacity)) for key, term in self.terms))

    def crowding(self, lattice: Array, cell: Array) -> tuple[int, int]:
        """Return, for the term whose lists are the fullest, what they need and what they hold."""
        found = [term.crowding(lattice, cell) for _, term in self.terms]
        return max(found, key=lambda pair: pair[0] / max(pair[1], 1))

    def fitted(self, lattice: Array, cell: Array) -> ForceField:
        """Return the sum with lists of neighbours that hold a configuration, with room to spare.

        Every term has its own: one with a long cutoff does not make those of the others long.
        """

        def held(term: Potential) -> Potential:
            return term.with_capacity(math.ceil(ROOM * term.crowding(lattice, cell)[0]))

        terms = tuple((key, held(term)) for key, term in self.terms)
        return self._of(terms)

    def _of(self, terms: tuple[tuple[str, Potential], ...]) -> ForceField:
        """Return the sum of other terms; itself where they are the same."""
        same = all(a is b for (_, a), (_, b) in zip(terms, self.terms, strict=True))
        return self if same else replace(self, terms=terms)

    def _in_precision(self, theta: Theta) -> Theta:
        terms, dtype = dict(self.terms), self.system.dtype
        return {
            key: terms[key].in_precision(own, dtype)
            if key in terms
            else jax.tree.map(lambda a: jnp.asarray(a, dtype), own)
            for key, own in theta.items()
        }

    def energy(self, theta: Theta, lattice: Array, cell: Array) -> Array:
        """Return the potential energy in eV, in float64 whatever the precision of the forces.

        Weights of samples go with exp(-U/kT): a relative 1e-6 of U is a per cent of a weight.
        """
        theta, where = self._exact(theta, lattice, cell)
        energies = [term.level(theta[key], where) for key, term in self.terms]
        return sum(energies[1:], energies[0])

    def virial(self, theta: Theta, lattice: Array, cell: Array) -> Array:
        """Return minus the derivative of the energy by the strain [3, 3], eV, in float64."""
        theta, where = self._exact(theta, lattice, cell)
        virials = [term.virial(theta[key], where) for key, term in self.terms]
        return sum(virials[1:], virials[0])

    def stiffness(self, theta: Theta, lattice: Array, cell: Array) -> Array:
        """Return the change of minus the virial by six strains [6, 6], eV, in float64.

        The second index is that of the strain (`voigt.STRAINS`), which atoms follow. Differentiable
        by the parameters: it is that of the energy as XLA has it, as `moving_virial`'s slopes are.
        """
        theta, where = self._exact(theta, lattice, cell)

        def pull(cell: Array) -> Array:
            def strained(strain: Array) -> Array:
                moved = where._replace(cell=cell @ (jnp.eye(3) + strain))
                energies = [term.energy(theta[key], moved) for key, term in self.terms]
                return sum(energies[1:], energies[0])

            return jax.grad(strained)(jnp.zeros((3, 3)))[ROWS, COLUMNS]

        def along(strain: Array) -> Array:
            return jax.jvp(pull, (where.cell,), (where.cell @ strain,))[1]

        return jax.vmap(along, out_axes=1)(jnp.asarray(STRAINS))

    def moving_virial(self, theta: Theta, where: Configuration) -> Array:
        """Return the virial [3, 3], eV, along a trajectory: differentiable once by everything.

        Its value is that of `virial`, by the compiled sums; its derivatives by the parameters and
        the offset are those of the energy as XLA has it, in the configuration's precision, over all
        pairs of atoms in small systems and by cells in large ones.
        """

        @jax.custom_jvp
        def virial(theta: Theta, offset: Array, lattice: Array, cell: Array) -> Array:
            return self.virial(theta, lattice, cell).astype(offset.dtype)  # offsets are zero

        def plain(theta: Theta, offset: Array, lattice: Array, cell: Array) -> Array:
            def strained(strain: Array) -> Array:
                turn = jnp.eye(3, dtype=offset.dtype) + strain
                moved = Configuration(lattice, offset @ turn, cell @ turn)
                energies = [term.energy(theta[key], moved) for key, term in self.terms]
                return sum(energies[1:], energies[0])

            return -jax.grad(strained)(jnp.zeros((3, 3), offset.dtype))

        @virial.defjvp
        def _(primals: Any, tangents: Any) -> tuple[Array, Array]:
            return virial(*primals), jax.jvp(plain, primals, tangents)[1]

        return virial(self._in_precision(theta), where.offset, where.lattice, where.cell)

    def _exact(self, theta: Theta, lattice: Array, cell: Array) -> tuple[Theta, Configuration]:
        exact = replace(self.system, precision="float64")
        theta = jax.tree.map(lambda a: jnp.asarray(a, jnp.float64), theta)
        return theta, configuration(exact, lattice, cell)

    def force(self, theta: Theta, lattice: Array, cell: Array) -> Array:
        """Return the forces [atom, xyz], eV/angstrom."""
        theta = self._in_precision(theta)
        where = configuration(self.system, lattice, cell)
        forces = [term.force(theta[key], where) for key, term in self.terms]
        return sum(forces[1:], forces[0])

    def pull(
        self, theta: Theta, lattice: Array, cell: Array, w: Array, fixed: Theta | None = None
    ) -> Pull:
        """Return force and pulled-back cotangent w of the forces; parameters as in ``theta``.

        Args:
            theta: the numbers that are differentiated by; the others cost nothing.
            lattice: [atom, 3].
            cell: lattice vectors as rows [3, xyz], angstrom.
            w: cotangent of the forces [atom, xyz].
            fixed: the other numbers.
        """
        theta, fixed = self._in_precision(theta), self._in_precision(fixed or {})
        where = configuration(self.system, lattice, cell)
        pulls = {
            key: term.pull(theta.get(key, {}), where, w, fixed.get(key, {}))
            for key, term in self.terms
        }
        first, *rest = pulls.values()
        others = {
            key: jax.tree.map(jnp.zeros_like, theta[key]) for key in theta.keys() - pulls.keys()
        }
        return Pull(
            sum((p.force for p in rest), first.force),
            sum((p.position for p in rest), first.position),
            {key: pulls[key].parameters for key in theta.keys() & pulls.keys()} | others,
        )
