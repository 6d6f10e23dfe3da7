"""The infrared absorption of a liquid, in absolute units."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.base.units import BOLTZMANN, COULOMB, factor
from dmdstudio.engine.core import Phase, System
from dmdstudio.engine.observable import Clock, Observable, autocorrelation, observables
from dmdstudio.engine.spectral import Band, QuantumOptions
from dmdstudio.engine.spectrum import correction


class InfraredSpectrumOptions(QuantumOptions, frozen=True, kw_only=True):
    """Settings of `InfraredSpectrum`."""


@dataclass(frozen=True, eq=False)
class InfraredSpectrum(Observable):
    """n(nu) alpha(nu) = 1/(6 c eps0 V kT) integral of <dM/dt(0).dM/dt(t)> cos(omega t) dt.

    Over all t; n is the refractive index, alpha the Napierian absorption coefficient, M the dipole
    moment of the cell by the recipe's surface and V its volume.
    """

    options: InfraredSpectrumOptions
    temperature: float
    band: Band

    name: ClassVar[str] = "infrared_spectrum"
    label: ClassVar[str] = "Infrared spectrum"
    doc: ClassVar[str] = (
        "The refractive index times the Napierian absorption coefficient, from the autocorrelation "
        "of the velocity of the cell's dipole moment. It needs a dipole surface."
    )
    source: ClassVar[str] = (
        "R. Ramirez et al., J. Chem. Phys. 121, 3973 (2004), doi 10.1063/1.1774986; "
        "D. A. McQuarrie, Statistical Mechanics (1976), chapter 21"
    )
    unit: ClassVar[str] = "1/cm"
    axis_label: ClassVar[str] = "Wavenumber"
    axis_unit: ClassVar[str] = "1/cm"
    feature: ClassVar[str] = "dipole_velocity_density"
    needs: ClassVar[frozenset[str]] = frozenset({"dipole_velocity"})
    Options = InfraredSpectrumOptions

    @classmethod
    def build(
        cls, options: Any, system: System, clock: Clock, temperature: float
    ) -> InfraredSpectrum:
        """Check window and wavenumbers against the frames."""
        return cls(options, temperature, Band.build(options, clock, cls.name))

    @property
    def axis(self) -> np.ndarray:
        """Wavenumbers [point], 1/cm."""
        return self.band.axis

    @property
    def span(self) -> int:
        """Frame intervals in the window."""
        return self.band.lags - 1

    def frame(self, phase: Phase) -> Array:
        """Return dM/dt / sqrt(V) [xyz], e angstrom^(-1/2)/fs."""
        assert phase.dipole_velocity is not None
        volume = jnp.abs(jnp.linalg.det(phase.configuration.cell))
        return phase.dipole_velocity / jnp.sqrt(volume)

    def summary(self, features: Array) -> Array:
        """Return the autocorrelation per volume [lag], e^2/(angstrom fs^2)."""
        return autocorrelation(features, self.band.lags)

    def curve(self, mean: Array) -> Array:
        """Return n alpha [point], 1/cm."""
        return jnp.asarray(self._matrix) @ mean

    @cached_property
    def _matrix(self) -> np.ndarray:
        """1/(6 c eps0 kT), with 1/eps0 = 4 pi COULOMB/e^2, times the transform [point, lag]."""
        speed = factor("1/cm", "rad/fs") / (2.0 * np.pi) * 1e8  # angstrom/fs
        scale = 4.0 * np.pi * COULOMB / (6.0 * speed * BOLTZMANN * self.temperature)
        per_cm = 1e8  # from 1/angstrom
        kind = self.options.quantum_correction
        return scale * per_cm * self.band.corrected(kind, self.temperature)

    def resolved(self, axis: np.ndarray, value: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Return the experiment at the window's resolution; its classical counterpart is cut."""
        kind, temperature = self.options.quantum_correction, self.temperature
        return self.band.resolved(axis, value, at, lambda nu: correction(kind, nu, temperature))


observables.add(InfraredSpectrum.name, InfraredSpectrum)
