"""Behler and Parrinello's network of symmetry functions, a machine-learned potential."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Meta, Struct

from dmdstudio.base.errors import RecipeError, nearest
from dmdstudio.engine.core import Parameters, System
from dmdstudio.engine.nearest import Nearest, NearestPotential
from dmdstudio.engine.networks import (
    array_fields,
    elements_of,
    require_count,
    require_elements,
    species_of,
)
from dmdstudio.engine.potential import ArrayField, Example, potentials
from dmdstudio.engine.symmetry_functions import (
    CUTOFF_FUNCTIONS,
    SMOOTH,
    SymmetryFunction,
    SymmetryNetwork,
    energies,
    functions_of,
    inputs_of,
    random_symmetry_network,
    symmetry_functions,
)
from dmdstudio.engine.water import water
from dmdstudio.plan.catalog import setting


class BehlerParrinelloOptions(Struct, frozen=True, kw_only=True):
    """Settings of `BehlerParrinello`."""

    file: Annotated[
        str,
        setting(
            "Parameter file",
            "The network that `dmdstudio fit-forces --kind behler_parrinello` wrote (.npz), which "
            "says all else; relative to the recipe.",
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
    functions: Annotated[
        str,
        setting(
            "Symmetry functions",
            "As lines of RuNNer in angstrom, 'H 2 O eta s cutoff; H 3 O O eta lambda zeta cutoff; "
            "...'; empty takes the file's.",
        ),
    ] = ""
    cutoff_function: Annotated[
        str,
        setting(
            "Cutoff function",
            "How they end: polynomial, tanh or cosine (whose curvature jumps); empty takes the "
            "file's.",
        ),
    ] = ""
    activation: Annotated[
        str,
        setting(
            "Activation",
            f"Of the hidden layers: {', '.join(SMOOTH)}; empty takes the file's.",
        ),
    ] = ""
    fixed: Annotated[
        str,
        setting(
            "Fixed arrays",
            "Arrays that are not refined, as names or patterns: 'layer1_* output_bias'.",
        ),
    ] = ""


@dataclass(frozen=True, eq=False)
class BehlerParrinello(NearestPotential):
    """U = sum over atoms of what their element's network makes of their symmetry functions.

    Source: Behler & Parrinello, Phys. Rev. Lett. 98, 146401 (2007), equation 3, with the functions
    of `engine.symmetry_functions`.

    Attributes:
        options: settings, complete.
        system: what it was built for.
        capacity: length of the lists of neighbours.
    """

    name: ClassVar[str] = "behler_parrinello"
    label: ClassVar[str] = "Behler-Parrinello (machine-learned)"
    doc: ClassVar[str] = (
        "A neural network for every element, of symmetry functions of all neighbours within the "
        "`cutoff`. Read from a `file`; all its weights are refined."
    )
    source: ClassVar[str] = (
        "Behler & Parrinello, Phys. Rev. Lett. 98, 146401 (2007), "
        "doi 10.1103/PhysRevLett.98.146401; Behler, J. Chem. Phys. 134, 074106 (2011), "
        "doi 10.1063/1.3553717"
    )
    Options = BehlerParrinelloOptions
    parameters = ()

    @classmethod
    def build(cls, options: Any, system: System) -> BehlerParrinello:
        """Check cutoff, elements and functions and return the term."""
        for name in ("cutoff", "elements", "functions", "cutoff_function", "activation"):
            if not getattr(options, name):
                raise RecipeError(
                    f"{cls.name}: {options.file!r} does not say its {name}, nor does the recipe.",
                    f"Set {name} as the network was trained.",
                )
        for name, known in (("cutoff_function", CUTOFF_FUNCTIONS), ("activation", SMOOTH)):
            if (given := getattr(options, name)) not in known:
                raise RecipeError(
                    f"{cls.name}: {name} is {given!r}; there are {', '.join(known)}.",
                    nearest(given, list(known)),
                )
        require_elements(cls.name, system, elements_of(options.elements))
        system.require_cutoff(options.cutoff, cls.name)
        term = cls(options, system).sized()
        if (last := max(f.shape.cutoff for f in term.functions)) > options.cutoff:
            raise RecipeError(
                f"{cls.name}: cutoff is {options.cutoff:g} angstrom, but a symmetry function ends "
                f"at {last:g}.",
                f"Set cutoff = {last:g}.",
            )
        return term

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return water in a skewed cell with a small random network."""
        cell = np.array([[8.0, 0, 0], [1.5, 8.5, 0], [-1.0, 0.8, 8.5]])
        system, positions = water(cell, 2, precision, lattice_bits, platform)
        options = BehlerParrinelloOptions(
            file="small.npz",
            cutoff=3.6,
            elements="O H",
            functions="H 2 O 0.6 0.4 3.6; H 3 O H 0.1 1 2 3.5; "
            "O 2 H 0.6 0.4 3.6; O 3 H H 0.1 1 2 3.5; O 9 H O 0.2 -1 1 3.6 0.3",
            cutoff_function="polynomial",
            activation="tanh",
        )
        numbers = random_symmetry_network(SymmetryNetwork(2, 3, (4,)), seed=3)
        parameters = {key: jnp.asarray(value) for key, value in numbers.items()}
        return {"water": Example(system, cls.build(options, system), parameters, positions)}

    @cached_property
    def functions(self) -> tuple[SymmetryFunction, ...]:
        """The symmetry functions."""
        options: Any = self.options
        return functions_of(options.functions, elements_of(options.elements), self.name)

    @cached_property
    def species(self) -> np.ndarray:
        """Index of every atom's element in the arrays of the network [atom]."""
        options: Any = self.options
        return species_of(self.system, elements_of(options.elements))

    def arrays(self, given: Mapping[str, np.ndarray]) -> tuple[ArrayField, ...]:
        """Check the arrays of a parameter file and describe them; see `Potential.arrays`."""
        options: Any = self.options
        shape = SymmetryNetwork.of(given, options.file)
        require_count(self.name, shape, elements_of(options.elements))
        if shape.inputs != (count := inputs_of(self.functions)):
            raise RecipeError(
                f"{self.name}: {options.file!r} holds a network of {shape.inputs} symmetry "
                f"functions, but {count} are named.",
                "Leave `functions` out of the recipe: the file says them.",
            )
        return array_fields(self.name, shape.shapes, options.fixed, options.file)

    def energy_of(self, parameters: Parameters, near: Nearest) -> Array:
        """Return the sum of the atoms' energies, eV; not a number where a list is too short."""
        options: Any = self.options
        kinds = np.eye(len(elements_of(options.elements)))[self.species]
        index = jnp.broadcast_to(near.index, near.inside.shape)
        elements = jnp.asarray(kinds, near.vectors.dtype)[index]
        found = symmetry_functions(
            self.functions,
            options.cutoff_function,
            near.vectors,
            near.inside,
            elements,
            self.species,
        )
        return near.checked(jnp.sum(energies(parameters, found, self.species, options.activation)))


potentials.add(BehlerParrinello.name, BehlerParrinello)
