"""Which atoms of a structure are bonded, by their distances, and molecules in one piece."""

from __future__ import annotations

from dataclasses import replace

import ase
import numpy as np
from ase.neighborlist import natural_cutoffs, neighbor_list
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dmdstudio.base.errors import FileError
from dmdstudio.plan.structure import Structure

STRETCH = 1.25
"""Atoms are bonded when closer than this times the sum of their covalent radii."""

MOST_NEIGHBOURS = 300
"""More atoms than this within the longest bond, on average, are no structure."""

ROOM = 20.0
"""Between a molecule that is alone and its image, angstrom."""

IONS = ("Li", "Na", "K", "Rb", "Cs", "Fr", "Be", "Mg", "Ca", "Sr", "Ba", "Ra")
"""Elements that stand alone, however close a neighbour comes."""


def with_bonds(structure: Structure) -> Structure:
    """Return a structure with the bonds that its distances show, by the minimum image.

    Bonded are two atoms closer than 1.25 times the sum of their covalent radii (Cordero et al.,
    Dalton Trans. 2832 (2008), as ASE has them); alkali and alkaline earth ions never are.

    Args:
        structure: any periodic structure.

    Raises:
        FileError: the atoms are far too close to each other for bonds to mean anything.
    """
    atoms = ase.Atoms(
        structure.symbols, structure.positions, cell=structure.cell, pbc=True
    )  # masses do not matter here
    alone = np.isin(structure.symbols, IONS)
    reach = np.where(alone, 0.0, STRETCH * np.array(natural_cutoffs(atoms)))
    _require_room(structure, 2.0 * float(reach.max(initial=0.0)))
    i, j = neighbor_list("ij", atoms, reach)
    found = np.unique(np.stack([i, j], axis=1)[i < j], axis=0)
    return replace(structure, bonds=found.astype(np.int64).reshape(-1, 2))


def _require_room(structure: Structure, longest: float) -> None:
    """Refuse a structure in which looking for neighbours would never end."""
    volume = abs(float(np.linalg.det(structure.cell)))
    around = len(structure.symbols) * 4.0 / 3.0 * np.pi * longest**3
    if around > MOST_NEIGHBOURS * volume:
        raise FileError(
            f"{len(structure.symbols)} atoms in a cell of {volume:.3g} cubic angstrom would each "
            f"have {around / volume:.3g} others within the length of a bond, {longest:.2f} "
            "angstrom.",
            "Check that cell and coordinates are in angstrom, and the density that is asked for.",
        )


def alone(structure: Structure) -> Structure:
    """Return the same atoms with their bonds, in a box of which no image can be felt.

    Args:
        structure: atoms of whole molecules; its cell does not matter.
    """
    extent = np.ptp(structure.positions, axis=0)
    return with_bonds(replace(structure, cell=np.diag(extent + ROOM)))


def molecules(structure: Structure) -> np.ndarray:
    """Return the number of the molecule of every atom [atom]; atoms without bonds are alone."""
    count = len(structure.symbols)
    first, second = structure.bonds.T
    linked = coo_array((np.ones(len(first)), (first, second)), shape=(count, count))
    return connected_components(linked, directed=False)[1]


def whole(structure: Structure) -> Structure:
    """Return the same atoms with no molecule cut by the border of the cell.

    Raises:
        FileError: the bonds go on from cell to cell, so that there are no molecules.
    """
    together, apart = _together(structure)
    if apart > 1e-6:
        raise FileError(
            "The bonds of the structure go on through the whole cell, so that it has no molecules.",
            "Only molecules that end within half a cell can be brought to a density.",
        )
    return together


def gathered(structure: Structure) -> Structure:
    """Return the same atoms with no molecule cut, as far as that can be; see `whole`."""
    return _together(structure)[0]


def _together(structure: Structure) -> tuple[Structure, float]:
    """Return molecules in one piece, and by how much a bond is longer than its minimum image."""
    first, second = structure.bonds.T
    positions = structure.positions.copy()
    apart = positions[second] - positions[first]
    images = np.round(apart @ np.linalg.inv(structure.cell)) @ structure.cell
    apart -= images  # the minimum image of every bond
    placed = np.zeros(len(positions), bool)
    placed[np.unique(molecules(structure), return_index=True)[1]] = True
    while not placed.all():  # one round of neighbours after the other
        for one, other, vector in ((first, second, apart), (second, first, -apart)):
            reached = placed[one] & ~placed[other]
            positions[other[reached]] = positions[one[reached]] + vector[reached]
            placed[other[reached]] = True
    off = np.abs(positions[second] - positions[first] - apart).max(initial=0.0)
    return replace(structure, positions=positions), float(off)
