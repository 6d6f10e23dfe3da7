"""Molecules as graphs: the same molecule found in another order of its atoms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

MOST_STEPS = 200_000
"""Of a search; molecular graphs take about as many as they have atoms."""

Graph = tuple[Sequence[str], Sequence[tuple[int, int]]]
"""Chemical symbols [atom], and pairs of bonded atoms."""


def neighbours(count: int, bonds: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Return the atoms that every atom is bonded to, sorted."""
    around: list[list[int]] = [[] for _ in range(count)]
    for i, j in bonds:
        around[i].append(j)
        around[j].append(i)
    return [sorted(set(atoms)) for atoms in around]


def connected(around: Sequence[Sequence[int]]) -> list[list[int]]:
    """Return the atoms of every molecule, sorted, in the order of their first atoms."""
    seen: set[int] = set()
    found = []
    for first in range(len(around)):
        if first not in seen:
            seen.add(first)
            molecule = [first]
            for atom in molecule:
                new = [other for other in around[atom] if other not in seen]
                seen.update(new)
                molecule += new
            found.append(sorted(molecule))
    return found


def angles(around: Sequence[Sequence[int]]) -> list[tuple[int, int, int]]:
    """Return all (i, centre, k) with i < k, both bonded to the centre."""
    return [(i, j, k) for j, atoms in enumerate(around) for i, k in combinations(atoms, 2)]


def impropers(around: Sequence[Sequence[int]]) -> list[tuple[int, int, int, int]]:
    """Return all (centre, i, j, k), i < j < k: atoms with just three bonds and their neighbours."""
    three = ((j, sorted(atoms)) for j, atoms in enumerate(around) if len(atoms) == 3)
    return [(j, i, k, m) for j, (i, k, m) in three]


def torsions(around: Sequence[Sequence[int]]) -> list[tuple[int, int, int, int]]:
    """Return all chains of three bonds (i, j, k, l) with i < l."""
    return [
        (i, j, k, m)
        for j, near in enumerate(around)
        for k in near
        for i in near
        for m in around[k]
        if i < m and i != k and m != j
    ]


def three_bonds_apart(around: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Return the pairs of atoms whose shortest way has three bonds, i < j."""
    found = []
    for i in range(len(around)):
        shells = [{i}]
        for _ in range(3):
            before = set().union(*shells)
            shells.append({k for j in shells[-1] for k in around[j]} - before)
        found += [(i, j) for j in sorted(shells[3]) if i < j]
    return found


def colours(symbols: Sequence[str], around: Sequence[Sequence[int]]) -> list[int]:
    """Return a number for every atom, the same for atoms with the same surroundings.

    Source: B. Weisfeiler and A. Leman, Nauchno-Technicheskaya Informatsia 2, 12 (1968). Python's
    hashes of strings differ from process to process, so the numbers compare within one only.
    """
    found = [hash((symbol, len(atoms))) for symbol, atoms in zip(symbols, around, strict=True)]
    for _ in range(len(symbols)):
        refined = [
            hash((found[i], tuple(sorted(found[j] for j in atoms))))
            for i, atoms in enumerate(around)
        ]
        if len(set(refined)) == len(set(found)):
            return refined
        found = refined
    return found


def same_order(graph: Graph, other: Graph) -> list[int] | None:
    """Return for every atom of a connected graph its counterpart in another, None for none.

    Where several orders fit, one that keeps alike neighbours in the order of their numbers.

    Raises:
        ValueError: the graphs are so symmetric that the search was given up.
    """
    (symbols, bonds), (others, other_bonds) = graph, other
    if sorted(symbols) != sorted(others):
        return None
    around = neighbours(len(symbols), bonds)
    around_other = neighbours(len(others), other_bonds)
    if sorted(map(len, around)) != sorted(map(len, around_other)):
        return None
    mine, theirs = colours(symbols, around), colours(others, around_other)
    rounds = sorted(mine) == sorted(theirs)
    return _search(around, around_other, mine, theirs) if rounds else None


def _search(
    around: list[list[int]], other: list[list[int]], mine: list[int], theirs: list[int]
) -> list[int] | None:
    """Place one atom after the other, each beside one that stands already."""
    order = _walk(around)
    place: dict[int, int] = {}
    waiting = [_candidates(order[0], place, around, other, mine, theirs)]
    for _ in range(MOST_STEPS):
        if not waiting:
            return None
        here = len(waiting) - 1
        place = {atom: place[atom] for atom in order[:here]}
        if not waiting[-1]:
            waiting.pop()
            continue
        place[order[here]] = waiting[-1].pop()
        if len(place) == len(order):
            return [place[atom] for atom in range(len(order))]
        waiting.append(_candidates(order[here + 1], place, around, other, mine, theirs))
    raise ValueError("too symmetric")


def _walk(around: list[list[int]]) -> list[int]:
    order, seen = [0], {0}
    for atom in order:
        new = [j for j in around[atom] if j not in seen]
        order += new
        seen.update(new)
    return order


def _candidates(
    atom: int,
    place: dict[int, int],
    around: list[list[int]],
    other: list[list[int]],
    mine: list[int],
    theirs: list[int],
) -> list[int]:
    """Return where an atom could stand, given where others do, the smallest number last."""
    placed = [place[j] for j in around[atom] if j in place]
    pool = other[placed[0]] if placed else range(len(other))
    taken = set(place.values())
    return [
        k
        for k in sorted(pool, reverse=True)
        if theirs[k] == mine[atom] and k not in taken and all(p in other[k] for p in placed)
    ]
