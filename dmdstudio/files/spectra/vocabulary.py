"""What the words of a header say about a column: unit of the abscissa, quantity, unit of the value.

Only words are read, never numbers: a column called ``Transmittance`` may hold fractions or per
cent, and what cannot be told stays open (see `questions`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

AXIS_UNITS = ("1/cm", "THz", "GHz", "meV", "eV", "nm", "um")
"""Units of a spectroscopic abscissa, as a window offers them."""


@dataclass(frozen=True)
class Quantity:
    """What the ordinate of a spectrum may be.

    Attributes:
        label: how it is called on screen.
        units: units it comes in; where there is only one, no question is asked.
        observable: the observable that it measures, '' where none does.
        axis_units: units of the abscissa.
        is_shape: whether it says something only up to a factor.
    """

    label: str
    units: tuple[str, ...]
    observable: str = ""
    axis_units: tuple[str, ...] = AXIS_UNITS
    is_shape: bool = False

    @property
    def is_spectrum(self) -> bool:
        """Whether its abscissa becomes a wavenumber."""
        return self.axis_units is AXIS_UNITS


QUANTITIES = {
    "absorbance": Quantity("Absorbance, -log10 T", ("",), "infrared_spectrum", is_shape=True),
    "transmittance": Quantity("Transmittance", ("", "%"), "infrared_spectrum", is_shape=True),
    "n_alpha": Quantity(
        "Refractive index times Napierian absorption", ("1/cm",), "infrared_spectrum"
    ),
    "epsilon_imaginary": Quantity("Imaginary permittivity ε''", ("",), "infrared_spectrum"),
    "raman_intensity": Quantity("Raman intensity", ("",), "raman_spectrum", is_shape=True),
    "reflectance": Quantity("Reflectance", ("", "%")),
    "single_channel": Quantity("Single-channel spectrum", ("",)),
    "vibrational_density_of_states": Quantity(
        "Vibrational density of states", ("1/THz",), "vibrational_density_of_states"
    ),
    "velocity_autocorrelation": Quantity(
        "Velocity autocorrelation",
        ("m2/s2", "angstrom2/fs2"),
        "velocity_autocorrelation",
        ("ps", "fs"),
    ),
    "pair_distribution": Quantity(
        "Pair distribution function g(r)", ("",), "pair_distribution", ("angstrom", "nm")
    ),
}
"""Known ordinates by the name that a `Measurement` carries."""

ERROR_NAMES = ("standard_error", "error", "uncertainty", "std_error", "stderr", "std", "sigma")

_FLAGS = re.IGNORECASE
_MINUS = "[-\u2212\u2013\u207b]"
_UNIT_WORDS = [
    (unit, re.compile(f"(?<![A-Za-z])({words})(?![A-Za-z])", flags))
    for unit, words, flags in (
        (
            "1/cm",
            rf"1\s*/\s*cm|per[ _]cm|cm\s*\^?\s*[({{]?\s*{_MINUS}\s*[1\u00b9]",
            _FLAGS,
        ),
        ("THz", "THz|terahertz", _FLAGS),
        ("GHz", "GHz|gigahertz", _FLAGS),
        ("meV", "meV", 0),
        ("eV", "eV|electron[- ]?volts?", 0),
        ("nm", "nm|nanomet(er|re)s?", _FLAGS),
        ("um", "[uµμ]m|microns?|micromet(er|re)s?", _FLAGS),
    )
]
_WAVENUMBER = re.compile(r"\bwave\s*[-_]?\s*numbers?\b|\braman[\s_-]*shift\b", _FLAGS)
_AXIS_NAMES = re.compile(
    r"wave\s*[-_]?\s*(numbers?|lengths?)|raman[\s_-]*shift|\bfrequency\b|\benergy\b",
    _FLAGS,
)
_UNIT_GIVEN = re.compile(r"[\[(/]\s*\S")
_PERCENT = re.compile(r"%|per\s?cent", _FLAGS)
_QUANTITY_WORDS = [
    (
        "n_alpha",
        re.compile(r"\bn[\s_*·×.]*(alpha|α)|\bn\((w|ω|nu|ν)\)[\s*·]*(a|α|alpha)\(", _FLAGS),
    ),
    (
        "epsilon_imaginary",
        re.compile(
            r"(\beps(ilon)?|ε)[\s_]*(''|\"|″|2\b|imag)|imag\w*[\s_]+(eps|ε|permitt|dielec)"
            r"|\bim\W?(eps|ε)|dielectric loss",
            _FLAGS,
        ),
    ),
    (
        "transmittance",
        re.compile(r"transmi(ttance|ssion)|^\s*%?\s*T\s*(\(?\s*%\s*\)?)?\s*$", _FLAGS),
    ),
    ("absorbance", re.compile(r"\babsorbance|^\s*abs\.?\s*$|optical density", _FLAGS)),
    ("reflectance", re.compile(r"\breflect(ance|ivity)", _FLAGS)),
    ("single_channel", re.compile(r"single[\s-]*(channel|beam)", _FLAGS)),
    ("raman_intensity", re.compile(r"raman[\s_]*(intensity|signal|scattering|counts)", _FLAGS)),
]
_INTENSITY = re.compile(r"\bintensity\b|\bcounts\b", _FLAGS)


def axis_unit_of(words: str) -> str:
    """Return the spectroscopic unit that words such as ``'Wavelength / nm'`` give, '' if none.

    ``Wavenumber`` and ``Raman shift`` without any unit mean 1/cm; with a unit that is not known
    they mean nothing.
    """
    for unit, pattern in _UNIT_WORDS:
        if pattern.search(words):
            return unit
    if _WAVENUMBER.search(words) and not _UNIT_GIVEN.search(words):
        return "1/cm"
    return ""


def names_axis(words: str) -> bool:
    """Tell whether words name a spectroscopic abscissa, with or without a unit."""
    return bool(_AXIS_NAMES.search(words)) or bool(axis_unit_of(words) and not quantity_of(words))


def quantity_of(words: str, axis_words: str = "") -> str:
    """Return the name in `QUANTITIES` that words give, '' if none.

    Args:
        words: what the file says of the ordinate, such as ``'Transmittance [%]'``.
        axis_words: what it says of the abscissa; an intensity over a Raman shift is Raman's.
    """
    for name, pattern in _QUANTITY_WORDS:
        if pattern.search(words):
            return name
    if _INTENSITY.search(words) and "raman" in f"{words} {axis_words}".lower():
        return "raman_intensity"
    return ""


def value_unit_of(quantity: str, words: str) -> str | None:
    """Return the unit of an ordinate, None where the words leave it open.

    Transmittance is in per cent only if the words say so, and a fraction only if they do.
    """
    if quantity not in QUANTITIES:
        return None
    units = QUANTITIES[quantity].units
    if len(units) == 1:
        # n*alpha is in 1/cm unless the words name another unit.
        bracket = re.search(r"[\[(]([^\])]*)[\])]\s*$", words)
        inside = bracket.group(1) if bracket and quantity == "n_alpha" else ""
        told = not inside or re.fullmatch(r"[wωνnu]+", inside) or axis_unit_of(inside) == units[0]
        return units[0] if told else None
    if _PERCENT.search(words):
        return "%"
    return "" if re.search(r"fraction|\[1\]|\(1\)|0\s*(-|to|\.\.)\s*1\b", words, _FLAGS) else None


def is_error(words: str) -> bool:
    """Tell whether words name a column of standard errors."""
    name = re.sub(r"[\[(].*", "", words).strip().lower().replace(" ", "_")
    return name in ERROR_NAMES


def observable_of(quantity: str) -> str:
    """Return the observable that a quantity measures: ``'infrared_spectrum'`` of ``'n_alpha'``."""
    known = QUANTITIES.get(quantity)
    return known.observable if known and known.observable else quantity
