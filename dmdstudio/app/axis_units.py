"""The units that axes can be shown in, and how positions become places on screen. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dmdstudio.base.errors import UnitError
from dmdstudio.base.units import dimension, spectral

CHOICES: dict[str, tuple[str, ...]] = {
    "wavenumber": ("1/cm", "THz", "meV", "um", "nm"),
    "time": ("fs", "ps"),
    "length": ("angstrom", "nm"),
}
"""Units that an axis of a dimension can be shown in."""

NAMES = {"1/cm": "Wavenumber", "THz": "Frequency", "meV": "Energy", "um": "Wavelength"}
"""What a spectrum's axis is called, by its unit."""


@dataclass(frozen=True)
class Coordinates:
    """How a position on an axis becomes one in the view: another unit, then perhaps a logarithm.

    Attributes:
        native: unit of the data, '' for a number.
        shown: unit on screen.
        log: whether the axis is logarithmic.
    """

    native: str = ""
    shown: str = ""
    log: bool = False

    def in_shown(self, x: Any) -> Any:
        """Return positions in the unit on screen; what has none there is not finite."""
        if self.native == self.shown:
            return x
        with np.errstate(divide="ignore", invalid="ignore"):
            return spectral(np.asarray(x, dtype=float), self.native, self.shown)

    def to_view(self, x: float) -> float:
        """Return where a position of the data stands in the view."""
        with np.errstate(divide="ignore", invalid="ignore"):
            shown = np.asarray(self.in_shown(x), dtype=float)
            return float(np.log10(shown) if self.log else shown)

    def from_view(self, place: float) -> float:
        """Return the position of the data that a place in the view stands for."""
        shown = 10.0**place if self.log else place
        if self.native == self.shown:
            return shown
        with np.errstate(divide="ignore", invalid="ignore"):
            return float(spectral(np.float64(shown), self.shown, self.native))


def choices(native: str) -> tuple[str, ...]:
    """Return the units that an axis can be shown in, none where there is only its own."""
    return CHOICES.get(dimension_of(native), ())


def can_be_reversed(native: str) -> bool:
    """Whether it is a spectrum's axis."""
    return dimension_of(native) == "wavenumber"


def axis_name(words: str, native: str, shown: str) -> str:
    """Return what an axis is called in another unit: a wavenumber in THz is a frequency."""
    if native == shown or dimension_of(native) != "wavenumber":
        return words
    return NAMES.get(shown, NAMES["um"])


def dimension_of(unit: str) -> str:
    """Return the dimension of a unit, '' where it is none that is known."""
    try:
        return dimension(unit)
    except UnitError:
        return ""
