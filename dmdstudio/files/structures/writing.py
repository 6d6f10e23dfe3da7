"""Writes extended XYZ with every digit, so that reading it gives the very same numbers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from dmdstudio.files.whole import write_text, write_whole
from dmdstudio.plan.structure import Structure


def write_structure(structure: Structure, path: str | Path) -> None:
    """Write a structure as extended XYZ (angstrom, amu), whole or not at all."""
    write_text(Path(path), _extended_xyz(structure))


def write_frames(frames: Iterable[Structure], path: str | Path) -> None:
    """Write structures one after the other as extended XYZ, whole or not at all."""

    def fill(aside: Path) -> None:
        with aside.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(map(_extended_xyz, frames))

    write_whole(Path(path), fill)


def _extended_xyz(structure: Structure) -> str:
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
    return "\n".join(lines) + "\n"
