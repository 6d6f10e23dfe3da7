"""Tables of pair energies, as LAMMPS has them, as splines.

A table is N lines of number, distance, energy and force below a name and a line of settings. A
table that was made of a spline is that spline again; another one is met at knots of our own.
Source: https://docs.lammps.org/pair_table.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.pair_table import KIND, Tables, read_tables
from dmdstudio.files.potentials.reading.force_field import ReadPotential
from dmdstudio.files.potentials.reading.format import LIMIT_BYTES, potential_formats
from dmdstudio.files.potentials.reading.parameters import term_at
from dmdstudio.files.text import decode
from dmdstudio.plan.recipe import PotentialPlan, chain
from dmdstudio.plan.structure import Structure


class PairTable:
    """Reads tables."""

    label = "LAMMPS pair table"
    doc = "Tables of energies and forces by the distance, one for every pair of elements."
    suffixes: tuple[str, ...] = (".table",)
    limit_bytes: int = LIMIT_BYTES

    def sniff(self, content: bytes) -> bool:
        """Tell whether a name and a line ``N 100 ...`` stand above the first numbers."""
        try:
            head = decode(content[: 2**14], "head")
        except FileError:
            return False
        lines = [line.split() for line in re.sub(r"#.*", "", head).split("\n") if line.strip()]
        lines = [words for words in lines if words]
        return (
            len(lines) > 1
            and lines[1][0] == "N"
            and lines[1][1:2] != []
            and (lines[1][1].isdecimal())
        )

    def read(
        self, path: Path, content: bytes, structure: Structure, before: Sequence[PotentialPlan]
    ) -> ReadPotential:
        """Read a file; see `PotentialFormat.read`."""
        found = read_tables(content, path.name)
        pairs = _pairs(structure)
        if missing := sorted(set(pairs) - set(found.energies)):
            raise FileError(
                f"{path.name} has tables {', '.join(sorted(found.energies))}, but none called "
                f"{missing[0]}.",
                f"Call the tables after pairs of elements: {', '.join(pairs)}.",
            )
        options = {"file": str(path.resolve()), **found.settings}
        return ReadPotential(
            self.label, (term_at(KIND, options, before),), _notes(found, path.name)
        )


def _pairs(structure: Structure) -> list[str]:
    types = sorted(set(structure.types))
    return [chain((a, b)) for n, a in enumerate(types) for b in types[n:]]


def _notes(found: Tables, name: str) -> tuple[str, ...]:
    if not found.off:
        return ()
    return (
        f"The tables of {name} became splines of {found.settings['knots']} knots from "
        f"{found.settings['start']:g} angstrom on; energies differ by up to {found.off:.1g} eV.",
    )


potential_formats.add("pair_table", PairTable())
