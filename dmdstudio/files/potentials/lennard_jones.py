"""The numbers of a Lennard-Jones term, checked and mixed, for the formats that write it.

U = sum over pairs of 4 epsilon [(sigma/r)^12 - (sigma/r)^6] S(x),
S(x) = 1 - 10 x^3 + 15 x^4 - 6 x^5, x = (r - switch_start)/(cutoff - switch_start),
S = 1 below switch_start and U = 0 from the cutoff on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.numbers import option, parameter
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm

MIXING_RULES = ("lorentz_berthelot", "geometric")
"""Means of sigma that file formats know; epsilon has its geometric mean in both."""

SigmaEpsilon = tuple[float, float]
"""Of two types, in any units."""


def mixed(rule: str, one: SigmaEpsilon, other: SigmaEpsilon) -> SigmaEpsilon:
    """Return what a rule of `MIXING_RULES` gives two unlike types."""
    sigma = math.sqrt(one[0] * other[0]) if rule == "geometric" else 0.5 * (one[0] + other[0])
    return sigma, math.sqrt(one[1] * other[1])


@dataclass(frozen=True)
class LennardJonesNumbers:
    """One term, complete, for the elements of a structure.

    Attributes:
        types: elements, sorted; their place + 1 is their number in formats that count.
        sigma: ``{type: angstrom}``.
        epsilon: ``{type: eV}``.
        cutoff: angstrom.
        switch_start: angstrom, below the cutoff.
        mixing: ``'lorentz_berthelot'`` or ``'geometric'``.
    """

    types: tuple[str, ...]
    sigma: dict[str, float]
    epsilon: dict[str, float]
    cutoff: float
    switch_start: float
    mixing: str

    def pair(self, first: str, second: str) -> tuple[float, float]:
        """Return sigma (angstrom) and epsilon (eV) of two types."""
        one, other = ((self.sigma[type_], self.epsilon[type_]) for type_ in (first, second))
        return one if first == second else mixed(self.mixing, one, other)  # to the last bit


def switch_of(term: PotentialTerm) -> tuple[float, float]:
    """Return where the switch starts and the cutoff, angstrom; `FileError` if out of order."""
    cutoff, start = option(term, "cutoff"), option(term, "switch_start")
    if not 0 <= start < cutoff:
        raise FileError(
            f"{term.kind}: switch_start {start:g} is not between 0 and the cutoff {cutoff:g}."
        )
    return start, cutoff


def lennard_jones_numbers(term: PotentialTerm, structure: Structure) -> LennardJonesNumbers:
    """Return a term with sigma, epsilon and a mixing rule, complete: Lennard-Jones, or Mie.

    Raises:
        FileError: a number is missing, not finite or out of order.
    """
    types = tuple(sorted(set(structure.types)))
    start, cutoff = switch_of(term)
    mixing = term.options.get("mixing", "lorentz_berthelot")
    if mixing not in MIXING_RULES:
        raise FileError(f"No format but ase knows the mixing rule {mixing!r}.")
    return LennardJonesNumbers(
        types=types,
        sigma={type_: parameter(term, "sigma", type_) for type_ in types},
        epsilon={type_: parameter(term, "epsilon", type_) for type_ in types},
        cutoff=cutoff,
        switch_start=start,
        mixing=str(mixing),
    )
