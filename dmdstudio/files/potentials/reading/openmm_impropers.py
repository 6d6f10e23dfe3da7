"""Which atoms OpenMM's improper torsions take, and in which order.

Source: OpenMM User Guide, "Writing the XML File", <PeriodicTorsionForce>; and, for the orders that
hang on elements and numbers, the behaviour of OpenMM 8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

from ase.data import atomic_masses, atomic_numbers

from dmdstudio.files.potentials.reading.places import Place
from dmdstudio.files.potentials.reading.xml import Element

ORDERINGS = ("default", "charmm", "amber", "smirnoff")


@dataclass(frozen=True)
class ImproperEntry:
    """An <Improper> with what its classes stand for.

    Attributes:
        wanted: types of the centre and three neighbours; None for any.
        ordering: of its force, one of `ORDERINGS`.
        entry: with its numbers.
        place: of it.
    """

    wanted: tuple[frozenset[str] | None, ...]
    ordering: str
    entry: Element
    place: Place

    @property
    def any(self) -> bool:
        """Whether one of the four may be of any type."""
        return None in self.wanted


def entry_for(
    star: Sequence[int], types: Sequence[str], entries: Sequence[ImproperEntry]
) -> tuple[ImproperEntry, tuple[int, int, int]] | None:
    """Return the entry for a centre and its neighbours, and these in the entry's order.

    The last entry without a star counts, else the first with one.

    Args:
        star: centre and neighbours, these sorted.
        types: of all atoms.
        entries: in the order of the file.
    """
    found = None
    for one in entries:
        if (found is not None and one.any) or not _fits(types[star[0]], one.wanted[0]):
            continue
        for i, j, k in permutations(star[1:]):
            if all(_fits(types[n], w) for n, w in zip((i, j, k), one.wanted[1:], strict=True)):
                found = one, (i, j, k)
                break
    return found


def _fits(type_: str, wanted: frozenset[str] | None) -> bool:
    return wanted is None or type_ in wanted


def chains_of(
    centre: int,
    others: tuple[int, int, int],
    entry: ImproperEntry,
    types: Sequence[str],
    elements: Sequence[str],
) -> list[tuple[int, int, int, int]]:
    """Return the atoms of the dihedral angles that an improper is.

    Args:
        centre: its number.
        others: its neighbours in the order of the entry.
        entry: for them.
        types: of all atoms.
        elements: chemical symbols of all atoms.
    """
    i, j, k = others
    if entry.ordering == "smirnoff":
        return [(centre, i, j, k), (centre, j, k, i), (centre, k, i, j)]
    if entry.ordering == "charmm" and not entry.any:
        return [(centre, i, j, k)]
    if entry.ordering != "amber":
        first, second = elements[i], elements[j]
        heavier = _mass(first) < _mass(second)
        if i > j if first == second else first != "C" and (second == "C" or heavier):
            i, j = j, i
        return [(i, j, centre, k)]
    named = elements if entry.any else types
    if named[i] == named[k] and i > k:
        i, k = k, i
    if named[j] == named[k] and j > k:
        j, k = k, j
    if (entry.any or types[i] == types[j]) and i > j:
        i, j = j, i
    return [(i, j, centre, k)]


def _mass(element: str) -> float:
    return float(atomic_masses[atomic_numbers[element]])
