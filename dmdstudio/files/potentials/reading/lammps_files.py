"""Pair styles of LAMMPS whose numbers are in files of their own: tables, and many-body potentials.

Source: https://docs.lammps.org/pair_table.html, pair_sw.html, pair_tersoff.html, pair_eam.html
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement, pairwise
from pathlib import Path

from dmdstudio.files.potentials.lammps_units import said_energy
from dmdstudio.files.potentials.pair_table import read_tables
from dmdstudio.files.potentials.reading.force_field import ReadPotential
from dmdstudio.files.potentials.reading.format import potential_formats
from dmdstudio.files.potentials.reading.lammps_styles import PairStyle
from dmdstudio.files.potentials.reading.places import neighbour
from dmdstudio.files.text import decode, read_content
from dmdstudio.plan.catalog import shown
from dmdstudio.plan.recipe import PotentialPlan, chain
from dmdstudio.plan.structure import Structure

_FORMATS = {
    "eam/alloy": "embedded_atom",
    "sw": "stillinger_weber",
    "table": "pair_table",
    "tersoff": "tersoff",
}
"""Which format the files of a style are in."""


def read_files(
    styles: Sequence[PairStyle],
    elements: Mapping[int, str],
    path: Path,
    structure: Structure,
    before: Sequence[PotentialPlan],
    energy: str,
) -> list[ReadPotential]:
    """Return the terms of those styles that have a file.

    Args:
        styles: of an input.
        elements: of its types.
        path: of the input; the files are in its folder.
        structure: whose atoms it is for.
        before: as of `read_potential`.
        energy: unit of the input, in which LAMMPS reads files that do not say theirs.

    Raises:
        FileError: the file is missing, does not say units that are not those we take it to be in,
            or its entries are for other elements.
    """
    return [
        _read(style, elements, path, structure, before, energy)
        for style in styles
        if style.name in _FORMATS
    ]


def _read(
    style: PairStyle,
    elements: Mapping[int, str],
    path: Path,
    structure: Structure,
    before: Sequence[PotentialPlan],
    energy: str,
) -> ReadPotential:
    if not style.coefficients:
        raise style.place.error(f"there is no pair_coeff for {style.name}.")
    words, place = next(iter(style.coefficients.values()))
    if any(other[0][:1] != words[:1] for other in style.coefficients.values()):
        raise place.error(
            f"the coefficients of {style.name} are in several files; one is expected."
        )
    found = neighbour(path, words[0] if words else "", place)
    if style.name == "table":
        _require_names(style, elements, structure)
    else:
        named = dict(enumerate(words[1:], 1))
        for type_, element in elements.items():
            if element in structure.symbols and named.get(type_) != element:
                raise place.error(
                    f"type {type_} has the mass of {element}, but is "
                    f"{shown(named.get(type_, 'missing'))} here."
                )
    reader = potential_formats.get(_FORMATS[style.name])
    content = read_content(found, "potential file", reader.limit_bytes)
    if energy != "eV" and said_energy(decode(content, found.name), found.name) is None:
        raise place.error(
            f"{found.name} does not say its units, and the input is not in metal ones.",
            "Write # UNITS: real into its first line.",
        )
    if style.name == "table":
        _require_ends(style, read_tables(content, found.name).ends)
    return reader.read(found, content, structure, before)


def _require_ends(style: PairStyle, ends: Mapping[str, float]) -> None:
    """Refuse cutoffs that cut tables short."""
    for words, place in style.coefficients.values():
        for name, cutoff in pairwise(words[1:3]):
            end = ends.get(name)
            if end is None or math.isclose(place.number(cutoff, "the cutoff"), end):
                continue
            raise place.error(
                f"table {shown(name)} is cut off at {cutoff}, but ends at {end:g} angstrom; "
                "tables are taken whole.",
                "Leave the cutoff out, or end the table there.",
            )


def _require_names(style: PairStyle, elements: Mapping[int, str], structure: Structure) -> None:
    """Refuse tables whose names are not those of their pairs, by which a recipe finds them."""
    types = sorted(t for t, element in elements.items() if element in structure.symbols)
    for i, j in combinations_with_replacement(types, 2):
        words, place = style.coefficients.get((i, j), ((), style.place))
        wanted = chain((elements[i], elements[j]))
        found = words[1] if len(words) > 1 else ""
        if found != wanted:
            raise place.error(
                f"types {i} and {j} take table {shown(found)}; a recipe knows it as {wanted}.",
                f"Call the table {wanted} in its file and here.",
            )
