"""The static dielectric constant, from the fluctuations of the cell's dipole moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
from jax import Array
from msgspec import Struct

from dmdstudio.base.units import BOLTZMANN, COULOMB
from dmdstudio.engine.core import Phase, System
from dmdstudio.engine.observable import Clock, Observable, observables


class DielectricConstantOptions(Struct, frozen=True, kw_only=True):
    """`DielectricConstant` has no settings."""


@dataclass(frozen=True, eq=False)
class DielectricConstant(Observable):
    """epsilon = 1 + <M^2>/(3 eps0 V kT), for conducting boundaries; <M> is zero by symmetry.

    The boundary is conducting with an Ewald sum, and close to it with a damped shifted force. The
    moment turns slowly (10 ps in water), so that it takes many long trajectories.
    """

    temperature: float

    name: ClassVar[str] = "dielectric_constant"
    label: ClassVar[str] = "Dielectric constant"
    doc: ClassVar[str] = (
        "The static relative permittivity, from the mean square dipole moment of the cell. It "
        "needs a dipole surface and many independent samples."
    )
    source: ClassVar[str] = (
        "M. Neumann, Mol. Phys. 50, 841 (1983), doi 10.1080/00268978300102721, eq. 21"
    )
    unit: ClassVar[str] = "1"
    feature: ClassVar[str] = "squared_dipole_density"
    static: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset({"dipole"})
    Options = DielectricConstantOptions

    @classmethod
    def build(
        cls, options: Any, system: System, clock: Clock, temperature: float
    ) -> DielectricConstant:
        """Return the observable."""
        return cls(temperature)

    def frame(self, phase: Phase) -> Array:
        """Return M^2/V of one cell, e^2/angstrom."""
        assert phase.dipole is not None
        volume = jnp.abs(jnp.linalg.det(phase.configuration.cell.astype(jnp.float64)))
        return jnp.sum(phase.dipole.astype(jnp.float64) ** 2) / volume

    def curve(self, mean: Array) -> Array:
        """Return epsilon [1]; 1/eps0 is 4 pi COULOMB/e^2."""
        return 1.0 + 4.0 * jnp.pi * COULOMB / (3.0 * BOLTZMANN * self.temperature) * mean[None]


observables.add(DielectricConstant.name, DielectricConstant)
