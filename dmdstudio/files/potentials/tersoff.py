"""Files of Tersoff's potential (.tersoff), as LAMMPS reads them.

Source: https://docs.lammps.org/pair_tersoff.html
"""

from __future__ import annotations

from dmdstudio.files.potentials.numbers import option, parameter
from dmdstudio.plan.terms import PotentialTerm

NAMES = (
    "length_decay", "angular_height", "angular_width", "angular_cosine", "order_exponent",
    "order_strength", "attractive_decay", "attraction",
)  # fmt: skip
"""Parameters between gamma and R, in the order of an entry."""


def tersoff_file(term: PotentialTerm, element: str) -> str:
    """Return the text of a file with a single entry.

    Args:
        term: a ``tersoff``.
        element: of all atoms.

    Raises:
        FileError: a number is missing.
    """
    start, cutoff = option(term, "switch_start"), option(term, "cutoff")
    numbers = (
        option(term, "length_exponent"),
        parameter(term, "angular_strength", element),
        *(parameter(term, name, element) for name in NAMES),
        0.5 * (cutoff + start),
        0.5 * (cutoff - start),
        parameter(term, "repulsive_decay", element),
        parameter(term, "repulsion", element),
    )
    return (
        "# UNITS: metal\n"
        "# Three elements, m, gamma, lambda3 (1/angstrom), c, d, cos(theta0), n, beta, "
        "lambda2 (1/angstrom), B (eV), R, D (angstrom), lambda1 (1/angstrom), A (eV).\n"
        f"{element} {element} {element} {' '.join(map(repr, numbers))}\n"
    )
