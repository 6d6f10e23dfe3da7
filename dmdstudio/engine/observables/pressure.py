"""Pressure by the virial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array
from msgspec import Struct

from dmdstudio.base.units import BOLTZMANN, factor
from dmdstudio.engine.core import Phase, System
from dmdstudio.engine.observable import Clock, Observable, observables


class PressureOptions(Struct, frozen=True, kw_only=True):
    """`Pressure` has no settings."""


@dataclass(frozen=True, eq=False)
class Pressure(Observable):
    """P = N kT / V + tr(W) / (3 V), W = -dU/dstrain.

    The kinetic part is its mean at the temperature of the starts. No tail correction is added:
    the potential is what it is. Source: M. P. Allen and D. J. Tildesley, Computer Simulation of
    Liquids (2017), section 2.4.
    """

    system: System
    temperature: float

    name: ClassVar[str] = "pressure"
    label: ClassVar[str] = "Pressure"
    doc: ClassVar[str] = "The virial pressure at the volume of the cell, without tail correction."
    source: ClassVar[str] = "Allen & Tildesley (2017), section 2.4"
    unit: ClassVar[str] = "bar"
    feature: ClassVar[str] = "pressure"
    static: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset({"virial"})
    Options = PressureOptions

    @classmethod
    def build(cls, options: Any, system: System, clock: Clock, temperature: float) -> Pressure:
        """Return the observable."""
        return cls(system, temperature)

    def frame(self, phase: Phase) -> Array:
        """Return the pressure of one configuration, eV/angstrom^3."""
        assert phase.virial is not None
        volume = jnp.abs(jnp.linalg.det(phase.configuration.cell.astype(jnp.float64)))
        ideal = self.system.atoms * BOLTZMANN * self.temperature
        return (ideal + jnp.trace(phase.virial) / 3.0) / volume

    def curve(self, mean: Array) -> Array:
        """Return P [1]."""
        return mean[None] * factor("eV/angstrom3", self.unit)


observables.add(Pressure.name, Pressure)
