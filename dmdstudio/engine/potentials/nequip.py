"""NequIP: an equivariant neural network, a machine-learned potential for any elements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Meta, Struct

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine.core import Parameters, System
from dmdstudio.engine.equivariant import Equivariant, atom_energies, random_equivariant
from dmdstudio.engine.nearest import Nearest, NearestPotential
from dmdstudio.engine.networks import (
    array_fields,
    elements_of,
    require_count,
    require_elements,
    species_of,
)
from dmdstudio.engine.potential import ArrayField, Example, potentials
from dmdstudio.engine.water import water
from dmdstudio.plan.catalog import setting


class NequIPOptions(Struct, frozen=True, kw_only=True):
    """Settings of `NequIP`."""

    file: Annotated[
        str,
        setting(
            "Parameter file",
            "The network that `dmdstudio fit-forces --kind nequip` wrote (.npz), which says all "
            "else; relative to the recipe.",
        ),
    ]
    cutoff: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        setting("Cutoff", "Neighbours count up to here; empty takes the file's.", "angstrom"),
    ] = None
    elements: Annotated[
        str,
        setting(
            "Elements",
            "Chemical elements in the order of the file's arrays, such as 'H O'; empty takes the "
            "file's.",
        ),
    ] = ""
    neighbours: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        setting(
            "Neighbours",
            "Usual number of them, by whose root the messages are divided; empty takes the file's.",
        ),
    ] = None
    fixed: Annotated[
        str,
        setting(
            "Fixed arrays",
            "Arrays that are not refined, as names or patterns: 'bessel_* output_bias'.",
        ),
    ] = ""


@dataclass(frozen=True, eq=False)
class NequIP(NearestPotential):
    """U = sum over atoms of what an equivariant network (`engine.equivariant`) gives for each.

    Atoms hand scalars, vectors and tensors to the neighbours within the cutoff, as often as the
    network has layers, so that an atom feels others as far away as layers times the cutoff.

    Source: as of `engine.equivariant`.

    Attributes:
        options: settings, complete.
        system: what it was built for.
        capacity: length of the lists of neighbours.
    """

    name: ClassVar[str] = "nequip"
    label: ClassVar[str] = "NequIP (machine-learned)"
    doc: ClassVar[str] = (
        "An equivariant neural network: atoms hand scalars, vectors and tensors to all neighbours "
        "within the `cutoff`, layer by layer. Read from a `file`; all its weights are refined."
    )
    source: ClassVar[str] = (
        "Batzner et al., Nat. Commun. 13, 2453 (2022), doi 10.1038/s41467-022-29939-5"
    )
    Options = NequIPOptions
    parameters = ()

    @classmethod
    def build(cls, options: Any, system: System) -> NequIP:
        """Check cutoff and elements and return the term."""
        for name in ("cutoff", "elements", "neighbours"):
            if not getattr(options, name):
                raise RecipeError(
                    f"nequip: {options.file!r} does not say its {name}, nor does the recipe.",
                    f"Set {name} as the network was trained.",
                )
        require_elements(cls.name, system, elements_of(options.elements))
        system.require_cutoff(options.cutoff, cls.name)
        return cls(options, system).sized()

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return water in a skewed cell with a small random network."""
        cell = np.array([[8.0, 0, 0], [1.5, 8.5, 0], [-1.0, 0.8, 8.5]])
        system, positions = water(cell, 2, precision, lattice_bits, platform)
        options = NequIPOptions(file="small.npz", cutoff=3.6, elements="O H", neighbours=6.0)
        shape = Equivariant(2, channels=2, layers=2, degree=1, radials=3, widths=())
        numbers = random_equivariant(shape, seed=3)
        parameters = {key: jnp.asarray(value) for key, value in numbers.items()}
        return {"water": Example(system, cls.build(options, system), parameters, positions)}

    @cached_property
    def species(self) -> np.ndarray:
        """Index of every atom's element in the arrays of the network [atom]."""
        options: Any = self.options
        return species_of(self.system, elements_of(options.elements))

    def arrays(self, given: Mapping[str, np.ndarray]) -> tuple[ArrayField, ...]:
        """Check the arrays of a parameter file and describe them; see `Potential.arrays`."""
        options: Any = self.options
        shape = Equivariant.of(given, options.file)
        require_count(self.name, shape, elements_of(options.elements))
        return array_fields(self.name, shape.shapes, options.fixed, options.file)

    def energy_of(self, parameters: Parameters, near: Nearest) -> Array:
        """Return the sum of the atoms' energies, eV; not a number where a list is too short."""
        options = self.options
        found = near.vectors, near.inside, near.index, self.species
        energies = atom_energies(
            parameters,
            *found,
            self.cutoff,
            options.neighbours,  # type: ignore[attr-defined]
        )
        return near.checked(jnp.sum(energies))


potentials.add(NequIP.name, NequIP)
