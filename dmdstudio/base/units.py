"""The only conversion factors in the house.

Internal units: angstrom, femtosecond, electronvolt, atomic mass unit, elementary charge, kelvin.
Everything inside the engine is in these; a name that crosses the boundary carries its unit.

Source: CODATA 2022; e, k_B, N_A, c and h are exact by definition of the SI (2019).
"""

from __future__ import annotations

from math import pi
from typing import Any

from .errors import UnitError

ELEMENTARY_CHARGE = 1.602176634e-19  # C
BOLTZMANN_SI = 1.380649e-23  # J/K
AVOGADRO = 6.02214076e23  # 1/mol
SPEED_OF_LIGHT = 299792458.0  # m/s
PLANCK = 6.62607015e-34  # J s
ATOMIC_MASS = 1.66053906892e-27  # kg
VACUUM_PERMITTIVITY = 8.8541878188e-12  # F/m

BOLTZMANN = BOLTZMANN_SI / ELEMENTARY_CHARGE
"""Boltzmann's constant in eV/K."""

ACCELERATION = ELEMENTARY_CHARGE / ATOMIC_MASS * 1e-10
"""Acceleration in angstrom/fs^2 of 1 amu under a force of 1 eV/angstrom (about 0.00964853)."""

COULOMB = ELEMENTARY_CHARGE / (4.0 * pi * VACUUM_PERMITTIVITY) * 1e10
"""Energy in eV of two elementary charges one angstrom apart (about 14.39964)."""

WAVENUMBER_OF_ENERGY = ELEMENTARY_CHARGE / (PLANCK * SPEED_OF_LIGHT * 100.0)
"""Wavenumber in 1/cm of a photon of 1 eV (about 8065.544): nu = E / (h c)."""

_JOULE = 1.0 / ELEMENTARY_CHARGE
_METRE = 1e10
_SECOND = 1e15

# name -> (dimension, size in internal units)
_UNITS: dict[str, tuple[str, float]] = {
    "": ("number", 1.0),
    "1": ("number", 1.0),
    "%": ("number", 0.01),
    "angstrom": ("length", 1.0),
    "nm": ("length", 10.0),
    "um": ("length", 1e4),
    "pm": ("length", 0.01),
    "bohr": ("length", 0.529177210544),
    "fs": ("time", 1.0),
    "ps": ("time", 1e3),
    "ns": ("time", 1e6),
    "1/THz": ("time", 1e3),
    "1/ps": ("rate", 1e-3),
    "1/fs": ("rate", 1.0),
    "eV": ("energy", 1.0),
    "meV": ("energy", 1e-3),
    "hartree": ("energy", 27.211386245981),
    "kJ/mol": ("energy", 1e3 / AVOGADRO * _JOULE),
    "kcal/mol": ("energy", 4184.0 / AVOGADRO * _JOULE),
    "J": ("energy", _JOULE),
    "K": ("temperature", 1.0),
    "amu": ("mass", 1.0),
    "e": ("charge", 1.0),
    "e/angstrom": ("charge flux", 1.0),
    "e/rad": ("charge per angle", 1.0),
    "e angstrom": ("dipole moment", 1.0),
    "e nm": ("dipole moment", 10.0),
    "e bohr": ("dipole moment", 0.529177210544),
    "D": ("dipole moment", 1e-21 / SPEED_OF_LIGHT / ELEMENTARY_CHARGE * _METRE),
    "rad": ("angle", 1.0),
    "degree": ("angle", pi / 180.0),
    "1/angstrom": ("inverse length", 1.0),
    "1/nm": ("inverse length", 0.1),
    "1/angstrom2": ("inverse area", 1.0),
    "eV/angstrom2": ("stretching constant", 1.0),
    "kJ/mol/nm2": ("stretching constant", 1e3 / AVOGADRO * _JOULE / 100.0),
    "kJ/mol/angstrom2": ("stretching constant", 1e3 / AVOGADRO * _JOULE),
    "kcal/mol/angstrom2": ("stretching constant", 4184.0 / AVOGADRO * _JOULE),
    "eV angstrom6": ("dispersion constant", 1.0),
    "kJ/mol nm6": ("dispersion constant", 1e3 / AVOGADRO * _JOULE * 1e6),
    "kJ/mol angstrom6": ("dispersion constant", 1e3 / AVOGADRO * _JOULE),
    "kcal/mol angstrom6": ("dispersion constant", 4184.0 / AVOGADRO * _JOULE),
    "eV angstrom8": ("second dispersion constant", 1.0),
    "kJ/mol nm8": ("second dispersion constant", 1e3 / AVOGADRO * _JOULE * 1e8),
    "kcal/mol angstrom8": ("second dispersion constant", 4184.0 / AVOGADRO * _JOULE),
    "eV/rad2": ("bending constant", 1.0),
    "kJ/mol/rad2": ("bending constant", 1e3 / AVOGADRO * _JOULE),
    "kcal/mol/rad2": ("bending constant", 4184.0 / AVOGADRO * _JOULE),
    "eV angstrom": ("strength of charges", 1.0),
    "eV/angstrom": ("force", 1.0),
    "kJ/mol/nm": ("force", 1e3 / AVOGADRO * _JOULE / 10.0),
    "kJ/mol/angstrom": ("force", 1e3 / AVOGADRO * _JOULE),
    "kcal/mol/angstrom": ("force", 4184.0 / AVOGADRO * _JOULE),
    "hartree/bohr": ("force", 27.211386245981 / 0.529177210544),
    "m2/s": ("diffusion", _METRE**2 / _SECOND),
    "cm2/s": ("diffusion", (_METRE * 1e-2) ** 2 / _SECOND),
    "1e-9 m2/s": ("diffusion", 1e-9 * _METRE**2 / _SECOND),
    "1e-5 cm2/s": ("diffusion", 1e-9 * _METRE**2 / _SECOND),
    "angstrom2/fs": ("diffusion", 1.0),
    "angstrom2/ps": ("diffusion", 1e-3),
    "angstrom/fs": ("velocity", 1.0),
    "angstrom2/fs2": ("velocity squared", 1.0),
    "m2/s2": ("velocity squared", (_METRE / _SECOND) ** 2),
    "angstrom2": ("area", 1.0),
    "bohr2": ("area", 0.529177210544**2),
    "angstrom3": ("volume", 1.0),
    "bohr3": ("volume", 0.529177210544**3),
    "g/cm3": ("density", 1e-3 / ATOMIC_MASS * 1e-24),
    "kg/m3": ("density", 1.0 / ATOMIC_MASS * 1e-30),
    "amu/angstrom3": ("density", 1.0),
    "eV/angstrom3": ("pressure", 1.0),
    "hartree/bohr3": ("pressure", 27.211386245981 / 0.529177210544**3),
    "Pa": ("pressure", _JOULE / _METRE**3),
    "bar": ("pressure", 1e5 * _JOULE / _METRE**3),
    "atm": ("pressure", 101325.0 * _JOULE / _METRE**3),
    "GPa": ("pressure", 1e9 * _JOULE / _METRE**3),
    "eV fs/angstrom3": ("viscosity", 1.0),
    "Pa s": ("viscosity", _JOULE / _METRE**3 * _SECOND),
    "mPa s": ("viscosity", 1e-3 * _JOULE / _METRE**3 * _SECOND),
    "cP": ("viscosity", 1e-3 * _JOULE / _METRE**3 * _SECOND),
    "1/cm": ("wavenumber", 1.0),
    "GHz": ("wavenumber", 1e9 / (SPEED_OF_LIGHT * 100.0)),
    "THz": ("wavenumber", 1e12 / (SPEED_OF_LIGHT * 100.0)),
    "rad/fs": ("wavenumber", 1e15 / (2.0 * pi * SPEED_OF_LIGHT * 100.0)),
}

