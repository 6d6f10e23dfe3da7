"""Files of Tersoff's potential (.tersoff), as LAMMPS reads them.

Source: https://docs.lammps.org/pair_tersoff.html
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from dmdstudio.files.potentials.numbers import option, parameter
from dmdstudio.plan.owners import directed, mixed_triplets, pair_names, ranges_of
from dmdstudio.plan.recipe import chain
from dmdstudio.plan.terms import PotentialTerm

ANGULAR = (
    "angular_strength", "length_decay", "angular_height", "angular_width", "angular_cosine",
)  # fmt: skip
"""Parameters between m and n, in the order of an entry."""


def tersoff_file(term: PotentialTerm, types: Sequence[str]) -> str:
    """Return the text of a file with an entry for every three elements.

    Args:
        term: a ``tersoff``.
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
        "# Three elements, m, gamma, lambda3 (1/angstrom), c, d, cos(theta0), n, beta, "
        "lambda2 (1/angstrom), B (eV), R, D (angstrom), lambda1 (1/angstrom), A (eV).\n"
        + "\n".join(rows)
        + "\n"
    )


def _entry(term: PotentialTerm, types: Sequence[str], i: str, j: str, k: str) -> tuple[float, ...]:
    """Return the numbers of an entry; those of bonds are unused where j and k are unlike."""
    known = (*pair_names(types), *mixed_triplets(types))
    ranges = ranges_of(str(term.options.get("ranges", "")), known, 2, "ranges")
    usual = option(term, "switch_start"), option(term, "cutoff")
    of_pair = ranges.get(chain((i, k)), usual)
    start, cutoff = ranges.get(directed(i, j, k), of_pair)
    pair, bond = chain((i, j)), directed(i, j)
    lone = j != k
    return (
        option(term, "length_exponent"),
        *(parameter(term, name, directed(i, j, k)) for name in ANGULAR),
        1.0 if lone else parameter(term, "order_exponent", bond),
        0.0 if lone else parameter(term, "order_strength", bond),
        0.0 if lone else parameter(term, "attractive_decay", pair),
        0.0 if lone else parameter(term, "attraction", pair),
        0.5 * (cutoff + start),
        0.5 * (cutoff - start),
        0.0 if lone else parameter(term, "repulsive_decay", pair),
        0.0 if lone else parameter(term, "repulsion", pair),
    )
