"""LAMMPS data files: atoms, masses, bonds, angles and charges, every number with all its digits.

Source: https://docs.lammps.org/read_data.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dmdstudio.files.potentials.lammps_styles import SORTS, BondedStyle
from dmdstudio.files.potentials.numbers import masses_of_types
from dmdstudio.files.potentials.provenance import Provenance, comment_text
from dmdstudio.files.structures.topology import Topology


def data_file(
    topology: Topology,
    charges: Mapping[str, float],
    bonded: Sequence[BondedStyle],
    provenance: Provenance,
) -> str:
    """Return the text of a data file; atom_style is full where there are bonds or charges.

    Args:
        topology: its structure has a lower triangular cell.
        charges: of the types, e; none where nothing is charged.
        bonded: the styles of bonds, angles, dihedrals and impropers.
        provenance: goes into the title.
    """
    structure = topology.structure
    members = {sort: _members(sort, bonded, topology) for sort in SORTS}
    members = {sort: rows for sort, rows in members.items() if rows}
    lines = [
        # LAMMPS takes the first line for a title and skips it.
        comment_text(f"# {structure.formula}. {' | '.join(provenance.lines())}"),
        "",
        f"{len(structure.symbols)} atoms",
        f"{len(topology.types)} atom types",
    ]
    for sort, rows in members.items():
        lines += [f"{len(rows)} {sort}s", f"{max(kind for kind, *_ in rows)} {sort} types"]
    lines += [*_cell(structure.cell), "", "Masses", ""]
    masses = masses_of_types(structure)
    for number, type_ in enumerate(topology.types, 1):
        element = structure.element_of(type_)
        note = type_ if type_ == element else f"{element} {type_}"
        lines.append(f"{number} {masses[type_]!r} # {note}")
    lines += _atoms(topology, charges, full=bool(charges or members))
    for sort, rows in members.items():
        lines += ["", f"{sort.capitalize()}s", ""]
        for number, row in enumerate(rows, 1):
            lines.append(f"{number} {' '.join(map(str, row))}")
    return "\n".join(lines) + "\n"


def _members(sort: str, bonded: Sequence[BondedStyle], topology: Topology) -> list[tuple[int, ...]]:
    """Return kind and atoms, all counted from 1, of every member of a sort."""
    found, before = [], 1
    for style in bonded:
        if style.sort != sort:
            continue
        (rows, names), owners = style.members(topology), list(style.coefficients)
        for name, row in zip(names, rows.tolist(), strict=True):
            found.append((before + owners.index(name), *(atom + 1 for atom in row)))
        before += len(owners)
    return found


def _cell(cell: np.ndarray) -> list[str]:
    rows = [[repr(float(x)) for x in row] for row in cell]
    lines = [f"0.0 {rows[n][n]} {axis}lo {axis}hi" for n, axis in enumerate("xyz")]
    if np.tril(cell, -1).any():
        lines.append(f"{rows[1][0]} {rows[2][0]} {rows[2][1]} xy xz yz")
    return lines


def _atoms(topology: Topology, charges: Mapping[str, float], full: bool) -> list[str]:
    structure = topology.structure
    lines = ["", f"Atoms # {'full' if full else 'atomic'}", ""]
    for number, (type_, xyz) in enumerate(
        zip(structure.types, structure.positions, strict=True), 1
    ):
        place = topology.types.index(type_) + 1
        words = [number, place]
        if full:
            words = [number, topology.molecules[number - 1] + 1, place, charges.get(type_, 0.0)]
        lines.append(" ".join([*map(str, words), *(repr(float(x)) for x in xyz)]))
    return lines
