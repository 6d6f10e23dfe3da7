"""Tables of pair energies and forces, as LAMMPS' pair_style table reads them.

The knots of a spline are among the points, so that the spline can be had from its table again.
Source: https://docs.lammps.org/pair_table.html
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dmdstudio.base.errors import FileError
from dmdstudio.base.splines import spline
from dmdstudio.files.potentials.numbers import option
from dmdstudio.plan.terms import PotentialTerm

TABLE_POINTS = 30_000
"""Of the tables by r^2 that LAMMPS makes of those in the file."""

SPACING = 1.5e-3
"""Largest distance between points of a file, angstrom: the forces bend at the knots."""

LEAST = 0.3
"""Tables begin about here, angstrom; LAMMPS stops where atoms come closer."""

KNOTS = "DMD Studio spline: first knot {start!r}, cutoff {cutoff!r} angstrom, {knots} knots."
"""In a comment of every table."""


def spline_tables(term: PotentialTerm, names: Sequence[str]) -> str:
    """Return the text of a file with a table for every pair of types, named so.

    Args:
        term: a ``pair_spline`` with its energies.
        names: pairs of types.

    Raises:
        FileError: energies of a pair are missing.
    """
    start, cutoff = option(term, "start"), option(term, "cutoff")
    parts = ["# UNITS: metal"]
    for name in names:
        if name not in term.arrays:
            raise FileError(f"{term.kind} has no energies for {name}.")
        energies = np.asarray(term.arrays[name], float)
        step = (cutoff - start) / (len(energies) + 1)
        fine = int(np.ceil(step / SPACING))
        spacing = step / fine
        below = max(int((start - min(LEAST, start / 2)) / spacing), 0)
        first = start - below * spacing
        count = below + fine * (len(energies) + 1) + 1
        r = first + (cutoff - first) * np.arange(count) / (count - 1)
        values, slopes = spline(energies, start, cutoff, r)
        values[below : below + fine * len(energies) : fine] = energies  # to the last digit
        said = KNOTS.format(start=start, cutoff=cutoff, knots=len(energies))
        parts.append(f"# {said}\n\n{name}\nN {count} R {first!r} {cutoff!r} FPRIME 0.0 0.0\n")
        rows = zip(r.tolist(), values.tolist(), (-slopes).tolist(), strict=True)
        parts += [f"{n} {x!r} {u!r} {f!r}" for n, (x, u, f) in enumerate(rows, 1)]
    return "\n".join(parts) + "\n"
