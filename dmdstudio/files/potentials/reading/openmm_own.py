"""What OpenMM's force fields hold that we wrote: cutoffs in a comment, charges as a formula."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

from dmdstudio.base.units import factor
from dmdstudio.files.potentials.openmm_force_field import SCALE_14
from dmdstudio.files.potentials.reading.force_field import PairTerm
from dmdstudio.files.potentials.reading.own_formulas import (
    charges_options_of,
    float_of,
    kind_of,
    numbers_of,
    require_strength,
)
from dmdstudio.files.potentials.reading.pair_terms import (
    formula_options,
    from_formula,
    pair_term,
)
from dmdstudio.files.potentials.reading.places import Place
from dmdstudio.files.potentials.reading.xml import Element

_WRITTEN = "Written by DMD Studio"
_CUTOFFS = re.compile(r"Lennard-Jones: cutoff (\S+) nm, switched from (\S+) nm;")
_CHARGES = re.compile(r"Coulomb, damped and shifted, of charges ([^:]+) e:")
_OURS = re.compile(r"([\d.]+)\*\(([^;]*)\);(.*);r=r\*([\d.]+)")
"""Formula in eV times the energy in kJ/mol, definitions, and the length in nm."""

_NM = factor("nm", "angstrom")
_ENERGY = factor("eV", "kJ/mol")


def lennard_jones_options(comments: Iterable[str], place: Place) -> dict[str, object]:
    """Return the cutoff and the start of the switch that a comment of ours says, angstrom."""
    for comment in comments:
        found = _CUTOFFS.search(comment)
        if found and _WRITTEN in comment:
            lengths = [place.number(word, "the cutoff", 1e-3) * _NM for word in found.groups()]
            cutoff, start = (round(length, 12) for length in lengths)
            return {"cutoff": cutoff, "switch_start": start}
    return {}


@dataclass(frozen=True)
class Formula:
    """A pair potential of ours.

    Attributes:
        kind: of the term.
        constants: of the formula, eV and angstrom.
        numbers: by two types, sorted.
        scale_14: factor of the energy of atoms three bonds apart.
        place: where it stands.
    """

    kind: str
    constants: dict[str, float]
    numbers: dict[tuple[str, str], dict[str, float]]
    scale_14: float
    place: Place

    def term(self) -> PairTerm:
        """Return the term."""
        found = {
            pair: from_formula(self.kind, own, self.place) for pair, own in self.numbers.items()
        }
        options = formula_options(self.kind, self.constants)
        if self.kind.startswith("lennard_jones") and self.scale_14 != 1.0:
            options["scale_14"] = self.scale_14
        return pair_term(self.kind, options, found, "eV", self.place)


def is_own_formula(element: Element) -> bool:
    """Tell whether a force looks like a formula that we write."""
    energy = element.attributes.get("energy", "")
    return element.tag == "CustomNonbondedForce" and "_of(kind1,kind2)" in energy


def own_formula(force: Element, place: Place, types: Sequence[str]) -> Formula:
    """Return a formula of ours with its numbers.

    Args:
        force: one of `is_own_formula`.
        place: of it.
        types: that atoms have.

    Raises:
        FileError: it is no formula of ours, or its tables are not.
    """
    energy = re.sub(r"\bangstroms\b", "r", force.attributes.get("energy", ""))
    scaled = _OURS.fullmatch(energy)
    if scaled is None:
        raise place.error(f"<{force.tag}> is a form of energy that we do not have.")
    if not math.isclose(float_of(scaled[1]), _ENERGY, rel_tol=1e-9) or float_of(scaled[4]) != _NM:
        raise place.error("the formula is one of ours, but its units are not.")
    parts = scaled[3].split(";")
    names = [part.split("=")[0] for part in parts if part.endswith("_of(kind1,kind2)")]
    rest = [part for part in parts if part and not part.endswith("_of(kind1,kind2)")]
    text = ";".join([scaled[2], *rest])
    kind, (_, constants) = kind_of(text, place), numbers_of(text, place)
    tables = {f.attributes.get("name", ""): f.text.split() for f in force.all("Function")}
    kinds = {a.attributes.get("type", ""): a.attributes.get("kind") for a in force.all("Atom")}
    numbers: dict[tuple[str, str], dict[str, float]] = {}
    for name in names:
        table = tables.get(f"{name}_of", [])
        count = math.isqrt(len(table))
        if not count or count * count != len(table):
            raise place.error(f"the table of {name} is not square.")
        for one, other in combinations_with_replacement(sorted(types), 2):
            i, j = (place.whole(kinds.get(t), "kind", 0, count - 1) for t in (one, other))
            value = place.number(table[i * count + j], name)
            if table[j * count + i] != table[i * count + j]:
                raise place.error(f"the table of {name} is not the same from both sides.")
            numbers.setdefault((one, other), {})[name] = value
    return Formula(kind, constants, numbers, _scale_14(force, place), place)


def _scale_14(force: Element, place: Place) -> float:
    """Return the factor of atoms three bonds apart, which the script beside the file adds."""
    for parameter in force.all("GlobalParameter"):
        if parameter.attributes.get("name") == SCALE_14:
            return place.number(parameter.attributes.get("defaultValue"), SCALE_14, 0.0, 1.0)
    word = force.attributes.get("bondCutoff")
    return 1.0 if place.whole(word, "bondCutoff", 0, 3) in (0, 2) else 0.0


def shifted_charges(
    formula: Formula, comments: Iterable[str]
) -> tuple[dict[str, object], dict[str, float]]:
    """Return the options of ``coulomb`` and the charges, e, of a formula of ours.

    Args:
        formula: for charges.
        comments: of the file, one of which says the charges.

    Raises:
        FileError: the charges are not those of the comment.
    """
    place = formula.place
    said = next((found for c in comments if (found := _CHARGES.search(c))), None)
    if said is None:
        raise place.error(
            "the formula is one of ours, but no comment says the charges that it is for.",
            "Write the file again.",
        )
    words = [pair.split() for pair in said[1].split(",")]
    charges = {w[0]: place.number(w[1], "a charge") for w in words if len(w) == 2}
    for (one, other), numbers in formula.numbers.items():
        strength = numbers.get("strength", 0.0)
        require_strength(strength, charges.get(one, 0.0), charges.get(other, 0.0), place)
    return charges_options_of(formula.constants), charges
