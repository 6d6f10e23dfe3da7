"""Files of Tersoff's potential (.tersoff), as LAMMPS reads them.

Entries of 17 words: three elements, m, gamma, lambda3, c, d, cos theta_0, n, beta, lambda2, B, R,
D, lambda1, A. The numbers of a bond are those of the entry i j j, of which A, B, lambda1, lambda2,
R and D are alike with j i i; those of an angle, and R and D of its third atom, are of i j k.
Source: https://docs.lammps.org/pair_tersoff.html
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations_with_replacement, product
from pathlib import Path

from dmdstudio.files.potentials.reading.entries import (
    Agreement,
    Elements,
    Entry,
    energy_unit,
    entries_of,
    has_entries,
)
from dmdstudio.files.potentials.reading.force_field import Number, ReadPotential
from dmdstudio.files.potentials.reading.format import LIMIT_BYTES, potential_formats
from dmdstudio.files.potentials.reading.parameters import term_at
from dmdstudio.files.text import decode
from dmdstudio.plan.owners import directed, ranges_text
from dmdstudio.plan.recipe import PotentialPlan, chain
from dmdstudio.plan.structure import Structure

KIND = "tersoff"
NUMBERS = (
    "m", "gamma", "lambda3", "c", "d", "costheta0", "n", "beta", "lambda2", "B", "R", "D",
    "lambda1", "A",
)  # fmt: skip
_OF_PAIRS = {
    "repulsion": ("A", "{energy}"),
    "attraction": ("B", "{energy}"),
    "repulsive_decay": ("lambda1", "1/angstrom"),
    "attractive_decay": ("lambda2", "1/angstrom"),
}
_OF_BONDS = {"order_strength": "beta", "order_exponent": "n"}
_OF_ANGLES = {
    "length_decay": ("lambda3", "1/angstrom"),
    "angular_strength": ("gamma", "1"),
    "angular_height": ("c", "1"),
    "angular_width": ("d", "1"),
    "angular_cosine": ("costheta0", "1"),
}
_BOUNDS = {"costheta0": (-1e3, 1e3), "d": (1e-3, 1e12), "n": (0.01, 1e12), "D": (1e-6, 1e12)}

Given = tuple[str, str, Number]
Range = tuple[float, float]


class TersoffFile:
    """Reads parameter files."""

    label = "Tersoff file"
    doc = "Parameter files (.tersoff) of LAMMPS, for all elements of the structure."
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
        entries = entries_of(text, path.name, NUMBERS, structure)
        types = sorted(set(structure.types))
        agreement = Agreement(path.name)
        numbers = [*_pairs(entries, types, energy, agreement), *_angles(entries)]
        options = _ranges(entries, types, agreement) | {"length_exponent": _exponent(entries)}
        term = term_at(KIND, options, before, numbers)
        return ReadPotential(self.label, (term,), (*notes, *agreement.notes))


def _number(entry: Entry, name: str) -> float:
    return entry.number(name, *_BOUNDS.get(name, (0.0, math.inf)))


def _pairs(
    entries: Mapping[Elements, Entry], types: Sequence[str], energy: str, agreement: Agreement
) -> Iterator[Given]:
    """Yield the numbers of pairs, and those of bonds as either end has them."""
    for name, (own, unit) in _OF_PAIRS.items():
        for i, j in combinations_with_replacement(types, 2):
            both = entries[i, j, j], entries[j, i, i]
            one, other = (_number(entry, own) for entry in both)
            value = agreement.of(one, other, own, both)
            yield name, chain((i, j)), Number(value, unit.format(energy=energy))
    for name, own in _OF_BONDS.items():
        for i, j in product(types, repeat=2):
            yield name, directed(i, j), Number(_number(entries[i, j, j], own), "1")


def _angles(entries: Mapping[Elements, Entry]) -> Iterator[Given]:
    for name, (own, unit) in _OF_ANGLES.items():
        for elements, entry in entries.items():
            yield name, directed(*elements), Number(_number(entry, own), unit)


def _exponent(entries: Mapping[Elements, Entry]) -> int:
    """Return m, which all entries share where it matters."""
    mattering = [entry for entry in entries.values() if _number(entry, "lambda3")]
    first, *rest = mattering or list(entries.values())
    if first.number("m") not in (1.0, 3.0):
        raise first.place.error(f"m = {first.number('m'):g}: 1 or 3 is expected.")
    for entry in rest if mattering else ():
        if entry.number("m") != first.number("m"):
            raise entry.place.error(
                f"m = {entry.number('m'):g}, but {first.number('m'):g} in line "
                f"{first.place.line}; here all entries share it."
            )
    return int(first.number("m"))


def _ranges(
    entries: Mapping[Elements, Entry], types: Sequence[str], agreement: Agreement
) -> dict[str, object]:
    """Return where the widest pair is switched off, and the ranges of what differs from it."""
    pairs: dict[str, Range] = {}
    for i, j in combinations_with_replacement(types, 2):
        both = entries[i, j, j], entries[j, i, i]
        one, other = (_range(entry) for entry in both)
        first, last = (agreement.of(one[n], other[n], "the range", both) for n in (0, 1))
        pairs[chain((i, j))] = first, last
    angles = {elements: _range(entry) for elements, entry in entries.items()}
    own = {
        directed(i, j, k): found
        for (i, j, k), found in angles.items()
        if j != k and found != pairs[chain((i, k))]
    }
    widest = max((*pairs.values(), *own.values()), key=lambda found: found[::-1])
    start, cutoff = widest
    others = {name: found for name, found in pairs.items() if found != widest} | own
    options: dict[str, object] = {"cutoff": cutoff, "switch_start": start}
    return options | ({"ranges": ranges_text(others)} if others else {})


def _range(entry: Entry) -> Range:
    """Return R - D and R + D."""
    middle, half = _number(entry, "R"), _number(entry, "D")
    if half > middle:
        raise entry.place.error(f"D = {half:g} is above R = {middle:g}.")
    return middle - half, middle + half


potential_formats.add(KIND, TersoffFile())
