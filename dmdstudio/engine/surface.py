"""What a surface is: dipole moment or polarisability as a function of the atoms' positions."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, Literal, NamedTuple

import jax
import numpy as np
from jax import Array
from msgspec import Struct

from dmdstudio.base.registry import Registry
from dmdstudio.engine.core import Configuration, Parameters, Phase, System, Theta
from dmdstudio.engine.potential import ROOM, ArrayField, ForceField
from dmdstudio.plan.catalog import Entry, ParameterField, fields_of


class Example(NamedTuple):
    """A small system with a surface, for the tests that every surface must pass.

    Attributes:
        system: what it is made of.
        surface: the surface.
        parameters: of the surface.
        theta: of the force field, where the surface takes numbers from there.
        positions: [atom, xyz], angstrom; molecules are whole.
    """

    system: System
    surface: Surface
    parameters: Parameters
    theta: Theta
    positions: np.ndarray


class Surface(abc.ABC):
    """An electric property of a cell, with parameters of its own that are refined as well.

    A subclass declares itself by its class attributes and defines the one method that `gives`
    names: `dipole` or `polarisability`. The velocity follows by differentiation along the motion,
    so that its sign and unit are those of the property.

    Attributes:
        gives: the property; a recipe has at most one surface for each.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    doc: ClassVar[str]
    source: ClassVar[str] = ""
    gives: ClassVar[Literal["dipole", "polarisability"]] = "dipole"
    Options: ClassVar[type[Struct]]
    parameters: ClassVar[tuple[ParameterField, ...]]

    @classmethod
    @abc.abstractmethod
    def build(cls, options: Any, system: System, field: ForceField) -> Surface:
        """Return the surface; raise `PhysicsError` or `RecipeError` where it does not fit."""

    @classmethod
    @abc.abstractmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return examples by name, built for a precision, a lattice and a platform."""

    def dipole(self, parameters: Parameters, theta: Theta, configuration: Configuration) -> Array:
        """Return M [xyz], e angstrom, of whole molecules.

        Args:
            parameters: of the surface, in the precision of the configuration.
            theta: of the force field, alike.
            configuration: where.
        """
        raise NotImplementedError

    def polarisability(
        self, parameters: Parameters, theta: Theta, configuration: Configuration
    ) -> Array:
        """Return alpha [xyz, xyz], angstrom^3, symmetric; the arguments are those of `dipole`.

        As a volume, in Gaussian units: an induced moment over the field, times 4 pi eps0 in SI.
        What does not depend on the positions may be left out: it scatters no light inelastically.
        """
        raise NotImplementedError

    def derived(self) -> frozenset[tuple[str, str]]:
        """Return the (parameter, owner) that it finds by itself, as `Potential.derived` does."""
        return frozenset()

    def initial_arrays(self) -> Mapping[str, np.ndarray]:
        """Return the arrays to start from, as `Potential.initial_arrays` does."""
        return {}

    def arrays(self, given: Mapping[str, np.ndarray]) -> tuple[ArrayField, ...]:
        """Check the arrays of the model's file and describe them, as `Potential.arrays` does."""
        return ()

    def check(  # noqa: B027  most surfaces take any value that their bounds allow
        self, values: Mapping[str, np.ndarray], free: Mapping[str, np.ndarray]
    ) -> None:
        """Raise `RecipeError` where starting values cannot be, as `Potential.check` does."""

    def dipole_velocity(self, parameters: Parameters, theta: Theta, phase: Phase) -> Array:
        """Return dM/dt [xyz], e angstrom/fs."""
        return _along(phase, lambda where: self.dipole(parameters, theta, where))

    def polarisability_velocity(self, parameters: Parameters, theta: Theta, phase: Phase) -> Array:
        """Return d alpha/dt [xyz, xyz], angstrom^3/fs."""
        return _along(phase, lambda where: self.polarisability(parameters, theta, where))

    def with_capacity(self, capacity: int) -> Surface:
        """Return the surface with longer lists of neighbours, as `Potential.with_capacity` does."""
        return self

    def crowding(self, lattice: Array, cell: Array) -> tuple[int, int]:
        """Return the length that lists need and the one that they have, as `Potential.crowding`."""
        return 0, 0

    def fitted(self, lattice: Array, cell: Array) -> Surface:
        """Return the surface with lists that hold a configuration, with room to spare."""
        return self.with_capacity(math.ceil(ROOM * self.crowding(lattice, cell)[0]))

    def told(
        self, needs: Collection[str], parameters: Parameters, theta: Theta, phase: Phase
    ) -> dict[str, Array]:
        """Return what observables want to find in a phase, as far as this surface gives it.

        Args:
            needs: see `Observable.needs`.
            parameters: of the surface, in the precision of the phase.
            theta: of the force field, alike.
            phase: where.
        """
        found = {}
        if self.gives in needs:
            found[self.gives] = getattr(self, self.gives)(parameters, theta, phase.configuration)
        if (velocity := f"{self.gives}_velocity") in needs:
            found[velocity] = getattr(self, velocity)(parameters, theta, phase)
        return found

    @classmethod
    def entry(cls) -> Entry:
        """Describe the surface for the catalog."""
        return Entry(
            section="surface",
            name=cls.name,
            label=cls.label,
            doc=cls.doc,
            fields=fields_of(cls.Options),
            parameters=cls.parameters,
            unit={"dipole": "e angstrom", "polarisability": "angstrom3"}[cls.gives],
            source=cls.source,
            gives=cls.gives,
        )


def _along(phase: Phase, value: Callable[[Configuration], Array]) -> Array:
    """Return the time derivative of a function of the configuration."""
    where = phase.configuration

    def moved(offset: Array) -> Array:
        return value(where._replace(offset=offset))

    return jax.jvp(moved, (where.offset,), (phase.velocities,))[1]


surfaces: Registry[type[Surface]] = Registry("surface")
