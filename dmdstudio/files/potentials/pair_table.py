"""Tables of pair energies and forces, as LAMMPS' pair_style table reads them.

The knots of a spline are among the points, so that the spline can be had from its table again.
Source: https://docs.lammps.org/pair_table.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from dmdstudio.base.errors import FileError
from dmdstudio.base.splines import spline
from dmdstudio.base.units import factor
from dmdstudio.files.potentials.lammps_units import said_energy
from dmdstudio.files.potentials.numbers import option
from dmdstudio.files.text import decode
from dmdstudio.plan.terms import PotentialTerm

KIND = "pair_spline"

TABLE_POINTS = 30_000
"""Of the tables by r^2 that LAMMPS makes of those in the file."""

SPACING = 1.5e-3
"""Largest distance between points of a file, angstrom: the forces bend at the knots."""

LEAST = 0.3
"""Tables begin about here, angstrom; LAMMPS stops where atoms come closer."""

KNOTS = "DMD Studio spline: first knot {start!r}, cutoff {cutoff!r} angstrom, {knots} knots."
"""In a comment of every table."""

_KNOTS = re.compile(r"spline: first knot (\S+), cutoff (\S+) angstrom, (\d+) knots\.")

OWN_KNOTS = 60
"""Of the spline through a table that is not of a spline."""

HIGHEST = 5.0
"""Energy of its first knot, eV; closer, it goes on as a straight line."""

MOST_POINTS = 200_000
"""Of all tables of a file."""

SAME = 1e-9
"""Largest difference of a table from the spline that it says it is, relative to its energies."""


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


@dataclass(frozen=True)
class Tables:
    """The tables of a file as splines with the same knots.

    Attributes:
        energies: at the knots [knot], eV, by the name of the table.
        settings: ``start``, ``cutoff`` and ``knots`` of the splines.
        ends: where the tables end, angstrom, alike.
        off: largest difference of a table from its spline from the first knot on, eV; 0 for one
            that was made of it.
    """

    energies: dict[str, np.ndarray]
    settings: dict[str, object]
    ends: dict[str, float]
    off: float = 0.0


@dataclass(frozen=True)
class _Table:
    """Distances [point], angstrom, and energies [point], eV; and what a comment says of knots."""

    name: str
    r: np.ndarray
    energies: np.ndarray
    knots: tuple[float, float, int] | None


def read_tables(content: bytes, name: str) -> Tables:
    """Return the splines through the tables of a file.

    Args:
        content: of the file.
        name: of the file, for errors.

    Raises:
        FileError: with the line, where something else is expected; or there is no table.
    """
    text = decode(content, f"Potential file {name}")
    unit = said_energy(text, name) or "eV"
    tables = {table.name: table for table in _tables(text.split("\n"), name, unit)}
    if not tables:
        raise FileError(f"{name} holds no table.")
    ends = {name: float(table.r[-1]) for name, table in tables.items()}
    own = {table.knots for table in tables.values()}
    (said,) = own if len(own) == 1 else (None,)
    if said is not None:
        start, cutoff, knots = said
        at = start + (cutoff - start) / (knots + 1) * np.arange(knots)
        energies = {n: _nearest(t, at) for n, t in tables.items()}
        if all(_off(t, energies[n], start, cutoff) <= SAME for n, t in tables.items()):
            settings: dict[str, object] = {"start": start, "cutoff": cutoff, "knots": knots}
            return Tables(energies, settings, ends)
    first_of = {n: _first(t, name) for n, t in tables.items()}
    start, cutoff = min(first_of.values()), max(ends.values())
    at = start + (cutoff - start) / (OWN_KNOTS + 1) * np.arange(OWN_KNOTS)
    energies = {n: _met(t, at, first_of[n]) for n, t in tables.items()}
    off = max(
        _off(t, energies[n], start, cutoff, first_of[n]) * np.abs(energies[n]).max()
        for n, t in tables.items()
    )
    settings = {"start": start, "cutoff": cutoff, "knots": OWN_KNOTS}
    return Tables(energies, settings, ends, float(off))


def _first(table: _Table, file: str) -> float:
    """Return the first distance at which a table's energy is below `HIGHEST`."""
    low = table.energies < HIGHEST
    if not low[:-1].any():
        raise FileError(
            f"{file}: no energy of table {table.name[:40]!r} is below {HIGHEST:g} eV.",
            "Check its units, which the first line says: # UNITS: metal, or real.",
        )
    return float(table.r[np.argmax(low)])


def _nearest(table: _Table, at: np.ndarray) -> np.ndarray:
    """Return the energies at the points nearest to distances."""
    place = np.clip(np.searchsorted(table.r, at), 1, len(table.r) - 1)
    place -= at - table.r[place - 1] < table.r[place] - at
    return table.energies[place]


def _met(table: _Table, at: np.ndarray, first: float) -> np.ndarray:
    """Return the energies at distances between the points; a straight line before, zero beyond."""
    curve = CubicSpline(table.r, table.energies)
    line = curve(first) + curve(first, 1) * (at - first)
    return np.where(at < first, line, np.where(at <= table.r[-1], curve(at), 0.0))


def _off(
    table: _Table, energies: np.ndarray, start: float, cutoff: float, first: float = 0.0
) -> float:
    """Return how far a table from a distance on is from a spline, over the largest energy of it."""
    inside = table.r >= max(start, first)
    found, _ = spline(energies, start, cutoff, table.r[inside])
    largest = np.abs(energies).max()
    return float(np.abs(found - table.energies[inside]).max(initial=0.0) / (largest or 1.0))


def _tables(lines: Sequence[str], file: str, unit: str) -> Iterator[_Table]:
    """Iterate over the tables of a file."""
    number, knots, points = 0, None, 0
    while number < len(lines):
        line, _, comment = lines[number].partition("#")
        number += 1
        if said := _KNOTS.search(comment):
            try:
                knots = (float(said[1]), float(said[2]), int(said[3]))
            except ValueError:
                knots = None
            if knots is not None and not (0 < knots[0] < knots[1] < 1e3 and 2 <= knots[2] <= 1000):
                knots = None
        if not line.split():
            continue
        name = line.split()[0]
        while number < len(lines) and not lines[number].split("#")[0].split():
            number += 1
        words = lines[number].split("#")[0].split() if number < len(lines) else []
        if len(words) < 2 or words[0] != "N" or not words[1].isdecimal() or "BITMAP" in words:
            raise FileError(
                f"{file}, line {number + 1}: N and the number of points of table {name[:40]!r} "
                "are expected."
            )
        number, rows = number + 1, []
        count = int(words[1][:9])
        points += count
        if not 4 <= count <= points <= MOST_POINTS:
            raise FileError(
                f"{file}, line {number}: 4 to {MOST_POINTS:,} points are expected in all."
            )
        while len(rows) < count and number < len(lines):
            words = lines[number].split("#")[0].split()
            number += 1
            if not words:
                continue
            try:
                rows.append((float(words[1]), float(words[2])))
            except (IndexError, ValueError):
                rows.append((np.nan, np.nan))
            if not np.all(np.abs(rows[-1]) < 1e12):
                raise FileError(
                    f"{file}, line {number}: number, distance, energy and force are expected."
                )
        r, energies = np.array(rows).T if rows else (np.zeros(0), np.zeros(0))
        if len(rows) < count or r[0] <= 0 or np.any(np.diff(r) <= 0):
            raise FileError(
                f"{file}, line {number}: table {name[:40]!r} has {len(rows)} of {count} points; as "
                "many are expected, their distances growing."
            )
        yield _Table(name, r, energies * factor(unit, "eV"), knots)
        knots = None
