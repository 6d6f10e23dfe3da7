"""Documents of OpenMM's force fields: files and their includes, atom types and residues."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.reading.elements import is_element
from dmdstudio.files.potentials.reading.force_field import Template
from dmdstudio.files.potentials.reading.format import LIMIT_BYTES
from dmdstudio.files.potentials.reading.places import Place, neighbour
from dmdstudio.files.potentials.reading.xml import Element, read_xml
from dmdstudio.files.text import read_content
from dmdstudio.plan.catalog import shown

MOST_FILES = 16
"""That one file may include."""

MOST_ATOMS = 1000
"""Of a residue."""


@dataclass(frozen=True)
class AtomType:
    """Class, element (empty for a site without one) and mass, amu."""

    class_: str
    element: str
    mass: float


@dataclass
class Residue:
    """A residue, and what of it cannot be done here."""

    template: Template
    types: tuple[str, ...]
    attributes: tuple[dict[str, str], ...]
    obstacle: FileError | None


@dataclass
class Document:
    """All elements of a file and of those that it includes, each with its place."""

    path: Path
    parts: list[tuple[Element, str]] = field(default_factory=list)

    def read(self, path: Path, content: bytes) -> None:
        """Take in a file, then those that it names."""
        if len(self.parts) >= MOST_FILES:
            raise FileError(f"{self.path.name} includes more than {MOST_FILES} files.")
        root = read_xml(content, path.name)
        if root.tag != "ForceField":
            advice = "Name the force field that it was made from, whose file begins <ForceField>."
            raise Place(path.name, root.line).error(
                f"is XML of the sort {shown(root.tag)}; <ForceField> is expected.", advice
            )
        self.parts.append((root, path.name))
        for include in root.all("Include"):
            place = Place(path.name, include.line)
            named = neighbour(path, include.attributes.get("file", ""), place)
            self.read(named, read_content(named, "potential file", LIMIT_BYTES))

    def __iter__(self) -> Iterator[tuple[Element, str]]:
        """Iterate over the children of the outermost elements, and the names of their files."""
        for root, name in self.parts:
            for element in root.children:
                yield element, name

    def entries(self, *tags: str) -> Iterator[tuple[Element, Place]]:
        """Iterate over what stands inside elements of these names."""
        for element, name in self:
            if element.tag in tags:
                for entry in element.children:
                    yield entry, Place(name, entry.line)


class Types:
    """Atom types and residues of a document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        for element, name in document:
            if "Script" in element.tag:
                raise Place(name, element.line).error(
                    f"has a <{element.tag}>, a program that OpenMM runs to finish its system. "
                    "Programs are never run here, and what it adds would be missing.",
                    "Take it out, if it does not matter for your molecules.",
                )

    @cached_property
    def types(self) -> dict[str, AtomType]:
        """Atom types by name."""
        found: dict[str, AtomType] = {}
        for entry, place in self.document.entries("AtomTypes"):
            if entry.tag != "Type":
                continue
            name = entry.attributes.get("name", "")
            if not name or name in found:
                raise place.error(f"the type {shown(name)} has no name, or one that is taken.")
            element = entry.attributes.get("element", "").capitalize()
            if element and not is_element(element):
                raise place.error(f"{shown(element)} is no chemical element.")
            mass = place.number(entry.attributes.get("mass"), "mass", 0.0)
            found[name] = AtomType(entry.attributes.get("class", ""), element, mass)
        if not found:
            raise Place(self.document.path.name, 1).error(
                "has no atom types; <AtomTypes> with <Type name class element mass> is expected.",
                "Name them in the file, or <Include> the file that does.",
            )
        return found

    @cached_property
    def classes(self) -> dict[str, frozenset[str]]:
        """Names of the types of a class."""
        names: dict[str, set[str]] = {}
        for name, type_ in self.types.items():
            names.setdefault(type_.class_, set()).add(name)
        return {class_: frozenset(types) for class_, types in names.items()}

    @cached_property
    def residues(self) -> list[Residue]:
        """All residues, in their order."""
        found = [
            self._residue(entry, place)
            for entry, place in self.document.entries("Residues")
            if entry.tag == "Residue"
        ]
        if not found:
            raise Place(self.document.path.name, 1).error(
                "has no residues; <Residues> with the atoms and bonds of each molecule are "
                "expected.",
                "Name them in the file, or <Include> the file that does.",
            )
        return found

    def _residue(self, entry: Element, place: Place) -> Residue:
        name = entry.attributes.get("name", "")
        atoms = list(entry.all("Atom"))
        if not 0 < len(atoms) <= MOST_ATOMS:
            raise place.error(
                f"residue {shown(name)} has {len(atoms)} atoms; 1 to {MOST_ATOMS} are expected."
            )
        obstacle = None
        for child in entry.children:
            if child.tag in ("VirtualSite", "ExternalBond") and obstacle is None:
                what = "a site without mass" if child.tag == "VirtualSite" else "bonds to others"
                obstacle = Place(place.name, child.line).error(
                    f"residue {shown(name)} has {what} (<{child.tag}>), which we do not have.",
                    "Take a model whose molecules are whole and have charges on atoms only.",
                )
        real: dict[int, int] = {}
        types = []
        for number, atom in enumerate(atoms):
            type_ = atom.attributes.get("type", "")
            if type_ not in self.types:
                raise Place(place.name, atom.line).error(
                    f"the atom's type {shown(type_)} is not among the file's <AtomTypes>."
                )
            if self.types[type_].element:
                real[number] = len(real)
                types.append(type_)
            elif obstacle is None:
                obstacle = Place(place.name, atom.line).error(
                    f"type {shown(type_)} of residue {shown(name)} is of no element.",
                    "Name its element: <Type ... element=...>.",
                )
        bonds = self._bonds(entry, atoms, place.name)
        template = Template(
            name,
            tuple(self.types[type_].element for type_ in types),
            tuple((real[i], real[j]) for i, j in bonds if i in real and j in real),
            place,
        )
        kept = tuple(atoms[number].attributes for number in real)
        return Residue(template, tuple(types), kept, obstacle)

    @staticmethod
    def _bonds(entry: Element, atoms: list[Element], file: str) -> list[tuple[int, int]]:
        places = {atom.attributes.get("name", ""): n for n, atom in enumerate(atoms)}
        found = set()
        for bond in entry.all("Bond"):
            place, given = Place(file, bond.line), bond.attributes
            if "from" in given:
                ends = [
                    place.whole(given.get(key), key, 0, len(atoms) - 1) for key in ("from", "to")
                ]
            else:
                names = [given.get(key, "") for key in ("atomName1", "atomName2")]
                for name in names:
                    if name not in places:
                        raise place.error(f"the residue has no atom called {shown(name)}.")
                ends = [places[name] for name in names]
            if ends[0] == ends[1]:
                raise place.error("the bond joins an atom to itself.")
            found.add((min(ends), max(ends)))
        return sorted(found)

    def matches(self, entry: Element, number: int = 0) -> frozenset[str] | None:
        """Return the types that an entry names at a place; None for all, empty for unknown ones."""
        suffix = str(number or "")
        for key in ("type", "class"):
            word = entry.attributes.get(key + suffix)
            if word == "":
                return None
            if word is not None:
                known = frozenset({word} if word in self.types else ())
                return known if key == "type" else self.classes.get(word, frozenset())
        return frozenset()
