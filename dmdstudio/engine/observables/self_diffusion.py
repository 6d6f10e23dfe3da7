"""Self-diffusion coefficient by Green-Kubo, and the velocity autocorrelation that it integrates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.ops import segment_sum
from msgspec import Struct

from dmdstudio.base.units import factor
from dmdstudio.engine.core import Phase, System
from dmdstudio.engine.observable import (
    Clock,
    Detail,
    Observable,
    autocorrelation,
    observables,
)
from dmdstudio.plan.catalog import setting


class SelfDiffusionOptions(Struct, frozen=True, kw_only=True):
    """Settings of `SelfDiffusion`."""

    window: Annotated[
        float,
        setting("Window", "Upper limit of the integral over the correlation.", "ps", gt=0),
    ] = 2.0
    of: Annotated[
        Literal["atoms", "molecules"],
        setting(
            "Of",
            "Whose velocities: of all atoms, or of the centres of mass of molecules, which have "
            "the same coefficient but no vibrations.",
        ),
    ] = "atoms"


@dataclass(frozen=True, eq=False)
class SelfDiffusion(Observable):
    """D = 1/3 integral from 0 to the window of <v(0).v(t)> dt, averaged over atoms or molecules.

    All time origins of a trajectory are used. The integral is the trapezoid's over the recorded
    frames. Source: M. S. Green, J. Chem. Phys. 22, 398 (1954); R. Kubo, J. Phys. Soc. Jpn. 12, 570
    (1957); as in Han & Yu, Nat. Commun. 16, 816 (2025).
    """

    options: SelfDiffusionOptions
    system: System
    clock: Clock
    lags: int

    name: ClassVar[str] = "self_diffusion"
    label: ClassVar[str] = "Self-diffusion coefficient"
    doc: ClassVar[str] = (
        "Green-Kubo: a third of the time integral of the velocity autocorrelation, over all atoms, "
        "or molecules, and time origins. No correction for the finite size of the cell."
    )
    source: ClassVar[str] = "Green (1954), Kubo (1957)"
    unit: ClassVar[str] = "1e-9 m2/s"
    Options = SelfDiffusionOptions

    @classmethod
    def build(cls, options: Any, system: System, clock: Clock, temperature: float) -> SelfDiffusion:
        """Check that the trajectory holds the window."""
        return cls(options, system, clock, clock.lags(options.window, cls.name))

    @property
    def feature(self) -> str:  # type: ignore[override]
        """Name of the velocities; those of atoms are shared with other observables."""
        return "velocities" if self.options.of == "atoms" else "molecular_velocities"

    @property
    def span(self) -> int:
        """Frame intervals in the window."""
        return self.lags - 1

    def frame(self, phase: Phase) -> Array:
        """Return the velocities [atom or molecule, xyz], angstrom/fs."""
        if self.options.of == "atoms":
            return phase.velocities
        molecules = self.system.molecules
        share = self.system.masses / np.bincount(molecules, self.system.masses)[molecules]
        weighted = phase.velocities * share[:, None].astype(phase.velocities.dtype)
        return segment_sum(weighted, molecules, num_segments=int(molecules.max()) + 1)

    def summary(self, features: Array) -> Array:
        """Return the velocity autocorrelation per particle [lag], angstrom^2/fs^2."""
        particles = features.shape[1]
        return autocorrelation(features, self.lags) / particles

    def _trapezoid(self) -> np.ndarray:
        weights = np.full(self.lags, self.clock.interval)
        weights[[0, -1]] *= 0.5
        return weights

    def curve(self, mean: Array) -> Array:
        """Return D [1]."""
        scale = factor("angstrom2/fs", self.unit) / 3.0
        return jnp.dot(mean, self._trapezoid())[None] * scale

    def details(self, mean: Array) -> tuple[Detail, ...]:
        """Return the velocity autocorrelation, its running integral, and that one's in turn.

        The latter is the mean squared displacement: its second derivative by t is 2 <v(0).v(t)>.
        """
        time = np.arange(self.lags) * self.clock.interval * 1e-3
        scale = factor("angstrom2/fs", self.unit) / 3.0
        steps = 0.5 * (mean[1:] + mean[:-1]) * self.clock.interval
        running = jnp.concatenate([jnp.zeros(1, mean.dtype), jnp.cumsum(steps)])
        ways = 0.5 * (running[1:] + running[:-1]) * self.clock.interval
        displacement = 2.0 * jnp.concatenate([jnp.zeros(1, mean.dtype), jnp.cumsum(ways)])
        return (
            Detail(
                "velocity_autocorrelation",
                "Velocity autocorrelation",
                time,
                "Time",
                "ps",
                mean * factor("angstrom2/fs2", "m2/s2"),
                "m2/s2",
            ),
            Detail(
                "running_diffusion",
                "Running integral",
                time,
                "Upper limit",
                "ps",
                running * scale,
                self.unit,
            ),
            Detail(
                "mean_squared_displacement",
                "Mean squared displacement",
                time,
                "Time",
                "ps",
                displacement,
                "angstrom2",
            ),
        )


observables.add(SelfDiffusion.name, SelfDiffusion)
