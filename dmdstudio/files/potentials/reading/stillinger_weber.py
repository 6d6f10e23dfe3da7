"""Files of Stillinger and Weber's potential (.sw), as LAMMPS reads them.

Entries of 14 words: three elements, epsilon, sigma, a, lambda, gamma, cos theta_0, A, B, p, q, tol.
The numbers of a pair are those of the entry i j j, alike with j i i; of i j k with unlike
neighbours only epsilon, lambda and cos theta_0 count, alike with i k j.
Source: https://docs.lammps.org/pair_sw.html
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations_with_replacement
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
from dmdstudio.plan.owners import ranges_text
from dmdstudio.plan.recipe import PotentialPlan, chain
from dmdstudio.plan.structure import Structure

KIND = "stillinger_weber"
_NAMES = ("epsilon", "sigma", "a", "lambda", "gamma", "costheta0", "A", "B", "p", "q", "tol")
_OF_PAIRS = {
    "epsilon": ("epsilon", "{energy}"),
    "sigma": ("sigma", "angstrom"),
    "strength": ("A", "1"),
    "repulsion": ("B", "1"),
    "decay": ("gamma", "1"),
}
_LOWER = {"sigma": 0.1, "a": 1e-3}

Given = tuple[str, str, Number]


class StillingerWeberFile:
    """Reads parameter files."""

    label = "Stillinger-Weber file"
    doc = "Parameter files (.sw) of LAMMPS, for all elements of the structure."
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
        entries = entries_of(text, path.name, _NAMES, structure)
        if longest := max(entry.number("tol") for entry in entries.values()):
            notes.append(
                f"tol = {longest:g} of {path.name} shortens the cutoff in LAMMPS; here it is a "
                "sigma."
            )
        types = sorted(set(structure.types))
        agreement = Agreement(path.name)
        of_pairs = _pairs(entries, types, agreement)
        given = [
            *(
                (name, owner, Number(value, unit.format(energy=energy)))
                for name, (own, unit) in _OF_PAIRS.items()
                for owner, value in of_pairs[own].items()
            ),
            *_triplets(entries, types, of_pairs["epsilon"], agreement),
        ]
        options = _cutoffs(of_pairs) | _exponents(entries)
        term = term_at(KIND, options, before, given)
        return ReadPotential(self.label, (term,), (*notes, *agreement.notes))


def _pairs(
    entries: Mapping[Elements, Entry], types: Sequence[str], agreement: Agreement
) -> dict[str, dict[str, float]]:
    """Return what the entries i j j and j i i say of pairs, by its name and the pair."""
    found: dict[str, dict[str, float]] = {}
    for name in ("a", *(own for own, _ in _OF_PAIRS.values())):
        for i, j in combinations_with_replacement(types, 2):
            both = entries[i, j, j], entries[j, i, i]
            one, other = (entry.number(name, _LOWER.get(name, 0.0)) for entry in both)
            found.setdefault(name, {})[chain((i, j))] = agreement.of(one, other, name, both)
    return found


def _triplets(
    entries: Mapping[Elements, Entry],
    types: Sequence[str],
    epsilon: Mapping[str, float],
    agreement: Agreement,
) -> Iterator[Given]:
    """Yield lambda, over the root of the epsilons of both pairs, and theta_0."""
    for i in types:
        for j, k in combinations_with_replacement(types, 2):
            both, owner = (entries[i, j, k], entries[i, k, j]), chain((j, i, k))
            root = math.sqrt(epsilon[chain((i, j))] * epsilon[chain((i, k))])
            one, other = (_strength(entry, root) for entry in both)
            strength = agreement.of(one, other, "epsilon lambda", both)
            yield "three_body", owner, Number(strength, "1")
            one, other = (entry.number("costheta0", -1.0, 1.0) for entry in both)
            cosine = agreement.of(one, other, "costheta0", both)
            yield "angle", owner, Number(math.degrees(math.acos(cosine)), "degree")


def _strength(entry: Entry, root: float) -> float:
    """Return lambda for the root of both pairs' epsilons in place of the entry's epsilon."""
    epsilon, strength = entry.number("epsilon"), entry.number("lambda")
    if epsilon == root or not epsilon * strength:
        return strength if epsilon else 0.0
    if not root:
        raise entry.place.error(
            f"the angle {' '.join(entry.elements)} has an energy, but one of its pairs has "
            "epsilon = 0.",
            "Give the pair an epsilon, and set its A to 0.",
        )
    return strength * epsilon / root


def _cutoffs(of_pairs: Mapping[str, Mapping[str, float]]) -> dict[str, object]:
    """Return the largest cutoff, a sigma, and those that are not as large."""
    ends = {pair: a * of_pairs["sigma"][pair] for pair, a in of_pairs["a"].items()}
    largest = max(ends.values())
    sooner = {pair: (end,) for pair, end in ends.items() if end < largest}
    options: dict[str, object] = {"cutoff": largest}
    return options | ({"pair_cutoffs": ranges_text(sooner)} if sooner else {})


def _exponents(entries: Mapping[Elements, Entry]) -> dict[str, object]:
    """Return p and q, which all pairs that have an energy share."""
    pairs = [entry for (_, j, k), entry in entries.items() if j == k]
    first, *rest = [entry for entry in pairs if entry.number("A")] or pairs
    for entry in rest:
        for name in ("p", "q"):
            if entry.number(name) != first.number(name):
                raise entry.place.error(
                    f"{name} = {entry.number(name):g}, but {first.number(name):g} in line "
                    f"{first.place.line}; here all pairs share it."
                )
    return {"repulsive_exponent": first.number("p"), "attractive_exponent": first.number("q")}


potential_formats.add("stillinger_weber", StillingerWeberFile())
