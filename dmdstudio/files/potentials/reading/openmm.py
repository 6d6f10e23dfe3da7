"""Force fields of OpenMM (XML), and DMFF's variants of them.

Lengths are in nm, energies in kJ/mol, angles in radians, and every k is that of k/2 x^2, as ours.
Cutoffs are not in the file: they are said where a system is made from it.

Source: OpenMM User Guide, "Creating Force Fields"; DMFF's user guide, "XML format force field".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations, permutations, product
from pathlib import Path
from typing import TypeVar

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.reading.elements import is_element
from dmdstudio.files.potentials.reading.force_field import (
    ForceFieldFile,
    Molecule,
    Number,
    Numbers,
    ReadPotential,
    Template,
)
from dmdstudio.files.potentials.reading.format import LIMIT_BYTES, potential_formats
from dmdstudio.files.potentials.reading.graphs import angles, neighbours, three_bonds_apart
from dmdstudio.files.potentials.reading.places import Place, degrees, neighbour
from dmdstudio.files.potentials.reading.recipe_terms import recipe_terms
from dmdstudio.files.potentials.reading.xml import Element, read_xml
from dmdstudio.files.text import read_content
from dmdstudio.plan.catalog import shown
from dmdstudio.plan.recipe import PotentialPlan
from dmdstudio.plan.structure import Structure

MOST_FILES = 16
"""That one file may include."""

MOST_ATOMS = 1000
"""Of a residue."""

_BONDS = ("HarmonicBondForce", "HarmonicBondJaxForce")
_ANGLES = ("HarmonicAngleForce", "HarmonicAngleJaxForce")
_NONBONDED = ("NonbondedForce", "NonbondedJaxForce")
_PAIRS = "LennardJonesForce"
_CHARGES = "CoulombForce"
_KNOWN = (*_BONDS, *_ANGLES, *_NONBONDED, _PAIRS, _CHARGES)
_NO_FORCE = ("Info", "AtomTypes", "Residues", "Patches", "Include")
_REFERENCE = re.compile(r"(?:type|class)\d?")
_PI = 3.1416
"""Larger angles are none; some files round pi up."""

Chain = TypeVar("Chain", tuple[int, int], tuple[int, int, int])


@dataclass(frozen=True)
class _Type:
    class_: str
    element: str
    mass: float


@dataclass
class _Residue:
    """A residue, and what of it cannot be done here."""

    template: Template
    types: tuple[str, ...]
    attributes: tuple[dict[str, str], ...]
    obstacle: FileError | None


@dataclass
class _Document:
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


class OpenMMForceField:
    """Reads ``<ForceField>`` files."""

    label = "OpenMM XML"
    doc = (
        "<ForceField> files of OpenMM and DMFF: harmonic bonds and angles, Lennard-Jones and "
        "charges of molecules that are one residue each."
    )
    suffixes: tuple[str, ...] = (".xml",)
    limit_bytes: int = LIMIT_BYTES

    def sniff(self, content: bytes) -> bool:
        """Tell whether the bytes begin as XML does, in any of its encodings."""
        return content[:64].lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")[:1] == b"<"

    def read(
        self, path: Path, content: bytes, structure: Structure, before: Sequence[PotentialPlan]
    ) -> ReadPotential:
        """Read a file; see `PotentialFormat.read`."""
        return recipe_terms(self.force_field(path, content), self.label, structure, before)

    def force_field(self, path: Path, content: bytes) -> ForceFieldFile:
        """Return what a file says of all its molecules."""
        document = _Document(path)
        document.read(path, content)
        reader = _Reader(document)
        return ForceFieldFile(
            name=path.name,
            templates=tuple(residue.template for residue in reader.residues),
            molecule=reader.molecule,
            mixing="lorentz_berthelot",
            notes_of=reader.notes_of,
        )


class _Reader:
    def __init__(self, document: _Document) -> None:
        self.document = document
        for element, name in document:
            if "Script" in element.tag:
                raise Place(name, element.line).error(
                    f"has a <{element.tag}>, a program that OpenMM runs to finish its system. "
                    "Programs are never run here, and what it adds would be missing.",
                    "Take it out, if it does not matter for your molecules.",
                )

    # -- types and residues ----------------------------------------------------------------------
    @cached_property
    def types(self) -> dict[str, _Type]:
        found: dict[str, _Type] = {}
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
            found[name] = _Type(entry.attributes.get("class", ""), element, mass)
        if not found:
            raise Place(self.document.path.name, 1).error(
                "has no atom types; <AtomTypes> with <Type name class element mass> is expected.",
                "Name them in the file, or <Include> the file that does.",
            )
        return found

    @cached_property
    def classes(self) -> dict[str, frozenset[str]]:
        names: dict[str, set[str]] = {}
        for name, type_ in self.types.items():
            names.setdefault(type_.class_, set()).add(name)
        return {class_: frozenset(types) for class_, types in names.items()}

    @cached_property
    def residues(self) -> list[_Residue]:
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

    def _residue(self, entry: Element, place: Place) -> _Residue:
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
        return _Residue(template, tuple(types), kept, obstacle)

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

    # -- terms -----------------------------------------------------------------------------------
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

    @cached_property
    def scales(self) -> tuple[float, float]:
        """Factors of Lennard-Jones and of charges at three bonds, where the file says them."""
        pairs = charges = 1.0
        for element, name in self.document:
            place = Place(name, element.line)
            if element.tag in (*_NONBONDED, _PAIRS) and "lj14scale" in element.attributes:
                pairs = place.number(element.attributes["lj14scale"], "lj14scale")
            if element.tag in (*_NONBONDED, _CHARGES) and "coulomb14scale" in element.attributes:
                charges = place.number(element.attributes["coulomb14scale"], "coulomb14scale")
        return pairs, charges

    @staticmethod
    def notes_of(template: Template) -> tuple[str, ...]:
        """Say what OpenMM does with a residue that is not in the file."""
        if template.name == "HOH" and len(template.elements) == 3:
            return (
                "OpenMM keeps HOH rigid unless asked otherwise; here it is flexible, with the "
                "springs of the file.",
            )
        return ()

    def molecule(self, template: Template) -> Molecule:
        """Return a residue with all its numbers; see `ForceFieldFile`."""
        residue = next(r for r in self.residues if r.template is template)
        if residue.obstacle is not None:
            raise residue.obstacle
        around = neighbours(len(residue.types), template.bonds)
        self._refuse_others(residue, around)
        return Molecule(
            template,
            residue.types,
            self._charges(residue),
            self._pairs(residue, around),
            tuple(self.types[type_].mass for type_ in residue.types),
            self._harmonic(residue, template.bonds, _BONDS, _bond_numbers),
            self._harmonic(residue, angles(around), _ANGLES, _angle_numbers),
            self.scales,
        )

    def _harmonic(
        self,
        residue: _Residue,
        chains: Sequence[Chain],
        tags: tuple[str, ...],
        numbers: Callable[[Element, Place], Numbers],
    ) -> dict[Chain, Numbers]:
        """Return the numbers of bonds or angles by their atoms, the first entry that fits."""
        entries = [
            (tuple(self.matches(entry, n + 1) for n in range(len(chains[0]))), entry, place)
            for entry, place in (self.document.entries(*tags) if chains else ())
            if _REFERENCE_1 & entry.attributes.keys()
        ]
        found: dict[Chain, Numbers] = {}
        for chain in chains:
            types = [residue.types[atom] for atom in chain]
            for wanted, entry, place in entries:
                if _fit(types, wanted) or _fit(types[::-1], wanted):
                    found[chain] = numbers(entry, place)
                    break
        return found

    def _last(self, residue: _Residue, tag: tuple[str, ...]) -> dict[str, tuple[Element, Place]]:
        """Return the entry of every type of a residue, the last one where there are several."""
        found: dict[str, tuple[Element, Place]] = {}
        wanted = set(residue.types)
        for entry, place in self.document.entries(*tag):
            if entry.tag == "Atom":
                types = self.matches(entry)
                found |= dict.fromkeys(wanted if types is None else wanted & types, (entry, place))
        return found

    def _from_residue(self, tags: tuple[str, ...], name: str) -> bool:
        return any(
            entry.tag == "UseAttributeFromResidue" and entry.attributes.get("name") == name
            for entry, _ in self.document.entries(*tags)
        )

    def _charges(self, residue: _Residue) -> tuple[float, ...]:
        """Return the charges of a residue's atoms, from its own lines or those of their types."""
        total = [0.0] * len(residue.types)
        for tags in (_NONBONDED, (_CHARGES,)):
            present = [(e, n) for e, n in self.document if e.tag in tags]
            if not present:
                continue
            own = self._from_residue(tags, "charge")
            by_type = self._last(residue, tags)
            for atom, type_ in enumerate(residue.types):
                place = Place(present[0][1], present[0][0].line)
                if own:
                    word = residue.attributes[atom].get("charge")
                    place = residue.template.place
                elif type_ in by_type:
                    entry, place = by_type[type_]
                    word = entry.attributes.get("charge")
                else:
                    raise place.error(f"there is no <Atom> for type {shown(type_)}.")
                charge = place.number(word, f"the charge of type {type_}")
                if charge and total[atom]:
                    raise place.error(
                        f"type {shown(type_)} has a charge in two forces; we add none up.",
                        "Keep one of them.",
                    )
                total[atom] += charge
        return tuple(total)

    def _pairs(self, residue: _Residue, around: list[list[int]]) -> tuple[Numbers, ...]:
        """Return sigma and epsilon of a residue's atoms."""
        found: dict[str, tuple[Numbers, Element, Place]] = {}
        for tags in (_NONBONDED, (_PAIRS,)):
            present = [(e, n) for e, n in self.document if e.tag in tags]
            by_type = self._last(residue, tags)
            for type_ in dict.fromkeys(residue.types) if present else ():
                if type_ not in by_type:
                    place = Place(present[0][1], present[0][0].line)
                    raise place.error(f"there is no <Atom> for type {shown(type_)}.")
                entry, place = by_type[type_]
                numbers = _pair_numbers(entry, place)
                if type_ in found and found[type_][0]["epsilon"].value:
                    if numbers["epsilon"].value:
                        raise place.error(
                            f"type {shown(type_)} has Lennard-Jones in two forces.",
                            "Keep one of them.",
                        )
                    continue
                found[type_] = (numbers, entry, place)
        for type_, (_, entry, place) in found.items():
            if "epsilon14" in entry.attributes and three_bonds_apart(around):
                raise place.error(
                    f"type {shown(type_)} has other numbers for atoms three bonds apart "
                    "(epsilon14), which we do not have."
                )
        nothing = {"sigma": Number(0.1, "nm"), "epsilon": Number(0.0, "kJ/mol")}
        return tuple(found[t][0] if t in found else nothing for t in residue.types)

    def _refuse_others(self, residue: _Residue, around: list[list[int]]) -> None:
        """Raise where a force of a form that we do not have acts on a residue."""
        chains = _chains(residue.types, around)
        for element, name in self.document:
            known = element.tag in _KNOWN
            if element.tag in _NO_FORCE or (known and element.tag != _PAIRS):
                continue
            speaking = [c for c in element.children if _referred(c)]
            if not known and not speaking:
                raise Place(name, element.line).error(
                    f"<{element.tag}> is a form of energy that we do not have."
                )
            for entry in speaking:
                if known and entry.tag != "NBFixPair":
                    continue
                numbers = {int("0" + key.lstrip("typeclas")) for key in _referred(entry)}
                wanted = [self.matches(entry, number) for number in sorted(numbers)]
                if _act(wanted, residue.types, chains):
                    raise Place(name, entry.line).error(
                        f"<{element.tag}> acts on residue {shown(residue.template.name)}, and is "
                        "a form of energy that we do not have.",
                        "Take a force field without it, or take it out if you know that it does "
                        "not matter.",
                    )


