"""What a recipe's structure is made of, as far as forms, checks and estimates ask. No Qt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from dmdstudio.base.units import factor
from dmdstudio.plan.owners import directed_names, pair_names, triplet_names
from dmdstudio.plan.recipe import Recipe, chain
from dmdstudio.plan.structure import Structure


@dataclass(frozen=True)
class Matter:
    """The atoms of a structure, counted.

    Attributes:
        formula: such as ``'H128O64'``.
        counts: number of atoms of every type, sorted by type.
        masses: of every type, amu.
        bonds: kinds of bonds (``H-O``) with their mean length, angstrom; sorted.
        angles: kinds of angles (``H-O-H``) with their mean, degrees; sorted.
        torsions, impropers: kinds of them (``H-O-O-H``, ``C(H,H,O)``), sorted.
        half_width: half the smallest distance between opposite faces of the cell, angstrom.
        density: g/cm3.
    """

    formula: str
    counts: Mapping[str, int]
    masses: Mapping[str, float]
    bonds: Mapping[str, float]
    angles: Mapping[str, float]
    half_width: float
    density: float
    torsions: tuple[str, ...] = ()
    impropers: tuple[str, ...] = ()

    @property
    def atoms(self) -> int:
        """Number of atoms."""
        return sum(self.counts.values())

    def owners(self, per: str) -> tuple[str, ...]:
        """Return the names of what has numbers of its own: types, pairs of them, bonds ...

        One without a name where ``per`` is ``none``; the names are those of the engine's `System`.
        """
        known = {
            "type": self.counts,
            "pair": pair_names(self.counts),
            "bond": self.bonds,
            "angle": self.angles,
            "torsion": self.torsions,
            "improper": self.impropers,
            "triplet": triplet_names(self.counts),
            "directed pair": directed_names(self.counts, 1),
            "directed triplet": directed_names(self.counts, 2),
            "none": ("",),
        }
        return tuple(known[per])

    def at_rest(self, per: str, owner: str) -> float | None:
        """Return the mean length of a bond (angstrom) or mean angle (degrees); None for others."""
        return {"bond": self.bonds, "angle": self.angles}.get(per, {}).get(owner)


def matter_of(structure: Structure) -> Matter:
    """Count a structure whose bonds have been looked for."""
    types = sorted(set(structure.types))
    of_type = np.array(structure.types)
    around = _neighbours(structure)
    return Matter(
        formula=structure.formula,
        counts={name: int((of_type == name).sum()) for name in types},
        masses={name: float(structure.masses[of_type == name].mean()) for name in types},
        bonds=_means(_bonds(structure)),
        angles=_means(_angles(structure)),
        half_width=float(0.5 / np.linalg.norm(np.linalg.inv(structure.cell), axis=0).max()),
        density=structure.density * factor("amu/angstrom3", "g/cm3"),
        torsions=_torsions(structure, around),
        impropers=_impropers(structure, around),
    )


def read_matter(recipe: Recipe) -> Matter:
    """Read the structure of a recipe and count it.

    Raises:
        FileError, RecipeError: it cannot be read, or not be brought to what the recipe asks for.
    """
    from dmdstudio.service.structure import structure_of  # ASE takes its time

    return matter_of(structure_of(recipe, bonds=recipe.system.bonds != "none"))


Kinds = Iterator[tuple[list[tuple[str, ...]], np.ndarray]]
"""Names of the types along bonds or angles, and what was measured of each."""


def _bonds(structure: Structure) -> Kinds:
    first, second = structure.bonds.T
    lengths = np.linalg.norm(_apart(structure, first, second), axis=1)
    yield _names(structure, first, second), lengths


def _angles(structure: Structure) -> Kinds:
    """Measure the angles of all atoms that have equally many neighbours together."""
    ends = np.concatenate([structure.bonds, structure.bonds[:, ::-1]])
    ends = ends[np.argsort(ends[:, 0], kind="stable")]
    centres, begins, degrees = np.unique(ends[:, 0], return_index=True, return_counts=True)
    for degree in set(degrees[degrees > 1].tolist()):
        chosen = degrees == degree
        around = ends[begins[chosen][:, None] + np.arange(degree), 1]
        middle = centres[chosen]
        for i, j in combinations(range(degree), 2):
            a = _apart(structure, middle, around[:, i])
            b = _apart(structure, middle, around[:, j])
            cosine = np.sum(a * b, axis=1)
            cosine /= np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
            angles = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
            yield _names(structure, around[:, i], middle, around[:, j]), angles


def _apart(structure: Structure, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return minimum-image vectors [pair, xyz] of atoms as close as a bond."""
    apart = structure.positions[second] - structure.positions[first]
    return apart - np.round(apart @ np.linalg.inv(structure.cell)) @ structure.cell


def _names(structure: Structure, *along: np.ndarray) -> list[tuple[str, ...]]:
    rows = zip(*(atoms.tolist() for atoms in along), strict=True)
    return [tuple(structure.types[atom] for atom in row) for row in rows]


def _means(kinds: Kinds) -> dict[str, float]:
    """Return the mean of what was measured, by the name of the bond or angle."""
    found: dict[str, list[float]] = {}
    for names, measured in kinds:
        for types, value in zip(names, measured.tolist(), strict=True):
            found.setdefault(chain(types), []).append(value)
    return {name: float(np.mean(found[name])) for name in sorted(found)}


Neighbours = Mapping[int, list[int]]
"""Atoms that an atom is bonded to; those without bonds are not there."""


def _neighbours(structure: Structure) -> Neighbours:
    around: dict[int, list[int]] = {}
    for i, j in structure.bonds.tolist():
        around.setdefault(i, []).append(j)
        around.setdefault(j, []).append(i)
    return around


def _torsions(structure: Structure, around: Neighbours) -> tuple[str, ...]:
    """Return the kinds of chains of three bonds over four atoms."""
    types = structure.types
    found = {
        (types[first], types[j], types[k], types[last])
        for j, k in structure.bonds.tolist()
        for first in around[j]
        for last in around[k]
        if first != k and last not in (first, j)
    }
    return tuple(sorted({chain(names) for names in found}))


def _impropers(structure: Structure, around: Neighbours) -> tuple[str, ...]:
    """Return the kinds of atoms with just three bonds, the centre first."""
    types = structure.types
    found = {
        (types[centre], *sorted(types[end] for end in ends))
        for centre, ends in around.items()
        if len(ends) == 3
    }
    return tuple(sorted(f"{centre}({','.join(ends)})" for centre, *ends in found))
