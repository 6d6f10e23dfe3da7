"""A neural dipole surface: networks of embedded densities weigh vectors to neighbours."""

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
from dmdstudio.engine.core import Configuration, Parameters, System, Theta, whole_molecules
from dmdstudio.engine.densities import features, orbitals, outputs
from dmdstudio.engine.formal_charges import formal_charges
from dmdstudio.engine.nearest import Listed
from dmdstudio.engine.networks import (
    Network,
    elements_of,
    random_network,
    require_count,
    require_elements,
    species_of,
)
from dmdstudio.engine.potential import ArrayField, ForceField
from dmdstudio.engine.surface import Example, Surface, surfaces
from dmdstudio.engine.water import water
from dmdstudio.plan.catalog import setting

SHORT = 0.5
"""Length of the lists over the number of atoms, from where on all pairs are faster."""


class EannDipoleOptions(Struct, frozen=True, kw_only=True):
    """Settings of `EannDipole`."""

    file: Annotated[
        str,
        setting(
            "Model file",
            "What `dmdstudio fit-forces` made of data with dipoles (.npz); relative to the recipe.",
        ),
    ]
    fixed: Annotated[
        str,
        setting(
            "Fixed arrays",
            "Arrays that are not refined, as names or patterns: 'radial_* layer*'; * for all.",
        ),
    ] = "*"
    cutoff: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        setting("Cutoff", "Neighbours count up to here; the file says it.", "angstrom"),
    ] = None
    elements: Annotated[
        str, setting("Elements", "In the order of the arrays; the file says them.")
    ] = ""
    formal_charges: Annotated[
        str,
        setting("Formal charges", "Whole charges of ions, such as 'Na 1, Cl -1'; as in the file."),
    ] = ""


@dataclass(frozen=True, eq=False)
class EannDipole(Listed, Surface):
    """M = sum_i [z_i r_i + sum_k N_t(i)k(features of i) orbital_1k(i)].

    The orbitals of angular momentum 1 are sums over the neighbours of vectors to them, one for each
    radial function k; networks of the features, which no rotation changes, say how each of them
    counts. Features and orbitals are those of `densities`, z are whole formal charges. So M turns
    with the atoms, needs no bonds, and vanishes where a centre of inversion asks for it.

    Source: the orbitals of Zhang, Hu & Jiang, J. Phys. Chem. Lett. 10, 4962 (2019); vectors to
    neighbours weighed by a network as by L. Zhang et al., Phys. Rev. B 102, 041121 (2020), equation
    4, there for the centres of electrons.

    Attributes:
        options: settings, complete.
        system: what it was built for.
        capacity: length of the lists of neighbours; 0 where all atoms are looked at.
        cells: what finds them.
    """

    name: ClassVar[str] = "eann_dipole"
    label: ClassVar[str] = "EANN dipole (machine-learned)"
    doc: ClassVar[str] = (
        "The dipole moment from a neural network of every atom's embedded density. Trained by "
        "`dmdstudio fit-forces` on data with dipoles, on its own or along with a potential."
    )
    source: ClassVar[str] = (
        "Zhang, Hu & Jiang, J. Phys. Chem. Lett. 10, 4962 (2019), doi 10.1021/acs.jpclett.9b02037; "
        "L. Zhang et al., Phys. Rev. B 102, 041121 (2020), doi 10.1103/PhysRevB.102.041121"
    )
    Options = EannDipoleOptions
    parameters = ()

    @classmethod
    def build(cls, options: Any, system: System, field: ForceField) -> EannDipole:
        """Check that model, charges and system fit and return the surface."""
        for name in ("cutoff", "elements"):
            if not getattr(options, name):
                raise RecipeError(f"{cls.name}: {options.file!r} does not say its {name}.")
        require_elements(cls.name, system, elements_of(options.elements))
        system.require_cutoff(options.cutoff, cls.name)
        listed = cls(options, system).sized()
        few = system.pairs == "auto" and listed.capacity < SHORT * system.atoms
        surface = listed if system.pairs == "cells" or few else cls(options, system)
        if total := int(surface.charges.sum()):
            raise RecipeError(
                f"{cls.name}: formal_charges = {options.formal_charges!r} give the cell a charge "
                f"of {total} e; its dipole has no meaning.",
            )
        return surface

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return water in a skewed cell with a small random network."""
        cell = np.array([[10.0, 0.0, 0.0], [2.0, 10.5, 0.0], [-1.5, 1.0, 10.5]])
        system, positions = water(cell, 3, precision, lattice_bits, platform)
        options = EannDipoleOptions(file="small.npz", cutoff=4.2, elements="O H Na")
        surface = cls.build(options, system, ForceField(system, ()))
        numbers = random_network(3, 3, (6,), 4.2, seed=3, energy=0.5, vector=True)
        parameters = {key: jnp.asarray(value) for key, value in numbers.items()}
        return {"water": Example(system, surface, parameters, {}, positions)}

    @cached_property
    def species(self) -> np.ndarray:
        """Index of every atom's element in the arrays of the network [atom]."""
        return species_of(self.system, elements_of(self.options.elements))

    @cached_property
    def charges(self) -> np.ndarray:
        """Formal charges [atom], e."""
        found = formal_charges(self.options.formal_charges)
        return np.array([found.get(element, 0) for element in self.system.elements])

    def arrays(self, given: Mapping[str, np.ndarray]) -> tuple[ArrayField, ...]:
        """Check the arrays of the model and describe them; see `Potential.arrays`."""
        network = Network.of(given, self.options.file, vector=True)
        require_count(self.name, network, elements_of(self.options.elements))
        return network.fields(self.options.fixed)

    def dipole(self, parameters: Parameters, theta: Theta, configuration: Configuration) -> Array:
        """Return M [xyz], e angstrom, of whole molecules; no number where a list is too short."""
        dtype = configuration.offset.dtype
        weights = {key: jnp.asarray(value, dtype) for key, value in parameters.items()}
        near = self.nearest(configuration)
        kinds = np.eye(len(elements_of(self.options.elements)))[self.species]
        elements = jnp.asarray(kinds, dtype)[near.index]
        found = orbitals(weights, near.vectors, near.inside, elements, self.cutoff)
        strengths = outputs(weights, features(found), self.species)
        total = jnp.einsum("ixk,ik->x", found[:, 1:4], strengths, precision="highest")
        total = near.checked(total)
        if np.any(self.charges):
            positions = whole_molecules(self.system, configuration)
            charges = jnp.asarray(self.charges, dtype)
            total += jnp.matmul(charges, positions, precision="highest")
        return total


surfaces.add(EannDipole.name, EannDipole)
