"""Units that files of LAMMPS say in their first line, as ``# UNITS: real``.

Source: https://docs.lammps.org/units.html
"""

from __future__ import annotations

import re

from dmdstudio.base.errors import FileError

ENERGIES = {"metal": "eV", "real": "kcal/mol"}
"""Of the systems of units that we read; lengths are in angstrom in both."""


def said_energy(text: str, name: str) -> str | None:
    """Return the unit of energies that a file says; None where it says none.

    Args:
        text: of the file, or its first line.
        name: of it, for errors.

    Raises:
        FileError: the units are others than metal or real.
    """
    said = re.search(r"UNITS:\s*(\w+)", text.split("\n", 1)[0])
    if said is None:
        return None
    if said[1] not in ENERGIES:
        raise FileError(f"{name}, line 1: is in {said[1][:40]} units; metal or real are expected.")
    return ENERGIES[said[1]]
