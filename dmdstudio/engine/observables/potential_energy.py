"""Mean potential energy per atom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from jax import Array
from msgspec import Struct

from dmdstudio.base.units import factor
from dmdstudio.engine.core import Phase, System
from dmdstudio.engine.observable import Clock, Observable, observables


class PotentialEnergyOptions(Struct, frozen=True, kw_only=True):
    """`PotentialEnergy` has no settings."""


@dataclass(frozen=True, eq=False)
class PotentialEnergy(Observable):
    """<U> / N. Its derivative has an explicit part: <dU/dtheta> - beta cov(U, dU/dtheta)."""

    system: System

    name: ClassVar[str] = "potential_energy"
    label: ClassVar[str] = "Potential energy per atom"
    doc: ClassVar[str] = (
        "The mean potential energy over the number of atoms, such as minus the energy of "
        "vaporisation of an ideal vapour."
    )
    unit: ClassVar[str] = "kJ/mol"
    feature: ClassVar[str] = "potential_energy"
    static: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset({"energy"})
    Options = PotentialEnergyOptions

    @classmethod
    def build(
        cls, options: Any, system: System, clock: Clock, temperature: float
    ) -> PotentialEnergy:
        """Return the observable."""
        return cls(system)

    def frame(self, phase: Phase) -> Array:
        """Return U/N of one configuration, eV."""
        assert phase.energy is not None
        return phase.energy / self.system.atoms

    def curve(self, mean: Array) -> Array:
        """Return <U>/N [1]."""
        return mean[None] * factor("eV", self.unit)


observables.add(PotentialEnergy.name, PotentialEnergy)
