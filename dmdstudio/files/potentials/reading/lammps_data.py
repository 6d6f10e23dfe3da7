"""Data files of LAMMPS: masses, coefficients, atoms with types and charges, and what is bonded.

Source: https://docs.lammps.org/read_data.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dmdstudio.files.potentials.reading.places import Place
from dmdstudio.files.text import decode
from dmdstudio.plan.catalog import shown

MOST_ATOMS = 500_000
"""Of a data file."""

_COLUMNS = {  # place of type and charge in a line of Atoms
    "atomic": (1, None),
    "charge": (1, 2),
    "molecular": (2, None),
    "bond": (2, None),
    "angle": (2, None),
    "full": (2, 3),
}
_MEMBERS = {"Bonds": 2, "Angles": 3, "Dihedrals": 4, "Impropers": 4}
_COEFFICIENTS = {
    "Pair Coeffs": "pair",
    "Bond Coeffs": "bond",
    "Angle Coeffs": "angle",
    "Dihedral Coeffs": "dihedral",
    "Improper Coeffs": "improper",
}
_SECTION = re.compile(r"[A-Z][A-Za-z]*(?: [A-Za-z]+)*$")


@dataclass(frozen=True)
class Atom:
    """One atom: its type and charge, e; None where the file has no charges."""

    type: int
    charge: float | None


@dataclass
class LammpsData:
    """What a data file says, atoms by their numbers.

    Attributes:
        name: of the file.
        title: its first line.
        masses: by type, with the comment of the line.
        coefficients: lines by sort (``pair``, ``bond``, ...): type, words and place.
        styles: by sort, where the title of the section names it.
        atoms: by number.
        members: (type, numbers of the atoms, place) by section, such as ``Bonds``.
        pairs_ij: whether it has coefficients for pairs of types, and where.
    """

    name: str
    title: str
    masses: dict[int, tuple[float, str]] = field(default_factory=dict)
    coefficients: dict[str, list[tuple[int, tuple[str, ...], Place]]] = field(default_factory=dict)
    styles: dict[str, str] = field(default_factory=dict)
    atoms: dict[int, Atom] = field(default_factory=dict)
    members: dict[str, list[tuple[int, tuple[int, ...], Place]]] = field(default_factory=dict)
    pairs_ij: Place | None = None


def read_data(path: Path, content: bytes, atom_style: str) -> LammpsData:
    """Read a data file.

    Args:
        path: of the file, for errors.
        content: its bytes.
        atom_style: that its input says; empty where only its own ``Atoms # style`` counts.

    Raises:
        FileError: with file and line.
    """
    text = decode(content, f"Potential file {path.name}")
    found = LammpsData(path.name, text.split("\n", 1)[0].strip(" #"))
    for section, note, place, lines in _sections(text, path.name):
        if section == "Masses":
            for words, comment, at in lines:
                type_ = at.whole(words[0], "the type", 1, MOST_ATOMS)
                mass = at.number(words[1] if len(words) > 1 else None, "the mass", 1e-6)
                found.masses[type_] = (mass, comment)
        elif section in _COEFFICIENTS:
            sort = _COEFFICIENTS[section]
            found.styles[sort] = note
            found.coefficients[sort] = [
                (at.whole(words[0], "the type", 1, MOST_ATOMS), tuple(words[1:]), at)
                for words, _, at in lines
            ]
        elif section == "PairIJ Coeffs":
            found.pairs_ij = place
        elif section == "Atoms":
            _read_atoms(found, lines, note or atom_style, place)
        elif section in _MEMBERS:
            found.members[section] = list(_read_members(lines, _MEMBERS[section]))
    if not found.atoms:
        raise Place(path.name, 1).error("has no Atoms section; a LAMMPS data file is expected.")
    return found


Line = tuple[list[str], str, Place]
"""Words, comment and place."""


def _sections(text: str, name: str) -> Iterator[tuple[str, str, Place, Iterator[Line]]]:
    """Iterate over (title, comment of the title, place, lines) of sections."""
    titles = []
    lines = text.split("\n")
    for number, line in enumerate(lines[1:], 2):
        title, _, note = line.partition("#")
        if _SECTION.fullmatch(title.strip()):
            titles.append((title.strip(), note.strip(), number))
    ends = [number for _, _, number in titles[1:]] + [len(lines) + 1]
    for (title, note, number), end in zip(titles, ends, strict=False):
        yield title, note, Place(name, number), _content(lines, number, end, name)


def _content(lines: list[str], begin: int, end: int, name: str) -> Iterator[Line]:
    for number in range(begin + 1, end):
        line, _, comment = lines[number - 1].partition("#")
        if words := line.split():
            yield words, comment.strip(), Place(name, number)


def _read_atoms(found: LammpsData, lines: Iterator[Line], style: str, place: Place) -> None:
    if style not in _COLUMNS:
        raise place.error(
            f"the atom style is {shown(style)}; one of {', '.join(_COLUMNS)} is expected."
            if style
            else "the section does not say its atom style.",
            "Write it after the title, such as: Atoms # full",
        )
    of_type, of_charge = _COLUMNS[style]
    last = max(of_type, of_charge or 0)
    for words, _, at in lines:
        if len(words) < last + 4:
            raise at.error(f"{len(words)} words; an atom of style {style} has {last + 4} or more.")
        number = at.whole(words[0], "the number of the atom", 1, 2**31)
        type_ = at.whole(words[of_type], "the type of the atom", 1, MOST_ATOMS)
        charge = None if of_charge is None else at.number(words[of_charge], "the charge")
        if number in found.atoms:
            raise at.error(f"atom {number} is there twice.")
        found.atoms[number] = Atom(type_, charge)
        if len(found.atoms) > MOST_ATOMS:
            raise at.error(f"the file has more than {MOST_ATOMS:,} atoms.")


def _read_members(
    lines: Iterator[Line], count: int
) -> Iterator[tuple[int, tuple[int, ...], Place]]:
    for words, _, at in lines:
        if len(words) < count + 2:
            raise at.error(f"{len(words)} words; a number, a type and {count} atoms are expected.")
        numbers = [at.whole(word, "a number of the line", 1, 2**31) for word in words[: count + 2]]
        if len(set(numbers[2:])) < count:
            raise at.error("an atom is named twice.")
        yield numbers[1], tuple(numbers[2:]), at
