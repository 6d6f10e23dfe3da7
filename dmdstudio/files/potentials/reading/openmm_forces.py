"""Forces of OpenMM's force fields as the numbers of a residue.

Every k is that of k/2 x^2, as ours. The first entry for a bond or an angle counts, the last one for
a type, as in OpenMM.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import combinations, permutations, product
from typing import TypeVar

from dmdstudio.files.potentials.reading.force_field import (
    Molecule,
    Number,
    Numbers,
    Template,
    Torsion,
)
from dmdstudio.files.potentials.reading.graphs import (
    angles,
    neighbours,
    three_bonds_apart,
    torsions,
)
from dmdstudio.files.potentials.reading.openmm_own import shifted_charges
from dmdstudio.files.potentials.reading.openmm_types import Document, Residue, Types
from dmdstudio.files.potentials.reading.places import Place, degrees
from dmdstudio.files.potentials.reading.xml import Element
from dmdstudio.plan.catalog import shown

_BONDS = ("HarmonicBondForce", "HarmonicBondJaxForce")
_ANGLES = ("HarmonicAngleForce", "HarmonicAngleJaxForce")
_TORSIONS = ("PeriodicTorsionForce", "PeriodicTorsionJaxForce")
_NONBONDED = ("NonbondedForce", "NonbondedJaxForce")
_PAIRS = "LennardJonesForce"
_CHARGES = "CoulombForce"
_KNOWN = (*_BONDS, *_ANGLES, *_TORSIONS, *_NONBONDED, _PAIRS, _CHARGES)
_NO_FORCE = ("Info", "AtomTypes", "Residues", "Patches", "Include")
_REFERENCE = re.compile(r"(?:type|class)\d?")
_PI = 3.1416
"""Larger angles are none; some files round pi up."""

Chain = TypeVar("Chain", tuple[int, int], tuple[int, int, int])


class Forces:
    """All forces of a document."""

    def __init__(self, document: Document) -> None:
        self.document, self.types = document, Types(document)
        self.comments = [comment for root, _ in document.parts for comment in root.comments]

    @cached_property
    def shifted(self) -> tuple[dict[str, object], dict[str, float]] | None:
        """Options and charges of the formula for charges that we write; None where there is none.

        Raises:
            FileError: there is a formula that is not ours, or there are several.
        """
        found = [(e, name) for e, name in self.document if _is_ours(e)]
        if not found:
            return None
        if len(found) > 1:
            raise Place(found[1][1], found[1][0].line).error("two forces have charges.")
        known = {name for name, type_ in self.types.types.items() if type_.element}
        return shifted_charges(*found[0], self.comments, sorted(known))

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
        residue = next(r for r in self.types.residues if r.template is template)
        if residue.obstacle is not None:
            raise residue.obstacle
        around = neighbours(len(residue.types), template.bonds)
        self._refuse_others(residue, around)
        return Molecule(
            template,
            residue.types,
            self._charges(residue),
            self._pairs(residue, around),
            tuple(self.types.types[type_].mass for type_ in residue.types),
            self._harmonic(residue, template.bonds, _BONDS, _bond_numbers),
            self._harmonic(residue, angles(around), _ANGLES, _angle_numbers),
            self.scales,
            self._torsions(residue, around),
        )

    def _harmonic(
        self,
        residue: Residue,
        chains: Sequence[Chain],
        tags: tuple[str, ...],
        numbers: Callable[[Element, Place], Numbers],
    ) -> dict[Chain, Numbers]:
        """Return the numbers of bonds or angles by their atoms, the first entry that fits."""
        entries = [
            (tuple(self.types.matches(entry, n + 1) for n in range(len(chains[0]))), entry, place)
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

    def _torsions(
        self, residue: Residue, around: list[list[int]]
    ) -> dict[Torsion, tuple[Numbers, ...]]:
        """Return the waves of torsions: those of an entry without a star go first."""
        found: dict[Torsion, tuple[Numbers, ...]] = {}
        chains = torsions(around)
        entries = [
            (tuple(self.types.matches(entry, n) for n in range(1, 5)), entry, place)
            for entry, place in (self.document.entries(*_TORSIONS) if chains else ())
            if entry.tag == "Proper"
        ]
        for chain in chains:
            types = [residue.types[atom] for atom in chain]
            fitting = [e for e in entries if _fit(types, e[0]) or _fit(types[::-1], e[0])]
            fitting.sort(key=lambda e: None in e[0])  # stable: the first of each sort
            if fitting:
                found[chain] = _waves(*fitting[0][1:])
        return found

    def _last(self, residue: Residue, tag: tuple[str, ...]) -> dict[str, tuple[Element, Place]]:
        """Return the entry of every type of a residue, the last one where there are several."""
        found: dict[str, tuple[Element, Place]] = {}
        wanted = set(residue.types)
        for entry, place in self.document.entries(*tag):
            if entry.tag == "Atom":
                types = self.types.matches(entry)
                found |= dict.fromkeys(wanted if types is None else wanted & types, (entry, place))
        return found

    def _from_residue(self, tags: tuple[str, ...], name: str) -> bool:
        return any(
            entry.tag == "UseAttributeFromResidue" and entry.attributes.get("name") == name
            for entry, _ in self.document.entries(*tags)
        )

    def _charges(self, residue: Residue) -> tuple[float, ...]:
        """Return the charges of a residue's atoms, from its own lines or those of their types."""
        shifted = self.shifted[1] if self.shifted else {}
        total = [shifted.get(type_, 0.0) for type_ in residue.types]
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

    def _pairs(self, residue: Residue, around: list[list[int]]) -> tuple[Numbers, ...]:
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

    def _refuse_others(self, residue: Residue, around: list[list[int]]) -> None:
        """Raise where a force of a form that we do not have acts on a residue."""
        chains = _chains(residue.types, around)
        for element, name in self.document:
            known = element.tag in _KNOWN
            harmless = element.tag in _NO_FORCE or _is_ours(element)
            if harmless or (known and element.tag not in (_PAIRS, *_TORSIONS)):
                continue
            speaking = [c for c in element.children if _referred(c)]
            if not known and not speaking:
                raise Place(name, element.line).error(
                    f"<{element.tag}> is a form of energy that we do not have."
                )
            for entry in speaking:
                if known and entry.tag not in ("NBFixPair", "Improper"):
                    continue
                numbers = {int("0" + key.lstrip("typeclas")) for key in _referred(entry)}
                wanted = [self.types.matches(entry, number) for number in sorted(numbers)]
                if _act(wanted, residue.types, chains):
                    raise Place(name, entry.line).error(
                        f"<{element.tag}> acts on residue {shown(residue.template.name)}, and is "
                        "a form of energy that we do not have.",
                        "Take a force field without it, or take it out if you know that it does "
                        "not matter.",
                    )


