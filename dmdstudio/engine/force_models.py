"""The networks that a fit to energies and forces can train, and what it asks of each of them."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.engine import equivariant, symmetry_functions
from dmdstudio.engine.core import Parameters
from dmdstudio.engine.densities import features, orbitals, outputs
from dmdstudio.engine.equivariant import Equivariant
from dmdstudio.engine.networks import Network
from dmdstudio.engine.symmetry_functions import SymmetryFunction, SymmetryNetwork


class Surroundings(NamedTuple):
    """The neighbours of all atoms of a batch.

    Attributes:
        vectors: to them [atom, neighbour, xyz], angstrom.
        inside: which of them are inside the cutoff [atom, neighbour]; others do not count.
        index: which atoms they are images of [atom, neighbour].
        species: index of every atom's element in the arrays of a network [atom].
        count: number of elements that these have.
    """

    vectors: Array
    inside: Array
    index: Array
    species: np.ndarray
    count: int

    @property
    def elements(self) -> Array:
        """Elements of the neighbours as unit vectors [atom, neighbour, element]."""
        kinds = np.eye(self.count)[self.species]
        return jnp.asarray(kinds, self.vectors.dtype)[self.index]


@dataclass(frozen=True)
class ForceModel(abc.ABC):
    """A network as a function of its arrays; hashable, so that one program serves equal ones.

    Attributes:
        cutoff: angstrom.
    """

    cutoff: float

    kind: ClassVar[str]

    @staticmethod
    @abc.abstractmethod
    def shape_of(given: Mapping[str, Any], name: str) -> Network | Equivariant | SymmetryNetwork:
        """Return the shape of arrays; raise `FileError` where they do not fit together."""

    @property
    @abc.abstractmethod
    def settings(self) -> dict[str, object]:
        """What its file says of it, as options of the potential."""

    @abc.abstractmethod
    def features(self, arrays: Parameters, around: Surroundings) -> Array:
        """Return what the first layer is to see scaled [atom, feature]."""

    @abc.abstractmethod
    def energies(self, arrays: Parameters, around: Surroundings, found: Array) -> Array:
        """Return the energies of atoms [atom], eV, where their features have been found."""


@dataclass(frozen=True)
class EmbeddedDensities(ForceModel):
    """EANN."""

    kind: ClassVar[str] = "eann"
    shape_of = staticmethod(Network.of)

    @property
    def settings(self) -> dict[str, object]:
        """See `ForceModel.settings`."""
        return {"cutoff": self.cutoff}

    def features(self, arrays: Parameters, around: Surroundings) -> Array:
        """See `ForceModel.features`."""
        vectors, inside = around.vectors, around.inside
        return features(orbitals(arrays, vectors, inside, around.elements, self.cutoff))

    def energies(self, arrays: Parameters, around: Surroundings, found: Array) -> Array:
        """See `ForceModel.energies`."""
        energies = outputs(arrays, found, around.species)
        return energies + arrays["atom_energy"].astype(found.dtype)


@dataclass(frozen=True)
class Messages(ForceModel):
    """NequIP, all of whose numbers are of size 1 but for its last.

    Attributes:
        neighbours: usual number of them.
    """

    neighbours: float

    kind: ClassVar[str] = "nequip"
    shape_of = staticmethod(Equivariant.of)

    @property
    def settings(self) -> dict[str, object]:
        """See `ForceModel.settings`."""
        return {"cutoff": self.cutoff, "neighbours": self.neighbours}

    def features(self, arrays: Parameters, around: Surroundings) -> Array:
        """Return none, so that nothing is scaled."""
        return jnp.zeros((len(around.species), 0), around.vectors.dtype)

    def energies(self, arrays: Parameters, around: Surroundings, found: Array) -> Array:
        """See `ForceModel.energies`."""
        return equivariant.atom_energies(arrays, *around[:4], self.cutoff, self.neighbours)


@dataclass(frozen=True)
class SymmetryFunctions(ForceModel):
    """Behler and Parrinello's.

    Attributes:
        elements: chemical symbols in the order of the arrays.
        functions: of all elements.
        cutoff_function: how they end.
        activation: of the hidden layers.
    """

    elements: tuple[str, ...]
    functions: tuple[SymmetryFunction, ...]
    cutoff_function: str
    activation: str

    kind: ClassVar[str] = "behler_parrinello"
    shape_of = staticmethod(SymmetryNetwork.of)

    @property
    def settings(self) -> dict[str, object]:
        """See `ForceModel.settings`."""
        return {
            "cutoff": self.cutoff,
            "functions": symmetry_functions.text_of(self.functions, self.elements),
            "cutoff_function": self.cutoff_function,
            "activation": self.activation,
        }

    def features(self, arrays: Parameters, around: Surroundings) -> Array:
        """See `ForceModel.features`."""
        return symmetry_functions.symmetry_functions(
            self.functions,
            self.cutoff_function,
            around.vectors,
            around.inside,
            around.elements,
            around.species,
        )

    def energies(self, arrays: Parameters, around: Surroundings, found: Array) -> Array:
        """See `ForceModel.energies`."""
        return symmetry_functions.energies(arrays, found, around.species, self.activation)


MODELS: dict[str, type[ForceModel]] = {
    model.kind: model for model in (EmbeddedDensities, Messages, SymmetryFunctions)
}
"""By the name of the potential."""
