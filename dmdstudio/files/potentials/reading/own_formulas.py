"""Formulas of pair energies that we write for other engines, told from those of others."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping

import numpy as np

from dmdstudio.base.units import COULOMB
from dmdstudio.files.potentials.pair_formulas import FORMULAS
from dmdstudio.files.potentials.reading.places import Place
from dmdstudio.plan.catalog import shown
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm

_NAMES = (
    "amplitude", "charge", "decay", "depth", "dispersion", "distance", "epsilon", "range",
    "second_dispersion", "sigma",
)  # fmt: skip
"""Of parameters of pairs."""

SAME = 1e-9
"""Relative difference of a strength from that of the charges."""


@functools.cache
def own_formulas() -> dict[str, str]:
    """Return the kinds of terms by the formulas of eV and angstrom that we write for them."""
    one = Structure(("X",), np.zeros((1, 3)), np.eye(3), np.ones(1))
    options: dict[str, object] = {
        "cutoff": 9.0, "switch_start": 8.0, "damping": 0.2, "inner": 1.0,
    }  # fmt: skip
    parameters: dict[str, dict[str, float]] = {name: {"X": 1.0, "X-X": 1.0} for name in _NAMES}
    parameters |= {"repulsive_exponent": {"X": 12.0}, "attractive_exponent": {"X": 6.0}}
    return {
        write(PotentialTerm(kind, options, parameters), one).formula: kind
        for kind, write in FORMULAS.items()
        if kind != "lennard_jones_pairs"  # the numbers tell it from lennard_jones
    }


def kind_of(text: str, place: Place) -> str:
    """Return the kind of the term that a formula with its numbers is of.

    Raises:
        FileError: we write no such formula.
    """
    formula, _ = numbers_of(text, place)
    if formula not in own_formulas():
        raise place.error(
            f"the formula {shown(text)} is a form of energy that we do not have.",
            "Only formulas that DMD Studio writes are read.",
        )
    return own_formulas()[formula]


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
    kind, (_, numbers) = kind_of(text, place), numbers_of(text, place)
    if kind != "coulomb" or not {"alpha", "cutoff", "bend"} <= set(numbers):
        raise place.error(
            f"the formula {shown(text)} is not the one for charges that DMD Studio writes."
        )
    return charges_options_of(numbers), numbers


def charges_options_of(numbers: Mapping[str, float]) -> dict[str, object]:
    """Return the options of ``coulomb`` that the numbers of our formula stand for."""
    shift = "curvature" if numbers["bend"] else "force"
    return {"cutoff": numbers["cutoff"], "damping": numbers["alpha"], "shift": shift}


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
