"""What the structure view shows: atoms, bonds and molecules as plain arrays. No Qt, no JAX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from dmdstudio.plan.structure import Structure

Placement = Literal["whole", "wrapped"]
"""Molecules in one piece with their centres in the cell, or every atom in the cell."""

LOOP_TOLERANCE = 1e-3
"""Bonds that lead round the cell end at least a lattice vector away, not within this, angstrom."""


@dataclass(frozen=True)
class Scene:
    """Atoms that stay the same while they move.

    Attributes:
        symbols: chemical symbols [atom].
        elements: those that occur, by atomic number.
        element: index into ``elements`` [atom].
        colours: of the elements [element, rgb], 0 to 1.
        radii: van der Waals radii of the elements [element], angstrom.
        masses: [atom], amu.
        bonds: pairs of bonded atoms [bond, 2].
        molecules: number of the molecule [atom].
        parents: the bonded atom through which one hangs together with the first of its molecule
            [atom]; that one is its own parent.
        frame: where the atoms are in the file.
        title: where they come from.
    """

    symbols: tuple[str, ...]
    elements: tuple[str, ...]
    element: np.ndarray
    colours: np.ndarray
    radii: np.ndarray
    masses: np.ndarray
    bonds: np.ndarray
    molecules: np.ndarray
    parents: np.ndarray
    frame: Frame
    title: str = ""

    @property
    def counts(self) -> list[tuple[str, int]]:
        """How many atoms there are of every element."""
        numbers = np.bincount(self.element, minlength=len(self.elements))
        return [(e, int(n)) for e, n in zip(self.elements, numbers, strict=True)]

    @property
    def formula(self) -> str:
        """Composition, such as ``'H128O64'``."""
        return "".join(f"{e}{n if n > 1 else ''}" for e, n in sorted(self.counts))

    def structure(self, frame: Frame, title: str) -> Structure:
        """Return the atoms at an instant, to be written to a file."""
        return Structure(self.symbols, frame.positions, frame.cell, self.masses, title, self.bonds)


@dataclass(frozen=True)
class Frame:
    """One instant.

    Attributes:
        positions: [atom, xyz], angstrom.
        cell: lattice vectors as rows [3, xyz], angstrom.
    """

    positions: np.ndarray
    cell: np.ndarray

    @property
    def corners(self) -> np.ndarray:
        """Corners of the cell [8, xyz], the first vector's the slowest."""
        return np.indices((2, 2, 2)).reshape(3, -1).T @ self.cell

    @property
    def lengths(self) -> np.ndarray:
        """Lengths of the lattice vectors [3], angstrom."""
        return np.linalg.norm(self.cell, axis=1)

    @property
    def angles(self) -> np.ndarray:
        """Angles alpha, beta, gamma between the lattice vectors [3], degrees."""
        a, b, c = self.cell / self.lengths[:, None]
        return np.degrees(np.arccos(np.clip([b @ c, a @ c, a @ b], -1.0, 1.0)))

    def bond_vectors(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return the vectors from atoms to atoms bonded to them [bond, xyz], angstrom.

        The fractional coordinates are rounded, which finds the nearest image of everything closer
        than half the smallest width of the cell, as bonds are.
        """
        apart = self.positions[second] - self.positions[first]
        return apart - _times(np.round(_times(apart, np.linalg.inv(self.cell))), self.cell)


def _times(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return points [point, xyz] times a matrix, several times faster than plainly."""
    return (matrix.T @ points.T).T


def scene_of(structure: Structure) -> Scene:
    """Return what is shown of a structure; bonds are found where nobody has looked for them."""
    from ase.data import atomic_numbers, covalent_radii
    from ase.data.colors import jmol_colors
    from ase.data.vdw_alvarez import vdw_radii

    from dmdstudio.files.structures.bonds import molecules, with_bonds

    if not len(structure.bonds):
        structure = with_bonds(structure)
    elements = tuple(sorted(set(structure.symbols), key=atomic_numbers.__getitem__))
    numbers = [atomic_numbers[e] for e in elements]
    place = {e: i for i, e in enumerate(elements)}
    radii = np.asarray(vdw_radii)[numbers]
    # Alvarez has no radius for some heavy elements; the two radii differ by about 0.9 angstrom.
    radii = np.where(np.isfinite(radii), radii, np.asarray(covalent_radii)[numbers] + 0.9)
    belongs = molecules(structure)
    return Scene(
        symbols=structure.symbols,
        elements=elements,
        element=np.array([place[s] for s in structure.symbols]),
        colours=np.asarray(jmol_colors)[numbers],
        radii=radii,
        masses=structure.masses,
        bonds=structure.bonds,
        molecules=belongs,
        parents=_parents(structure.bonds, belongs),
        frame=Frame(structure.positions, structure.cell),
        title=structure.title,
    )


def _parents(bonds: np.ndarray, molecules: np.ndarray) -> np.ndarray:
    """Return for every atom the one before it on the way from the first of its molecule."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order

    count = len(molecules)
    roots = np.unique(molecules, return_index=True)[1]
    # One more node leads to every molecule, so that one search finds them all.
    first = np.concatenate([bonds[:, 0], np.full(len(roots), count)])
    second = np.concatenate([bonds[:, 1], roots])
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(count + 1, count + 1))
    _, before = breadth_first_order(graph.tocsr(), count, directed=False)
    parents = np.asarray(before[:count], np.int64)
    parents[roots] = roots
    return parents


def placed(scene: Scene, frame: Frame, how: Placement) -> Frame:
    """Return a frame with its atoms moved by whole lattice vectors to where they are shown.

    Args:
        scene: says what is bonded.
        frame: atoms anywhere.
        how: ``whole`` keeps molecules in one piece; where bonds lead round the whole cell, as in a
            crystal, there are none, and such atoms are put into the cell one by one.
    """
    inverse = np.linalg.inv(frame.cell)
    fractions = _times(frame.positions, inverse)
    wrapped = _times(fractions - np.floor(fractions), frame.cell)
    if how == "wrapped" or not len(scene.bonds):
        return Frame(wrapped, frame.cell)
    positions = _in_one_piece(scene, Frame(wrapped, frame.cell))
    first, second = scene.bonds.T
    gaps = positions[second] - positions[first]
    gaps -= Frame(positions, frame.cell).bond_vectors(first, second)
    endless = np.zeros(scene.molecules.max() + 1, bool)
    endless[scene.molecules[first[np.abs(gaps).max(axis=1) > LOOP_TOLERANCE]]] = True
    sizes = np.bincount(scene.molecules)
    centres = np.zeros((len(sizes), 3))
    np.add.at(centres, scene.molecules, positions)
    centres /= sizes[:, None]
    positions -= _times(np.floor(_times(centres, inverse)), frame.cell)[scene.molecules]
    alone = endless[scene.molecules]
    positions[alone] = wrapped[alone]
    return Frame(positions, frame.cell)


def _in_one_piece(scene: Scene, frame: Frame) -> np.ndarray:
    """Return positions [atom, xyz] that follow the bonds from the first atom of each molecule.

    Vectors to the parents are summed up along the way by doubling: in every round each atom takes
    over what its ancestor has gathered, and the ancestor's ancestor for its own.
    """
    ancestor = scene.parents
    offset = frame.bond_vectors(ancestor, np.arange(len(ancestor)))
    while not np.array_equal(ancestor, further := ancestor[ancestor]):
        offset = offset + offset[ancestor]
        ancestor = further
    return frame.positions[ancestor] + offset
