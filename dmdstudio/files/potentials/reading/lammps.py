"""LAMMPS: inputs with their data files, and data files that hold coefficients.

Source: https://docs.lammps.org/Commands_input.html
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.reading.elements import element_of
from dmdstudio.files.potentials.reading.force_field import (
    ForceFieldFile,
    Molecule,
    Number,
    Numbers,
    ReadPotential,
    Template,
)
from dmdstudio.files.potentials.reading.format import LIMIT_BYTES, potential_formats
from dmdstudio.files.potentials.reading.graphs import connected, neighbours
from dmdstudio.files.potentials.reading.lammps_data import LammpsData, read_data
from dmdstudio.files.potentials.reading.lammps_script import Command, read_script
from dmdstudio.files.potentials.reading.lammps_styles import (
    UNITS,
    Pairs,
    PairStyle,
    bonded_numbers,
    lennard_jones,
    pair_styles,
    plain_name,
    shifted_charges,
    take_pair_coefficients,
    types_of,
)
from dmdstudio.files.potentials.reading.matching import formula
from dmdstudio.files.potentials.reading.own_formulas import float_of
from dmdstudio.files.potentials.reading.places import Place, neighbour
from dmdstudio.files.potentials.reading.recipe_terms import recipe_terms
from dmdstudio.files.text import decode, read_content
from dmdstudio.plan.catalog import shown
from dmdstudio.plan.recipe import PotentialPlan
from dmdstudio.plan.structure import Structure

MOST_TYPES = 200
"""Of atoms in an input."""

MOST_STARRED = 200
"""Commands that give coefficients to many types at once."""

MOST_KINDS = 1000
"""Of molecules in a data file."""

_RIGID = ("shake", "rattle", "rigid")
_HARMLESS = re.compile(
    r"nve|nvt|npt|nph|langevin|temp/|momentum|ave/|print|vector|balance|deform|dt/reset|store/|"
    r"recenter|press/|box/relax|bocs|msst|csvr|halt|planeforce|setforce"
)
_STEERING = ("if", "jump", "label", "next", "python", "shell", "plugin", "quit", "rerun")


class LammpsInput:
    """Reads inputs and data files."""

    label = "LAMMPS input or data"
    doc = (
        "Inputs (units real or metal) with the data file that they read, or a data file with "
        "coefficients: lj/cut and lj/mdf, alone or with coul/long, coul/dsf; harmonic bonds and "
        "angles; atom styles full, charge, molecular, atomic."
    )
    suffixes: tuple[str, ...] = (".in", ".lmp", ".data")
    limit_bytes: int = LIMIT_BYTES

    def sniff(self, content: bytes) -> bool:
        """Tell whether the first lines are commands of LAMMPS, or the head of a data file."""
        try:
            head = decode(content[: 2**16], "head").split("\n")[:400]
        except FileError:
            return False
        return _is_data(head) or any(
            re.match(r"\s*(pair_style|pair_coeff|read_data|atom_style|units|include)\s+\S", line)
            for line in head
        )

    def read(
        self, path: Path, content: bytes, structure: Structure, before: Sequence[PotentialPlan]
    ) -> ReadPotential:
        """Read a file; see `PotentialFormat.read`."""
        return recipe_terms(self.force_field(path, content), self.label, structure, before)

    def force_field(self, path: Path, content: bytes) -> ForceFieldFile:
        """Return what a file says of all its molecules."""
        if _is_data(decode(content, f"Potential file {path.name}").split("\n", 400)[:400]):
            return _Reader(path, [], content).field()
        return _Reader(path, read_script(path, content), None).field()


def _is_data(lines: Sequence[str]) -> bool:
    return any(re.match(r"\s*\d+\s+atoms\b", line) for line in lines)


@dataclass
class _Settings:
    """What the commands of an input say, in their order."""

    units: str = ""
    types: int = 0
    atom_style: str = ""
    mix: str = ""
    special: tuple[tuple[float, ...], tuple[float, ...]] = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    pairs: list[PairStyle] = field(default_factory=list)
    coefficients: list[Command] = field(default_factory=list)
    styles: dict[str, str] = field(default_factory=dict)
    masses: dict[int, tuple[float, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class _Reader:
    """Follows the commands, then reads what the data file and the coefficients give."""

    def __init__(self, path: Path, commands: list[Command], content: bytes | None) -> None:
        self.path, self.name = path, path.name
        self.settings = _Settings()
        self.data: LammpsData | None = None
        self.bonded: dict[str, dict[int, tuple[str, tuple[str, ...], Place]]] = {}
        self.charges: dict[int, float] = {}
        if content is not None:
            self.data = read_data(path, content, "")
            named = re.search(r"units\s*=\s*(\w+)", self.data.title)
            self.settings.units = named[1] if named else ""
        for command in commands:
            method = getattr(self, f"_{command.name}", None)
            if command.name in _COMMANDS and method is not None:
                method(command)
            elif command.name in _STEERING:
                self._steering(command)
        self._require_units()
        self._finish()

    @property
    def place(self) -> Place:
        return Place(self.name, 1)

    @property
    def energy(self) -> str:
        return UNITS[self.settings.units]

    # -- commands --------------------------------------------------------------------------------
    def _units(self, command: Command) -> None:
        self.settings.units = command.word(0, "the system of units")
        self._require_units(command.place)

    def _require_units(self, place: Place | None = None) -> None:
        if self.settings.units not in UNITS:
            known = shown(self.settings.units) if self.settings.units else "not said"
            raise (place or self.place).error(
                f"the system of units is {known}; real or metal are expected.",
                "Convert it, or give the input that reads the data file, with its `units` command.",
            )

    def _atom_style(self, command: Command) -> None:
        self.settings.atom_style = plain_name(command.word(0, "the atom style"))

    def _read_data(self, command: Command) -> None:
        if self.data is not None:
            raise command.place.error("reads a second data file; one is expected.")
        path = neighbour(self.path, command.word(0, "the name of a data file"), command.place)
        content = read_content(path, "potential file", LIMIT_BYTES)
        self.data = read_data(path, content, self.settings.atom_style)

    def _mass(self, command: Command) -> None:
        mass = command.place.number(command.word(1, "the mass"), "the mass", 1e-6)
        count = self.settings.types or (max(self.data.masses, default=0) if self.data else 0)
        word = command.word(0, "the type")
        if "*" in word and not count:
            raise command.place.error("nothing before says how many types there are.")
        for type_ in types_of(word, count or MOST_TYPES, command.place):
            self.settings.masses[type_] = (mass, "")

    def _create_box(self, command: Command) -> None:
        word = command.word(0, "the number of types")
        self.settings.types = command.place.whole(word, "the number of types", 1, MOST_TYPES)

    def _pair_style(self, command: Command) -> None:
        self.settings.pairs = pair_styles(command)

    def _pair_coeff(self, command: Command) -> None:
        self.settings.coefficients.append(command)

    def _pair_modify(self, command: Command) -> None:
        words = command.words
        for key, value in pairwise(words):
            if key == "mix":
                command.require_known()
                self.settings.mix = value
            elif (key, value) == ("tail", "yes"):
                self.settings.notes.append("The tail correction of LAMMPS is not taken over.")
            elif (key, value) == ("shift", "yes"):
                self.settings.notes.append("The shift of Lennard-Jones is not taken over.")

    def _style(self, command: Command) -> None:
        sort = command.name.partition("_")[0]
        self.settings.styles[sort] = plain_name(command.word(0, "the style"))

    _bond_style = _angle_style = _dihedral_style = _improper_style = _style

    def _coeff(self, command: Command) -> None:
        self.settings.coefficients.append(command)

    _bond_coeff = _angle_coeff = _dihedral_coeff = _improper_coeff = _coeff

    def _special_bonds(self, command: Command) -> None:
        command.require_known()
        pairs, charges = self.settings.special
        words = list(command.words)
        while words:
            key = words.pop(0)
            if key in ("charmm", "amber", "dreiding"):
                pairs, charges = _SPECIAL[key]
            elif key in ("lj", "coul", "lj/coul"):
                given = [command.place.number(w, "the factor", 0.0, 1.0) for w in words[:3]]
                if len(given) < 3:
                    raise command.place.error(f"{key} takes three factors.")
                del words[:3]
                pairs = tuple(given) if "lj" in key else pairs
                charges = tuple(given) if "coul" in key else charges
            elif key in ("angle", "dihedral", "one/five") and words[:1] == ["yes"]:
                raise command.place.error(f"special_bonds {key} yes is nothing that we have.")
        self.settings.special = (pairs, charges)

    def _dielectric(self, command: Command) -> None:
        if command.place.number(command.word(0, "the constant"), "the constant") != 1.0:
            raise command.place.error("a dielectric constant other than 1 is nothing that we have.")

    def _set(self, command: Command) -> None:
        words = command.words
        if "charge" not in words and "type" not in words[2:]:
            return
        command.require_known()
        if len(words) != 4 or words[0] != "type" or words[2] != "charge":
            raise command.place.error(
                f"`set {' '.join(words)[:60]}` is not followed; `set type N charge Q` is.",
                "Write types and charges into the data file.",
            )
        charge = command.place.number(words[3], "the charge")
        for type_ in types_of(words[1], MOST_TYPES, command.place):
            self.charges[type_] = charge

    def _fix(self, command: Command) -> None:
        style = plain_name(command.words[2]) if len(command.words) > 2 else ""
        if style.startswith(_RIGID):
            self.settings.notes.append(
                f"fix {style} holds molecules rigid in LAMMPS; here they are flexible, with the "
                "springs of the file."
            )
        elif style and not _HARMLESS.match(style):
            self.settings.notes.append(f"fix {style} (line {command.place.line}) is left out.")

    def _steering(self, command: Command) -> None:
        text = " ".join(command.words)
        if re.search(r"coeff|_style|special_bonds|read_data|\bset\b", text):
            raise command.place.error(
                f"`{command.name}` steers commands of the potential, which are not followed.",
                "Write them one after the other.",
            )

    # -- what they come to -----------------------------------------------------------------------
    def _finish(self) -> None:
        if self.data is None and not self.settings.masses:
            raise self.place.error(
                "says no masses, by which its atom types are told: read_data or mass is expected."
            )
        masses = {**(self.data.masses if self.data else {}), **self.settings.masses}
        self.elements = {
            t: element_of(mass, note, f"type {t}", self.place) for t, (mass, note) in masses.items()
        }
        self.masses = {type_: mass for type_, (mass, _) in masses.items()}
        atoms = self.data.atoms.values() if self.data else ()
        self.used = {atom.type for atom in atoms} if self.data else set(masses)
        for type_ in sorted(self.used - set(masses)):
            raise self.place.error(f"type {type_} has no mass, by which its element is told.")
        if self.data is not None and "pair" in self.data.coefficients:
            self._data_pairs(self.data)
        for sort in ("bond", "angle", "dihedral", "improper"):
            lines = self.data.coefficients.get(sort, []) if self.data else []
            style = self.data.styles.get(sort, "") if self.data else ""
            for type_, words, place in lines:
                self._take_bonded(sort, range(type_, type_ + 1), words, place, style)
        count = max([*masses, 1])
        if len(masses) > MOST_TYPES:
            raise self.place.error(f"there are more than {MOST_TYPES} types of atoms.")
        starred = [c for c in self.settings.coefficients if "*" in "".join(c.words[:2])]
        if len(starred) > MOST_STARRED:
            raise starred[0].place.error(
                f"{len(starred)} commands give coefficients to many types."
            )
        for command in self.settings.coefficients:
            if command.name == "pair_coeff":
                take_pair_coefficients(self.settings.pairs, command, count, self.used)
            else:
                sort = command.name.partition("_")[0]
                types = types_of(command.word(0, "a type"), 10_000, command.place)
                self._take_bonded(sort, types, command.words[1:], command.place, "")

    def _data_pairs(self, data: LammpsData) -> None:
        """Give the Pair Coeffs of a data file to the pair style."""
        if data.pairs_ij is not None:
            raise data.pairs_ij.error(
                "PairIJ Coeffs are nothing that we read.", "Write them as pair_coeff commands."
            )
        if not self.settings.pairs:
            raise Place(data.name, 1).error(
                "has Pair Coeffs, but no pair_style says what they mean and up to where.",
                "Give the input that reads the data file instead.",
            )
        for type_, words, place in data.coefficients["pair"]:
            numbers = (str(type_), str(type_), *words)
            command = Command("pair_coeff", numbers, "", place)
            count = max(data.masses, default=1)
            take_pair_coefficients(self.settings.pairs, command, count, self.used)

    def _take_bonded(
        self, sort: str, types: range, words: Sequence[str], place: Place, noted: str
    ) -> None:
        style, words = self.settings.styles.get(sort, noted), tuple(words)
        if words and float_of(words[0]) != float_of(words[0]):  # a word: the style of a hybrid
            style, words = plain_name(words[0]), words[1:]
        if len(types) > 1000:  # a star: whatever types there are
            members = self.data.members.get(f"{sort.capitalize()}s", []) if self.data else []
            types_there = {type_ for type_, _, _ in members}
        else:
            types_there = set(types)
        for type_ in types_there:
            self.bonded.setdefault(sort, {})[type_] = (style, words, place)

    def _lennard_jones(self) -> Pairs | None:
        having = [style for style in self.settings.pairs if style.name.startswith("lj/")]
        if len(having) > 1:
            raise having[1].place.error("two styles have Lennard-Jones; we add none up.")
        if not having:
            return None
        count = max(self.elements)
        return lennard_jones(having[0], self.settings.mix, count, self.energy, self.used)

    def _charged(self) -> tuple[str, dict[str, object], list[str]]:
        """Return the kind of term for charges, its options, and notes; no kind for no charges."""
        having = [s for s in self.settings.pairs if s.charged]
        if len(having) > 1:
            raise having[1].place.error("two styles have charges; we add none up.")
        if not having:
            return "", {}, []
        (style,) = having
        if style.name == "lepton":
            return "coulomb", shifted_charges(style, self._type_charges()), []
        if style.name.endswith("coul/long"):
            return "ewald", {"cutoff": style.arguments["coul"]}, []
        options: dict[str, object] = {
            "cutoff": style.arguments["coul"],
            "damping": style.arguments["damping"],
            "shift": "force",
        }
        note = (
            f"{style.name} of LAMMPS has a constant besides, and between atoms one or two bonds "
            "apart the rest of the screening; neither is taken over."
        )
        return "coulomb", options, [note]

    def _type_charges(self) -> dict[int, float]:
        atoms = self.data.atoms.values() if self.data else ()
        return {**{a.type: a.charge or 0.0 for a in atoms}, **self.charges}

    def field(self) -> ForceFieldFile:
        """Return the force field."""
        pairs, (kind, options, notes) = self._lennard_jones(), self._charged()
        if not self.settings.pairs:
            self.settings.notes.append(
                f"{self.name} has no pair_style: no pairs of atoms interact."
            )
        molecules = {id(m.template): m for m in self._molecules(pairs, bool(kind))}
        settings: dict[str, dict[str, object]] = {kind: options} if kind else {}
        if pairs is not None:
            settings["lennard_jones"] = pairs.options
            notes = [*pairs.notes, *notes]
            if "switch_start" not in pairs.options:
                notes.append(
                    f"Lennard-Jones ends abruptly at {pairs.options['cutoff']:g} angstrom in "
                    "LAMMPS; here it is switched to zero."
                )
        return ForceFieldFile(
            name=self.name,
            templates=tuple(molecule.template for molecule in molecules.values()),
            molecule=lambda template: self._complete(molecules[id(template)]),
            mixing=pairs.mixing if pairs is not None else "geometric",
            settings=settings,
            charges=kind,
            notes=tuple(dict.fromkeys([*self.settings.notes, *notes])),
        )

    # -- molecules -------------------------------------------------------------------------------
    def _molecules(self, pairs: Pairs | None, charged: bool) -> list[_Found]:
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
        found: dict[object, _Found] = {}
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
    ) -> _Found:
        elements = tuple(self.elements[type_] for type_ in types)
        bonds = sorted({(min(local), max(local)) for _, local, _ in terms.get("Bonds", [])})
        template = Template(formula(elements), elements, tuple((i, j) for i, j in bonds), place)
        nothing: Numbers = {
            "sigma": Number(1.0, "angstrom"),
            "epsilon": Number(0.0, self.energy),
        }
        numbers = pairs.numbers if pairs is not None else {}
        return _Found(
            template, types, charges, [numbers.get(type_, nothing) for type_ in types], terms
        )

    def _complete(self, found: _Found) -> Molecule:
        """Return a molecule with the numbers of its bonds and angles."""
        for section, sort in (("Dihedrals", "dihedral"), ("Impropers", "improper")):
            for type_, _, at in found.terms.get(section, []):
                style, words, place = self._coefficients(sort, type_, at)
                if style not in ("zero", "none") and any(float_of(w) != 0.0 for w in words[:1]):
                    raise place.error(
                        f"{sort}_style {shown(style)} is a form of energy that we do not have.",
                        "Take molecules without it.",
                    )
        bonds: dict[tuple[int, int], Numbers] = {}
        angles: dict[tuple[int, int, int], Numbers] = {}
        for type_, local, at in found.terms.get("Bonds", []):
            style, words, place = self._coefficients("bond", type_, at)
            if numbers := bonded_numbers("bond", style, words, place, self.energy):
                bonds[min(local), max(local)] = numbers
        bonded = set(found.template.bonds)
        for type_, (i, j, k), at in found.terms.get("Angles", []):
            if not {(min(i, j), max(i, j)), (min(j, k), max(j, k))} <= bonded:
                raise at.error("the angle is not one between two bonds.")
            style, words, place = self._coefficients("angle", type_, at)
            if numbers := bonded_numbers("angle", style, words, place, self.energy):
                angles[min(i, k), j, max(i, k)] = numbers
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
            bonds,
            angles,
            (self.settings.special[0][2], self.settings.special[1][2]),
        )

    def _coefficients(self, sort: str, type_: int, at: Place) -> tuple[str, tuple[str, ...], Place]:
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


_Member = tuple[int, tuple[int, ...], Place]
"""Type, atoms by their places in the molecule, and where it stands."""


@dataclass(frozen=True)
class _Found:
    """A kind of molecule before its bonds and angles have numbers."""

    template: Template
    types: list[int]
    charges: list[float]
    pairs: list[Numbers]
    terms: dict[str, list[_Member]]


_SPECIAL = {
    "charmm": ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    "amber": ((0.0, 0.0, 0.5), (0.0, 0.0, 5.0 / 6.0)),
    "dreiding": ((0.0, 0.0, 1.0), (0.0, 0.0, 1.0)),
}
_COMMANDS = {
    "units", "atom_style", "read_data", "mass", "pair_style", "pair_coeff", "pair_modify",
    "bond_style", "angle_style", "dihedral_style", "improper_style", "bond_coeff", "angle_coeff",
    "dihedral_coeff", "improper_coeff", "special_bonds", "dielectric", "set", "fix", "create_box",
}  # fmt: skip
"""Commands that say something of the potential; each has its method in `_Reader`."""


potential_formats.add("lammps", LammpsInput())
