"""Transforms from correlation functions to spectra, against closed forms and published numbers."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from dmdstudio.base.errors import PhysicsError
from dmdstudio.base.units import (
    ATOMIC_MASS,
    BOLTZMANN,
    ELEMENTARY_CHARGE,
    SPEED_OF_LIGHT,
    VACUUM_PERMITTIVITY,
    factor,
)
from dmdstudio.engine.core import System
from dmdstudio.engine.observable import Clock
from dmdstudio.engine.observables.infrared_spectrum import InfraredSpectrum, InfraredSpectrumOptions
from dmdstudio.engine.observables.vibrational_density_of_states import (
    VibrationalDensityOfStates,
    VibrationalDensityOfStatesOptions,
)
from dmdstudio.engine.spectrum import (
    apodisation,
    correction,
    cosine_transform,
    egelstaff,
    frequency,
    smoothing,
    thermal_time,
)

ROOT = Path(__file__).parents[2]
REFERENCES = Path(os.environ.get("DMDSTUDIO_REFERENCES", ROOT.parent / "shared/references"))
ARGON = System(("Ar",), np.zeros(4, int), np.full(4, 39.948), np.eye(3) * 20.0)


def test_the_published_transform_is_reproduced():
    """Units, prefactor and Filon's rule of the transform published with Han & Yu."""
    path = REFERENCES / "water-infrared/published_transform.npz"
    if not path.exists():
        pytest.skip(f"no reference data at {path} (set DMDSTUDIO_REFERENCES)")
    with np.load(path) as found:
        corr, wavenumber, wanted = found["corr"], found["wavenumber"], found["spectrum_f64"]
        interval, temperature, width = found["dt_ps"] * 1e3, found["T"], found["width"]
    lags = len(corr)
    span = (lags - 1) * interval * 1e-3  # ps
    filtered = np.exp(-0.5 * (0.5 * 0.03 * width * span * np.arange(lags) / (lags - 1)) ** 2)
    observable = InfraredSpectrum.build(
        InfraredSpectrumOptions(window=0.2), ARGON, Clock(2.0, 201), float(temperature)
    )
    one = np.zeros(observable.band.lags)
    one[0] = 1.0
    prefactor = np.asarray(observable.curve(one)) / (observable.band.transform @ one)
    prefactor = prefactor[0] * 1e-7  # from (e nm/ps)^2/nm^3 to e^2/(angstrom fs^2)
    low = wavenumber < 20000
    found = cosine_transform(wavenumber[low], filtered, float(interval), "filon") @ corr
    assert np.abs(found * prefactor - wanted[low]).max() < 1e-5 * np.abs(wanted).max()


def test_an_exponential_has_the_spectrum_of_lorentz():
    interval, lags, decay = 0.5, 40001, 200.0
    wavenumber = np.array([0.0, 10.0, 100.0, 400.0])
    correlation = np.exp(-np.arange(lags) * interval / decay)
    found = cosine_transform(wavenumber, np.ones(lags), interval) @ correlation
    exact = 2.0 * decay / (1.0 + (frequency(wavenumber) * decay) ** 2)
    assert np.allclose(found, exact, rtol=2e-3)


def test_filon_and_trapezoid_agree_where_frames_are_close():
    correlation = np.exp(-((np.arange(201) / 60.0) ** 2))
    wavenumber = np.linspace(0.0, 300.0, 7)
    both = [
        cosine_transform(wavenumber, np.ones(201), 1.0, rule) @ correlation
        for rule in ("trapezoid", "filon")
    ]
    assert np.allclose(both[0], both[1], rtol=1e-6, atol=1e-6 * both[0].max())


@pytest.mark.parametrize("kind", ["hann", "blackman", "gaussian", "none"])
def test_an_experiment_goes_through_the_windows_own_resolution(kind):
    """Narrow lines become as broad as those of a correlation cut by the same window."""
    interval, lags = 2.0, 150
    weight = apodisation(kind, lags)
    fine = np.arange(0.5, 6000.0, 0.5)
    omega, gamma = frequency(fine), 0.0005
    centre = frequency(np.array([1600.0]))
    lorentz = sum(2 * gamma / (gamma**2 + (omega - s * centre) ** 2) / 2 for s in (1, -1))
    times = np.arange(lags) * interval
    correlation = np.exp(-gamma * times) * np.cos(centre * times)
    axis = np.linspace(1200.0, 2000.0, 81)
    cut = cosine_transform(axis, weight, interval) @ correlation
    through = smoothing(axis, fine, weight, interval) @ lorentz
    assert np.abs(cut - through).max() < 0.01 * cut.max()


@pytest.mark.parametrize("kind", ["harmonic", "none", "standard", "schofield", "egelstaff"])
def test_corrections_are_classical_at_high_temperature_and_as_published(kind):
    wavenumber = np.array([1e-3, 3400.0])
    hot, cold = (correction(kind, wavenumber, t) for t in (1e7, 300.0))
    assert np.allclose(hot, 1.0, atol=1e-3)
    x = 3400.0 / 208.51  # kT at 300 K in 1/cm
    exact = {"harmonic": 1.0, "none": 1 / x, "standard": 2 / x, "schofield": np.exp(x / 2) / x}
    exact["egelstaff"] = exact["schofield"]  # but for the correlation, see below
    assert cold[1] == pytest.approx(exact[kind], rel=1e-3)


