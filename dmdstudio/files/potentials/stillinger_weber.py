"""Files of Stillinger and Weber's potential (.sw), as LAMMPS reads them.

Source: https://docs.lammps.org/pair_sw.html
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

from dmdstudio.files.potentials.numbers import option, parameter
from dmdstudio.plan.owners import pair_names, ranges_of
from dmdstudio.plan.recipe import chain
from dmdstudio.plan.terms import PotentialTerm


def stillinger_weber_file(term: PotentialTerm, types: Sequence[str]) -> str:
    """Return the text of a file with an entry for every three elements.

    Args:
        term: a ``stillinger_weber``.
        types: elements of the atoms.

    Raises:
        FileError: a number is missing.
    """
    rows = [
        " ".join((*elements, *map(repr, _entry(term, types, *elements))))
        for elements in product(types, repeat=3)
    ]
    return (
        "# UNITS: metal\n"
        "# Three elements, epsilon (eV), sigma (angstrom), a, lambda, gamma, cos(theta0), A, B, p, "
        "q, tolerance.\n" + "\n".join(rows) + "\n"
    )


def _entry(term: PotentialTerm, types: Sequence[str], i: str, j: str, k: str) -> tuple[float, ...]:
    """Return the numbers of an entry; of unlike neighbours those of pairs are 0, as unused."""
    owner, pair = chain((j, i, k)), chain((i, j))
    epsilon = math.sqrt(
        parameter(term, "epsilon", pair) * parameter(term, "epsilon", chain((i, k)))
    )
    strength = parameter(term, "three_body", owner)
    cosine = math.cos(parameter(term, "angle", owner))
    if j != k:
        return (epsilon, 0.0, 0.0, strength, 0.0, cosine, *(0.0,) * 5)
    sigma = parameter(term, "sigma", pair)
    sooner = ranges_of(
        str(term.options.get("pair_cutoffs", "")), pair_names(types), 1, "pair_cutoffs"
    )
    (cutoff,) = sooner.get(pair, (option(term, "cutoff"),))
    return (
        epsilon,
        sigma,
        _ratio(cutoff, sigma),
        strength,
        parameter(term, "decay", pair),
        cosine,
        parameter(term, "strength", pair),
        parameter(term, "repulsion", pair),
        option(term, "repulsive_exponent"),
        option(term, "attractive_exponent"),
        0.0,
    )


def _ratio(cutoff: float, sigma: float) -> float:
    """Return a, whose product with sigma is the very cutoff where a float has it."""
    ratio = cutoff / sigma
    near = (ratio, math.nextafter(ratio, 0.0), math.nextafter(ratio, math.inf))
    return min(near, key=lambda a: abs(a * sigma - cutoff))
