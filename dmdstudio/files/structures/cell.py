"""Pure functions on a structure and its periodic cell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dmdstudio.base.units import factor
from dmdstudio.files.structures.bonds import molecules, whole
from dmdstudio.plan.structure import Structure


def replicate(structure: Structure, copies: tuple[int, int, int]) -> Structure:
    """Return a structure repeated along its lattice vectors.

    Atoms keep their order within a copy; the copies follow one another, the third vector's
    fastest, so that molecules which are contiguous in the file stay so.

    Args:
        structure: the cell to repeat.
        copies: how often along each vector, 1 or more.

    Raises:
        ValueError: fewer than one copy is asked for, or the bonds are known already, which may
            lead from copy to copy.
    """
    if len(structure.bonds):
        raise ValueError("a structure is replicated before its bonds are found")
    if len(copies) != 3 or min(copies) < 1:
        raise ValueError(f"copies {copies}: three numbers of 1 or more are needed")
    shifts = np.indices(copies).reshape(3, -1).T @ structure.cell  # [copy, xyz]
    count = len(shifts)
    return replace(
        structure,
        symbols=structure.symbols * count,
        positions=(shifts[:, None, :] + structure.positions[None]).reshape(-1, 3),
        cell=structure.cell * np.array(copies, dtype=float)[:, None],
        masses=np.tile(structure.masses, count),
    )


def with_density(structure: Structure, density_g_per_cm3: float) -> Structure:
    """Return a structure scaled alike in all directions to a mass density.

    The cell and the centres of mass of molecules grow by the same factor; molecules keep their
    shape. What is a molecule is said by ``structure.bonds``: where there are none, every atom is
    one, and **bonds nobody has asked for are stretched**.

    Args:
        structure: any periodic structure.
        density_g_per_cm3: the density wanted, above 0.

    Raises:
        ValueError: the density is not above 0.
        FileError: the bonds go on from cell to cell.
    """
    if not 0 < density_g_per_cm3 < float("inf"):
        raise ValueError(f"density {density_g_per_cm3} g/cm3 must be above 0")
    wanted = density_g_per_cm3 * factor("g/cm3", "amu/angstrom3")
    scale = (structure.density / wanted) ** (1.0 / 3.0)
    if not len(structure.bonds):
        positions = structure.positions * scale
        return replace(structure, positions=positions, cell=structure.cell * scale)
    together = whole(structure)
    belongs = molecules(structure)
    masses = structure.masses[:, None]
    moments = np.zeros((belongs.max() + 1, 3))
    np.add.at(moments, belongs, masses * together.positions)
    centres = moments / np.bincount(belongs, structure.masses)[:, None]
    moved = together.positions + (scale - 1.0) * centres[belongs]
    return replace(structure, positions=moved, cell=structure.cell * scale)


def perpendicular_widths(cell: np.ndarray) -> np.ndarray:
    """Return the distance between opposite faces of a cell [3], in the cell's unit."""
    return 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)


def lower_triangular(structure: Structure) -> tuple[Structure, np.ndarray]:
    """Return the same crystal with its first vector along x and its second in the xy plane.

    LAMMPS and OpenMM want their cells so, right-handed and with small tilts
    (``|b_x| <= a_x/2``, ``|c_x| <= a_x/2``, ``|c_y| <= b_y/2``). The lattice is the same set of
    points up to the rotation: a left-handed cell has one vector turned round, large tilts lose
    whole vectors. A cell that is right already is returned untouched.

    Args:
        structure: any periodic structure.

    Returns:
        The turned structure, and the rotation R [xyz, xyz] with
        ``new positions = positions @ R``; forces turn back by ``forces @ R.T``.
    """
    cell = np.array(structure.cell, dtype=float)
    if np.linalg.det(cell) < 0:
        cell[2] = -cell[2]
    upright = np.all(np.triu(cell, 1) == 0) and np.all(np.diag(cell) > 0)
    rotation = np.eye(3)
    if not upright:
        # cell = L Q with L lower triangular: the QR decomposition of the transpose.
        orthogonal, upper = np.linalg.qr(cell.T)
        signs = np.where(np.diag(upper) < 0, -1.0, 1.0)
        rotation = orthogonal * signs
        cell = np.tril((upper * signs[:, None]).T)
    for row, column in ((2, 1), (1, 0), (2, 0)):
        cell[row] -= cell[column] * np.round(cell[row, column] / cell[column, column])
    positions = structure.positions if upright else structure.positions @ rotation
    return replace(structure, positions=positions, cell=cell), rotation