def test_egelstaff_is_exact_for_a_free_particle():
    """C = exp(-t^2/2 s^2) of exp(iqr); the quantum one has t^2 - i hbar t/kT and its recoil."""
    temperature, interval, lags, spread = 300.0, 2.0, 256, 40.0
    times, wavenumber = np.arange(lags) * interval, np.linspace(0.0, 700.0, 36)
    classical = (1.0 - (times / spread) ** 2) / spread**2 * np.exp(-0.5 * (times / spread) ** 2)
    transform = cosine_transform(wavenumber, np.ones(lags), interval)
    found = transform @ egelstaff(lags, interval, temperature) @ classical
    found = correction("egelstaff", wavenumber, temperature) * found
    omega, thermal = frequency(wavenumber), thermal_time(temperature)
    recoil = 0.5 * thermal / spread**2
    quantum = np.sqrt(2 * np.pi) * spread * np.exp(-0.5 * (spread * (omega - recoil)) ** 2)
    exact = omega * -np.expm1(-thermal * omega) / thermal * quantum
    assert np.abs(found - exact).max() < 1e-6 * exact.max()
    plain = correction("harmonic", wavenumber, temperature) * (transform @ classical)
    assert np.abs(plain - exact).max() > 0.02 * exact.max()


def test_egelstaff_is_classical_at_high_temperature_and_schofields_at_a_narrow_band():
    interval, lags = 2.0, 2001
    weight, times = apodisation("hann", lags), np.arange(lags) * interval
    line = np.cos(frequency(np.array([500.0])) * times)
    assert np.allclose(egelstaff(lags, interval, 1e9) @ (weight * line), weight * line, atol=1e-6)
    clock, options = Clock(interval, lags), {"window": 4.0, "low": 480.0, "high": 520.0}
    found = {}
    for kind in ("egelstaff", "schofield"):
        chosen = InfraredSpectrumOptions(quantum_correction=kind, **options)
        observable = InfraredSpectrum.build(chosen, ARGON, clock, 300.0)
        found[kind] = np.asarray(observable.curve(line))
        assert observable.axis[np.argmax(found[kind])] == pytest.approx(500.0, abs=2.0)
    assert np.allclose(found["egelstaff"], found["schofield"],
                       atol=0.02 * found["schofield"].max())  # fmt: skip


def test_the_infrared_spectrum_of_an_oscillator_has_its_area():
    """The area of n alpha over one harmonic charge is pi q^2/(2 eps0 V mu c) in frequency."""
    temperature, mass, charge, volume = 300.0, 1.0, 0.5, 30.0**3
    clock = Clock(1.0, 4001)
    options = InfraredSpectrumOptions(window=4.0, low=0.0, high=4000.0)
    observable = InfraredSpectrum.build(options, ARGON, clock, temperature)
    omega = frequency(np.array([1500.0]))
    kinetic = BOLTZMANN * temperature * factor("eV", "J") / (mass * ATOMIC_MASS) * 1e-10
    times = np.arange(observable.band.lags) * clock.interval
    correlation = 3.0 * charge**2 * kinetic * np.cos(omega * times) / volume
    curve = np.asarray(observable.curve(correlation))
    area = np.trapezoid(curve, observable.axis)  # (1/cm)^2
    si = (charge * ELEMENTARY_CHARGE) ** 2 / (mass * ATOMIC_MASS)
    exact = 3 * np.pi * si / (6.0 * VACUUM_PERMITTIVITY * SPEED_OF_LIGHT * volume * 1e-30)
    exact = exact / (2.0 * np.pi * SPEED_OF_LIGHT) * 1e-4
    assert area == pytest.approx(exact, rel=2e-3)
    assert observable.axis[np.argmax(curve)] == pytest.approx(1500.0, abs=3.0)


def test_the_density_of_states_holds_three_states_per_atom():
    temperature = 100.0
    options = VibrationalDensityOfStatesOptions(window=2.0, high=400.0)
    observable = VibrationalDensityOfStates.build(options, ARGON, Clock(2.0, 2001), temperature)
    thermal = 3.0 * BOLTZMANN * temperature * factor("eV", "J") / ATOMIC_MASS * 1e-10
    times = np.arange(observable.band.lags) * 2.0
    correlation = thermal * np.cos(frequency(np.array([100.0])) * times)
    curve = np.asarray(observable.curve(correlation))
    assert np.trapezoid(curve, observable.axis * factor("1/cm", "THz")) == pytest.approx(
        3, rel=5e-3
    )


def test_what_the_frames_cannot_tell_is_refused():
    with pytest.raises(PhysicsError, match="only up to 1668 1/cm"):
        InfraredSpectrum.build(InfraredSpectrumOptions(), ARGON, Clock(10.0, 2001), 300.0)
    with pytest.raises(PhysicsError, match="Raise dynamics"):
        InfraredSpectrum.build(InfraredSpectrumOptions(window=9.0), ARGON, Clock(2.0, 201), 300.0)
