"""Units: known values, there and back, and no mixing of dimensions."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmdstudio.base import units
from dmdstudio.base.errors import UnitError

NAMES = sorted(units._UNITS)


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("kJ/mol", "eV", 0.01036426965),
        ("kcal/mol", "kJ/mol", 4.184),
        ("kcal/mol", "eV", 0.0433641043),
        ("hartree", "eV", 27.211386245981),
        ("hartree", "kJ/mol", 2625.4996395),
        ("bohr", "angstrom", 0.529177210544),
        ("nm", "angstrom", 10.0),
        ("ps", "fs", 1000.0),
        ("m2/s", "angstrom2/fs", 1e5),
        ("1e-9 m2/s", "angstrom2/ps", 0.1),
        ("1e-5 cm2/s", "1e-9 m2/s", 1.0),
        ("g/cm3", "amu/angstrom3", 0.602214076),
        ("kg/m3", "g/cm3", 1e-3),
        ("kJ/mol/nm", "eV/angstrom", 0.001036426965),
        ("GPa", "eV/angstrom3", 0.00624150907),
        ("atm", "bar", 1.01325),
        ("THz", "1/cm", 33.35640952),
        ("rad/fs", "1/cm", 5308.837459),
        ("angstrom2/fs2", "m2/s2", 1e10),
        ("%", "", 0.01),
        ("bohr2", "angstrom2", 0.280028520),
        ("bohr3", "angstrom3", 0.148184711),
    ],
)
def test_known_factors(source, target, expected):
    assert units.factor(source, target) == pytest.approx(expected, rel=2e-9)


def test_known_constants():
    assert pytest.approx(0.00964853321, rel=1e-8) == units.ACCELERATION
    assert pytest.approx(8.617333262e-5, rel=1e-9) == units.BOLTZMANN
    ångström_per_fs = math.sqrt(3 * units.BOLTZMANN * 300 * units.ACCELERATION / 39.948)
    assert ångström_per_fs * 1e5 == pytest.approx(432.8, abs=0.2)  # m/s, argon at 300 K


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(NAMES), st.floats(-1e100, 1e100).filter(lambda x: x == 0 or abs(x) > 1e-100))
def test_there_and_back(unit, value):
    back = units.from_internal(units.to_internal(value, unit), unit)
    assert back == pytest.approx(value, rel=4e-16)
    for other in units.units_of(units.dimension(unit)):
        there = value * units.factor(unit, other)
        assert there * units.factor(other, unit) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize("unit", NAMES)
def test_a_unit_fits_its_own_dimension_and_no_other(unit):
    assert unit in units.units_of(units.dimension(unit))
    for other in NAMES:
        if units.dimension(other) != units.dimension(unit):
            with pytest.raises(UnitError) as caught:
                units.factor(unit, other)
            assert units.dimension(unit) in caught.value.message
            assert units.dimension(other) in caught.value.message
            assert caught.value.advice


@pytest.mark.parametrize("alias", sorted(units._ALIASES))
def test_an_alias_is_a_unit(alias):
    assert units.canonical(f" {alias} ") in NAMES


@pytest.mark.parametrize("unit", ["furlong", "kj/mol", "Kelvin2", "m2/s/s"])
def test_an_unknown_unit_is_refused(unit):
    for ask in (units.canonical, units.dimension, lambda u: units.to_internal(1.0, u)):
        with pytest.raises(UnitError) as caught:
            ask(unit)
        assert unit in caught.value.message
        assert "kJ/mol" in caught.value.advice


def test_printed_units_are_of_units_that_exist():
    assert units.pretty("1e-9 m2/s") == "10⁻⁹ m²/s"
    assert all(units.pretty(name) for name in NAMES if name)