_REFERENCE_1 = {"type1", "class1"}


def _referred(entry: Element) -> list[str]:
    """Return the attributes by which an entry names types."""
    return [key for key in entry.attributes if _REFERENCE.fullmatch(key)]


def _fit(types: Sequence[str], wanted: Sequence[frozenset[str] | None]) -> bool:
    return len(types) == len(wanted) and all(
        fit is None or type_ in fit for type_, fit in zip(types, wanted, strict=True)
    )


def _chains(types: tuple[str, ...], around: list[list[int]]) -> dict[int, set[tuple[str, ...]]]:
    """Return the types of atoms, pairs, angles and torsions of a residue, by their number.

    Angles and torsions from both ends, and stars of four atoms in any order.
    """
    pairs = set(product(set(types), repeat=2))
    bent = {(types[i], types[j], types[k]) for i, j, k in angles(around)}
    ways = {
        (types[i], types[j], types[k], types[m])
        for j, near in enumerate(around)
        for k in near
        for i, m in product(near, around[k])
        if len({i, j, k, m}) == 4
    }
    stars = {
        tuple(types[atom] for atom in star)
        for j, near in enumerate(around)
        for three in combinations(near, 3)
        for star in permutations((j, *three))
    }
    return {
        1: {(type_,) for type_ in types},
        2: pairs,
        3: bent | {chain[::-1] for chain in bent},
        4: ways | stars,
    }


