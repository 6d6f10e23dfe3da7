"""The numbers of a Lennard-Jones term, checked and mixed, for the formats that write it.

U = sum over pairs of 4 epsilon [(sigma/r)^12 - (sigma/r)^6] S(x),
S(x) = 1 - 10 x^3 + 15 x^4 - 6 x^5, x = (r - switch_start)/(cutoff - switch_start),
S = 1 below switch_start and U = 0 from the cutoff on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dmdstudio.base.errors import FileError
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm


@dataclass(frozen=True)
class LennardJonesNumbers:
    """One term, complete, for the elements of a structure.

    Attributes:
        types: elements, sorted; their place + 1 is their number in formats that count.
        masses: ``{type: amu}``.
        sigma: ``{type: angstrom}``.
        epsilon: ``{type: eV}``.
        cutoff: angstrom.
        switch_start: angstrom, below the cutoff.
        mixing: ``'lorentz_berthelot'`` or ``'geometric'``.
    """

    types: tuple[str, ...]
    masses: dict[str, float]
    sigma: dict[str, float]
    epsilon: dict[str, float]
    cutoff: float
    switch_start: float
    mixing: str

    def pair(self, first: str, second: str) -> tuple[float, float]:
        """Return sigma (angstrom) and epsilon (eV) of two types."""
        if first == second:  # to the last bit
            return self.sigma[first], self.epsilon[first]
        if self.mixing == "geometric":
            sigma = math.sqrt(self.sigma[first] * self.sigma[second])
        else:
            sigma = 0.5 * (self.sigma[first] + self.sigma[second])
        return sigma, math.sqrt(self.epsilon[first] * self.epsilon[second])


def single_lennard_jones(
    terms: Sequence[PotentialTerm], structure: Structure, format_name: str
) -> LennardJonesNumbers:
    """Return the one Lennard-Jones term of a potential.

    Raises:
        FileError: there are several, or a number is missing, not finite or out of order.
    """
    if len(terms) != 1:
        raise FileError(
            f"Format {format_name!r} writes a single lennard_jones term; there are {len(terms)}.",
            "Export to ase, which adds any number of terms.",
        )
    term = terms[0]
    types = tuple(sorted(set(structure.symbols)))
    cutoff, start = _length(term, "cutoff"), _length(term, "switch_start")
    if not 0 <= start < cutoff:
        raise FileError(
            f"lennard_jones: switch_start {start:g} is not between 0 and the cutoff {cutoff:g}."
        )
    mixing = term.options.get("mixing", "lorentz_berthelot")
    if mixing not in ("lorentz_berthelot", "geometric"):
        raise FileError(f"Format {format_name!r} does not know the mixing rule {mixing!r}.")
    return LennardJonesNumbers(
        types=types,
        masses={type_: _mass(structure, type_) for type_ in types},
        sigma={type_: _parameter(term, "sigma", type_) for type_ in types},
        epsilon={type_: _parameter(term, "epsilon", type_) for type_ in types},
        cutoff=cutoff,
        switch_start=start,
        mixing=mixing,
    )


def _length(term: PotentialTerm, name: str) -> float:
    value = term.options.get(name)
    if not isinstance(value, (int, float)) or not math.isfinite(value):
        raise FileError(f"lennard_jones has no length {name!r} (found {value!r}).")
    return float(value)


def _parameter(term: PotentialTerm, name: str, type_: str) -> float:
    value = term.parameters.get(name, {}).get(type_)
    if value is None or not math.isfinite(value):
        raise FileError(
            f"lennard_jones has no {name} for {type_} (found {value!r}).",
            f"The recipe needs a parameter {name!r} of {type_!r}.",
        )
    return float(value)


def _mass(structure: Structure, type_: str) -> float:
    masses = np.unique(structure.masses[np.array(structure.symbols) == type_])
    if len(masses) > 1:
        raise FileError(
            f"{type_} has atoms of {len(masses)} masses ({masses[0]:g} to {masses[-1]:g} amu), "
            "but this format knows one mass per element."
        )
    return float(masses[0])
