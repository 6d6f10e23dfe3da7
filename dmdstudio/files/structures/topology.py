"""What the bonds of a structure make: angles, near pairs and molecules, named as in recipes.

The same rules as the engine's `System` has, for writers of files, which know no engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from dmdstudio.files.structures.bonds import molecules
from dmdstudio.plan.impropers import ORDERS
from dmdstudio.plan.recipe import chain
from dmdstudio.plan.structure import Structure


@dataclass(frozen=True)
class Topology:
    """Bonded atoms, and all that follows from them.

    Attributes:
        structure: the atoms with their bonds.
    """

    structure: Structure

    @cached_property
    def types(self) -> tuple[str, ...]:
        """Types of atoms, sorted; their place + 1 is their number in formats that count."""
        return tuple(sorted(set(self.structure.types)))

    @cached_property
    def bonds(self) -> np.ndarray:
        """Bonded atoms [bond, 2], i < j, sorted."""
        pairs = np.sort(np.asarray(self.structure.bonds, np.int64).reshape(-1, 2), axis=1)
        return pairs[np.lexsort(pairs.T[::-1])]

    @cached_property
    def around(self) -> tuple[tuple[int, ...], ...]:
        """Atoms that an atom is bonded to [atom]."""
        found: list[list[int]] = [[] for _ in self.structure.symbols]
        for i, j in self.bonds:
            found[i].append(int(j))
            found[j].append(int(i))
        return tuple(tuple(sorted(atoms)) for atoms in found)

    @cached_property
    def angles(self) -> np.ndarray:
        """Two bonds that share an atom [angle, 3]: the centre in the middle, ends i < k."""
        found = [
            (first, centre, last)
            for centre, near in enumerate(self.around)
            for first, last in combinations(near, 2)
        ]
        return np.array(sorted(found), np.int64).reshape(-1, 3)

    @cached_property
    def torsions(self) -> np.ndarray:
        """Chains of three bonds over four atoms [torsion, 4], the first number below the last."""
        found = [
            (first, j, k, last) if first < last else (last, k, j, first)
            for j, k in self.bonds.tolist()
            for first in self.around[j]
            for last in self.around[k]
            if first != k and last not in (first, j)
        ]
        return np.array(sorted(found), np.int64).reshape(-1, 4)

    @cached_property
    def exclusions(self) -> np.ndarray:
        """Atoms one or two bonds apart [pair, 2], i < j, sorted, each once."""
        near = {(int(i), int(j)) for i, j in self.bonds}
        near |= {(int(i), int(k)) for i, _, k in self.angles}
        return np.array(sorted(near), np.int64).reshape(-1, 2)

    @cached_property
    def impropers(self) -> np.ndarray:
        """Atoms with just three bonds, and those that they are bonded to [improper, 4].

        The centre is first, the others are sorted by their types and numbers.
        """
        types = self.structure.types
        found = [
            (centre, *sorted(near, key=lambda i: (types[i], i)))
            for centre, near in enumerate(self.around)
            if len(near) == 3
        ]
        return np.array(found, np.int64).reshape(-1, 4)

    def impropers_in(self, order: str) -> tuple[np.ndarray, list[str]]:
        """Return `impropers` as chains of an order of `ORDERS`, and whose numbers they have.

        Several chains of every improper follow one after the other [member, atom].
        """
        orders = ORDERS[order]
        chains = np.concatenate([self.impropers[:, one] for one in orders])
        return chains, self.star_names(self.impropers) * len(orders)

    @cached_property
    def third_neighbours(self) -> np.ndarray:
        """Atoms three bonds apart and no less [pair, 2], i < j, sorted, each once."""
        near = {(i, j) for i, j in self.exclusions.tolist()}
        found = {(i, j) for i, _, _, j in self.torsions.tolist()} - near
        return np.array(sorted(found), np.int64).reshape(-1, 2)

    @cached_property
    def molecules(self) -> np.ndarray:
        """Number of the molecule of an atom [atom], from 0 in the order of their first atoms."""
        _, first, numbers = np.unique(
            molecules(self.structure), return_index=True, return_inverse=True
        )
        return np.argsort(np.argsort(first))[numbers]

    def names(self, members: np.ndarray) -> list[str]:
        """Return what owns the numbers of bonds, angles or torsions: ``H-O-H`` [member]."""
        types = self.structure.types
        return [chain([types[i] for i in row]) for row in members]

    def star_names(self, members: np.ndarray) -> list[str]:
        """Return what owns the numbers of impropers: ``C(H,H,O)`` [member], in any order."""
        named = [[self.structure.types[i] for i in row] for row in members]
        return [f"{centre}({','.join(sorted(others))})" for centre, *others in named]
