"""The Raman scattering of a liquid, in absolute units."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.base.errors import PhysicsError
from dmdstudio.base.units import factor
from dmdstudio.engine.core import Phase, System
from dmdstudio.engine.observable import Clock, Observable, autocorrelation, observables
from dmdstudio.engine.spectral import Band, QuantumOptions
from dmdstudio.engine.spectrum import correction, frequency, thermal_time
from dmdstudio.plan.catalog import setting

Part = Literal["unpolarised", "parallel", "depolarised", "isotropic", "anisotropic"]
Form = Literal["intensity", "susceptibility", "reduced"]
Detection = Literal["power", "photons"]

WEIGHTS: dict[Part, tuple[float, float]] = {
    "isotropic": (1.0, 0.0),
    "anisotropic": (0.0, 1.0),
    "depolarised": (0.0, 1.0 / 15.0),
    "parallel": (1.0, 4.0 / 45.0),
    "unpolarised": (1.0, 7.0 / 45.0),
}
"""What of the mean polarisability's square and of the anisotropy's makes each part."""


class RamanSpectrumOptions(QuantumOptions, frozen=True, kw_only=True):
    """Settings of `RamanSpectrum`."""

    low: Annotated[
        float,
        setting(
            "Lowest wavenumber",
            "Predict from here. Below what the window resolves only the reduced form means "
            "anything.",
            "1/cm",
            ge=0,
        ),
    ] = 100.0
    part: Annotated[
        Part,
        setting(
            "Part",
            "parallel and depolarised are seen through a polariser along and across the laser's "
            "polarisation, unpolarised without one; isotropic is parallel - 4/3 depolarised, "
            "anisotropic 15 depolarised.",
        ),
    ] = "unpolarised"
    form: Annotated[
        Form,
        setting(
            "Form",
            "intensity is what a spectrometer sees; susceptibility is it without the laser's and "
            "the thermal factor, reduced also times the wavenumber, R(ν).",
        ),
    ] = "intensity"
    laser: Annotated[
        float,
        setting("Laser", "Wavelength of the exciting light.", "nm", gt=0),
    ] = 532.0
    detection: Annotated[
        Detection,
        setting(
            "Detection",
            "What the detector counts: power goes with the fourth power of the scattered "
            "wavenumber, photons (CCD cameras) with the third.",
            only_with={"form": ("intensity",)},
        ),
    ] = "power"


@dataclass(frozen=True, eq=False)
class RamanSpectrum(Observable):
    """I(nu) = (2 pi nu_s)^4 c/V integral of C(t) cos(omega t) dt, over all t.

    It is the share of the light that 1 cm of liquid scatters into 1 sr and 1/cm, at the Stokes
    side: nu = nu_0 - nu_s is the shift from the laser's wavenumber nu_0. C is the quantum
    correlation of the polarisability alpha of the cell, by the recipe's surface:

        C = w_a <a(0) a(t)> + w_g 3/2 <Tr b(0) b(t)>,   a = Tr alpha/3,   b = alpha - a 1

    with the weights of `WEIGHTS`; b's part is that of the anisotropy. As the classical C, times
    x/(1 - exp(-x)) and more where the correction is another, is taken from the velocity of alpha,
    whose spectrum is omega^2 that of alpha, the elastic line is no part of it. Then

        susceptibility    (nu_0/nu_s)^4 (1 - exp(-x)) I
        reduced           (nu_0/nu_s)^4 (1 - exp(-x)) x I

    with x = hbar omega/kT. Photons: I nu_0/nu_s. There is no factor for the field inside a liquid.
    """

    options: RamanSpectrumOptions
    temperature: float
    band: Band

    name: ClassVar[str] = "raman_spectrum"
    label: ClassVar[str] = "Raman spectrum"
    doc: ClassVar[str] = (
        "The share of the light that is scattered per centimetre, steradian and 1/cm, from the "
        "autocorrelation of the velocity of the cell's polarisability. It needs a polarisability "
        "surface. Measured intensities are compared up to a factor (fit_scale)."
    )
    source: ClassVar[str] = (
        "M. Thomas et al., Phys. Chem. Chem. Phys. 15, 6608 (2013), doi 10.1039/c3cp44302g; "
        "D. A. McQuarrie, Statistical Mechanics (1976), chapter 21"
    )
    unit: ClassVar[str] = ""
    axis_label: ClassVar[str] = "Raman shift"
    axis_unit: ClassVar[str] = "1/cm"
    feature: ClassVar[str] = "polarisability_velocity_density"
    needs: ClassVar[frozenset[str]] = frozenset({"polarisability_velocity"})
    Options = RamanSpectrumOptions

    @classmethod
    def build(cls, options: Any, system: System, clock: Clock, temperature: float) -> RamanSpectrum:
        """Check window, wavenumbers and laser."""
        band = Band.build(options, clock, cls.name)
        observable = cls(options, temperature, band)
        if options.low == 0.0 and options.form != "reduced":
            raise PhysicsError(
                f"{cls.name} is wanted from 0 1/cm, where form = {options.form!r} has no limit.",
                "Raise low to where the experiment begins, or set form = 'reduced'.",
            )
        if options.high >= observable.laser:
            raise PhysicsError(
                f"{cls.name} is wanted up to {options.high:g} 1/cm, but light of {options.laser:g} "
                f"nm has only {observable.laser:.0f} 1/cm to lose.",
                "Lower high, or give the laser's wavelength in nm.",
            )
        return observable

    @property
    def laser(self) -> float:
        """Wavenumber of the exciting light, 1/cm."""
        return 1.0 / (self.options.laser * factor("nm", "angstrom") * 1e-8)

    @property
    def axis(self) -> np.ndarray:
        """Raman shifts [point], 1/cm."""
        return self.band.axis

    @property
    def span(self) -> int:
        """Frame intervals in the window."""
        return self.band.lags - 1

    def frame(self, phase: Phase) -> Array:
        """Return d alpha/dt / sqrt(V) [xyz, xyz], angstrom^(3/2)/fs."""
        assert phase.polarisability_velocity is not None
        volume = jnp.abs(jnp.linalg.det(phase.configuration.cell))
        return phase.polarisability_velocity / jnp.sqrt(volume)

    def summary(self, features: Array) -> Array:
        """Return the autocorrelation of the part per volume [lag], angstrom^3/fs^2."""
        mean = jnp.trace(features, axis1=1, axis2=2) / 3.0
        rest = features - mean[:, None, None] * jnp.eye(3, dtype=features.dtype)
        of_mean, of_rest = WEIGHTS[self.options.part]
        signals = []
        if of_mean:
            signals.append(np.sqrt(of_mean) * mean[:, None])
        if of_rest:
            signals.append(np.sqrt(1.5 * of_rest) * rest.reshape(-1, 9))
        signal = jnp.concatenate(signals, axis=1).astype(features.dtype)
        return autocorrelation(signal, self.band.lags)

    def curve(self, mean: Array) -> Array:
        """Return the spectrum [point], 1/sr."""
        return jnp.asarray(self._matrix) @ mean

    @cached_property
    def _matrix(self) -> np.ndarray:
        kind = self.options.quantum_correction
        return self._optical(self.axis)[:, None] * self.band.corrected(kind, self.temperature)

    def _optical(self, wavenumber: np.ndarray) -> np.ndarray:
        """Return what a harmonic liquid's classical transform is multiplied by [point], fs/A^3."""
        omega, thermal = frequency(wavenumber), thermal_time(self.temperature)
        speed = factor("1/cm", "rad/fs") / (2.0 * np.pi)  # cm/fs
        scale = (2.0 * np.pi * self.laser) ** 4 * speed * 1e-24  # angstrom^3 in cm^3
        if self.options.form == "reduced":
            return scale * thermal**2 * np.ones_like(omega)
        if self.options.form == "susceptibility":
            return scale * thermal / omega
        power = {"power": 4, "photons": 3}[self.options.detection]
        share = (1.0 - np.asarray(wavenumber) / self.laser) ** power
        return scale * share * thermal / (omega * -np.expm1(-omega * thermal))

    def resolved(self, axis: np.ndarray, value: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Return the experiment at the window's resolution; its classical counterpart is cut.

        What was measured on the other side of the laser's line is left out.
        """
        kind, temperature = self.options.quantum_correction, self.temperature
        stokes = (axis > 0.0) & (axis < self.laser)

        def whole(nu: np.ndarray) -> np.ndarray:
            return self._optical(nu) * correction(kind, nu, temperature)

        return self.band.resolved(axis[stokes], value[stokes], at, whole)


observables.add(RamanSpectrum.name, RamanSpectrum)
