"""LAMMPS: inputs with their data files, and data files that hold coefficients.

Source: https://docs.lammps.org/Commands_input.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import combinations_with_replacement
from pathlib import Path

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.reading.elements import element_of
from dmdstudio.files.potentials.reading.force_field import (
    ForceFieldFile,
    ReadPotential,
)
from dmdstudio.files.potentials.reading.format import LIMIT_BYTES, potential_formats
from dmdstudio.files.potentials.reading.lammps_commands import MOST_TYPES, Commands
from dmdstudio.files.potentials.reading.lammps_data import LammpsData, read_data
from dmdstudio.files.potentials.reading.lammps_files import read_files
from dmdstudio.files.potentials.reading.lammps_molecules import Coefficients, Molecules
from dmdstudio.files.potentials.reading.lammps_pairs import is_other, other_pairs
from dmdstudio.files.potentials.reading.lammps_script import Command, read_script
from dmdstudio.files.potentials.reading.lammps_styles import (
    Pairs,
    PairStyle,
    lennard_jones,
    plain_name,
    shifted_charges,
    take_pair_coefficients,
    types_of,
)
from dmdstudio.files.potentials.reading.own_formulas import float_of
from dmdstudio.files.potentials.reading.places import Place
from dmdstudio.files.potentials.reading.recipe_terms import recipe_terms
from dmdstudio.files.text import decode
from dmdstudio.plan.recipe import PotentialPlan
from dmdstudio.plan.structure import Structure

MOST_STARRED = 200
"""Commands that give coefficients to many types at once."""


class LammpsInput:
    """Reads inputs and data files."""

    label = "LAMMPS input or data"
    doc = (
        "Inputs (units real or metal) with the data file that they read, or a data file with "
        "coefficients: lj/cut, lj/mdf, born, buck, morse, mie/cut, table, sw, tersoff, eam/alloy, "
        "alone or with coul/long, coul/dsf; bonds, angles and impropers harmonic, cvff, morse, "
        "charmm or cosine/squared, periodic dihedrals; atom styles full, charge, molecular, atomic."
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
            return _Reader(Commands(path, [], read_data(path, content, ""))).field()
        return _Reader(Commands(path, read_script(path, content))).field()


def _is_data(lines: Sequence[str]) -> bool:
    return any(re.match(r"\s*\d+\s+atoms\b", line) for line in lines)


class _Reader:
    """Brings together what commands and data file say."""

    def __init__(self, commands: Commands) -> None:
        self.commands, self.settings, self.data = commands, commands.settings, commands.data
        self.name, self.place = commands.name, commands.place
        self.energy, self.charges = commands.energy, commands.charges
        self.bonded: dict[str, dict[int, Coefficients]] = {}
        self._finish()

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
        word = bool(words) and style != "lepton" and math.isnan(float_of(words[0]))
        if word:  # the style of a hybrid
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
        others = [style for style in self.settings.pairs if style is not having[0]]
        return lennard_jones(having[0], others, self.settings.mix, self.energy, self.used)

    def _charged(self) -> tuple[str, dict[str, object], list[str]]:
        """Return the kind of term for charges, its options, and notes; no kind for no charges."""
        having = [s for s in self.settings.pairs if s.charged]
        if len(having) > 1:
            raise having[1].place.error("two styles have charges; we add none up.")
        charges = self._type_charges()
        if not having:
            note = "Charges are in the data file, but no pair_style sums over them."
            return "", {}, [note] if any(charges.values()) else []
        (style,) = having
        charged = [type_ for type_ in sorted(self.used) if charges.get(type_)]
        for i, j in combinations_with_replacement(charged, 2):
            if len(self.settings.pairs) > 1 and (i, j) not in style.coefficients:
                raise style.place.error(
                    f"types {i} and {j} are charged, but have no pair_coeff for {style.name}.",
                    f"Add pair_coeff * * {style.name}.",
                )
        if style.name == "lepton":
            return "coulomb", shifted_charges(style, charges), []
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

    def _scale_14(self, style: PairStyle | None, which: str) -> float:
        """Return a style's factor for atoms three bonds apart; ``which``: lj or coul."""
        factors = self.settings.special[("lj", "coul").index(which)]
        return factors[2] if style is None else style.scales_14.get(which, factors[2])

    def _scales_14(self) -> tuple[float, float, float]:
        """Return the factors of Lennard-Jones, of charges and of other pairs."""
        styles = self.settings.pairs
        pairs = next((s for s in styles if s.name.startswith("lj/")), None)
        charges = next((s for s in styles if s.charged), None)
        shifted = charges is not None and charges.name == "lepton"
        of_charges = self._scale_14(charges, "lj" if shifted else "coul")
        if charges is not None and shifted and of_charges not in (0.0, 1.0):
            raise charges.place.error(
                f"charges three bonds apart count by {of_charges:g} and are screened; here they "
                "are not.",
                "Take coul/long.",
            )
        others = {self._scale_14(s, "lj") for s in styles if is_other(s) or s.name == "table"}
        return self._scale_14(pairs, "lj"), of_charges, min(others, default=1.0)

    def _files(
        self, structure: Structure, before: Sequence[PotentialPlan]
    ) -> Sequence[ReadPotential]:
        """Return the terms of styles whose numbers are in files of their own."""
        return read_files(
            self.settings.pairs, self.elements, self.commands.path, structure, before, self.energy
        )

    def field(self) -> ForceFieldFile:
        """Return the force field."""
        pairs, (kind, options, notes) = self._lennard_jones(), self._charged()
        *at_3_bonds, others = self._scales_14()
        alone = len(self.settings.pairs) == 1
        if not self.settings.pairs:
            self.settings.notes.append(
                f"{self.name} has no pair_style: no pairs of atoms interact."
            )
        known = Molecules(
            self.commands, self.elements, self.masses, self.bonded, self.used,
            (at_3_bonds[0], at_3_bonds[1]), others,
        )  # fmt: skip
        molecules = {id(m.template): m for m in known.all(pairs, bool(kind))}
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
            molecule=lambda template: known.complete(molecules[id(template)]),
            mixing=pairs.mixing if pairs is not None else "geometric",
            unlike=pairs.unlike if pairs is not None else {},
            settings=settings,
            charges=kind,
            notes=tuple(dict.fromkeys([*self.settings.notes, *notes])),
            notes_of=lambda _: known.notes,
            pair_terms=tuple(
                other_pairs(style, self.energy, self.used, alone)
                for style in self.settings.pairs
                if is_other(style)
            ),
            others=self._files,
        )


potential_formats.add("lammps", LammpsInput())
