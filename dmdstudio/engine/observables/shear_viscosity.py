"""Shear viscosity by Green-Kubo, and the shear modulus that it integrates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Struct

from dmdstudio.base.units import ACCELERATION, BOLTZMANN, factor
from dmdstudio.engine.core import Phase, System
from dmdstudio.engine.green_kubo import running_integral, trapezoid
from dmdstudio.engine.observable import Clock, Detail, Observable, autocorrelation, observables
from dmdstudio.plan.catalog import setting


class ShearViscosityOptions(Struct, frozen=True, kw_only=True):
    """Settings of `ShearViscosity`."""

    window: Annotated[
        float,
        setting(
            "Window",
            "Upper limit of the integral over the correlation: where the running integral has "
            "become level, 1 to 3 ps for small molecules at room temperature.",
            "ps",
            gt=0,
        ),
    ] = 2.0


@dataclass(frozen=True, eq=False)
class ShearViscosity(Observable):
    """eta = V/kT integral from 0 to the window of <P_xy(0) P_xy(t)> dt, over all shears.

        P = [sum_i m_i v_i v_i + W]/V,   W = -dU/dstrain,   G(t) = V/kT <P_xy(0) P_xy(t)>

    averaged over the five independent components of the traceless symmetric tensor,

        P_xy, P_xz, P_yz, (P_xx - P_yy)/2, (2 P_zz - P_xx - P_yy)/(2 sqrt 3)

    which in a liquid all have the same correlation: 1/10 of the sum over all nine elements of the
    traceless tensor. Time origins and trapezoid as in `self_diffusion`. The frames must resolve
    what the stress does, vibrations of molecules too.

    Source: P. J. Daivis and D. J. Evans, J. Chem. Phys. 100, 541 (1994), equations 6 to 9.
    """

    options: ShearViscosityOptions
    system: System
    clock: Clock
    temperature: float
    lags: int

    name: ClassVar[str] = "shear_viscosity"
    label: ClassVar[str] = "Shear viscosity"
    doc: ClassVar[str] = (
        "Green-Kubo: the time integral of the autocorrelation of the shear stress, over the five "
        "independent components and all time origins. A collective property: a cell says of it "
        "what an atom says of diffusion, so that it takes many replicas or long trajectories."
    )
    source: ClassVar[str] = (
        "P. J. Daivis and D. J. Evans, J. Chem. Phys. 100, 541 (1994), doi 10.1063/1.466970"
    )
    unit: ClassVar[str] = "mPa s"
    feature: ClassVar[str] = "shear_stress"
    needs: ClassVar[frozenset[str]] = frozenset({"virial"})
    Options = ShearViscosityOptions

    @classmethod
    def build(
        cls, options: Any, system: System, clock: Clock, temperature: float
    ) -> ShearViscosity:
        """Check that the trajectory holds the window."""
        lags = clock.lags(options.window, cls.name)
        return cls(options, system, clock, temperature, lags)

    @property
    def span(self) -> int:
        """Frame intervals in the window."""
        return self.lags - 1

    def frame(self, phase: Phase) -> Array:
        """Return the shear stresses times sqrt(V) [component], eV/angstrom^(3/2)."""
        assert phase.virial is not None
        velocities = phase.velocities
        masses = jnp.asarray(self.system.masses[:, None] / ACCELERATION, velocities.dtype)
        # not as a product of matrices, which an accelerator might round to half the digits
        kinetic = jnp.sum(velocities[:, :, None] * (masses * velocities)[:, None, :], axis=0)
        stress = kinetic + phase.virial.astype(kinetic.dtype)
        xx, yy, zz = (stress[i, i] for i in range(3))
        xy, xz, yz = (0.5 * (stress[i, j] + stress[j, i]) for i, j in ((0, 1), (0, 2), (1, 2)))
        along = 0.5 * (xx - yy), (2.0 * zz - xx - yy) / (2.0 * np.sqrt(3.0))
        volume = jnp.abs(jnp.linalg.det(phase.configuration.cell))
        return jnp.stack([xy, xz, yz, *along]).astype(velocities.dtype) / jnp.sqrt(volume)

    def summary(self, features: Array) -> Array:
        """Return V <P P> of a component [lag], eV^2/angstrom^3."""
        return autocorrelation(features, self.lags) / features.shape[1]

    def _modulus(self, mean: Array) -> Array:
        """Return G [lag], eV/angstrom^3."""
        return mean / (BOLTZMANN * self.temperature)

    def curve(self, mean: Array) -> Array:
        """Return the viscosity [1]."""
        weights = trapezoid(self.lags, self.clock.interval)
        return jnp.dot(self._modulus(mean), weights)[None] * factor("eV fs/angstrom3", self.unit)

    def details(self, mean: Array) -> tuple[Detail, ...]:
        """Return the shear modulus and its running integral."""
        time = np.arange(self.lags) * self.clock.interval * 1e-3
        modulus = self._modulus(mean)
        running = running_integral(modulus, self.clock.interval)
        return (
            Detail(
                "shear_modulus",
                "Shear modulus",
                time,
                "Time",
                "ps",
                modulus * factor("eV/angstrom3", "GPa"),
                "GPa",
            ),
            Detail(
                "running_viscosity",
                "Running integral",
                time,
                "Upper limit",
                "ps",
                running * factor("eV fs/angstrom3", self.unit),
                self.unit,
            ),
        )


observables.add(ShearViscosity.name, ShearViscosity)
