"""Corrections of a measured spectrum: a recorded list, applied in order to untouched raw data."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Struct

from dmdstudio.plan.catalog import setting

_AXIS_UNIT = "In the unit of the file's axis."


class Crop(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="crop", tag_field="kind"
):
    """Keep low <= axis <= high, in the unit of the axis; an end left out is open."""

    low: Annotated[float | None, setting("From", f"Nothing below is kept. {_AXIS_UNIT}")] = None
    high: Annotated[float | None, setting("To", f"Nothing above is kept. {_AXIS_UNIT}")] = None


class Shift(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="shift", tag_field="kind"
):
    """Add ``by`` to the axis, in its unit: a calibration of the abscissa."""

    by: Annotated[float, setting("By", f"What is added to the axis. {_AXIS_UNIT}")]


class Scale(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="scale", tag_field="kind"
):
    """Multiply values and errors by ``by``, such as one over the path length."""

    by: Annotated[float, setting("By", "The factor of values and errors.")]


class Absorbance(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag="absorbance",
    tag_field="kind",
):
    """Turn a transmittance into absorbance, so that what follows is done to that."""


class Baseline(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="baseline", tag_field="kind"
):
    """Subtract a baseline fitted by pybaselines.

    ``arpls`` (Baek 2015) and ``asls`` (Eilers 2005) are penalised least squares of the given
    ``smoothness``; ``asls`` weighs points above the line by ``asymmetry``; ``modpoly``
    (Lieber 2003) is a polynomial of the given ``order``.
    """

    method: Annotated[
        Literal["arpls", "asls", "modpoly"],
        setting(
            "Method",
            "Penalised least squares that find the line themselves (arpls) or weigh points above "
            "it by an asymmetry (asls); or a polynomial (modpoly).",
        ),
    ] = "arpls"
    smoothness: Annotated[
        float,
        setting(
            "Smoothness",
            "The larger, the stiffer the line; it grows with the fourth power of the points that "
            "a bend of the baseline takes.",
            only_with={"method": ("arpls", "asls")},
            gt=0,
            le=1e15,
        ),
    ] = 1e5
    asymmetry: Annotated[
        float,
        setting(
            "Asymmetry", "Weight of points above the line.", only_with={"method": ("asls",)}, gt=0,
            lt=1,
        ),
    ] = 0.01  # fmt: skip
    order: Annotated[
        int,
        setting("Order", "Of the polynomial.", only_with={"method": ("modpoly",)}, ge=0, le=12),
    ] = 2


class Smooth(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="smooth", tag_field="kind"
):
    """Savitzky-Golay: a polynomial of ``order`` through ``points`` evenly spaced points."""

    points: Annotated[
        int, setting("Points", "An odd number, the width of the filter.", ge=3, le=9999)
    ] = 9
    order: Annotated[int, setting("Order", "Of the polynomial through them.", ge=0, le=8)] = 2


class Normalise(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="normalise", tag_field="kind"
):
    """Divide by the greatest value, the area (trapezoidal rule) or the value at an abscissa."""

    to: Annotated[
        Literal["max", "area", "point"],
        setting("To", "What becomes 1: the greatest value, the area, or the value at a point."),
    ] = "max"
    at: Annotated[
        float | None,
        setting("At", f"The point. {_AXIS_UNIT}", only_with={"to": ("point",)}),
    ] = None


Correction = Crop | Shift | Scale | Absorbance | Baseline | Smooth | Normalise

KINDS: dict[str, type[Struct]] = {
    "crop": Crop,
    "shift": Shift,
    "scale": Scale,
    "absorbance": Absorbance,
    "baseline": Baseline,
    "smooth": Smooth,
    "normalise": Normalise,
}
"""The corrections by the ``kind`` that a recipe names."""
