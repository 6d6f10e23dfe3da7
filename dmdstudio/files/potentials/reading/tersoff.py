"""Files of Tersoff's potential (.tersoff), as LAMMPS reads them.

Entries of 17 words: three elements, m, gamma, lambda3, c, d, cos theta_0, n, beta, lambda2, B, R,
D, lambda1, A. Source: https://docs.lammps.org/pair_tersoff.html
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

KIND = "tersoff"
NUMBERS = (
    "m", "gamma", "lambda3", "c", "d", "costheta0", "n", "beta", "lambda2", "B", "R", "D",
    "lambda1", "A",
)  # fmt: skip
_PARAMETERS = {
    "repulsion": ("A", "{energy}"),
    "attraction": ("B", "{energy}"),
    "repulsive_decay": ("lambda1", "1/angstrom"),
    "attractive_decay": ("lambda2", "1/angstrom"),
    "length_decay": ("lambda3", "1/angstrom"),
    "order_strength": ("beta", "1"),
    "order_exponent": ("n", "1"),
    "angular_strength": ("gamma", "1"),
    "angular_height": ("c", "1"),
    "angular_width": ("d", "1"),
    "angular_cosine": ("costheta0", "1"),
}
_BOUNDS = {"costheta0": (-1e3, 1e3), "d": (1e-3, 1e12), "n": (0.01, 1e12), "D": (1e-6, 1e12)}


class TersoffFile:
    """Reads parameter files."""

    label = "Tersoff file"
    doc = "Parameter files (.tersoff) of LAMMPS, for structures of one element."
    suffixes: tuple[str, ...] = (".tersoff",)
    limit_bytes: int = LIMIT_BYTES

    def sniff(self, content: bytes) -> bool:
        """Tell whether the first words that are no comment are an entry's."""
        return has_entries(content, len(NUMBERS) + 3)

    def read(
        self, path: Path, content: bytes, structure: Structure, before: Sequence[PotentialPlan]
    ) -> ReadPotential:
        """Read a file; see `PotentialFormat.read`."""
        text = decode(content, f"Potential file {path.name}")
        energy, notes = energy_unit(text, path.name)
        place, words = entry_of(text, path.name, NUMBERS, structure)
        given = {
            name: place.number(word, name, *_BOUNDS.get(name, (0.0, math.inf)))
            for name, word in words.items()
        }
        if given["m"] not in (1.0, 3.0):
            raise place.error(f"m = {given['m']:g}: 1 or 3 is expected.")
        if given["D"] > given["R"]:
            raise place.error(f"D = {given['D']:g} is above R = {given['R']:g}.")
        numbers = (
            (name, "", Number(given[own], unit.format(energy=energy)))
            for name, (own, unit) in _PARAMETERS.items()
        )
        options = {
            "cutoff": given["R"] + given["D"],
            "switch_start": given["R"] - given["D"],
            "length_exponent": int(given["m"]),
        }
        term = term_at(KIND, options, before, numbers)
        return ReadPotential(self.label, (term,), tuple(notes))


potential_formats.add(KIND, TersoffFile())