def _act(
    wanted: Sequence[frozenset[str] | None],
    types: tuple[str, ...],
    chains: dict[int, set[tuple[str, ...]]],
) -> bool:
    """Tell whether an entry for types acts on a residue; where in doubt, it does."""
    if len(wanted) in chains:
        return any(_fit(chain, wanted) for chain in chains[len(wanted)])
    return all(one is None or one & set(types) for one in wanted)


def _bond_numbers(entry: Element, place: Place) -> Numbers:
    return {
        "length": Number(place.number(entry.attributes.get("length"), "length", 0.0), "nm"),
        "stiffness": Number(place.number(entry.attributes.get("k"), "k", 0.0), "kJ/mol/nm2"),
    }


def _angle_numbers(entry: Element, place: Place) -> Numbers:
    angle = place.number(entry.attributes.get("angle"), "angle", 0.0, _PI)
    stiffness = place.number(entry.attributes.get("k"), "k", 0.0)
    return {
        "angle": Number(degrees(angle), "degree"),
        "stiffness": Number(stiffness, "kJ/mol/rad2"),
    }


def _pair_numbers(entry: Element, place: Place) -> Numbers:
    return {
        "sigma": Number(place.number(entry.attributes.get("sigma"), "sigma", 0.0), "nm"),
        "epsilon": Number(place.number(entry.attributes.get("epsilon"), "epsilon", 0.0), "kJ/mol"),
    }


potential_formats.add("openmm", OpenMMForceField())
