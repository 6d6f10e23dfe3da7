"""The vibrational density of states, from the mass-weighted velocities."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.base.errors import RecipeError
from dmdstudio.base.units import ACCELERATION, BOLTZMANN, factor
from dmdstudio.engine.core import Phase, System
from dmdstudio.engine.observable import Clock, Observable, autocorrelation, observables
from dmdstudio.engine.spectral import Band, SpectralOptions
from dmdstudio.plan.catalog import setting


class VibrationalDensityOfStatesOptions(SpectralOptions, frozen=True, kw_only=True):
    """Settings of `VibrationalDensityOfStates`."""

    of: Annotated[
        str, setting("Of", "The element whose atoms are meant; empty for all of them.")
    ] = ""


@dataclass(frozen=True, eq=False)
class VibrationalDensityOfStates(Observable):
    """D(nu) = 2/(N kT) integral of sum_i m_i <v_i(0).v_i(t)> cos(2 pi nu t) dt, over all t.

    Its integral over nu is 3 per atom (less the fixed motion of the whole); at nu = 0 it is
    12 m D_self/kT of a liquid of one element.
    """

    options: VibrationalDensityOfStatesOptions
    temperature: float
    band: Band
    atoms: np.ndarray
    masses: np.ndarray

    name: ClassVar[str] = "vibrational_density_of_states"
    label: ClassVar[str] = "Vibrational density of states"
    doc: ClassVar[str] = (
        "States per atom and terahertz, from the autocorrelation of the mass-weighted velocities; "
        "3 per atom in all. What neutron scattering sees, but for the weights of the elements."
    )
    source: ClassVar[str] = "P. H. Berens et al., J. Chem. Phys. 79, 2375 (1983)"
    unit: ClassVar[str] = "1/THz"
    axis_label: ClassVar[str] = "Wavenumber"
    axis_unit: ClassVar[str] = "1/cm"
    feature: ClassVar[str] = "velocities"
    Options = VibrationalDensityOfStatesOptions

    @classmethod
    def build(
        cls, options: Any, system: System, clock: Clock, temperature: float
    ) -> VibrationalDensityOfStates:
        """Check element, window and wavenumbers."""
        names = system.type_names
        if options.of and options.of not in names:
            raise RecipeError(
                f"{cls.name}: the structure has no {options.of!r}.", f"It has: {', '.join(names)}."
            )
        chosen = np.array([not options.of or names[t] == options.of for t in system.types])
        atoms = np.flatnonzero(chosen)
        band = Band.build(options, clock, cls.name)
        return cls(options, temperature, band, atoms, system.masses[atoms])

    @property
    def axis(self) -> np.ndarray:
        """Wavenumbers [point], 1/cm."""
        return self.band.axis

    @property
    def span(self) -> int:
        """Frame intervals in the window."""
        return self.band.lags - 1

    def frame(self, phase: Phase) -> Array:
        """Return the velocities [atom, xyz], angstrom/fs."""
        return phase.velocities

    def summary(self, features: Array) -> Array:
        """Return the mass-weighted autocorrelation per atom [lag], amu angstrom^2/fs^2."""
        weighted = features[:, self.atoms] * np.sqrt(self.masses)[:, None].astype(features.dtype)
        return autocorrelation(weighted, self.band.lags) / len(self.atoms)

    def curve(self, mean: Array) -> Array:
        """Return D [point], 1/THz."""
        return jnp.asarray(self._matrix) @ mean

    @cached_property
    def _matrix(self) -> np.ndarray:
        thermal = BOLTZMANN * self.temperature * ACCELERATION  # amu angstrom^2/fs^2
        return 2.0 / thermal * factor("fs", "ps") * self.band.transform

    def resolved(self, axis: np.ndarray, value: np.ndarray, at: np.ndarray) -> np.ndarray:
        """Return the experiment at the window's resolution."""
        return self.band.smooth(axis, value, at)


observables.add(VibrationalDensityOfStates.name, VibrationalDensityOfStates)
