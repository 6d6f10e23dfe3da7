"""Formulas of pair energies that we write for other engines, told from those of others."""

from __future__ import annotations

import math

import numpy as np

from dmdstudio.base.units import COULOMB
from dmdstudio.files.potentials.pair_formulas import FORMULAS
from dmdstudio.files.potentials.reading.places import Place
from dmdstudio.plan.catalog import shown
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm

SAME = 1e-9
"""Relative difference of a strength from that of the charges."""


def charges_formula() -> str:
    """Return the formula for charges that we write, of eV and angstrom."""
    one = Structure(("X",), np.zeros((1, 3)), np.eye(3), np.ones(1))
    options: dict[str, object] = {"cutoff": 9.0, "damping": 0.2}
    term = PotentialTerm("coulomb", options, {"charge": {"X": 0.0}})
    return FORMULAS["coulomb"](term, one).formula


def numbers_of(text: str, place: Place) -> tuple[str, dict[str, float]]:
    """Return a formula without the numbers that are set in it, and these by name.

    Args:
        text: parts with semicolons between them, ``name=1.5`` among them.
        place: where it stands.
    """
    numbers, formula = {}, []
    for part in (part.strip() for part in text.split(";")):
        name, _, value = part.partition("=")
        if math.isnan(float_of(value)):
            formula.append(part)
        else:
            numbers[name] = place.number(value, name)
    return ";".join(formula), numbers


def charges_options(text: str, place: Place) -> tuple[dict[str, object], dict[str, float]]:
    """Return the options of ``coulomb`` that our formula stands for, and all its numbers.

    Raises:
        FileError: it is another formula.
    """
    formula, numbers = numbers_of(text, place)
    if formula != charges_formula() or not {"alpha", "cutoff", "bend"} <= set(numbers):
        raise place.error(
            f"the formula {shown(text)} is a form of energy that we do not have.",
            "Only the formula for charges that DMD Studio writes is read.",
        )
    shift = "curvature" if numbers["bend"] else "force"
    options: dict[str, object] = {
        "cutoff": numbers["cutoff"],
        "damping": numbers["alpha"],
        "shift": shift,
    }
    return options, numbers


def require_strength(found: float, first: float, second: float, place: Place) -> None:
    """Raise `FileError` where a strength, eV angstrom, is not that of two charges, e."""
    wanted = COULOMB * first * second
    if not math.isclose(found, wanted, rel_tol=SAME, abs_tol=1e-12):
        raise place.error(f"the strength {found!r} is not that of the charges, {wanted!r}.")


def float_of(word: str) -> float:
    """Return a number, nan for none."""
    try:
        return float(word)
    except ValueError:
        return math.nan
