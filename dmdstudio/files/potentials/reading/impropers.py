"""Waves of impropers: a dihedral angle of an atom with three bonds and its neighbours."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from dmdstudio.files.potentials.reading.force_field import Number, Numbers, StarWave
from dmdstudio.files.potentials.reading.places import Place

TREFOIL = -1
"""Stands for the neighbour on the axis where all three angles with the centre at the end count."""

Star = tuple[int, int, int, int]
Given = tuple[tuple[int, ...], Numbers, Place]
"""Atoms of a dihedral angle, one wave, and where it stands."""


def star_of(atoms: Sequence[int], around: Sequence[Sequence[int]]) -> Star | None:
    """Return (centre, i, j, k), i < j < k, of four atoms; None where none is bonded to just three.

    Args:
        atoms: in any order.
        around: the atoms that every atom is bonded to.
    """
    for centre in atoms:
        others = sorted(set(atoms) - {centre})
        if len(others) == 3 and sorted(around[centre]) == others:
            return (centre, others[0], others[1], others[2])
    return None


def star_waves(
    given: Iterable[Given], around: Sequence[Sequence[int]]
) -> Mapping[Star, tuple[StarWave, ...]]:
    """Return the waves of impropers by their atoms.

    Args:
        given: all of a molecule, each about a centre with three bonds.
        around: the atoms that every atom is bonded to.

    Raises:
        FileError: a phase is neither 0 nor 180 degrees, or the centre stands at the end of one or
            two angles but not of all three.
    """
    found: dict[Star, list[StarWave]] = {}
    ends: dict[tuple[Star, tuple[float, ...]], dict[int, Given]] = {}
    for atoms, numbers, place in given:
        star = star_of(atoms, around)
        assert star is not None
        if abs(math.sin(math.radians(numbers["phase"].value))) > 1e-6:
            raise place.error(
                f"an improper with a phase of {numbers['phase'].value:g} degrees; 0 or 180 is "
                "expected."
            )
        where = atoms.index(star[0])
        other = atoms[3 - where]
        if where in (1, 2):
            found.setdefault(star, []).append((other, numbers))
        else:
            key = star, tuple(number.value for number in numbers.values())
            ends.setdefault(key, {})[other] = atoms, numbers, place
    for (star, _), three in ends.items():
        _, numbers, place = next(iter(three.values()))
        if set(three) != set(star[1:]):
            raise place.error(
                f"the centre of an improper stands at the end in {len(three)} of the three orders "
                "of its neighbours; it is expected in the second or third place, or at the end of "
                "all three with the same numbers."
            )
        barrier = numbers["barrier"]
        whole = {**numbers, "barrier": Number(3.0 * barrier.value, barrier.unit)}
        found.setdefault(star, []).append((TREFOIL, whole))
    return {star: tuple(waves) for star, waves in found.items()}
