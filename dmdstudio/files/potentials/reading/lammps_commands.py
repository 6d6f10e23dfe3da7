"""Commands of an input of LAMMPS that say something of its potential, followed in their order."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from dmdstudio.files.potentials.lammps_units import ENERGIES
from dmdstudio.files.potentials.reading.format import LIMIT_BYTES
from dmdstudio.files.potentials.reading.lammps_data import LammpsData, read_data
from dmdstudio.files.potentials.reading.lammps_script import Command
from dmdstudio.files.potentials.reading.lammps_styles import (
    PairStyle,
    pair_styles,
    plain_name,
    types_of,
)
from dmdstudio.files.potentials.reading.places import Place, neighbour
from dmdstudio.files.text import read_content
from dmdstudio.plan.catalog import shown

MOST_TYPES = 200
"""Of atoms in an input."""

_RIGID = ("shake", "rattle", "rigid")
_HARMLESS = re.compile(
    r"nve|nvt|npt|nph|langevin|temp/|momentum|ave/|print|vector|balance|deform|dt/reset|store/|"
    r"recenter|press/|box/relax|bocs|msst|csvr|halt|planeforce|setforce"
)
_STEERING = ("if", "jump", "label", "next", "python", "shell", "plugin", "quit", "rerun")

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


@dataclass
class Settings:
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


class Commands:
    """Follows the commands of an input.

    Attributes:
        path: of the input, or of a data file that stands alone.
        settings: what they say.
        data: the data file; None where none is read.
        charges: of types, e, as far as commands set them.
    """

    def __init__(self, path: Path, commands: list[Command], data: LammpsData | None = None) -> None:
        self.path, self.name = path, path.name
        self.settings = Settings()
        self.data = data
        self.charges: dict[int, float] = {}
        if data is not None:
            named = re.search(r"units\s*=\s*(\w+)", data.title)
            self.settings.units = named[1] if named else ""
        for command in commands:
            if command.name in _COMMANDS:
                getattr(self, f"_{command.name}")(command)
            elif command.name in _STEERING:
                self._steering(command)
        self._require_units()

    @property
    def place(self) -> Place:
        """The beginning of the file."""
        return Place(self.name, 1)

    @property
    def energy(self) -> str:
        """Unit of energies."""
        return ENERGIES[self.settings.units]

    def _units(self, command: Command) -> None:
        self.settings.units = command.word(0, "the system of units")
        self._require_units(command.place)

    def _require_units(self, place: Place | None = None) -> None:
        if self.settings.units not in ENERGIES:
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
        if "special" in words:
            self._special_of_style(command)
        for key, value in pairwise(words):
            if key == "mix":
                command.require_known()
                self.settings.mix = value
            elif (key, value) == ("tail", "yes"):
                self.settings.notes.append("The tail correction of LAMMPS is not taken over.")
            elif (key, value) == ("shift", "yes"):
                self.settings.notes.append("The shift of Lennard-Jones is not taken over.")

    def _special_of_style(self, command: Command) -> None:
        """Take in factors of one style: ``pair STYLE [N] special WHICH f f f``."""
        command.require_known()
        words, place = list(command.words), command.place
        begin = words.index("special")
        named = words[1] if words[0] == "pair" and begin > 1 else ""
        alike = [style for style in self.settings.pairs if style.name == plain_name(named)]
        if begin > 2 and alike:
            number = place.whole(words[2], "the number of the style", 1, len(alike))
            alike = alike[number - 1 : number]
        factors = [place.number(word, "the factor", 0.0, 1.0) for word in words[begin + 2 :][:3]]
        which = words[begin + 1] if len(words) > begin + 1 else ""
        if not alike or len(factors) < 3 or which not in ("lj", "coul", "lj/coul"):
            raise place.error("pair STYLE special lj (or coul) and three factors are expected.")
        if factors[:2] != [0.0, 0.0]:
            raise place.error("atoms one or two bonds apart never interact here.")
        alike[0].scales_14 |= dict.fromkeys(which.split("/"), factors[2])

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
