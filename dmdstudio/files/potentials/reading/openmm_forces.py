"""Forces of OpenMM's force fields as the numbers of a residue.

Every k is that of k/2 x^2, as ours. The first entry for a bond or an angle counts, the last one for
a type, as in OpenMM.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import combinations, permutations, product

from dmdstudio.files.potentials.openmm_force_field import COSINE_ANGLE, IMPROPER, MORSE_BOND
from dmdstudio.files.potentials.reading.force_field import (
    Molecule,
    Number,
    Numbers,
    PairTerm,
    StarWave,
    Template,
    Torsion,
)
from dmdstudio.files.potentials.reading.graphs import (
    angles,
    impropers,
    neighbours,
    three_bonds_apart,
    torsions,
)
from dmdstudio.files.potentials.reading.impropers import Given, star_waves
from dmdstudio.files.potentials.reading.openmm_impropers import (
    ORDERINGS,
    ImproperEntry,
    chains_of,
    entry_for,
)
from dmdstudio.files.potentials.reading.openmm_own import (
    Formula,
    is_own_formula,
    own_formula,
    shifted_charges,
)
from dmdstudio.files.potentials.reading.openmm_spline import is_spline
from dmdstudio.files.potentials.reading.openmm_types import Document, Residue, Types
from dmdstudio.files.potentials.reading.places import Place, degrees
from dmdstudio.files.potentials.reading.waves import constant_note, ryckaert_bellemans
from dmdstudio.files.potentials.reading.xml import Element
from dmdstudio.plan.catalog import shown

_BONDS = ("HarmonicBondForce", "HarmonicBondJaxForce")
_ANGLES = ("HarmonicAngleForce", "HarmonicAngleJaxForce")
_TORSIONS = ("PeriodicTorsionForce", "PeriodicTorsionJaxForce")
_POWERS = ("RBTorsionForce",)
_NONBONDED = ("NonbondedForce", "NonbondedJaxForce")
_PAIRS = "LennardJonesForce"
_CHARGES = "CoulombForce"
_SPRINGS = ("AmoebaUreyBradleyForce",)
_KNOWN = (*_BONDS, *_ANGLES, *_SPRINGS, *_TORSIONS, *_POWERS, *_NONBONDED, _PAIRS, _CHARGES)
_NO_FORCE = ("Info", "AtomTypes", "Residues", "Patches", "Include")
_REFERENCE = re.compile(r"(?:type|class)\d?")
_PI = 3.1416
"""Larger angles are none; some files round pi up."""


class Forces:
    """All forces of a document."""

    def __init__(self, document: Document) -> None:
        self.document, self.types = document, Types(document)
        self.comments = [comment for root, _ in document.parts for comment in root.comments]
        self.notes: tuple[str, ...] = ()

    @cached_property
    def shifted(self) -> tuple[dict[str, object], dict[str, float]] | None:
        """Options and charges of the formula for charges that we write; None where there is none.

        Raises:
            FileError: there are several, or the charges contradict their comment.
        """
        found = [formula for formula in self.formulas if formula.kind == "coulomb"]
        if len(found) > 1:
            raise found[1].place.error("two forces have charges.")
        return shifted_charges(found[0], self.comments) if found else None

    @cached_property
    def formulas(self) -> list[Formula]:
        """The formulas of pairs that are ours."""
        known = sorted(name for name, type_ in self.types.types.items() if type_.element)
        return [
            own_formula(element, Place(name, element.line), known)
            for element, name in self.document
            if is_own_formula(element)
        ]

    @property
    def pair_terms(self) -> tuple[PairTerm, ...]:
        """The pair potentials whose formulas are ours, but for charges."""
        return tuple(formula.term() for formula in self.formulas if formula.kind != "coulomb")

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
        for formula in self.formulas:
            charges = formula.scale_14 if formula.kind == "coulomb" else charges
        return pairs, charges

    def notes_of(self, template: Template) -> tuple[str, ...]:
        """Say what OpenMM does with a residue that is not in the file, and what is left out."""
        if template.name == "HOH" and len(template.elements) == 3:
            return (
                "OpenMM keeps HOH rigid unless asked otherwise; here it is flexible, with the "
                "springs of the file.",
                *self.notes,
            )
        return tuple(dict.fromkeys(self.notes))

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
            {
                **{
                    kind: self._chained(residue, template.bonds, tags, energy, numbers)
                    for kind, (tags, energy, numbers) in _BOND_FORCES.items()
                },
                **{
                    kind: self._chained(residue, angles(around), tags, energy, numbers)
                    for kind, (tags, energy, numbers) in _ANGLE_FORCES.items()
                },
                "improper": self._impropers(residue, around),
            },
            self.scales,
            self._torsions(residue, around),
            self._waves_of_impropers(residue, around),
        )

    def _entries(self, tags: tuple[str, ...], energy: str) -> Iterator[tuple[Element, Place]]:
        """Iterate over the entries of forces, of those with a formula where one is given."""
        for element, name in self.document:
            if element.tag in tags and element.attributes.get("energy", "") == energy:
                for entry in element.children:
                    yield entry, Place(name, entry.line)

    def _chained(
        self,
        residue: Residue,
        chains: Sequence[tuple[int, ...]],
        tags: tuple[str, ...],
        energy: str,
        numbers: Callable[[Element, Place], Numbers],
    ) -> dict[tuple[int, ...], Numbers]:
        """Return the numbers of bonds or angles by their atoms, the first entry that fits."""
        entries = [
            (tuple(self.types.matches(entry, n + 1) for n in range(len(chains[0]))), entry, place)
            for entry, place in (self._entries(tags, energy) if chains else ())
            if _REFERENCE_1 & entry.attributes.keys()
        ]
        found: dict[tuple[int, ...], Numbers] = {}
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
        for tags, numbers in ((_TORSIONS, _waves), (_POWERS, self._powers)):
            entries = [
                (tuple(self.types.matches(entry, n) for n in range(1, 5)), entry, place)
                for entry, place in (self.document.entries(*tags) if chains else ())
                if entry.tag == "Proper"
            ]
            for chain in chains:
                types = [residue.types[atom] for atom in chain]
                fitting = [e for e in entries if _fit(types, e[0]) or _fit(types[::-1], e[0])]
                fitting.sort(key=lambda e: None in e[0])  # stable: the first of each sort
                if fitting:
                    found[chain] = (*found.get(chain, ()), *numbers(*fitting[0][1:]))
        return found

    def _waves_of_impropers(
        self, residue: Residue, around: list[list[int]]
    ) -> Mapping[Torsion, tuple[StarWave, ...]]:
        """Return the waves of impropers, those of the entry that OpenMM takes."""
        entries = []
        for element, name in self.document:
            ordering = element.attributes.get("ordering", "default")
            for entry in element.children if element.tag in _TORSIONS else ():
                place = Place(name, entry.line)
                if entry.tag != "Improper":
                    continue
                if ordering not in ORDERINGS:
                    raise place.error(
                        f"ordering {shown(ordering)}; one of {', '.join(ORDERINGS)} is expected."
                    )
                wanted = tuple(self.types.matches(entry, n) for n in range(1, 5))
                entries.append(ImproperEntry(wanted, ordering, entry, place))
        given: list[Given] = []
        for centre, near in enumerate(around) if entries else ():
            for others in combinations(near, 3):
                found = entry_for((centre, *others), residue.types, entries)
                if found is None or not (waves := _waves(found[0].entry, found[0].place)):
                    continue
                if len(near) > 3:
                    raise found[0].place.error(
                        f"the improper acts on an atom with {len(near)} bonds; we have those about "
                        "atoms with three."
                    )
                chains = chains_of(
                    centre, found[1], found[0], residue.types, residue.template.elements
                )
                given += [(chain, one, found[0].place) for chain in chains for one in waves]
        return star_waves(given, around)

    def _powers(self, entry: Element, place: Place) -> tuple[Numbers, ...]:
        """Return the waves of a sum of powers of the cosine."""
        c = [place.number(entry.attributes.get(f"c{n}"), f"c{n}") for n in range(6)]
        waves, constant = ryckaert_bellemans(c, "kJ/mol")
        if constant:
            self.notes = (*self.notes, constant_note(constant, "kJ/mol"))
        return waves

    def _impropers(
        self, residue: Residue, around: list[list[int]]
    ) -> dict[tuple[int, ...], Numbers]:
        """Return the numbers of our own impropers."""
        found: dict[tuple[int, ...], Numbers] = {}
        for centre, *others in impropers(around):
            orders = [[residue.types[i] for i in (centre, *p)] for p in permutations(others)]
            for entry, place in self._entries(("CustomTorsionForce",), IMPROPER):
                wanted = [self.types.matches(entry, n) for n in range(1, 5)]
                if entry.tag == "Improper" and any(_fit(types, wanted) for types in orders):
                    sixth = place.number(entry.attributes.get("sixth"), "sixth", 0.0)
                    stiffness = Number(6.0 * sixth, "kJ/mol/rad2")
                    found.setdefault((centre, *others), {"stiffness": stiffness})
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
            if harmless or (known and element.tag not in (_PAIRS, *_POWERS)):
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
    """Tell whether a force has a formula that we write."""
    formulas = {
        "CustomBondForce": MORSE_BOND,
        "CustomAngleForce": COSINE_ANGLE,
        "CustomTorsionForce": IMPROPER,
    }
    if element.tag in formulas:
        return element.attributes.get("energy") == formulas[element.tag]
    return is_own_formula(element) or is_spline(element)


def _referred(entry: Element) -> list[str]:
    """Return the attributes by which an entry names types."""
    return [key for key in entry.attributes if _REFERENCE.fullmatch(key)]


def _fit(types: Sequence[str], wanted: Sequence[frozenset[str] | None]) -> bool:
    return len(types) == len(wanted) and all(
        fit is None or type_ in fit for type_, fit in zip(types, wanted, strict=True)
    )


def _chains(types: tuple[str, ...], around: list[list[int]]) -> dict[int, set[tuple[str, ...]]]:
    """Return the types of atoms, pairs, angles and torsions of a residue, by their number.

    Angles and torsions from both ends, and a centre with its three neighbours in any order.
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
    orders = {
        tuple(types[atom] for atom in star)
        for j, near in enumerate(around)
        for three in combinations(near, 3)
        for star in permutations((j, *three))
    }
    return {
        1: {(type_,) for type_ in types},
        2: pairs,
        3: bent | {chain[::-1] for chain in bent},
        4: ways | orders,
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


def _morse_numbers(entry: Element, place: Place) -> Numbers:
    words = entry.attributes
    return {
        "length": Number(place.number(words.get("length"), "length", 0.0), "nm"),
        "depth": Number(place.number(words.get("depth"), "depth", 0.0), "kJ/mol"),
        "decay": Number(place.number(words.get("decay"), "decay", 0.0), "1/nm"),
    }


def _cosine_numbers(entry: Element, place: Place) -> Numbers:
    cosine = place.number(entry.attributes.get("cosine"), "cosine", -1.0, 1.0)
    stiffness = place.number(entry.attributes.get("k"), "k", 0.0)
    return {
        "angle": Number(math.degrees(math.acos(cosine)), "degree"),
        "stiffness": Number(stiffness, "kJ/mol"),
    }


def _spring_numbers(entry: Element, place: Place) -> Numbers:
    """Return the numbers of springs between the ends of an angle; this element's k is K."""
    stiffness = 2.0 * place.number(entry.attributes.get("k"), "k", 0.0)
    return {
        "distance": Number(place.number(entry.attributes.get("d"), "d", 0.0), "nm"),
        "stiffness": Number(stiffness, "kJ/mol/nm2"),
    }


_BOND_FORCES = {
    "harmonic_bond": (_BONDS, "", _bond_numbers),
    "morse_bond": (("CustomBondForce",), MORSE_BOND, _morse_numbers),
}
_ANGLE_FORCES = {
    "harmonic_angle": (_ANGLES, "", _angle_numbers),
    "cosine_angle": (("CustomAngleForce",), COSINE_ANGLE, _cosine_numbers),
    "urey_bradley": (_SPRINGS, "", _spring_numbers),
}
"""Elements with their formulas, and how their entries are read, by kind of term."""


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
