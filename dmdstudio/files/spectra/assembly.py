"""From two columns and what a file says about them to a measurement, in one way for all formats."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dmdstudio.base.errors import FileError
from dmdstudio.files.spectra.ordering import averaged_note, gaps_note, in_order
from dmdstudio.files.spectra.questions import NEEDS
from dmdstudio.files.spectra.vocabulary import axis_unit_of, quantity_of, value_unit_of
from dmdstudio.plan.structure import Measurement

MOST_POINTS = 500_000
"""Spectra of more points are refused: no instrument makes them, and packed files can claim any."""

_LONGEST_TEXT = 400


@dataclass
class Spectrum:
    """A spectrum as a file gives it, not yet in order.

    Attributes:
        axis: [point], as in the file.
        value: [point].
        axis_words: what the file says of the abscissa, such as ``'1/CM'``.
        value_words: what it says of the ordinate, such as ``'TRANSMITTANCE'``.
        error: standard error [point], or None.
        source: title, instrument, owner.
        conditions: what else the file says.
        axis_unit: unit of the abscissa where the format gives it itself; else the words tell.
        quantity: name of the ordinate where the format gives it itself; else the words tell.
        unit: unit of the ordinate where the format gives it itself; else the words tell.
        block: its name among several that the file holds.
        blocks: the names of all of them; empty where there is one.
        undecided: whether another of them is as likely meant.
    """

    axis: np.ndarray
    value: np.ndarray
    axis_words: str = ""
    value_words: str = ""
    error: np.ndarray | None = None
    source: str = ""
    conditions: dict[str, str] = field(default_factory=dict)
    axis_unit: str | None = None
    quantity: str | None = None
    unit: str | None = None
    block: str = ""
    blocks: tuple[str, ...] = ()
    undecided: bool = False


def check_points(count: float, path: Path, place: str) -> int:
    """Return a number of points that a file claims, or refuse it."""
    if not 2 <= count <= MOST_POINTS or count != int(count):
        raise FileError(
            f"{path}, {place}: {count:.10g} points are claimed; "
            f"a spectrum has 2 to {MOST_POINTS:,}.",
            "The file is damaged, or holds something other than a spectrum; export it again.",
        )
    return int(count)


def clean(text: str) -> str:
    """Return a text of a file on one line, without what cannot be printed, cut to a size."""
    words = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return words if len(words) <= _LONGEST_TEXT else words[: _LONGEST_TEXT - 1] + "…"


def measured(path: Path, spectrum: Spectrum) -> Measurement:
    """Put a spectrum in order and name what its file leaves open.

    Points that are not finite are left out and told; descending axes are turned round, points of
    one abscissa averaged, gaps told.

    Raises:
        FileError: fewer than two points, or too many of them are not finite.
    """
    axis = np.array(spectrum.axis, dtype=float)
    value = np.array(spectrum.value, dtype=float)
    error = None if spectrum.error is None else np.array(spectrum.error, dtype=float)
    conditions = {k: clean(v) for k, v in spectrum.conditions.items() if clean(v)}
    if len(axis) != len(value):
        raise FileError(
            f"{path} has {len(axis)} points on its axis, but {len(value)} values.",
            "The file is damaged or cut off; export it again.",
        )
    axis, value, error = _finite(path, axis, value, error, conditions)
    if error is not None and (error < 0).any():
        raise FileError(f"{path} has a standard error below 0.", "Correct or remove the column.")
    axis, value, error, averaged = in_order(axis, value, error)
    if len(axis) < 2:
        raise FileError(
            f"{path} has a single abscissa, {axis[0]:g}; a spectrum has at least two.",
            "The file is damaged or cut off; export it again.",
        )
    with np.errstate(over="ignore", invalid="ignore"):
        if not (np.isfinite(np.diff(axis)).all() and np.isfinite(value).all()):
            raise FileError(f"{path} has numbers beyond any measurement.", "Export it again.")
    if averaged:
        conditions["averaged"] = averaged_note(averaged)
    axis_unit, quantity, unit = _meaning(spectrum, conditions)
    if note := gaps_note(axis, axis_unit):
        conditions["gaps"] = note
    source, several = clean(spectrum.source), tuple(map(clean, spectrum.blocks))
    return Measurement(
        quantity, value, unit, error, axis, axis_unit, source, conditions, clean(spectrum.block),
        several,
    )  # fmt: skip


def _finite(
    path: Path,
    axis: np.ndarray,
    value: np.ndarray,
    error: np.ndarray | None,
    conditions: dict[str, str],
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    good = np.isfinite(axis) & np.isfinite(value)
    if error is not None:
        good &= np.isfinite(error)
    bad = int((~good).sum())
    if len(good) < 2:
        raise FileError(f"{path} has {len(good)} point; a spectrum has at least two.")
    if bad > len(good) // 2 or len(good) - bad < 2:
        raise FileError(
            f"{path}: {bad} of {len(good)} points are not finite numbers.",
            "The file is damaged, or of another format than it says; export it again.",
        )
    if bad:
        first = int(np.flatnonzero(~good)[0]) + 1
        conditions["left out"] = (
            f"{bad} points that are not finite numbers, the first being {first}"
        )
    return axis[good], value[good], None if error is None else error[good]


def _meaning(spectrum: Spectrum, conditions: dict[str, str]) -> tuple[str, str, str]:
    """Return axis unit, quantity and unit; what stays open goes into the conditions."""
    needs = ["block"] if spectrum.undecided else []
    axis_words, value_words = clean(spectrum.axis_words), clean(spectrum.value_words)
    axis_unit = axis_unit_of(axis_words) if spectrum.axis_unit is None else spectrum.axis_unit
    quantity = spectrum.quantity
    if quantity is None:
        quantity = quantity_of(value_words, axis_words)
    unit = value_unit_of(quantity, value_words) if spectrum.unit is None else spectrum.unit
    if not axis_unit:
        needs.append("axis_unit")
        if axis_words:
            conditions["axis_unit words"] = axis_words
    if not quantity:
        needs.append("quantity")
        if value_words:
            conditions["quantity words"] = value_words
    elif unit is None:
        needs.append("value_unit")
        if value_words:
            conditions["value_unit words"] = value_words
    if needs:
        conditions[NEEDS] = ", ".join(needs)
    return axis_unit, quantity, unit or ""
