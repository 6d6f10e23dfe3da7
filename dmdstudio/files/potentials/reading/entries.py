"""Files of entries: three elements and numbers, over any number of lines, as LAMMPS has them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.lammps_units import said_energy
from dmdstudio.files.potentials.reading.elements import is_element
from dmdstudio.files.potentials.reading.own_formulas import float_of
from dmdstudio.files.potentials.reading.places import Place
from dmdstudio.files.text import decode
from dmdstudio.plan.structure import Structure


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


def entry_of(
    text: str, name: str, numbers: Sequence[str], structure: Structure
) -> tuple[Place, dict[str, str]]:
    """Return the entry for the one element of a structure, the last where there are several.

    Args:
        text: of the file.
        name: of the file.
        numbers: what the numbers of an entry are called.
        structure: whose atoms it is for.

    Raises:
        FileError: the structure has several elements, or the file none or a broken entry.
    """
    elements = sorted(set(structure.types))
    if len(elements) > 1:
        raise FileError(
            f"{name} is read for structures of one element; this one holds {', '.join(elements)}.",
            "Give a structure of one element.",
        )
    (element,) = elements
    entries = _entries(text, name, numbers)
    found = [entry for entry in entries if entry[1][:3] == [element] * 3]
    if not found:
        raise Place(name, 1).error(
            f"has no entry {element} {element} {element}.",
            "Take a file for the element of the structure.",
        )
    place, words = found[-1]
    return place, dict(zip(numbers, words[3:], strict=True))


def _entries(text: str, name: str, numbers: Sequence[str]) -> list[tuple[Place, list[str]]]:
    """Return the entries with the places where they begin."""
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
        found.append((place, entry))
    return found
