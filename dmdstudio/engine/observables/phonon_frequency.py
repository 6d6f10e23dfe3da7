"""The mean frequency of waves of one wavelength: of a phonon, in a crystal."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.base.errors import RecipeError
from dmdstudio.base.units import factor
from dmdstudio.engine.core import Phase, System
from dmdstudio.engine.observable import Clock, Detail, Observable, autocorrelation, observables
from dmdstudio.engine.spectral import Band, SpectralOptions
from dmdstudio.plan.catalog import setting

MOST = 100
"""Repeats of a wave along a lattice vector."""


class PhononFrequencyOptions(SpectralOptions, frozen=True, kw_only=True):
    """Settings of `PhononFrequency`."""

    waves: Annotated[
        str,
        setting(
            "Waves",
            "How often they repeat along the three lattice vectors of the cell, such as "
            "2 0 0; 0 2 0; 0 0 2 for three of one kind, whose spectra are added.",
        ),
    ] = "1 0 0"
    polarisation: Annotated[
        Literal["longitudinal", "transverse", "all"],
        setting("Polarisation", "Which motion counts: along the wave, across it, or all of it."),
    ] = "all"
    high: Annotated[float, setting("Highest wavenumber", "Predict up to here.", "1/cm", gt=0)] = (
        1000.0
    )


@dataclass(frozen=True, eq=False)
class PhononFrequency(Observable):
    """Mean of nu over the spectrum of the mass-weighted current j of waves, from low to high.

        j_q(t) = sum_i m_i^(1/2) v_i(t) exp(-i q.r_i(t)),
        S(nu) = sum over q of integral of <j_q(0)* j_q(t)> cos(2 pi nu t) dt

    where of j the part along q, across q, or all of it is taken. q is h times the reciprocal
    lattice vectors of the cell, whole numbers h, and follows the cell. In a crystal a wave beyond
    the first zone is one within it with the atoms of a unit cell against each other: in diamond's
    lattice (2 0 0) of the unit cell, (4 0 0) of a cell of two by two by two of them, is the optical
    phonon of the zone's centre. Only the shape of S matters, so that few samples are enough; a band
    that one mode fills has the mode's frequency, whatever the window.

    Source: J.-P. Hansen and I. R. McDonald, Theory of Simple Liquids (2006), chapter 7, on the
    correlation functions of longitudinal and transverse currents; weighted by mass here.
    """

    options: PhononFrequencyOptions
    band: Band
    repeats: np.ndarray
    masses: np.ndarray

    name: ClassVar[str] = "phonon_frequency"
    label: ClassVar[str] = "Phonon frequency"
    doc: ClassVar[str] = (
        "The mean frequency of waves of one kind between two wavenumbers, from the spectrum of "
        "their currents: what neutron scattering tells of a phonon, and Raman scattering of the "
        "optical one of diamond's lattice."
    )
    source: ClassVar[str] = "J.-P. Hansen & I. R. McDonald, Theory of Simple Liquids (2006), ch. 7"
    unit: ClassVar[str] = "THz"
    Options = PhononFrequencyOptions

    @classmethod
    def build(
        cls, options: Any, system: System, clock: Clock, temperature: float
    ) -> PhononFrequency:
        """Check waves, window and wavenumbers."""
        band = Band.build(options, clock, cls.name)
        return cls(options, band, _repeats(options.waves), system.masses)

    @property
    def feature(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Targets of the same waves share their currents."""
        return f"currents {self.options.polarisation} {self.repeats.tolist()}"

    @property
    def span(self) -> int:
        """Frame intervals in the window."""
        return self.band.lags - 1

    def frame(self, phase: Phase) -> Array:
        """Return real and imaginary part of the currents [part, wave, xyz], amu^1/2 angstrom/fs."""
        where, dtype = phase.configuration, phase.velocities.dtype
        repeats = jnp.asarray(self.repeats, where.lattice.dtype)
        turns = (where.lattice @ repeats.T).astype(dtype)  # wraps: whole turns do not matter
        share = dtype.type(2.0 ** -(8 * where.lattice.dtype.itemsize))
        reciprocal = jnp.linalg.inv(where.cell.astype(jnp.float64)).T
        vectors = (2.0 * jnp.pi * self.repeats @ reciprocal).astype(dtype)
        phases = 2.0 * jnp.pi * share * turns + where.offset @ vectors.T
        weighted = jnp.asarray(np.sqrt(self.masses)[:, None], dtype) * phase.velocities
        parts = jnp.stack([jnp.cos(phases), -jnp.sin(phases)])
        currents = jnp.einsum("paq,ax->pqx", parts, weighted)
        if self.options.polarisation == "all":
            return currents
        along = vectors / jnp.linalg.norm(vectors, axis=1, keepdims=True)
        part = jnp.sum(currents * along, axis=-1, keepdims=True) * along
        return part if self.options.polarisation == "longitudinal" else currents - part

    def summary(self, features: Array) -> Array:
        """Return the autocorrelation of the currents [lag], amu angstrom^2/fs^2."""
        return autocorrelation(features, self.band.lags)

    def curve(self, mean: Array) -> Array:
        """Return the mean frequency [1], THz."""
        spectrum = jnp.asarray(self.band.transform) @ mean
        return (jnp.sum(self._terahertz * spectrum) / jnp.sum(spectrum))[None]

    def details(self, mean: Array) -> tuple[Detail, ...]:
        """Return the spectrum, its largest value 1."""
        spectrum = jnp.asarray(self.band.transform) @ mean
        value = spectrum / jnp.max(spectrum)
        label, axis = "Spectrum of the waves", self._terahertz
        return (Detail("wave_spectrum", label, axis, "Frequency", "THz", value, "1"),)

    @cached_property
    def _terahertz(self) -> np.ndarray:
        return self.band.axis * factor("1/cm", "THz")


def _repeats(text: str) -> np.ndarray:
    """Return how often waves repeat along the lattice vectors [wave, 3]."""
    found = []
    for part in text.split(";"):
        words = part.split()
        whole = [int(w) for w in words if w.lstrip("+-").isdecimal() and len(w) < 10]
        if len(whole) != len(words) or len(whole) != 3 or not 0 < max(map(abs, whole)) <= MOST:
            raise RecipeError(
                f"phonon_frequency.waves: three whole numbers are expected for every wave, up to "
                f"{MOST} and not all 0; found {part.strip()!r}.",
                "Write 2 0 0; 0 2 0; 0 0 2, say.",
            )
        found.append(whole)
    return np.array(found)


observables.add(PhononFrequency.name, PhononFrequency)
