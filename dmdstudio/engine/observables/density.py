"""Mass density at constant pressure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array
from msgspec import Struct

from dmdstudio.base.units import factor
from dmdstudio.engine.core import Phase, System
from dmdstudio.engine.observable import Clock, Observable, observables


class DensityOptions(Struct, frozen=True, kw_only=True):
    """`Density` has no settings."""


@dataclass(frozen=True, eq=False)
class Density(Observable):
    """<M / V> over the cells of the starts, M the mass of all atoms.

    The mean of the density, rather than M / <V>: for an ideal gas it is M P / (N kT) for any number
    of molecules.
    """

    system: System

    name: ClassVar[str] = "density"
    label: ClassVar[str] = "Density"
    doc: ClassVar[str] = "The mean mass density at the pressure of the starts (npt)."
    unit: ClassVar[str] = "g/cm3"
    feature: ClassVar[str] = "density"
    static: ClassVar[bool] = True
    ensembles: ClassVar[tuple[str, ...]] = ("npt",)
    Options = DensityOptions

    @classmethod
    def build(cls, options: Any, system: System, clock: Clock, temperature: float) -> Density:
        """Return the observable."""
        return cls(system)

    def frame(self, phase: Phase) -> Array:
        """Return the density of one cell, amu/angstrom^3."""
        volume = jnp.abs(jnp.linalg.det(phase.configuration.cell.astype(jnp.float64)))
        return float(self.system.masses.sum()) / volume

    def curve(self, mean: Array) -> Array:
        """Return the density [1]."""
        return mean[None] * factor("amu/angstrom3", self.unit)


observables.add(Density.name, Density)
