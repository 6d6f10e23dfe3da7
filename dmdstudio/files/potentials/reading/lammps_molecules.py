"""Molecules of a data file of LAMMPS: each kind once, with the numbers of its terms."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dmdstudio.files.potentials.reading.force_field import (
    Molecule,
    Number,
    Numbers,
    Template,
    Torsion,
)
from dmdstudio.files.potentials.reading.graphs import (
    angles,
    connected,
    impropers,
    neighbours,
    three_bonds_apart,
    torsions,
)
from dmdstudio.files.potentials.reading.impropers import Given, star_of, star_waves
from dmdstudio.files.potentials.reading.lammps_bonded import (
    bonded_numbers,
    improper_formula,
    improper_waves,
    waves,
)
from dmdstudio.files.potentials.reading.lammps_commands import Commands
from dmdstudio.files.potentials.reading.lammps_styles import Pairs
from dmdstudio.files.potentials.reading.matching import formula
from dmdstudio.files.potentials.reading.places import Place
from dmdstudio.files.potentials.reading.waves import ONE_ORDER

MOST_KINDS = 1000
"""Of molecules in a data file."""


Coefficients = tuple[str, tuple[str, ...], Place]
"""Style, words and place."""

_Member = tuple[int, tuple[int, ...], Place]
"""Type, atoms by their places in the molecule, and where it stands."""


@dataclass(frozen=True)
class Found:
    """A kind of molecule before its bonds and angles have numbers."""

    template: Template
    types: list[int]
    charges: list[float]
    pairs: list[Numbers]
    terms: dict[str, list[_Member]]


class Molecules:
    """The molecules of an input.

    Args:
        commands: of the input.
        elements: of the types.
        masses: of the types, amu.
        bonded: coefficients of bonds, angles, ... by sort and type.
        used: types that atoms have.
        at_3_bonds: factors of Lennard-Jones and of charges for atoms three bonds apart.
        others_at_3_bonds: alike, of other pair potentials; 1 where there are none.

    Attributes:
        notes: on what was approximated in the molecules that are complete.
    """

    def __init__(
        self,
        commands: Commands,
        elements: dict[int, str],
        masses: dict[int, float],
        bonded: dict[str, dict[int, Coefficients]],
        used: set[int],
        at_3_bonds: tuple[float, float],
        others_at_3_bonds: float,
    ) -> None:
        self.settings, self.data, self.charges = commands.settings, commands.data, commands.charges
        self.energy, self.place = commands.energy, commands.place
        self.elements, self.masses, self.bonded, self.used = elements, masses, bonded, used
        self.at_3_bonds, self.others_at_3_bonds = at_3_bonds, others_at_3_bonds
        self.notes: tuple[str, ...] = ()

    def all(self, pairs: Pairs | None, charged: bool) -> list[Found]:
        """Return the molecules of the data file, each kind once; without one, types alone."""
        if self.data is None:
            return [
                self._found([type_], [self.charges.get(type_, 0.0)], {}, pairs, self.place)
                for type_ in sorted(self.used)
            ]
        data = self.data
        numbers = sorted(data.atoms)
        place_of = {number: n for n, number in enumerate(numbers)}
        members = {
            section: [(t, self._known(atoms, place_of, at), at) for t, atoms, at in lines]
            for section, lines in data.members.items()
        }
        bonds = [atoms for _, atoms, _ in members.get("Bonds", [])]
        around = neighbours(len(numbers), [(i, j) for i, j in bonds])
        parts = connected(around)
        belongs = {atom: n for n, part in enumerate(parts) for atom in part}
        of_part: list[dict[str, list[_Member]]] = [{} for _ in parts]
        for section, lines in members.items():
            for type_, atoms, at in lines:
                part = belongs[atoms[0]]
                if any(belongs[atom] != part for atom in atoms):
                    raise at.error("the atoms are not bonded to each other.")
                local = tuple(bisect_left(parts[part], atom) for atom in atoms)
                of_part[part].setdefault(section, []).append((type_, local, at))
        found: dict[object, Found] = {}
        for part, terms in zip(parts, of_part, strict=True):
            atoms = [data.atoms[numbers[n]] for n in part]
            types = [atom.type for atom in atoms]
            charges = [self.charges.get(a.type, a.charge or 0.0) if charged else 0.0 for a in atoms]
            key = (
                tuple(types),
                tuple(charges),
                tuple((s, *((t, local) for t, local, _ in lines)) for s, lines in terms.items()),
            )
            if key not in found:
                at = next((lines[0][2] for lines in terms.values()), Place(data.name, 1))
                found[key] = self._found(types, charges, terms, pairs, at)
                if len(found) > MOST_KINDS:
                    raise at.error(
                        f"the file has more than {MOST_KINDS} kinds of molecules.",
                        "Give every atom of a type the same charge.",
                    )
        return list(found.values())

    @staticmethod
    def _known(atoms: tuple[int, ...], place_of: dict[int, int], at: Place) -> tuple[int, ...]:
        for atom in atoms:
            if atom not in place_of:
                raise at.error(f"there is no atom {atom}.")
        return tuple(place_of[atom] for atom in atoms)

    def _found(
        self,
        types: list[int],
        charges: list[float],
        terms: dict[str, list[_Member]],
        pairs: Pairs | None,
        place: Place,
    ) -> Found:
        elements = tuple(self.elements[type_] for type_ in types)
        bonds = sorted({(min(local), max(local)) for _, local, _ in terms.get("Bonds", [])})
        template = Template(formula(elements), elements, tuple((i, j) for i, j in bonds), place)
        nothing: Numbers = {
            "sigma": Number(1.0, "angstrom"),
            "epsilon": Number(0.0, self.energy),
        }
        numbers = pairs.numbers if pairs is not None else {}
        return Found(
            template, types, charges, [numbers.get(type_, nothing) for type_ in types], terms
        )

    def complete(self, found: Found) -> Molecule:
        """Return a molecule with the numbers of its bonds and angles."""
        turns: dict[Torsion, tuple[Numbers, ...]] = {}
        around = neighbours(len(found.types), found.template.bonds)
        chains, stars = set(torsions(around)), self._stars(found, around)
        for type_, (i, j, k, m), at in found.terms.get("Dihedrals", []):
            atoms = (i, j, k, m) if i < m else (m, k, j, i)
            about = atoms not in chains and star_of(atoms, around) is not None
            if atoms not in chains and not about:
                raise at.error("the dihedral is no chain of three bonds.")
            style, words, place = self._coefficients("dihedral", type_, at)
            if style == "lepton":  # an improper of ours
                continue
            if about:
                stars += [(atoms, one, at) for one in waves(style, words, place, self.energy)]
                continue
            turns[atoms] = (*turns.get(atoms, ()), *waves(style, words, place, self.energy))
        bonded: dict[str, dict[tuple[int, ...], Numbers]] = {}
        for sort, atoms, numbers, at in self._bonded(found):
            for kind, own in numbers.items():
                if bonded.setdefault(kind, {}).setdefault(atoms, own) != own:
                    raise at.error(f"the {sort} has two terms of one form; we add none up.")
        if self.others_at_3_bonds != 1.0 and three_bonds_apart(around):
            raise self.place.error(
                f"special_bonds multiply the energy of atoms three bonds apart by "
                f"{self.others_at_3_bonds:g}; here only Lennard-Jones and charges are scaled."
            )
        if found.template.bonds:
            for factors in self.settings.special:
                if factors[:2] != (0.0, 0.0):
                    raise self.place.error(
                        f"special_bonds {factors[:2]} let atoms one or two bonds apart interact; "
                        "here they never do."
                    )
        return Molecule(
            found.template,
            tuple(str(type_) for type_ in found.types),
            tuple(found.charges),
            tuple(found.pairs),
            tuple(self.masses[type_] for type_ in found.types),
            bonded,
            self.at_3_bonds,
            turns,
            star_waves(stars, around),
        )

    def _stars(self, found: Found, around: list[list[int]]) -> list[Given]:
        """Return the waves of impropers of style cvff."""
        stars: list[Given] = []
        for type_, local, at in found.terms.get("Impropers", []):
            style, words, place = self._coefficients("improper", type_, at)
            if style == "cvff":
                given = improper_waves(words, place, self.energy)
                if given and star_of(local, around) is None:
                    raise at.error("none of the improper's atoms is bonded to just the others.")
                stars += [(local, one, at) for one in given]
        return stars

    def _bonded(
        self, found: Found
    ) -> Iterator[tuple[str, tuple[int, ...], Mapping[str, Numbers], Place]]:
        """Iterate over bonds, angles and impropers: sort, atoms, numbers and place."""
        around = neighbours(len(found.types), found.template.bonds)
        there = {"bond": set(found.template.bonds), "angle": set(angles(around))}
        for sort in there:
            for type_, local, at in found.terms.get(f"{sort.capitalize()}s", []):
                style, words, place = self._coefficients(sort, type_, at)
                numbers = bonded_numbers(sort, style, words, place, self.energy)
                atoms = min(local, local[::-1])
                if numbers and atoms not in there[sort]:
                    raise at.error("the angle is not one between two bonds.")
                yield sort, atoms, numbers, at
        centres = set(impropers(around))
        of_centres: dict[tuple[int, ...], list[tuple[Mapping[str, Numbers], Place]]] = {}
        for local, numbers, at, place in self._planes(found):
            atoms = (local[0], *sorted(local[1:]))
            if numbers and atoms not in centres:
                raise at.error(
                    "the first atom of the improper is not bonded to just the other three."
                )
            of_centres.setdefault(atoms, []).append((numbers, place))
        for atoms, known in of_centres.items():
            yield "improper", atoms, self._in_all_orders(known), known[0][1]

    def _planes(
        self, found: Found
    ) -> Iterator[tuple[tuple[int, ...], Mapping[str, Numbers], Place, Place]]:
        """Iterate over impropers that are springs: atoms, numbers, and the places of both."""
        for type_, local, at in found.terms.get("Impropers", []):
            style, words, place = self._coefficients("improper", type_, at)
            if style != "cvff":
                yield local, bonded_numbers("improper", style, words, place, self.energy), at, place
        for type_, local, at in found.terms.get("Dihedrals", []):
            style, words, place = self._coefficients("dihedral", type_, at)
            if style == "lepton":
                yield local, improper_formula(words, place, self.energy), at, place

    def _in_all_orders(self, known: list[tuple[Mapping[str, Numbers], Place]]) -> Mapping:
        """Return the numbers of an improper whose orders stand one by one, or one for all."""
        numbers, place = known[0]
        if not numbers:
            return {}
        if any(other != numbers for other, _ in known) or len(known) not in (1, 3):
            raise place.error(
                f"{len(known)} impropers of one atom; one is expected, or all three orders of its "
                "neighbours with the same number."
            )
        if len(known) == 1:
            self.notes = (ONE_ORDER,)
        stiffness = numbers["improper"]["stiffness"]
        whole = Number(stiffness.value * len(known), stiffness.unit)
        return {"improper": {"stiffness": whole}}

    def _coefficients(self, sort: str, type_: int, at: Place) -> Coefficients:
        found = self.bonded.get(sort, {}).get(type_)
        if found is None:
            if self.settings.styles.get(sort) in ("zero", "none"):
                return "none", (), at
            raise at.error(
                f"there is no {sort}_coeff for type {type_}.",
                "Give the input that has it, or add it.",
            )
        if not found[0]:
            raise found[2].error(f"no {sort}_style says what these coefficients mean.")
        return found
