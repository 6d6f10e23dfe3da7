"""Files of Stillinger and Weber's potential (.sw), as LAMMPS reads them.

Entries of 14 words: three elements, epsilon, sigma, a, lambda, gamma, cos theta_0, A, B, p, q, tol.
Source: https://docs.lammps.org/pair_sw.html
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from dmdstudio.files.potentials.reading.entries import energy_unit, entry_of, has_entries
from dmdstudio.files.potentials.reading.force_field import Number, ReadPotential
from dmdstudio.files.potentials.reading.format import LIMIT_BYTES, potential_formats
from dmdstudio.files.potentials.reading.parameters import term_at
from dmdstudio.files.text import decode
from dmdstudio.plan.recipe import PotentialPlan
from dmdstudio.plan.structure import Structure

KIND = "stillinger_weber"
_NAMES = ("epsilon", "sigma", "a", "lambda", "gamma", "costheta0", "A", "B", "p", "q", "tol")


class StillingerWeberFile:
    """Reads parameter files."""

    label = "Stillinger-Weber file"
    doc = "Parameter files (.sw) of LAMMPS, for structures of one element."
    suffixes: tuple[str, ...] = (".sw",)
    limit_bytes: int = LIMIT_BYTES

    def sniff(self, content: bytes) -> bool:
        """Tell whether the first words that are no comment are an entry's."""
        return has_entries(content, len(_NAMES) + 3)

    def read(
        self, path: Path, content: bytes, structure: Structure, before: Sequence[PotentialPlan]
    ) -> ReadPotential:
        """Read a file; see `PotentialFormat.read`."""
        text = decode(content, f"Potential file {path.name}")
        energy, notes = energy_unit(text, path.name)
        place, given = entry_of(text, path.name, _NAMES, structure)
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
        return ReadPotential(self.label, (_term(values, energy, before),), tuple(notes))


_LOWER = {"costheta0": -1.0, "sigma": 0.1, "a": 1e-3}


def _term(values: dict[str, float], energy: str, before: Sequence[PotentialPlan]) -> PotentialPlan:
    numbers = {
        "epsilon": (values["epsilon"], energy),
        "sigma": (values["sigma"], "angstrom"),
        "strength": (values["A"], "1"),
        "repulsion": (values["B"], "1"),
        "three_body": (values["lambda"], "1"),
        "decay": (values["gamma"], "1"),
        "angle": (math.degrees(math.acos(values["costheta0"])), "degree"),
    }
    options = {
        "cutoff": values["a"] * values["sigma"],
        "repulsive_exponent": values["p"],
        "attractive_exponent": values["q"],
    }
    given = ((name, "", Number(value, unit)) for name, (value, unit) in numbers.items())
    return term_at(KIND, options, before, given)


potential_formats.add("stillinger_weber", StillingerWeberFile())
