"""Writes extended XYZ with every digit, so that reading it gives the very same numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dmdstudio.files.whole import write_text
from dmdstudio.plan.structure import Structure


def write_structure(structure: Structure, path: str | Path) -> None:
    """Write a structure as extended XYZ (angstrom, amu), whole or not at all."""
    cell = " ".join(repr(float(x)) for x in np.asarray(structure.cell).reshape(-1))
    title = " ".join(structure.title.split()).replace("\\", "/").replace('"', "'")
    lines = [
        str(len(structure.symbols)),
        f'Lattice="{cell}" Properties=species:S:1:pos:R:3:masses:R:1 pbc="T T T"'
        + (f' title="{title}"' if title else ""),
    ]
    for symbol, xyz, mass in zip(
        structure.symbols, structure.positions, structure.masses, strict=True
    ):
        numbers = " ".join(repr(float(x)) for x in (*xyz, mass))
        lines.append(f"{symbol} {numbers}")
    write_text(Path(path), "\n".join(lines) + "\n")
