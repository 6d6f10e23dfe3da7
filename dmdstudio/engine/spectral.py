"""What spectra share: window, apodisation, wavenumbers, correction, way of the experiment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from msgspec import Struct

from dmdstudio.base.errors import PhysicsError
from dmdstudio.engine.observable import Clock
from dmdstudio.engine.spectrum import (
    POINTS_PER_RESOLUTION,
    Apodisation,
    Correction,
    Quadrature,
    apodisation,
    correction,
    cosine_transform,
    egelstaff,
    highest_wavenumber,
    resolution,
    smoothing,
)
from dmdstudio.plan.catalog import setting


class SpectralOptions(Struct, frozen=True, kw_only=True):
    """Settings of every spectrum."""

    window: Annotated[
        float,
        setting(
            "Window",
            "Longest time of the correlation: 0.5 ps resolve about 33/cm, 1 ps 17/cm.",
            "ps",
            gt=0,
        ),
    ] = 0.5
    low: Annotated[float, setting("Lowest wavenumber", "Predict from here.", "1/cm", ge=0)] = 0.0
    high: Annotated[float, setting("Highest wavenumber", "Predict up to here.", "1/cm", gt=0)] = (
        4000.0
    )
    apodisation: Annotated[
        Apodisation,
        setting(
            "Apodisation",
            "How the correlation fades to zero at the end of the window. The experiment goes "
            "through the same.",
        ),
    ] = "hann"
    quadrature: Annotated[
        Quadrature,
        setting(
            "Quadrature",
            "Of the transform: trapezoid is exact for what the frames resolve; filon is what older "
            "programs have.",
        ),
    ] = "trapezoid"


class QuantumOptions(SpectralOptions, frozen=True, kw_only=True):
    """Settings of every spectrum whose intensities are those of a quantum liquid."""

    quantum_correction: Annotated[
        Correction,
        setting(
            "Quantum correction",
            "What makes a classical intensity a quantum one; harmonic is exact for harmonic "
            "motion, egelstaff for free motion and meant for low wavenumbers only. Bands are not "
            "moved.",
        ),
    ] = "harmonic"


@dataclass(frozen=True, eq=False)
class Band:
    """The wavenumbers of a spectrum and the transform to them.

    Attributes:
        options: settings.
        clock: of the frames.
        lags: in the window.
    """

    options: SpectralOptions
    clock: Clock
    lags: int

    @classmethod
    def build(cls, options: SpectralOptions, clock: Clock, name: str) -> Band:
        """Check that the trajectory holds the window and the frames resolve the wavenumbers."""
        lags = clock.lags(options.window, name)
        if options.quadrature == "filon":
            lags -= 1 - lags % 2
        highest = highest_wavenumber(clock.interval)
        if options.high > highest:
            raise PhysicsError(
                f"{name} is wanted up to {options.high:g} 1/cm, but frames {clock.interval:g} fs "
                f"apart tell wavenumbers only up to {highest:.0f} 1/cm.",
                "Lower dynamics.record_every or the highest wavenumber.",
            )
        if options.low >= options.high:
            raise PhysicsError(
                f"{name} is wanted from {options.low:g} to {options.high:g} 1/cm.",
                "Set low below high.",
            )
        return cls(options, clock, lags)

    @cached_property
    def axis(self) -> np.ndarray:
        """Wavenumbers [point], 1/cm."""
        width = resolution(self.lags, self.clock.interval) / POINTS_PER_RESOLUTION
        low, high = self.options.low, self.options.high
        return np.linspace(low, high, max(3, int(np.ceil((high - low) / width)) + 1))

    @cached_property
    def weight(self) -> np.ndarray:
        """Apodisation [lag]."""
        return apodisation(self.options.apodisation, self.lags)

    @cached_property
    def transform(self) -> np.ndarray:
        """Matrix from correlation function to spectrum [point, lag], fs."""
        rule = self.options.quadrature
        return cosine_transform(self.axis, self.weight, self.clock.interval, rule)

    def corrected(self, kind: Correction, temperature: float) -> np.ndarray:
        """Return `transform` times the quantum correction of an absorption [point, lag], fs."""
        factor, lags = correction(kind, self.axis, temperature)[:, None], self.lags
        if kind != "egelstaff":
            return factor * self.transform
        interval, rule = self.clock.interval, self.options.quadrature
        transform = cosine_transform(self.axis, np.ones(lags), interval, rule)
        return factor * (transform @ egelstaff(lags, interval, temperature)) * self.weight

    def smooth(self, axis: np.ndarray, value: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Send a measured spectrum through the window, see `Observable.resolved`."""
        return smoothing(at, axis, self.weight, self.clock.interval) @ value

    def resolved(
        self,
        axis: np.ndarray,
        value: np.ndarray,
        at: np.ndarray,
        factor: Callable[[np.ndarray], np.ndarray],
    ) -> np.ndarray:
        """Send a measured spectrum through the window that its classical counterpart is cut by.

        Args:
            axis: where it was measured, see `Observable.resolved`.
            value: what [point].
            at: where it is wanted.
            factor: what makes the transform of a classical correlation the spectrum, of
                wavenumbers in 1/cm.
        """
        return factor(at) * self.smooth(axis, value / factor(axis), at)