_REFERENCE_1 = {"type1", "class1"}


def _is_ours(element: Element) -> bool:
    """Tell whether a force looks like the formula for charges that we write."""
    return element.tag == "CustomNonbondedForce" and "strength_of(" in element.attributes.get(
        "energy", ""
    )


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


def _waves(entry: Element, place: Place) -> tuple[Numbers, ...]:
    """Return the waves of a torsion: k1, phase1 and periodicity1, k2, ..."""
    found, number = [], 1
    while f"k{number}" in entry.attributes:
        barrier = place.number(entry.attributes[f"k{number}"], f"k{number}")
        phase = place.number(entry.attributes.get(f"phase{number}"), f"phase{number}", -_PI, _PI)
        word = entry.attributes.get(f"periodicity{number}")
        count = place.whole(word, f"periodicity{number}", 1, 6)
        if barrier:
            found.append(
                {
                    "barrier": Number(barrier, "kJ/mol"),
                    "phase": Number(math.degrees(phase), "degree"),
                    "multiplicity": Number(float(count), "1"),
                }
            )
        number += 1
    return tuple(found)


def _pair_numbers(entry: Element, place: Place) -> Numbers:
    return {
        "sigma": Number(place.number(entry.attributes.get("sigma"), "sigma", 0.0), "nm"),
        "epsilon": Number(place.number(entry.attributes.get("epsilon"), "epsilon", 0.0), "kJ/mol"),
    }