_ALIASES = {
    "A": "angstrom",
    "Å": "angstrom",
    "Angstrom": "angstrom",
    "ang": "angstrom",
    "kJ mol-1": "kJ/mol",
    "kcal mol-1": "kcal/mol",
    "m^2/s": "m2/s",
    "m²/s": "m2/s",
    "m2 s-1": "m2/s",
    "cm^2/s": "cm2/s",
    "cm²/s": "cm2/s",
    "cm2 s-1": "cm2/s",
    "1e-9 m^2/s": "1e-9 m2/s",
    "10^-9 m2/s": "1e-9 m2/s",
    "1e-5 cm^2/s": "1e-5 cm2/s",
    "Å2/ps": "angstrom2/ps",
    "A2/ps": "angstrom2/ps",
    "g/cm^3": "g/cm3",
    "g cm-3": "g/cm3",
    "kg/m^3": "kg/m3",
    "mPa*s": "mPa s",
    "mPa·s": "mPa s",
    "Pa*s": "Pa s",
    "Pa·s": "Pa s",
    "cm-1": "1/cm",
    "cm^-1": "1/cm",
    "cm⁻¹": "1/cm",
    "1/CM": "1/cm",
    "terahertz": "THz",
    "electronvolt": "eV",
    "nanometre": "nm",
    "nanometer": "nm",
    "µm": "um",  # the micro sign
    "μm": "um",  # the Greek letter
    "micron": "um",
    "micrometre": "um",
    "micrometer": "um",
    "kelvin": "K",
    "deg": "degree",
    "degrees": "degree",
    "°": "degree",
    "radian": "rad",
    "u": "amu",
    "Da": "amu",
    "g/mol": "amu",
}


