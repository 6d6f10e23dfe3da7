"""Files of Stillinger and Weber's potential (.sw), as LAMMPS reads them.

Entries of 14 words: three elements, epsilon, sigma, a, lambda, gamma, cos theta_0, A, B, p, q, tol.
Source: https://docs.lammps.org/pair_sw.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.reading.elements import is_element
from dmdstudio.files.potentials.reading.force_field import ReadPotential
from dmdstudio.files.potentials.reading.format import LIMIT_BYTES, potential_formats
from dmdstudio.files.potentials.reading.own_formulas import float_of
from dmdstudio.files.potentials.reading.places import Place
from dmdstudio.files.text import decode
from dmdstudio.plan.recipe import ParameterPlan, PotentialPlan
from dmdstudio.plan.structure import Structure

KIND = "stillinger_weber"
WORDS = 14
"""Of an entry."""

_UNITS = {"metal": "eV", "real": "kcal/mol"}
_NAMES = ("epsilon", "sigma", "a", "lambda", "gamma", "costheta0", "A", "B", "p", "q", "tol")


class StillingerWeberFile:
    """Reads parameter files."""

    label = "Stillinger-Weber file"
    doc = "Parameter files (.sw) of LAMMPS, for structures of one element."
    suffixes: tuple[str, ...] = (".sw",)
    limit_bytes: int = LIMIT_BYTES

    def sniff(self, content: bytes) -> bool:
        """Tell whether the first words that are no comment are an entry's."""
        try:
            head = decode(content[: 2**14], "head")
        except FileError:
            return False
        words = re.sub(r"#.*", "", head).split()[:WORDS]
        return len(words) == WORDS and _begins(words)

    def read(
        self, path: Path, content: bytes, structure: Structure, before: Sequence[PotentialPlan]
    ) -> ReadPotential:
        """Read a file; see `PotentialFormat.read`."""
        text = decode(content, f"Potential file {path.name}")
        energy, notes = _energy(text, path.name)
        elements = sorted(set(structure.symbols))
        if len(elements) > 1:
            raise FileError(
                f"{path.name} is read for structures of one element; this one holds "
                f"{', '.join(elements)}.",
                "Give a structure of one element.",
            )
        (element,) = elements
        found = [entry for entry in _entries(text, path.name) if entry[1][:3] == [element] * 3]
        if not found:
            raise Place(path.name, 1).error(
                f"has no entry {element} {element} {element}.",
                "Take a file for the element of the structure.",
            )
        place, words = found[-1]
        given = dict(zip(_NAMES, words[3:], strict=True))
        values = {
            name: place.number(word, name, _LOWER.get(name, 0.0)) for name, word in given.items()
        }
        if not abs(values["costheta0"]) <= 1.0:
            raise place.error(f"costheta0 = {values['costheta0']:g}: -1 to 1 are expected.")
        if values["tol"]:
            notes.append(
                f"tol = {values['tol']:g} of {path.name} shortens the cutoff in LAMMPS; here it "
                "is a sigma."
            )
        old = next((plan for plan in before if plan.kind == KIND), None)
        return ReadPotential(self.label, (_term(values, energy, old),), tuple(notes))


_LOWER = {"costheta0": -1.0, "sigma": 0.1, "a": 1e-3}


def _begins(words: Sequence[str]) -> bool:
    return all(is_element(word) for word in words[:3]) and not any(
        math.isnan(float_of(word)) for word in words[3:5]
    )


def _energy(text: str, name: str) -> tuple[str, list[str]]:
    """Return the unit of energies, and a note where the file does not say it."""
    said = re.search(r"UNITS:\s*(\w+)", text.split("\n", 1)[0])
    if said is None:
        return "eV", [f"{name} does not say its units: eV and angstrom, as usual."]
    if said[1] not in _UNITS:
        raise Place(name, 1).error(f"is in {said[1]} units; metal or real are expected.")
    return _UNITS[said[1]], []


def _entries(text: str, name: str) -> list[tuple[Place, list[str]]]:
    """Return the entries with the places where they begin."""
    words: list[tuple[str, int]] = []
    for number, line in enumerate(text.split("\n"), 1):
        words += [(word, number) for word in line.split("#", 1)[0].split()]
    found = []
    for start in range(0, len(words), WORDS):
        entry = [word for word, _ in words[start : start + WORDS]]
        place = Place(name, words[start][1])
        if len(entry) < WORDS or not _begins(entry):
            raise place.error(
                f"an entry of {WORDS} words is expected: three elements and "
                f"{WORDS - 3} numbers ({', '.join(_NAMES)})."
            )
        found.append((place, entry))
    return found


def _term(values: dict[str, float], energy: str, old: PotentialPlan | None) -> PotentialPlan:
    numbers = {
        "epsilon": (values["epsilon"], energy),
        "sigma": (values["sigma"], "angstrom"),
        "strength": (values["A"], "1"),
        "repulsion": (values["B"], "1"),
        "three_body": (values["lambda"], "1"),
        "decay": (values["gamma"], "1"),
        "angle": (math.degrees(math.acos(values["costheta0"])), "degree"),
    }
    free = {p.name for p in (old.parameter if old else ()) if p.free}
    return PotentialPlan(
        kind=KIND,
        name=old.name if old else "",
        options={
            "cutoff": values["a"] * values["sigma"],
            "repulsive_exponent": values["p"],
            "attractive_exponent": values["q"],
        },
        parameter=tuple(
            ParameterPlan(name=name, value=value, unit=unit, free=name in free)
            for name, (value, unit) in numbers.items()
        ),
    )


potential_formats.add("stillinger_weber", StillingerWeberFile())
