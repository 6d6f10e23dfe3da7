"""Measured data as they are in their files, beside what the engine makes of them. No Qt."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dmdstudio.base.errors import DmdError, UnitError
from dmdstudio.base.units import factor, spectral
from dmdstudio.plan.corrections import Correction
from dmdstudio.plan.events import TargetReport
from dmdstudio.plan.reading import ReadingPlan
from dmdstudio.plan.recipe import TargetPlan
from dmdstudio.plan.structure import Measurement

Corrections = tuple[Correction, ...]

Stamp = tuple[Path, int, int]
"""A file as it was: path, time of its last change in nanoseconds, and size."""


def stamp_of(path: Path) -> Stamp | None:
    """Return what tells whether a file has changed; None where there is none."""
    try:
        state = path.stat()
    except OSError:
        return None
    return path, state.st_mtime_ns, state.st_size


@functools.lru_cache(maxsize=4)
def measurement_of(stamp: Stamp, block: str = "") -> Measurement:
    """Read a data file, once until it changes; raise as `read_measurement` does."""
    from dmdstudio.files.spectra import read_measurement

    return read_measurement(stamp[0], block)


def is_shape(quantity: str) -> bool:
    """Whether a measured quantity says something only up to a factor, as absorbances do."""
    from dmdstudio.files.spectra import QUANTITIES

    return quantity in QUANTITIES and QUANTITIES[quantity].is_shape


def quantity_of(path: Path, reading: ReadingPlan) -> str:
    """Return what a file measures, as it is said or says itself; '' where it cannot be read."""
    stamp = stamp_of(path)
    if reading.quantity or stamp is None:
        return reading.quantity
    try:
        return measurement_of(stamp, reading.block).quantity
    except DmdError:
        return ""


@functools.lru_cache(maxsize=4)
def comparable(stamp: Stamp, reading: ReadingPlan, corrections: Corrections = ()) -> Measurement:
    """Return a data file's content as a quantity that an observable predicts.

    Transmittances become absorbances, permittivities n alpha, and spectra run over 1/cm.

    Args:
        stamp: the file.
        reading: what the recipe says of it.
        corrections: of the recipe.

    Raises:
        FileError, UnitError: it cannot be read, or does not say what it holds.
    """
    from dmdstudio.files.spectra import (
        QUANTITIES,
        absorbance_from_transmittance,
        completed,
        n_alpha_from_epsilon,
        to_wavenumber,
    )

    raw = measurement_of(stamp, reading.block)
    measured = completed(stamp[0].name, raw, reading, corrections)
    if measured.quantity == "transmittance":
        measured = absorbance_from_transmittance(measured)
    elif measured.quantity == "epsilon_imaginary":
        measured = n_alpha_from_epsilon(measured)
    known = QUANTITIES.get(measured.quantity)
    if measured.axis is not None and known is not None and known.is_spectrum:
        measured = to_wavenumber(measured)
    return measured


@dataclass(frozen=True)
class Raw:
    """A measured curve in the units of its target [point]."""

    axis: np.ndarray
    value: np.ndarray


def raw_curve(measured: Measurement, report: TargetReport, plan: TargetPlan) -> Raw | None:
    """Return the experiment as it was measured, to be drawn beside a report.

    None where it is a number, or its units cannot be those of the report.
    """
    if measured.axis is None:
        return None
    try:
        axis = spectral(measured.axis, measured.axis_unit or "", report.axis_unit)
        scale = 1.0 if plan.fit_scale else factor(measured.unit, report.unit)
    except UnitError:
        return None
    return Raw(np.asarray(axis, float), measured.value * scale)


def says_more(raw: Raw, report: TargetReport) -> bool:
    """Whether the curve as measured differs from the one that is compared."""
    axis, value = np.asarray(report.axis), np.asarray(report.experiment)
    if not len(value) or len(axis) != len(value):
        return True
    there = np.interp(axis, raw.axis, raw.value)
    scale = float(np.abs(value).max()) or 1.0
    beyond = np.sum((raw.axis >= axis.min()) & (raw.axis <= axis.max())) > len(axis)
    return bool(beyond or np.abs(there - value).max() > 1e-4 * scale)


def report_of(measured: Measurement, plan: TargetPlan, label: str) -> TargetReport:
    """Describe a target that no run has reported yet, by its measurement alone."""
    axis = [] if measured.axis is None else measured.axis.tolist()
    error = [] if measured.error is None else measured.error.tolist()
    words = ""
    if measured.axis is not None:
        words = "Wavenumber" if measured.axis_unit == "1/cm" else "Position"
        words = {"ps": "Time", "fs": "Time", "angstrom": "Distance", "nm": "Distance"}.get(
            measured.axis_unit, words
        )
    return TargetReport(
        name=plan.key,
        observable=plan.observable,
        label=label,
        unit=measured.unit,
        value=[],
        error=[],
        axis=axis,
        axis_label=words,
        axis_unit=measured.axis_unit,
        experiment=measured.value.tolist(),
        experiment_error=error,
        source=measured.source,
        weight=plan.weight,
    )


class Arrays:
    """Lists of reports as arrays, made once: a list that is drawn again is the same array."""

    def __init__(self, most: int = 48) -> None:
        self._most = most
        self._known: dict[int, tuple[Sequence[float], np.ndarray]] = {}

    def __call__(self, numbers: Sequence[float]) -> np.ndarray:
        """Return a list as an array; the list must not change afterwards."""
        held = self._known.pop(id(numbers), None)
        array = held[1] if held is not None else np.asarray(numbers, dtype=float)
        self._known[id(numbers)] = numbers, array
        while len(self._known) > self._most:
            del self._known[next(iter(self._known))]
        return array
