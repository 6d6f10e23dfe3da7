"""From what instruments plot to what an observable predicts: abscissas and ordinates of spectra.

The common abscissa is the wavenumber in 1/cm. Ordinates are converted point by point; intensities
per interval of the abscissa are *not* rescaled when nanometres become wavenumbers.
"""

from __future__ import annotations

from dataclasses import replace
from math import pi

import numpy as np

from dmdstudio.base.errors import FileError, UnitError
from dmdstudio.base.units import WAVENUMBER_OF_ENERGY, canonical, dimension, factor
from dmdstudio.files.spectra.ordering import gaps_note
from dmdstudio.files.spectra.vocabulary import AXIS_UNITS
from dmdstudio.plan.structure import Measurement

_ANGSTROM_PER_CM = 1e8


def wavenumber_per_cm(axis: np.ndarray, unit: str) -> np.ndarray:
    """Turn a spectroscopic abscissa into wavenumbers.

    From frequencies nu = f / c, from photon energies nu = E / (h c), from wavelengths in vacuum
    nu = 1 / lambda, which turns the order round.

    Args:
        axis: [point], in ``unit``.
        unit: a unit of wavenumber or frequency, of energy, or of length.

    Returns:
        [point] 1/cm, in the order of ``axis``.

    Raises:
        UnitError: the unit is none of a spectrum's abscissa, or a wavelength is not above 0.
    """
    kind = dimension(unit)
    values = np.asarray(axis, dtype=float)
    if kind == "wavenumber":
        return values * factor(unit, "1/cm")
    if kind == "energy":
        return values * (factor(unit, "eV") * WAVENUMBER_OF_ENERGY)
    if kind == "length":
        if (values <= 0).any():
            raise UnitError(
                f"A wavelength of {values.min():g} {unit} is not above 0.",
                "Crop the spectrum, or check the unit of its axis.",
            )
        return _ANGSTROM_PER_CM / (values * factor(unit, "angstrom"))
    raise UnitError(
        f"An axis in {unit!r} is no axis of a spectrum.", f"Use one of: {', '.join(AXIS_UNITS)}."
    )


def to_wavenumber(measurement: Measurement) -> Measurement:
    """Return a spectrum over ascending wavenumbers in 1/cm.

    Raises:
        FileError: it has no axis, or the unit of its axis is not known.
        UnitError: the unit is none of a spectrum's abscissa.
    """
    if measurement.axis is None:
        raise FileError(f"{measurement.quantity!r} is a single number, not a spectrum.")
    if not measurement.axis_unit:
        raise FileError(
            "The unit of the spectrum's axis is not known.",
            "Answer the question of its unit first.",
        )
    unit = canonical(measurement.axis_unit)
    if unit == "1/cm":
        return measurement
    axis = wavenumber_per_cm(measurement.axis, unit)
    order = np.argsort(axis, kind="stable")
    conditions = {k: v for k, v in measurement.conditions.items() if k != "gaps"}
    conditions["axis as measured"] = unit
    if note := gaps_note(axis[order], "1/cm"):
        conditions["gaps"] = note
    return replace(
        measurement,
        axis=axis[order],
        axis_unit="1/cm",
        value=measurement.value[order],
        error=None if measurement.error is None else measurement.error[order],
        conditions=conditions,
    )


def absorbance_from_transmittance(measurement: Measurement) -> Measurement:
    """Return the decadic absorbance A = -log10 T of a transmittance.

    The standard error is that of T divided by T ln 10.

    Args:
        measurement: a transmittance, as a fraction (unit '') or in per cent.

    Raises:
        FileError: it is something else, its unit is open, or a value is not above 0.
    """
    _require(measurement, "transmittance")
    scale = factor(measurement.unit, "")
    fraction = measurement.value * scale
    bad = np.flatnonzero(fraction <= 0)
    if len(bad):
        where = "" if measurement.axis is None else f", the first at {measurement.axis[bad[0]]:g}"
        raise FileError(
            f"{len(bad)} of {len(fraction)} transmittances are not above 0{where}; their "
            "absorbance is not defined.",
            "Crop the saturated bands, or correct the zero of the transmittance.",
        )
    error = measurement.error
    if error is not None:
        error = error * scale / (fraction * np.log(10.0))
    return replace(
        measurement, quantity="absorbance", value=-np.log10(fraction), unit="", error=error
    )


def n_alpha_from_epsilon(measurement: Measurement) -> Measurement:
    """Return refractive index times Napierian absorption coefficient of an imaginary permittivity.

    n(nu) alpha(nu) = 2 pi nu eps''(nu), with nu and n alpha in 1/cm: eps'' = 2 n k and
    alpha = 4 pi nu k. The decadic coefficient, absorbance per length, is alpha / ln 10.

    Raises:
        FileError: it is something else, or its axis is not known.
    """
    _require(measurement, "epsilon_imaginary")
    spectrum = to_wavenumber(measurement)
    assert spectrum.axis is not None
    slope = 2.0 * pi * spectrum.axis
    error = None if spectrum.error is None else spectrum.error * np.abs(slope)
    return replace(
        spectrum, quantity="n_alpha", value=spectrum.value * slope, unit="1/cm", error=error
    )


def _require(measurement: Measurement, quantity: str) -> None:
    if measurement.quantity != quantity:
        raise FileError(
            f"The measurement is {measurement.quantity or 'of an unknown quantity'}, not "
            f"{quantity}.",
            "Say what was measured first." if not measurement.quantity else "",
        )
    if "value_unit" in measurement.conditions.get("needs", ""):
        raise FileError(
            f"Whether the {quantity} is a fraction or in per cent is not known.",
            "Answer the question of its unit first.",
        )
