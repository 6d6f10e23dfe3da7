"""Velocity autocorrelation as a curve of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from jax import Array
from msgspec import Struct

from dmdstudio.base.units import factor
from dmdstudio.engine.core import Phase, System
from dmdstudio.engine.observable import Clock, Observable, autocorrelation, observables
from dmdstudio.plan.catalog import setting


class VelocityAutocorrelationOptions(Struct, frozen=True, kw_only=True):
    """Settings of `VelocityAutocorrelation`."""

    window: Annotated[float, setting("Window", "Longest time of the correlation.", "ps", gt=0)] = (
        2.0
    )
    normalise: Annotated[
        bool,
        setting(
            "Normalise",
            "Divide by the value at t = 0, which is known: its fluctuation is mere noise.",
        ),
    ] = False


@dataclass(frozen=True, eq=False)
class VelocityAutocorrelation(Observable):
    """C(t) = <v(0).v(t)>, averaged over atoms and time origins; 3 kT/m at t = 0.

    Normalised, C(t)/C(0), without a unit: the temperature of few replicas fluctuates, and all of
    C(t) with it.
    """

    options: VelocityAutocorrelationOptions
    clock: Clock
    lags: int

    name: ClassVar[str] = "velocity_autocorrelation"
    label: ClassVar[str] = "Velocity autocorrelation"
    doc: ClassVar[str] = (
        "The scalar product of an atom's velocity with itself a time later, averaged over all "
        "atoms and time origins. A third of its integral is the self-diffusion coefficient."
    )
    source: ClassVar[str] = "A. Rahman, Phys. Rev. 136, A405 (1964)"
    unit: ClassVar[str] = "m2/s2"
    axis_label: ClassVar[str] = "Time"
    axis_unit: ClassVar[str] = "ps"
    feature: ClassVar[str] = "velocities"
    Options = VelocityAutocorrelationOptions

    @classmethod
    def build(
        cls, options: Any, system: System, clock: Clock, temperature: float
    ) -> VelocityAutocorrelation:
        """Check that the trajectory holds the window."""
        return cls(options, clock, clock.lags(options.window, cls.name))

    def __post_init__(self) -> None:
        """Without a unit where it is normalised."""
        if self.options.normalise:
            object.__setattr__(self, "unit", "1")

    @property
    def axis(self) -> np.ndarray:
        """Times [lag], ps."""
        return np.arange(self.lags) * self.clock.interval * 1e-3

    @property
    def span(self) -> int:
        """Frame intervals in the window."""
        return self.lags - 1

    def frame(self, phase: Phase) -> Array:
        """Return the velocities [atom, xyz], angstrom/fs."""
        return phase.velocities

    def summary(self, features: Array) -> Array:
        """Return the velocity autocorrelation per atom [lag], angstrom^2/fs^2."""
        return autocorrelation(features, self.lags) / features.shape[1]

    def curve(self, mean: Array) -> Array:
        """Return C(t), or C(t)/C(0) [lag]."""
        if self.options.normalise:
            return mean / mean[0]
        return mean * factor("angstrom2/fs2", self.unit)


observables.add(VelocityAutocorrelation.name, VelocityAutocorrelation)
