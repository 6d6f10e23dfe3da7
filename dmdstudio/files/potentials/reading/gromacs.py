"""Topologies of GROMACS (.top, and .itp that hold all that is needed).

Lengths are in nm, energies in kJ/mol, angles in degrees, and every k is that of k/2 x^2, as ours.
Cutoffs are in the .mdp file of a run, see `gromacs_settings`. Source: GROMACS manual, "Topology
file formats".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ase.data import chemical_symbols

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.reading.elements import element_of
from dmdstudio.files.potentials.reading.force_field import (
    ForceFieldFile,
    Molecule,
    Number,
    Numbers,
    ReadPotential,
    StarWave,
    Template,
    Torsion,
)
from dmdstudio.files.potentials.reading.format import LIMIT_BYTES, potential_formats
from dmdstudio.files.potentials.reading.graphs import (
    impropers,
    neighbours,
    three_bonds_apart,
    torsions,
)
from dmdstudio.files.potentials.reading.gromacs_functions import (
    BONDED,
    STARS,
    TORSIONS,
    numbers,
)
from dmdstudio.files.potentials.reading.gromacs_pairs import PairNumbers
from dmdstudio.files.potentials.reading.gromacs_settings import settings_beside
from dmdstudio.files.potentials.reading.gromacs_text import (
    DEFINED,
    Line,
    Section,
    function_of,
    read_sections,
    word_of,
)
from dmdstudio.files.potentials.reading.impropers import star_of, star_waves
from dmdstudio.files.potentials.reading.mixing import ROUNDED
from dmdstudio.files.potentials.reading.places import Place
from dmdstudio.files.potentials.reading.recipe_terms import recipe_terms
from dmdstudio.files.potentials.reading.waves import ONE_ORDER, constant_note
from dmdstudio.files.text import decode
from dmdstudio.plan.catalog import shown
from dmdstudio.plan.recipe import PotentialPlan
from dmdstudio.plan.structure import Structure

MOST_ATOMS = 5000
"""Of a molecule."""

_KNOWN = ("atoms", "bonds", "angles", "dihedrals", "pairs", "exclusions", "constraints", "settles")
_IGNORED = (
    "system", "molecules", "position_restraints", "distance_restraints", "orientation_restraints",
    "dihedral_restraints", "angle_restraints", "constrainttypes",
    "implicit_genborn_params", "cmaptypes",
)  # fmt: skip


@dataclass(frozen=True)
class _Type:
    bonded: str
    element: str
    mass: float
    charge: float
    particle: str
    place: Place


@dataclass
class _Kind:
    """A moleculetype: the lines of its sections by their names."""

    name: str
    exclusions: int
    place: Place
    sections: dict[str, list[Line]] = field(default_factory=dict)


class GromacsTopology:
    """Reads topologies."""

    label = "GROMACS topology"
    doc = (
        "Topologies (.top) with what they include from their own folder: Lennard-Jones by "
        "comb-rule 1, 2 or 3 and by pairs, charges, bonds of function 1 and 3, angles of 1, 2 and "
        "5, dihedrals of 1, 2, 3, 4, 5 and 9; cutoffs and switch from the .mdp of the same name."
    )
    suffixes: tuple[str, ...] = (".top", ".itp")
    limit_bytes: int = LIMIT_BYTES

    def sniff(self, content: bytes) -> bool:
        """Tell whether the first lines have a section or an include of a topology."""
        try:
            head = decode(content[: 2**16], "head").split("\n")[:1000]
        except FileError:
            return False
        mark = (
            r"\s*(\[\s*(defaults|atomtypes|moleculetype|system)\s*\]|#\s*(include|ifdef|define)\b)"
        )
        return any(re.match(mark, line) for line in head)

    def read(
        self, path: Path, content: bytes, structure: Structure, before: Sequence[PotentialPlan]
    ) -> ReadPotential:
        """Read a file; see `PotentialFormat.read`."""
        return recipe_terms(self.force_field(path, content), self.label, structure, before)

    def force_field(self, path: Path, content: bytes) -> ForceFieldFile:
        """Return what a file says of all its molecules."""
        sections, asked = read_sections(path, content, LIMIT_BYTES)
        reader = _Reader(path.name, sections)
        settings = settings_beside(path)
        notes = [*settings.notes]
        if "FLEXIBLE" in asked:
            notes.append(f"{path.name} asks for FLEXIBLE: taken as defined.")
        if others := [name for name in asked if name not in DEFINED]:
            notes.append(f"{path.name} asks for {', '.join(others)}: taken as not defined.")
        return ForceFieldFile(
            name=path.name,
            templates=tuple(template for template, _ in reader.molecules),
            molecule=reader.molecule,
            mixing=reader.pairs.mixing,
            unlike=reader.pairs.unlike,
            settings=settings.options,
            charges=settings.charges,
            notes=tuple(notes),
            notes_of=reader.notes_of,
        )


class _Reader:
    def __init__(self, name: str, sections: Sequence[Section]) -> None:
        self.name = name
        self.kinds: list[_Kind] = []
        self.types: dict[str, _Type] = {}
        self.terms: dict[str, list[Line]] = {}
        self.pairs = PairNumbers()
        self.notes: tuple[str, ...] = ()
        for section in sections:
            self._take(section)
        if not self.kinds:
            raise Place(name, 1).error(
                "has no [ moleculetype ], so that no molecule can be found in it.",
                "Give the .top file of the system.",
            )
        self.molecules = [(self._template(kind), kind) for kind in self.kinds]
        used = {
            word
            for kind in self.kinds
            for line in kind.sections.get("atoms", ())
            if (word := word_of(line, 1))
        }
        both, three_apart = (self.terms.get(n, []) for n in ("nonbond_params", "pairtypes"))
        self.pairs.take_pairs(both, three_apart, used)

    def _take(self, section: Section) -> None:
        name, lines = section.name, section.lines
        if name == "defaults":
            for line in lines:
                self.pairs.defaults(line)
        elif name == "atomtypes":
            for line in lines:
                self._atom_type(line)
        elif name in ("bondtypes", "angletypes", "dihedraltypes", "nonbond_params", "pairtypes"):
            self.terms.setdefault(name, []).extend(lines)
        elif name == "moleculetype":
            for line in lines:
                count = line.place.whole(word_of(line, 1), "the number of excluded bonds", 0, 100)
                self.kinds.append(_Kind(line.words[0], count, line.place))
        elif name == "intermolecular_interactions":
            raise section.place.error("[ intermolecular_interactions ] are nothing that we have.")
        elif name not in _IGNORED:
            if not self.kinds:
                raise section.place.error(
                    f"[ {name} ] stands before any [ moleculetype ]; it is no section that is "
                    "known there."
                )
            self.kinds[-1].sections.setdefault(name, []).extend(lines)

    def _atom_type(self, line: Line) -> None:
        """Take in ``name [bonded type] [atomic number] mass charge particle V W``."""
        words, place = line.words, line.place
        if len(words) < 6:
            raise place.error(f"{len(words)} words; an atom type has 6 to 8.")
        if not self.pairs.rule:
            raise place.error("the types come before [ defaults ], which says their comb-rule.")
        mass, charge, particle, first, second = words[-5:]
        bonded, number = words[0], 0
        for word in words[1:-5]:
            if word.isdecimal():
                number = place.whole(word, "the atomic number", 0, 118)
            else:
                bonded = word
        amu = place.number(mass, "the mass", 0.0)
        self.types[words[0]] = _Type(
            bonded,
            chemical_symbols[number] if number else "",
            amu,
            place.number(charge, "the charge"),
            particle.upper(),
            place,
        )
        self.pairs.take_type(words[0], first, second, place)

    # -- molecules -------------------------------------------------------------------------------
    def _atoms(self, kind: _Kind) -> list[tuple[_Type, str, float, float]]:
        """Return type, its name, charge and mass of every atom."""
        lines = kind.sections.get("atoms", [])
        if not 0 < len(lines) <= MOST_ATOMS:
            raise kind.place.error(
                f"{shown(kind.name)} has {len(lines)} atoms; 1 to {MOST_ATOMS} are expected."
            )
        found = []
        for number, line in enumerate(lines, 1):
            place = line.place
            if line.words[0] != str(number):
                raise place.error(f"atom {shown(line.words[0])}: {number} is expected.")
            name = word_of(line, 1) or ""
            if name not in self.types:
                raise place.error(
                    f"the atom's type {shown(name)} is not among the [ atomtypes ].",
                    "Give the .top file, which includes them.",
                )
            type_ = self.types[name]
            charge, mass = type_.charge, type_.mass
            if len(line.words) > 6:
                charge = place.number(line.words[6], "the charge")
            if len(line.words) > 7:
                mass = place.number(line.words[7], "the mass", 0.0)
            found.append((type_, name, charge, mass))
        return found

    def _template(self, kind: _Kind) -> Template:
        atoms = self._atoms(kind)
        elements = tuple(
            type_.element or element_of(mass or 1e-9, "", f"type {name}", type_.place)
            if type_.particle == "A"
            else "X"
            for type_, name, _, mass in atoms
        )
        real = {n: i for i, n in enumerate(n for n, e in enumerate(elements) if e != "X")}
        bonds = {ends for _, ends in self._members(kind, ("bonds", "constraints"), 2)}
        for line in kind.sections.get("settles", []):
            first = line.place.whole(word_of(line, 0), "an atom", 1, max(len(atoms) - 2, 1)) - 1
            bonds |= {(first, first + 1), (first, first + 2)}
        return Template(
            kind.name,
            tuple(element for element in elements if element != "X"),
            tuple(sorted((real[i], real[j]) for i, j in bonds if i in real and j in real)),
            kind.place,
        )

    def _members(
        self, kind: _Kind, sections: Iterable[str], count: int
    ) -> Iterable[tuple[Line, tuple[int, ...]]]:
        """Iterate over lines and their atoms, from 0, the smaller end first."""
        atoms = len(kind.sections.get("atoms", []))
        for section in sections:
            for line in kind.sections.get(section, []):
                found = [
                    line.place.whole(word_of(line, n), "an atom", 1, atoms) - 1
                    for n in range(count)
                ]
                if len(set(found)) < count:
                    raise line.place.error("an atom is named twice.")
                yield line, tuple(min(found, found[::-1]))

    def molecule(self, template: Template) -> Molecule:
        """Return a moleculetype with all its numbers; see `ForceFieldFile`."""
        kind = next(kind for known, kind in self.molecules if known is template)
        atoms = self._atoms(kind)
        for name, lines in kind.sections.items():
            if lines and name not in _KNOWN:
                raise lines[0].place.error(
                    f"[ {name} ] of {shown(kind.name)} is a form of energy that we do not have.",
                    "Take molecules without it.",
                )
        for type_, name, _, _ in atoms:
            if type_.particle != "A":
                raise type_.place.error(f"type {shown(name)} is no atom, which we do not have.")
        self._refuse_exclusions(kind, template)
        names = [type_.bonded for type_, _, _, _ in atoms]
        return Molecule(
            template,
            tuple(name for _, name, _, _ in atoms),
            tuple(charge for _, _, charge, _ in atoms),
            tuple(self.pairs.of_type(name) for _, name, _, _ in atoms),
            tuple(mass for _, _, _, mass in atoms),
            self._bonded(kind, template, names),
            self._at_3_bonds(kind, template),
            *self._torsions(kind, template, names),
        )

    def _bonded(
        self, kind: _Kind, template: Template, names: Sequence[str]
    ) -> dict[str, dict[tuple[int, ...], Numbers]]:
        """Return the numbers of bonds, angles and impropers by our kinds of terms."""
        found: dict[str, dict[tuple[int, ...], Numbers]] = {}
        for section, count, types in (("bonds", 2, "bondtypes"), ("angles", 3, "angletypes")):
            for line, atoms in self._members(kind, (section,), count):
                known = {f: read for (s, f), read in BONDED.items() if s == section}
                function = function_of(line, count)
                if function not in known:
                    raise line.place.error(
                        f"function {shown(function)} is a form of energy that we do not have; one "
                        f"of {', '.join(known)} is expected."
                    )
                (words, place), *_ = self._numbers_of(line, atoms, names, types)
                for name, own in known[function](words, place).items():
                    if found.setdefault(name, {}).setdefault(atoms, own) != own:
                        raise line.place.error("two terms of one form act on the same atoms.")
        found["improper"] = self._impropers(kind, template, names)
        return found

    def _impropers(
        self, kind: _Kind, template: Template, names: Sequence[str]
    ) -> dict[tuple[int, ...], Numbers]:
        """Return the stiffness of impropers, whose three orders stand one by one or one for all."""
        known: dict[tuple[int, ...], list[float]] = {}
        centres = set(impropers(self._bonds(template)))
        for line, _ in self._members(kind, ("dihedrals",), 4):
            if word_of(line, 4) != "2":
                continue
            place = line.place
            centre, *others = (
                place.whole(word, "an atom", 1, 10**6) - 1 for word in line.words[:4]
            )
            atoms = (centre, *sorted(others))
            if atoms not in centres:
                raise place.error(
                    "the first atom of the improper is not bonded to just the other three."
                )
            ((words, at), *_) = self._numbers_of(line, (centre, *others), names, "dihedraltypes")
            rest, stiffness = numbers(words, at, ("the angle at rest", "k"))
            if rest != 0.0:
                raise at.error("an improper with an angle at rest other than 0 is nothing we have.")
            known.setdefault(atoms, []).append(stiffness)
        found: dict[tuple[int, ...], Numbers] = {}
        for atoms, parts in known.items():
            if len(parts) not in (1, 3) or len(set(parts)) > 1:
                raise kind.place.error(
                    f"{shown(kind.name)} has {len(parts)} impropers of one atom; one is expected, "
                    "or all three orders of its neighbours with the same k."
                )
            if len(parts) == 1:
                self.notes = (*self.notes, ONE_ORDER)
            found[atoms] = {"stiffness": Number(sum(parts), "kJ/mol/rad2")}
        return found

    def _torsions(
        self, kind: _Kind, template: Template, names: Sequence[str]
    ) -> tuple[dict[Torsion, tuple[Numbers, ...]], Mapping[Torsion, tuple[StarWave, ...]]]:
        """Return the waves of dihedrals, their own or those of their types, and of impropers."""
        found: dict[Torsion, tuple[Numbers, ...]] = {}
        around = self._bonds(template)
        chains, stars = set(torsions(around)), []
        for line, (i, j, k, m) in self._members(kind, ("dihedrals",), 4):
            atoms = (i, j, k, m) if i < m else (m, k, j, i)
            place, function = line.place, function_of(line, 4)
            if function == "2":
                continue
            about = atoms not in chains and star_of(atoms, around) is not None
            if function not in (STARS if about else TORSIONS) or not (about or atoms in chains):
                raise place.error(
                    f"function {shown(function)} of [ dihedrals ] is a form of energy that we do "
                    f"not have; one of {', '.join(TORSIONS)}, for chains of three bonds, is "
                    f"expected, or 2 or one of {', '.join(STARS)} for atoms with three bonds."
                )
            for words, at in self._numbers_of(line, (i, j, k, m), names, "dihedraltypes"):
                waves, constant = TORSIONS[function](words, at)
                if constant:
                    self.notes = (*self.notes, constant_note(constant, "kJ/mol"))
                if about:
                    stars += [(atoms, one, at) for one in waves]
                else:
                    found[atoms] = (*found.get(atoms, ()), *waves)
        return found, star_waves(stars, around)

    def _numbers_of(
        self, line: Line, atoms: tuple[int, ...], names: Sequence[str], section: str
    ) -> list[tuple[Sequence[str], Place]]:
        """Return the numbers of a line, or those of its types: several for dihedrals of 9."""
        count, function = len(atoms), function_of(line, len(atoms))
        if len(line.words) > count + 1:
            return [(line.words[count + 1 :], line.place)]
        types = [names[atom] for atom in atoms]
        fitting: list[tuple[int, list[str], Line]] = []
        for known in self.terms.get(section, []):
            given = list(known.words[:count])
            if word_of(known, count) == function and _alike(given, types):
                fitting.append((given.count("X"), given, known))
        if not fitting:
            raise line.place.error(f"[ {section} ] has no line for {'-'.join(types)}.")
        least = min(wild for wild, _, _ in fitting)
        best = [(given, known) for wild, given, known in fitting if wild == least]
        # several lines of one dihedral of function 9 add up; else the last one counts
        several = [known for given, known in best if given == best[-1][0]]
        chosen = several if function == "9" else several[-1:]
        return [(known.words[count + 1 :], known.place) for known in chosen]

    @staticmethod
    def _bonds(template: Template) -> list[list[int]]:
        return neighbours(len(template.elements), template.bonds)

    def _refuse_exclusions(self, kind: _Kind, template: Template) -> None:
        around = self._bonds(template)
        near = {frozenset((i, j)) for i, atoms in enumerate(around) for j in atoms}
        near |= {frozenset((i, k)) for atoms in around for i in atoms for k in atoms if i != k}
        if kind.exclusions < 2 and len(template.elements) > 2 and template.bonds:
            raise kind.place.error(
                f"{shown(kind.name)} leaves out atoms up to {kind.exclusions} bonds apart; here "
                "those up to two bonds apart are left out."
            )
        for line in kind.sections.get("exclusions", []):
            count = len(around)
            atoms = [line.place.whole(word, "an atom", 1, count) - 1 for word in line.words]
            for other in atoms[1:]:
                if frozenset((atoms[0], other)) not in near:
                    raise line.place.error(
                        "leaves out atoms more than two bonds apart, which interact here."
                    )

    def _at_3_bonds(self, kind: _Kind, template: Template) -> tuple[float, float]:
        """Return the factors for atoms three bonds apart, which [ pairs ] brings back."""
        far = {frozenset(pair) for pair in three_bonds_apart(self._bonds(template))}
        names = [word_of(line, 1) or "" for line in kind.sections.get("atoms", [])]
        listed, factors = set(), list[float]()
        for line, (i, j) in self._members(kind, ("pairs",), 2):
            if function_of(line, 2) != "1":
                raise line.place.error("pairs of function 1 are expected; we have no others.")
            listed.add(frozenset((i, j)))
            factor = self.pairs.factor(line, names[i], names[j])
            factors += [] if factor is None else [factor]
            if factor is not None and abs(factor - factors[0]) > ROUNDED:
                raise line.place.error(
                    f"the pair counts by {factor:g} of its Lennard-Jones energy, those before by "
                    f"{factors[0]:g}; one factor for all is expected."
                )
        if kind.exclusions > 3 and far:
            raise kind.place.error(
                f"{shown(kind.name)} leaves out atoms up to {kind.exclusions} bonds apart, which "
                "interact here."
            )
        if kind.exclusions < 3 and not listed:
            return 1.0, 1.0
        if listed and listed != far:
            raise kind.place.error(
                f"the [ pairs ] of {shown(kind.name)} are not all atoms three bonds apart."
            )
        if not listed:
            return 0.0, 0.0
        if kind.exclusions < 3:
            raise kind.place.error(
                f"the [ pairs ] of {shown(kind.name)} come on top of pairs that are not left out; "
                "3 excluded bonds are expected."
            )
        return factors[0] if factors else 1.0, self.pairs.scales[1]

    def notes_of(self, template: Template) -> tuple[str, ...]:
        """Say what GROMACS holds rigid."""
        kind = next(kind for known, kind in self.molecules if known is template)
        if any(kind.sections.get(name) for name in ("settles", "constraints")):
            return (f"GROMACS holds {kind.name} rigid; here it is flexible.", *self.notes)
        return self.notes


def _alike(given: Sequence[str], types: Sequence[str]) -> bool:
    """Tell whether a line for types, X for any, is for these, from either end."""
    return any(
        all(one in ("X", other) for one, other in zip(given, way, strict=False))
        for way in (types, types[::-1])
    )


potential_formats.add("gromacs", GromacsTopology())
