"""Files of entries: three elements and numbers, over any number of lines, as LAMMPS has them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.lammps_units import said_energy
from dmdstudio.files.potentials.reading.elements import is_element
from dmdstudio.files.potentials.reading.own_formulas import float_of
from dmdstudio.files.potentials.reading.places import Place
from dmdstudio.files.text import decode
from dmdstudio.plan.structure import Structure

Elements = tuple[str, str, str]
"""Of an entry: the centre first."""


def has_entries(content: bytes, count: int) -> bool:
    """Tell whether the first words that are no comment are an entry's of so many words."""
    try:
        head = decode(content[: 2**14], "head")
    except FileError:
        return False
    words = re.sub(r"#.*", "", head).split()
    after = words[count : count + 1]
    return len(words) >= count and _begins(words[:count]) and all(map(is_element, after))


def _begins(words: Sequence[str]) -> bool:
    return all(is_element(word) for word in words[:3]) and not any(
        math.isnan(float_of(word)) for word in words[3:5]
    )


def energy_unit(text: str, name: str) -> tuple[str, list[str]]:
    """Return the unit of energies, and a note where the file does not say it."""
    said = said_energy(text, name)
    if said is None:
        return "eV", [f"{name} does not say its units: eV and angstrom, as usual."]
    return said, []


class Entry(NamedTuple):
    """An entry of a file.

    Attributes:
        place: where it begins.
        elements: its three.
        words: by the names of its numbers.
    """

    place: Place
    elements: Elements
    words: dict[str, str]

    def number(self, name: str, lower: float = 0.0, upper: float = math.inf) -> float:
        """Return a number within bounds; errors as of `Place.number`."""
        return self.place.number(self.words[name], name, lower, upper)


def entries_of(
    text: str, name: str, numbers: Sequence[str], structure: Structure
) -> dict[Elements, Entry]:
    """Return the entries for the elements of a structure, the last where there are several.

    Args:
        text: of the file.
        name: of the file.
        numbers: what the numbers of an entry are called.
        structure: whose atoms it is for.

    Raises:
        FileError: the file has a broken entry, or none for three of the elements.
    """
    found = {entry.elements: entry for entry in _entries(text, name, numbers)}
    wanted = [(a, b, c) for a, b, c in product(sorted(set(structure.types)), repeat=3)]
    if missing := [elements for elements in wanted if elements not in found]:
        raise Place(name, 1).error(
            f"has no entry {' '.join(missing[0])}.",
            "Take a file for the elements of the structure.",
        )
    return {elements: found[elements] for elements in wanted}


class Agreement:
    """What entries should agree on, though they differ by rounding.

    Args:
        name: of the file.
    """

    def __init__(self, name: str) -> None:
        self._name, self._largest = name, 0.0

    def of(self, one: float, other: float, what: str, entries: Sequence[Entry]) -> float:
        """Return the mean of a number of two entries.

        Args:
            one: of the first entry.
            other: of the second.
            what: it is.
            entries: both.

        Raises:
            FileError: they differ by more than `ROUNDED`.
        """
        if one == other:
            return one
        differ = abs(one - other) / max(abs(one), abs(other))
        if differ > ROUNDED:
            first, second = (f"{' '.join(e.elements)} (line {e.place.line})" for e in entries)
            raise entries[0].place.error(
                f"{what} of {first} and of {second} are {one:g} and {other:g}; here they are one "
                "number, which LAMMPS takes from either.",
                "Make them equal.",
            )
        self._largest = max(self._largest, differ)
        return 0.5 * (one + other)

    @property
    def notes(self) -> list[str]:
        """What was made equal."""
        if not self._largest:
            return []
        return [
            f"Numbers that {self._name} has twice differ by up to {self._largest:.1g} (relative); "
            "their mean is taken."
        ]


ROUNDED = 1e-4
"""Relative difference of numbers that are meant to be equal, as published files have it."""


def _entries(text: str, name: str, numbers: Sequence[str]) -> list[Entry]:
    """Return all entries."""
    count = len(numbers) + 3
    words: list[tuple[str, int]] = []
    for number, line in enumerate(text.split("\n"), 1):
        words += [(word, number) for word in line.split("#", 1)[0].split()]
    found = []
    for start in range(0, len(words), count):
        entry = [word for word, _ in words[start : start + count]]
        place = Place(name, words[start][1])
        if len(entry) < count or not _begins(entry):
            raise place.error(
                f"an entry of {count} words is expected: three elements and {len(numbers)} numbers "
                f"({', '.join(numbers)})."
            )
        one, two, three, *rest = entry
        found.append(Entry(place, (one, two, three), dict(zip(numbers, rest, strict=True))))
    return found
