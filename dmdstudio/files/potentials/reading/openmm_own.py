"""What OpenMM's force fields hold that we wrote: cutoffs in a comment, charges as a formula."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

from dmdstudio.base.units import factor
from dmdstudio.files.potentials.reading.own_formulas import charges_options, require_strength
from dmdstudio.files.potentials.reading.places import Place
from dmdstudio.files.potentials.reading.xml import Element

_WRITTEN = "Written by DMD Studio"
_CUTOFFS = re.compile(r"Lennard-Jones: cutoff (\S+) nm, switched from (\S+) nm;")
_CHARGES = re.compile(r"Coulomb, damped and shifted, of charges ([^:]+) e:")
_OURS = re.compile(
    r"([\d.]+)\*\((step[^;]*)\);(d=r-cutoff);strength=strength_of\(kind1,kind2\);(.*);r=r\*([\d.]+)"
)
"""Formula in eV times the energy in kJ/mol, parts of it, tables, numbers, and the length in nm."""

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


def shifted_charges(
    force: Element, name: str, comments: Iterable[str], types: Iterable[str]
) -> tuple[dict[str, object], dict[str, float]]:
    """Return the options of ``coulomb`` and the charges, e, of a ``CustomNonbondedForce`` of ours.

    Args:
        force: the element.
        name: of the file.
        comments: of the file, one of which says the charges.
        types: that atoms have.

    Raises:
        FileError: it is no formula of ours, or the charges are not those of the comment.
    """
    place = Place(name, force.line)
    energy = re.sub(r"\bangstroms\b", "r", force.attributes.get("energy", ""))
    scaled = _OURS.fullmatch(energy)
    if scaled is None:
        raise place.error(f"<{force.tag}> is a form of energy that we do not have.")
    options, _ = charges_options(f"{scaled[2]};{scaled[3]};{scaled[4]}", place)
    if not math.isclose(float(scaled[1]), _ENERGY, rel_tol=1e-9) or float(scaled[5]) != _NM:
        raise place.error("the formula is one of ours, but its units are not.")
    said = next((found for c in comments if (found := _CHARGES.search(c))), None)
    if said is None:
        raise place.error(
            "the formula is one of ours, but no comment says the charges that it is for.",
            "Write the file again.",
        )
    words = [pair.split() for pair in said[1].split(",")]
    charges = {w[0]: place.number(w[1], "a charge") for w in words if len(w) == 2}
    kinds = {a.attributes.get("type", ""): a.attributes.get("kind") for a in force.all("Atom")}
    table = next((f.text.split() for f in force.all("Function")), [])
    count = math.isqrt(len(table))
    for one in types:
        for other in types:
            i, j = (place.whole(kinds.get(t), "kind", 0, max(count - 1, 0)) for t in (one, other))
            strength = place.number(table[i * count + j], "a strength") if table else 0.0
            require_strength(strength, charges.get(one, 0.0), charges.get(other, 0.0), place)
    return options, charges
