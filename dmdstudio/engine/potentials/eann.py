"""EANN: embedded atom neural networks, a machine-learned potential for any elements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Meta, Struct

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine.core import Configuration, Parameters, System
from dmdstudio.engine.densities import features, orbitals, outputs
from dmdstudio.engine.nearest import Nearest, NearestPotential
from dmdstudio.engine.network_sums import NetworkSums, exact
from dmdstudio.engine.networks import (
    Network,
    elements_of,
    random_network,
    require_count,
    require_elements,
    species_of,
)
from dmdstudio.engine.potential import ArrayField, Example, Pull, potentials
from dmdstudio.engine.water import water
from dmdstudio.plan.catalog import setting

SHORT = 0.5
"""Length of the lists over the number of atoms, from where on all pairs are faster."""


class EANNOptions(Struct, frozen=True, kw_only=True):
    """Settings of `EANN`."""

    file: Annotated[
        str,
        setting(
            "Parameter file",
            "The network: a parameter file of DMFF (.pickle), or one that DMD Studio wrote (.npz); "
            "relative to the recipe.",
        ),
    ]
    cutoff: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        setting(
            "Cutoff",
            "Neighbours count up to here; empty takes what the file says. Files of DMFF do not.",
            "angstrom",
        ),
    ] = None
    elements: Annotated[
        str,
        setting(
            "Elements",
            "Chemical elements in the order of the file's arrays, such as 'H O'; empty takes what "
            "the file says. Files of DMFF do not.",
        ),
    ] = ""
    fixed: Annotated[
        str,
        setting(
            "Fixed arrays",
            "Arrays that are not refined, as names or patterns: 'radial_* output_bias'.",
        ),
    ] = ""


@dataclass(frozen=True, eq=False)
class EANN(NearestPotential):
    """U = sum over atoms i of N_t(i)(features of i) + e_0.

    With d = r_j - r_i, s and t the elements of j and i, and the cutoff function
    f(r) = [(cos(pi r/c) + 1)/2]^2, zero from c on:

        radial_k(j)  = coefficient_sk exp(-exponent_sk (r - centre_sk)^2) f(r)
        orbital_lk   = sum over j of radial_k(j) d^(l)         d^(l) = 1; d; d d^T
        feature_lk   = sum over the components of orbital_lk^2  l = 0, 1, 2

    N is a network of its own for every element (`networks`), which turns features into eV; d is in
    angstrom.

    Source: Zhang, Hu & Jiang, J. Phys. Chem. Lett. 10, 4962 (2019), equations 3 to 6, as in DMFF:
    its cutoff function, its layer norms, and the same e_0 for every atom. The off-diagonal
    components of d d^T are taken once and weighed twice.
    """

    options: EANNOptions
    system: System
    capacity: int = 0

    name: ClassVar[str] = "eann"
    label: ClassVar[str] = "EANN (machine-learned)"
    doc: ClassVar[str] = (
        "A neural network of every atom's embedded density: Gaussian orbitals of all neighbours "
        "within the `cutoff`. Read from a `file`; all its weights are refined."
    )
    source: ClassVar[str] = (
        "Zhang, Hu & Jiang, J. Phys. Chem. Lett. 10, 4962 (2019), doi 10.1021/acs.jpclett.9b02037"
    )
    Options = EANNOptions
    parameters = ()

    @classmethod
    def build(cls, options: Any, system: System) -> EANN:
        """Check cutoff and elements and return the term."""
        for name, value in (("cutoff", options.cutoff), ("elements", options.elements)):
            if not value:
                raise RecipeError(
                    f"eann: {options.file!r} does not say its {name}, nor does the recipe.",
                    "Set cutoff = 6.0, say, as it was trained (angstrom)."
                    if name == "cutoff"
                    else "Set elements = 'H O', say, in the order of the file's arrays.",
                )
        require_elements(cls.name, system, elements_of(options.elements))
        system.require_cutoff(options.cutoff, cls.name)
        listed = cls(options, system).sized()
        few = system.pairs == "auto" and listed.capacity < SHORT * system.atoms
        return listed if system.pairs == "cells" or few else cls(options, system)

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return water with a small random network: all pairs of a skewed cell, lists in a cube."""
        cube = np.eye(3) * 11.0
        skewed = np.array([[10.0, 0.0, 0.0], [2.0, 10.5, 0.0], [-1.5, 1.0, 10.5]])
        found = {}
        for name, cell, pairs in (("water", skewed, "dense"), ("listed", cube, "cells")):
            system, positions = water(cell, 3, precision, lattice_bits, platform)
            system = replace(system, pairs=pairs)
            options = EANNOptions(file="small.npz", cutoff=4.2, elements="O H Na")
            numbers = random_network(3, radials=4, widths=(8, 6), cutoff=4.2, seed=3)
            parameters = {key: jnp.asarray(value) for key, value in numbers.items()}
            found[name] = Example(system, cls.build(options, system), parameters, positions)
        return found

    # -- what it is made of -----------------------------------------------------------------------
    @cached_property
    def species(self) -> np.ndarray:
        """Index of every atom's element in the arrays of the network [atom]."""
        return species_of(self.system, elements_of(self.options.elements))

    def arrays(self, given: Mapping[str, np.ndarray]) -> tuple[ArrayField, ...]:
        """Check the arrays of a parameter file and describe them; see `Potential.arrays`."""
        network = Network.of(given, self.options.file)
        require_count(self.name, network, elements_of(self.options.elements))
        return network.fields(self.options.fixed)

    # -- energy -----------------------------------------------------------------------------------
    def atomic_energies(self, parameters: Parameters, configuration: Configuration) -> Array:
        """Return what the network gives for every atom [atom], eV."""
        return self._atomic_energies(parameters, self.nearest(configuration))

    def energy_of(self, parameters: Parameters, near: Nearest) -> Array:
        """Return the sum of the atoms' energies, eV."""
        return jnp.sum(self._atomic_energies(parameters, near))

    def _atomic_energies(self, parameters: Parameters, near: Nearest) -> Array:
        found = self._features(parameters, near)
        energies = outputs(parameters, found, self.species) + parameters["atom_energy"]
        return near.checked(energies)

    def features(self, parameters: Parameters, configuration: Configuration) -> Array:
        """Return the features of every atom [atom, feature], ordered by l, then by radial."""
        return self._features(parameters, self.nearest(configuration))

    def _features(self, parameters: Parameters, near: Nearest) -> Array:
        kinds = np.eye(len(elements_of(self.options.elements)))[self.species]
        elements = jnp.asarray(kinds, near.vectors.dtype)[near.index]
        return features(orbitals(parameters, near.vectors, near.inside, elements, self.cutoff))

    # -- forces -----------------------------------------------------------------------------------
    @property
    def compiled(self) -> bool:
        """Whether compiled loops are meant to do it, as on every CPU, rather than XLA."""
        return self.system.platform == "cpu"

    def _sums(self, parameters: Parameters) -> NetworkSums | None:
        """Return the compiled loops, or None where XLA does it."""
        if not self.compiled:
            return None
        sums = NetworkSums(Network.like(parameters), self.system, self.species, self.cutoff)
        return sums if sums.trusted else None

    def force(self, parameters: Parameters, configuration: Configuration) -> Array:
        """Return F [atom, xyz], eV/angstrom."""
        if sums := self._sums(parameters):
            return sums.force(configuration, sums.flat(parameters))
        return super().force(parameters, configuration)

    def pull(
        self,
        parameters: Parameters,
        configuration: Configuration,
        w: Array,
        fixed: Parameters | None = None,
    ) -> Pull:
        """Return the force as `force` has it, and the gradient of the slope of U along w."""
        fixed = fixed or {}
        every = parameters | fixed
        if sums := self._sums(every):
            force, position, slopes = sums.pull(configuration, sums.flat(every), w)
            by_array = sums.arrays(slopes)
            return Pull(force, position, {name: by_array[name] for name in parameters})

        def slope(offset: Array, moving: Parameters) -> Array:
            def energy(moved: Array) -> Array:
                return self.energy(moving | fixed, configuration._replace(offset=moved))

            return jax.jvp(energy, (offset,), (w,))[1]

        position, mixed = jax.grad(slope, argnums=(0, 1))(configuration.offset, parameters)
        return Pull(self.force(every, configuration), -position, jax.tree.map(jnp.negative, mixed))

    def level(self, parameters: Parameters, configuration: Configuration) -> Array:
        """Return the energy of a configuration in float64, eV."""
        if sums := self._sums(parameters):
            return exact(sums).energy(configuration, sums.flat(parameters))
        return super().level(parameters, configuration)

    def virial(self, parameters: Parameters, configuration: Configuration) -> Array:
        """Return minus the derivative by the strain [3, 3] in float64, eV."""
        if sums := self._sums(parameters):
            return exact(sums).virial(configuration, sums.flat(parameters))
        return super().virial(parameters, configuration)


potentials.add(EANN.name, EANN)