def canonical(unit: str) -> str:
    """Return the house's spelling of a unit; raise `UnitError` if it is unknown."""
    name = unit.strip()
    name = _ALIASES.get(name, name)
    if name not in _UNITS:
        raise UnitError(
            f"Unit {unit!r} is unknown.", f"Known: {', '.join(n for n in _UNITS if n)}."
        )
    return name


def dimension(unit: str) -> str:
    """Return the dimension of a unit, such as ``'length'``."""
    return _UNITS[canonical(unit)][0]


def units_of(dimension_name: str) -> list[str]:
    """Return the units that measure a dimension, the internal one among them."""
    return [name for name, (dim, _) in _UNITS.items() if dim == dimension_name]


def factor(source: str, target: str) -> float:
    """Return the number that turns a value in ``source`` into one in ``target``.

    Raises:
        UnitError: a unit is unknown or the two measure different things.
    """
    from_dimension, from_size = _UNITS[canonical(source)]
    to_dimension, to_size = _UNITS[canonical(target)]
    if from_dimension != to_dimension:
        raise UnitError(
            f"{source!r} is a {from_dimension}, but a {to_dimension} is needed ({target}).",
            f"Use one of: {', '.join(units_of(to_dimension))}.",
        )
    return from_size / to_size


def to_internal(value: float, unit: str) -> float:
    """Turn a value in ``unit`` into internal units."""
    return value * _UNITS[canonical(unit)][1]


def from_internal(value: float, unit: str) -> float:
    """Turn a value in internal units into ``unit``."""
    return value / _UNITS[canonical(unit)][1]


_ANGSTROM_PER_CM = 1e8


def spectral(value: Any, source: str, target: str) -> Any:
    """Turn positions in a spectrum between wavenumber, frequency, photon energy and wavelength.

    E = h c nu and lambda = 1 / nu, in vacuum; other dimensions are only rescaled. Where one of the
    two is a wavelength and the other is not, 0 becomes infinity.

    Args:
        value: a number or an array, in ``source``.
        source: its unit.
        target: the unit that is wanted.

    Raises:
        UnitError: a unit is unknown, or the two are no positions in a spectrum.
    """
    kinds = dimension(source), dimension(target)
    if kinds[0] == kinds[1]:
        return value * factor(source, target)
    per_cm = {
        "wavenumber": lambda unit: factor(unit, "1/cm"),
        "energy": lambda unit: factor(unit, "eV") * WAVENUMBER_OF_ENERGY,
        "length": lambda unit: _ANGSTROM_PER_CM / factor(unit, "angstrom"),
    }
    if not set(kinds) <= per_cm.keys():
        factor(source, target)  # says what is wrong
    first, last = per_cm[kinds[0]](source), per_cm[kinds[1]](target)
    if (kinds[0] == "length") != (kinds[1] == "length"):
        return first / (value * last) if kinds[0] == "length" else last / (value * first)
    return value * first / last


def pretty(unit: str) -> str:
    """Return a unit as it is printed on an axis: ``'Å'``, ``'10⁻⁹ m²/s'``, ``'cm⁻¹'``."""
    table = {
        "angstrom": "Å",
        "um": "µm",
        "1e-9 m2/s": "10⁻⁹ m²/s",
        "1e-5 cm2/s": "10⁻⁵ cm²/s",
        "m2/s": "m²/s",
        "cm2/s": "cm²/s",
        "m2/s2": "m²/s²",
        "angstrom2/ps": "Å²/ps",
        "angstrom2/fs": "Å²/fs",
        "angstrom2/fs2": "Å²/fs²",
        "angstrom/fs": "Å/fs",
        "angstrom2": "Å²",
        "angstrom3": "Å³",
        "g/cm3": "g/cm³",
        "kg/m3": "kg/m³",
        "eV/angstrom": "eV/Å",
        "mPa s": "mPa·s",
        "Pa s": "Pa·s",
        "e angstrom": "e Å",
        "1/cm": "cm⁻¹",
        "1/ps": "ps⁻¹",
        "degree": "°",
        "1/angstrom": "Å⁻¹",
        "1/angstrom2": "Å⁻²",
        "eV/angstrom2": "eV/Å²",
        "kJ/mol/nm2": "kJ/mol/nm²",
        "kJ/mol/angstrom2": "kJ/mol/Å²",
        "kcal/mol/angstrom2": "kcal/mol/Å²",
        "eV angstrom6": "eV Å⁶",
        "kJ/mol nm6": "kJ/mol nm⁶",
        "kJ/mol angstrom6": "kJ/mol Å⁶",
        "kcal/mol angstrom6": "kcal/mol Å⁶",
        "eV angstrom8": "eV Å⁸",
        "kJ/mol nm8": "kJ/mol nm⁸",
        "kcal/mol angstrom8": "kcal/mol Å⁸",
        "eV/rad2": "eV/rad²",
        "kJ/mol/rad2": "kJ/mol/rad²",
        "kcal/mol/rad2": "kcal/mol/rad²",
    }
    return table.get(unit, unit)
