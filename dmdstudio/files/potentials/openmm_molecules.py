"""Molecules as OpenMM's residues: their names, those of their atoms, and the order of atoms."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dmdstudio.base.errors import FileError
from dmdstudio.files.structures.topology import Topology

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Residue:
    """One kind of molecule.

    Attributes:
        name: three characters at most.
        types: of its atoms [atom].
        elements: chemical symbols [atom].
        atoms: their names, four characters at most [atom].
        bonds: pairs of its atoms [bond, 2], counted from 0.
    """

    name: str
    types: tuple[str, ...]
    elements: tuple[str, ...]
    atoms: tuple[str, ...]
    bonds: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Residues:
    """The molecules of a structure.

    Attributes:
        topology: the atoms with their bonds.
    """

    topology: Topology

    @cached_property
    def order(self) -> np.ndarray:
        """Numbers of the atoms, molecule by molecule [atom], for a residue is in one piece."""
        return np.argsort(self.topology.molecules, kind="stable")

    @cached_property
    def of_molecules(self) -> list[Residue]:
        """The residue of every molecule, in order."""
        known: dict[tuple[object, ...], Residue] = {}
        found = []
        for atoms in self._members:
            place = {int(atom): n for n, atom in enumerate(atoms)}
            structure = self.topology.structure
            types = tuple(structure.types[atom] for atom in atoms)
            elements = tuple(structure.symbols[atom] for atom in atoms)
            bonds = tuple(
                (place[atom], place[other])
                for atom in map(int, atoms)
                for other in self.topology.around[atom]
                if other > atom
            )
            key = (types, bonds)
            if key not in known:
                known[key] = _residue(types, elements, bonds, len(known))
            found.append(known[key])
        return found

    @cached_property
    def kinds(self) -> list[Residue]:
        """Every residue once."""
        return list(dict.fromkeys(self.of_molecules))

    @cached_property
    def _members(self) -> list[np.ndarray]:
        sizes = np.bincount(self.topology.molecules)
        return np.split(self.order, np.cumsum(sizes)[:-1])


def _residue(
    types: tuple[str, ...],
    elements: tuple[str, ...],
    bonds: tuple[tuple[int, int], ...],
    number: int,
) -> Residue:
    if len(types) == 1:
        name = elements[0].upper()
        return Residue(name, types, elements, (name,), bonds)
    counted: Counter[str] = Counter()
    names = []
    for element in elements:
        counted[element] += 1
        names.append(f"{element.upper()}{_digits(counted[element])}")
    name = f"M{_digits(number + 1)}"
    if len(name) > 3 or max(map(len, names)) > 4:
        raise FileError(
            f"A PDB file has no room for the names of {number + 1} kinds of molecules, the largest "
            f"of {len(types)} atoms.",
            "Export to lammps.",
        )
    return Residue(name, types, elements, tuple(names), bonds)


def _digits(number: int) -> str:
    """Return a number in base 36."""
    return (_digits(number // 36) if number >= 36 else "") + _DIGITS[number % 36]
