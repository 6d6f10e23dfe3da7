"""Applies the corrections of a measured spectrum, in order; the raw measurement never changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np

from dmdstudio.base.errors import FileError
from dmdstudio.files.spectra.assembly import clean
from dmdstudio.files.spectra.conversion import absorbance_from_transmittance
from dmdstudio.files.spectra.ordering import gaps_note
from dmdstudio.plan.corrections import (
    Absorbance,
    Baseline,
    Correction,
    Crop,
    Normalise,
    Scale,
    Shift,
    Smooth,
)
from dmdstudio.plan.structure import Measurement

_UNEVEN = 0.01


def apply(measurement: Measurement, corrections: Sequence[Correction]) -> Measurement:
    """Return the measurement with corrections applied in order and noted in its conditions.

    Args:
        measurement: a curve, as read; it stays as it is.
        corrections: may be empty.

    Raises:
        FileError: a correction cannot be applied; says which and why.
    """
    if not corrections:
        return measurement
    if measurement.axis is None or len(measurement.value) < 2:
        raise FileError("Corrections need a curve; this measurement is a single number.")
    current = replace(measurement, conditions=dict(measurement.conditions))
    for number, correction in enumerate(corrections, start=1):
        try:
            current = _apply(current, correction)
        except FileError as error:
            raise FileError(f"Correction {number}: {error.message}", error.advice) from None
        if not np.isfinite(current.value).all():
            raise FileError(f"Correction {number} makes values that are not finite numbers.")
    assert current.axis is not None
    conditions = {k: v for k, v in current.conditions.items() if k != "gaps"}
    if note := gaps_note(current.axis, current.axis_unit):
        conditions["gaps"] = note
    done = "; ".join(map(describe, corrections))
    earlier = conditions.get("corrections", "")
    conditions["corrections"] = f"{earlier}; {done}" if earlier else done
    return replace(current, conditions=conditions)


def describe(correction: Correction) -> str:
    """Return a correction in words, such as ``'crop low=400 high=4000'``."""
    settings = msgspec.to_builtins(correction)
    kind = settings.pop("kind")
    wanted = {
        "arpls": ("method", "smoothness"),
        "asls": ("method", "smoothness", "asymmetry"),
        "modpoly": ("method", "order"),
    }.get(settings.get("method", ""), tuple(settings))
    told = " ".join(f"{name}={settings[name]}" for name in wanted if settings[name] is not None)
    return clean(f"{kind} {told}")


def _apply(measurement: Measurement, correction: Correction) -> Measurement:
    axis, value, error = measurement.axis, measurement.value, measurement.error
    assert axis is not None
    if isinstance(correction, Crop):
        return _cropped(measurement, axis, correction)
    if isinstance(correction, Shift):
        return replace(measurement, axis=axis + _finite(correction.by))
    if isinstance(correction, Scale):
        return _scaled(measurement, _finite(correction.by))
    if isinstance(correction, Absorbance):
        return absorbance_from_transmittance(measurement)
    if isinstance(correction, Baseline):
        return replace(measurement, value=value - baseline(axis, value, correction))
    if isinstance(correction, Smooth):
        value, error = _smoothed(axis, value, error, correction)
        return replace(measurement, value=value, error=error)
    return _normalised(measurement, axis, correction)


def _finite(number: float) -> float:
    if not np.isfinite(number):
        raise FileError(f"{number} is not a finite number.")
    return number


def _scaled(measurement: Measurement, by: float) -> Measurement:
    error = None if measurement.error is None else measurement.error * abs(by)
    return replace(measurement, value=measurement.value * by, error=error)


def _cropped(measurement: Measurement, axis: np.ndarray, crop: Crop) -> Measurement:
    low = -np.inf if crop.low is None else crop.low
    high = np.inf if crop.high is None else crop.high
    kept = (axis >= low) & (axis <= high)
    if kept.sum() < 2:
        raise FileError(
            f"cropping to {low:g} ... {high:g} leaves {int(kept.sum())} of {len(axis)} points, "
            f"which go from {axis[0]:g} to {axis[-1]:g} {measurement.axis_unit}.".rstrip(),
            "Choose a range within the data.",
        )
    error = None if measurement.error is None else measurement.error[kept]
    return replace(measurement, axis=axis[kept], value=measurement.value[kept], error=error)


def baseline(axis: np.ndarray, value: np.ndarray, settings: Baseline) -> np.ndarray:
    """Return the baseline [point] that a correction would subtract, to be shown before it is."""
    from pybaselines import Baseline as Fitter  # slow to import, seldom needed

    if len(axis) < 5 or len(axis) <= settings.order + 1:
        raise FileError(f"a baseline needs more than {len(axis)} points.")
    fitter = Fitter(x_data=axis, check_finite=True)
    try:
        if settings.method == "arpls":
            line = fitter.arpls(value, lam=settings.smoothness)[0]
        elif settings.method == "asls":
            line = fitter.asls(value, lam=settings.smoothness, p=settings.asymmetry)[0]
        else:
            line = fitter.modpoly(value, poly_order=settings.order)[0]
    except (ValueError, np.linalg.LinAlgError) as error:
        raise FileError(f"the baseline cannot be fitted: {clean(str(error))[:120]}.") from None
    return np.asarray(line, dtype=float)


def _smoothed(
    axis: np.ndarray, value: np.ndarray, error: np.ndarray | None, settings: Smooth
) -> tuple[np.ndarray, np.ndarray | None]:
    from scipy.ndimage import convolve1d
    from scipy.signal import savgol_coeffs, savgol_filter

    points, order = settings.points, settings.order
    if points % 2 == 0 or order >= points or points > len(value):
        raise FileError(
            f"smoothing over {points} points with order {order} on {len(value)} points.",
            "Take an odd number of points, above the order and within the data.",
        )
    spacing = np.diff(axis)
    if spacing.max() - spacing.min() > _UNEVEN * spacing.mean():
        raise FileError(
            f"smoothing needs even spacing; it goes from {spacing.min():.6g} to "
            f"{spacing.max():.6g}.",
            "Smooth before converting the axis, or crop to a part without gaps.",
        )
    smooth = np.asarray(savgol_filter(value, points, order))
    if error is not None:  # independent errors; what it makes of them is correlated
        error = np.sqrt(convolve1d(error**2, savgol_coeffs(points, order) ** 2, mode="nearest"))
    return smooth, error


def _normalised(measurement: Measurement, axis: np.ndarray, settings: Normalise) -> Measurement:
    value = measurement.value
    if settings.to == "area":
        divisor = float(np.trapezoid(value, axis))
    elif settings.to == "max":
        divisor = float(value.max())
    elif settings.at is None or not axis[0] <= settings.at <= axis[-1]:
        raise FileError(
            f"normalising at {settings.at} outside of the axis, {axis[0]:g} to {axis[-1]:g}.",
            "Set `at` within it.",
        )
    else:
        divisor = float(np.interp(settings.at, axis, value))
    if not divisor > 0:
        raise FileError(f"the {settings.to} to normalise by is {divisor:g}, which is not above 0.")
    return replace(_scaled(measurement, 1.0 / divisor), unit="")
