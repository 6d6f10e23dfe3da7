"""What a dipole surface is: the dipole moment as a function of the positions of the atoms."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import jax
import numpy as np
from jax import Array
from msgspec import Struct

from dmdstudio.base.registry import Registry
from dmdstudio.engine.core import Configuration, Parameters, Phase, System, Theta
from dmdstudio.engine.potential import ArrayField, ForceField
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
    """The dipole moment of a cell, M(x), with parameters of its own that are refined as well.

    A subclass declares itself by its class attributes and gives `dipole`; the velocity dM/dt
    follows by differentiation along the motion, so that its sign and unit are those of the dipole.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    doc: ClassVar[str]
    source: ClassVar[str] = ""
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

    @abc.abstractmethod
    def dipole(self, parameters: Parameters, theta: Theta, configuration: Configuration) -> Array:
        """Return M [xyz], e angstrom, of whole molecules.

        Args:
            parameters: of the surface, in the precision of the configuration.
            theta: of the force field, alike.
            configuration: where.
        """

    def derived(self) -> frozenset[tuple[str, str]]:
        """Return the (parameter, owner) that it finds by itself, as `Potential.derived` does."""
        return frozenset()

    def arrays(self, given: Mapping[str, np.ndarray]) -> tuple[ArrayField, ...]:
        """Check the arrays of the model's file and describe them, as `Potential.arrays` does."""
        return ()

    def check(  # noqa: B027  most surfaces take any value that their bounds allow
        self, values: Mapping[str, np.ndarray], free: Mapping[str, np.ndarray]
    ) -> None:
        """Raise `RecipeError` where starting values cannot be, as `Potential.check` does."""

    def dipole_velocity(self, parameters: Parameters, theta: Theta, phase: Phase) -> Array:
        """Return dM/dt [xyz], e angstrom/fs."""
        where = phase.configuration

        def moved(offset: Array) -> Array:
            return self.dipole(parameters, theta, where._replace(offset=offset))

        return jax.jvp(moved, (where.offset,), (phase.velocities,))[1]

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
            unit="e angstrom",
            source=cls.source,
        )


surfaces: Registry[type[Surface]] = Registry("surface")
