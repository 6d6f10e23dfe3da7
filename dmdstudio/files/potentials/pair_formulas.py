"""Pair terms as formulas of the distance, which LAMMPS (package LEPTON) and OpenMM both read.

Both derive the forces from the formula symbolically, so that what is written is exact. A further
kind of pair term is one function here that returns a `PairFormula`, and its line in `FORMULAS`.

Source: Lepton's syntax, http://docs.openmm.org/latest/userguide/theory/03_custom_forces.html
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations_with_replacement

from dmdstudio.base.units import COULOMB
from dmdstudio.files.potentials.lennard_jones import lennard_jones_numbers
from dmdstudio.files.potentials.numbers import charges_of_types, option
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm


@dataclass(frozen=True)
class PairFormula:
    """The energy of a pair in eV as a formula of the distance r in angstrom.

    Attributes:
        label: what it is, for comments.
        formula: of ``r``, the names of `numbers` and those of `constants`; zero from the cutoff on.
        cutoff: angstrom.
        constants: the same for all pairs.
        numbers: ``{(type, type): {name: value}}``, types sorted, angstrom and eV.
    """

    label: str
    formula: str
    cutoff: float
    constants: dict[str, float]
    numbers: dict[tuple[str, str], dict[str, float]]


def type_pairs(structure: Structure) -> list[tuple[str, str]]:
    """Return the pairs of types, each once, sorted."""
    return list(combinations_with_replacement(sorted(set(structure.symbols)), 2))


def _lennard_jones(term: PotentialTerm, structure: Structure) -> PairFormula:
    known = lennard_jones_numbers(term, structure)
    pairs = {pair: known.pair(*pair) for pair in type_pairs(structure)}
    return PairFormula(
        "Lennard-Jones, switched",
        "4*epsilon*(p^2-p)*(1-x^3*(10-x*(15-6*x)));p=(sigma/r)^6;"
        "x=min(1,max(0,(r-start)/(cutoff-start)))",
        known.cutoff,
        {"start": known.switch_start, "cutoff": known.cutoff},
        {pair: {"sigma": sigma, "epsilon": epsilon} for pair, (sigma, epsilon) in pairs.items()},
    )


def _coulomb(term: PotentialTerm, structure: Structure) -> PairFormula:
    """Return f(r) - f(c) - f'(c) (r - c) - f''(c) (r - c)^2/2, f = erfc(alpha r)/r, times q q'."""
    a, c = option(term, "damping"), option(term, "cutoff")
    gauss = 2.0 * a / math.sqrt(math.pi) * math.exp(-((a * c) ** 2))
    value = math.erfc(a * c) / c
    curved = term.options.get("shift") == "curvature"
    charges = charges_of_types(term, structure)
    told = ", ".join(f"{type_} {charge!r}" for type_, charge in charges.items())
    return PairFormula(
        f"Coulomb, damped and shifted, of charges {told} e",
        "step(cutoff-r)*strength*(erfc(alpha*r)/r-value-(slope+0.5*bend*d)*d);d=r-cutoff",
        c,
        {
            "alpha": a,
            "cutoff": c,
            "value": value,
            "slope": -value / c - gauss / c,
            "bend": 2.0 * value / c**2 + 2.0 * gauss / c**2 + 2.0 * a * a * gauss if curved else 0,
        },
        {(i, j): {"strength": COULOMB * charges[i] * charges[j]} for i, j in type_pairs(structure)},
    )


FORMULAS: dict[str, Callable[[PotentialTerm, Structure], PairFormula]] = {
    "coulomb": _coulomb,
    "lennard_jones": _lennard_jones,
}
"""By the kind of the term."""
