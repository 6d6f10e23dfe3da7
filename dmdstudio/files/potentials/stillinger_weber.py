"""Files of Stillinger and Weber's potential (.sw), as LAMMPS reads them.

Source: https://docs.lammps.org/pair_sw.html
"""

from __future__ import annotations

import math

from dmdstudio.files.potentials.numbers import option, parameter
from dmdstudio.plan.terms import PotentialTerm


def stillinger_weber_file(term: PotentialTerm, element: str) -> str:
    """Return the text of a file with a single entry.

    Args:
        term: a ``stillinger_weber``.
        element: of all atoms.

    Raises:
        FileError: a number is missing.
    """
    sigma = parameter(term, "sigma", element)
    numbers = (
        parameter(term, "epsilon", element),
        sigma,
        option(term, "cutoff") / sigma,
        parameter(term, "three_body", element),
        parameter(term, "decay", element),
        math.cos(parameter(term, "angle", element)),
        parameter(term, "strength", element),
        parameter(term, "repulsion", element),
        option(term, "repulsive_exponent"),
        option(term, "attractive_exponent"),
        0.0,
    )
    return (
        "# UNITS: metal\n"
        "# Three elements, epsilon (eV), sigma (angstrom), a, lambda, gamma, cos(theta0), A, B, p, "
        "q, tolerance.\n"
        f"{element} {element} {element} {' '.join(map(repr, numbers))}\n"
    )
