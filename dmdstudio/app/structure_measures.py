"""Distances, angles and dihedrals between atoms of a periodic structure. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dmdstudio.app.structure_scene import Frame, Scene

MOST_ATOMS = 4


@dataclass(frozen=True)
class Measure:
    """A number between two, three or four atoms.

    Attributes:
        name: ``'Distance'``, ``'Angle'`` or ``'Dihedral'``.
        value: in ``unit``.
        unit: ``'Å'`` or ``'°'``.
        atoms: which, in the order chosen.
    """

    name: str
    value: float
    unit: str
    atoms: tuple[int, ...]

    @property
    def words(self) -> str:
        """The number with its unit."""
        return f"{self.value:.3f} Å" if self.unit == "Å" else f"{self.value:.2f}°"


def steps_between(frame: Frame, atoms: Sequence[int]) -> np.ndarray:
    """Return the shortest vectors from each atom to the next one [step, xyz], angstrom.

    The minimum image in any cell, however skewed.
    """
    from ase.geometry import find_mic

    positions = frame.positions[list(atoms)]
    return find_mic(np.diff(positions, axis=0), frame.cell)[0]


def measure(frame: Frame, atoms: Sequence[int]) -> Measure | None:
    """Return what can be measured between atoms by their nearest images; None for fewer than two.

    Two give a distance, three the angle at the second, four the dihedral about the bond between
    the second and the third: positive where the far end is turned clockwise (IUPAC), from -180 to
    180 degrees. Of collinear atoms there is no dihedral; it is not a number.
    """
    if not 2 <= len(atoms) <= MOST_ATOMS:
        return None
    steps = steps_between(frame, atoms)
    chosen = tuple(atoms)
    if len(steps) == 1:
        return Measure("Distance", float(np.linalg.norm(steps[0])), "Å", chosen)
    if len(steps) == 2:
        return Measure("Angle", _angle(-steps[0], steps[1]), "°", chosen)
    return Measure("Dihedral", _dihedral(*steps), "°", chosen)


def _angle(one: np.ndarray, other: np.ndarray) -> float:
    """Return the angle between vectors in degrees, exact near 0 and 180 too."""
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(one, other)), one @ other)))


def _dihedral(first: np.ndarray, middle: np.ndarray, last: np.ndarray) -> float:
    """Return the dihedral of three steps in degrees.

        tan phi = |b2| b1 . (b2 x b3) / ((b1 x b2) . (b2 x b3))

    Source: Blondel & Karplus, J. Comput. Chem. 17, 1132 (1996).
    """
    near, far = np.cross(first, middle), np.cross(middle, last)
    size = np.linalg.norm(first) * np.linalg.norm(middle) * np.linalg.norm(last)
    if min(np.linalg.norm(near), np.linalg.norm(far)) < 1e-9 * size:
        return float("nan")
    sine = np.linalg.norm(middle) * (first @ far)
    return float(np.degrees(np.arctan2(sine, near @ far)))


def atom_words(scene: Scene, frame: Frame, atom: int) -> str:
    """Return an atom in words: number (counted from 1), element, molecule and position."""
    x, y, z = frame.positions[atom]
    place = f"x {x:.3f}, y {y:.3f}, z {z:.3f} Å"
    name = f"Atom {atom + 1}, {scene.symbols[atom]}"
    size = int(np.sum(scene.molecules == scene.molecules[atom]))
    if size == 1:
        return f"{name}, {place}"
    return f"{name}, molecule {scene.molecules[atom] + 1} ({size} atoms), {place}"


def measure_words(scene: Scene, frame: Frame, atoms: Sequence[int]) -> str:
    """Return the chosen atoms and what lies between them in a sentence."""
    found = measure(frame, atoms)
    if found is None:
        return atom_words(scene, frame, atoms[0]) if atoms else ""
    names = " – ".join(f"{scene.symbols[a]}{a + 1}" for a in atoms)
    if np.isnan(found.value):
        return f"{found.name} {names}: none, the atoms lie on a line"
    return f"{found.name} {names}: {found.words}"
