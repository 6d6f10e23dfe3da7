"""Pair terms as formulas of the distance, which LAMMPS (package LEPTON) and OpenMM both read.

Both derive the forces from the formula symbolically, so that what is written is exact. A further
kind of pair term is one function here that returns a `PairFormula`, and its line in `FORMULAS`.

Source: Lepton's syntax, http://docs.openmm.org/latest/userguide/theory/03_custom_forces.html
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement

from dmdstudio.base.units import COULOMB
from dmdstudio.files.potentials.lennard_jones import lennard_jones_numbers, switch_of
from dmdstudio.files.potentials.numbers import charges_of_types, option, parameter
from dmdstudio.plan.recipe import chain
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
        one_four: the energy of atoms three bonds apart alike, where the term can scale it.
    """

    label: str
    formula: str
    cutoff: float
    constants: dict[str, float]
    numbers: dict[tuple[str, str], dict[str, float]]
    one_four: str = ""


def type_pairs(structure: Structure) -> list[tuple[str, str]]:
    """Return the pairs of types, each once, sorted."""
    return list(combinations_with_replacement(sorted(set(structure.types)), 2))


def _switched(
    label: str,
    bare: str,
    term: PotentialTerm,
    numbers: dict[tuple[str, str], dict[str, float]],
    constants: dict[str, float] | None = None,
) -> PairFormula:
    """Return a formula brought to zero by 1 - 10 x^3 + 15 x^4 - 6 x^5 from a distance on."""
    energy, *definitions = bare.split(";")
    start, cutoff = switch_of(term)
    return PairFormula(
        f"{label}, switched",
        ";".join(
            [
                f"({energy})*(1-x^3*(10-x*(15-6*x)))",
                *definitions,
                "x=min(1,max(0,(r-start)/(cutoff-start)))",
            ]
        ),
        cutoff,
        {"start": start, "cutoff": cutoff, **(constants or {})},
        numbers,
    )


def _lennard_jones(term: PotentialTerm, structure: Structure) -> PairFormula:
    known = lennard_jones_numbers(term, structure)
    pairs = {pair: known.pair(*pair) for pair in type_pairs(structure)}
    numbers = {pair: {"sigma": s, "epsilon": e} for pair, (s, e) in pairs.items()}
    bare = "4*epsilon*(p^2-p);p=(sigma/r)^6"
    return replace(_switched("Lennard-Jones", bare, term, numbers), one_four=bare)


def _lennard_jones_pairs(term: PotentialTerm, structure: Structure) -> PairFormula:
    bare = "4*epsilon*(p^2-p);p=(sigma/r)^6"
    numbers = _of_pairs(term, structure, ("sigma", "epsilon"))
    return replace(_switched("Lennard-Jones", bare, term, numbers), one_four=bare)


def _mie(term: PotentialTerm, structure: Structure) -> PairFormula:
    """Return c epsilon [(sigma/r)^n - (sigma/r)^m]; see `engine.potentials.mie` for the mixing."""
    known = lennard_jones_numbers(term, structure)
    numbers = {}
    for i, j in type_pairs(structure):
        n, m = (
            3.0
            + math.sqrt(math.prod(parameter(term, f"{which}_exponent", t) - 3.0 for t in (i, j)))
            for which in ("repulsive", "attractive")
        )
        sigma, epsilon = known.pair(i, j)
        strength = n / (n - m) * (n / m) ** (m / (n - m)) * epsilon
        numbers[(i, j)] = {"strength": strength, "sigma": sigma, "n": n, "m": m}
    return _switched("Mie", "strength*((sigma/r)^n-(sigma/r)^m)", term, numbers)


def _morse(term: PotentialTerm, structure: Structure) -> PairFormula:
    numbers = _of_pairs(term, structure, ("depth", "decay", "distance"))
    return _switched("Morse", "depth*p*(p-2);p=exp(-decay*(r-distance))", term, numbers)


_SIX = "(1+y*(6*y-3))/near^6"
_EIGHT = "(1+y*(10*y-4))/near^8"
_NEAR = "near=max(r,inner);y=(min(r,inner)/inner)^2-1"
"""The dispersion's powers, continued below an inner distance; y is zero outside."""


def _buckingham(term: PotentialTerm, structure: Structure) -> PairFormula:
    numbers = _of_pairs(term, structure, ("amplitude", "range", "dispersion"))
    return _switched(
        "Buckingham",
        f"amplitude*exp(-r/range)-dispersion*{_SIX};{_NEAR}",
        term,
        numbers,
        {"inner": option(term, "inner")},
    )


def _born_mayer_huggins(term: PotentialTerm, structure: Structure) -> PairFormula:
    names = ("amplitude", "sigma", "range", "dispersion", "second_dispersion")
    return _switched(
        "Born-Mayer-Huggins",
        f"amplitude*exp((sigma-r)/range)-dispersion*{_SIX}-second_dispersion*{_EIGHT};{_NEAR}",
        term,
        _of_pairs(term, structure, names),
        {"inner": option(term, "inner")},
    )


def _of_pairs(
    term: PotentialTerm, structure: Structure, names: tuple[str, ...]
) -> dict[tuple[str, str], dict[str, float]]:
    """Return parameters that belong to pairs of types."""
    return {
        pair: {name: parameter(term, name, chain(pair)) for name in names}
        for pair in type_pairs(structure)
    }


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
        one_four="strength/r",
    )


FORMULAS: dict[str, Callable[[PotentialTerm, Structure], PairFormula]] = {
    "born_mayer_huggins": _born_mayer_huggins,
    "buckingham": _buckingham,
    "coulomb": _coulomb,
    "lennard_jones": _lennard_jones,
    "lennard_jones_pairs": _lennard_jones_pairs,
    "mie": _mie,
    "morse": _morse,
}
"""By the kind of the term."""
