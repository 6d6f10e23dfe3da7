"""Self-diffusion coefficient: by velocities (Green-Kubo) or by displacements (Einstein)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.ops import segment_sum
from msgspec import Meta, Struct

from dmdstudio.base.errors import PhysicsError, RecipeError
from dmdstudio.base.units import BOLTZMANN, factor
from dmdstudio.engine.core import Phase, System, Tree, whole_molecules
from dmdstudio.engine.displacement import mean_squared_displacement
from dmdstudio.engine.green_kubo import running_integral, trapezoid
from dmdstudio.engine.observable import (
    Clock,
    Detail,
    Observable,
    autocorrelation,
    observables,
)
from dmdstudio.plan.catalog import setting

CUBIC = 2.837297
"""The constant of a cubic lattice in the correction for the finite size of the cell."""


class SelfDiffusionOptions(Struct, frozen=True, kw_only=True):
    """Settings of `SelfDiffusion`."""

    window: Annotated[
        float,
        setting(
            "Window",
            "Upper limit of the integral over the correlation, or longest time of the "
            "displacement.",
            "ps",
            gt=0,
        ),
    ] = 2.0
    of: Annotated[
        Literal["atoms", "molecules"],
        setting(
            "Of",
            "Whose velocities: of all atoms, or of the centres of mass of molecules, which have "
            "the same coefficient but no vibrations.",
        ),
    ] = "atoms"
    route: Annotated[
        Literal["green_kubo", "einstein"],
        setting(
            "Route",
            "green_kubo integrates the velocity autocorrelation, einstein fits a line to the mean "
            "squared displacement.",
        ),
    ] = "green_kubo"
    fit_from: Annotated[
        float,
        setting(
            "Fit from",
            "The line is fitted from here to the end of the window: no earlier than the particles "
            "have forgotten their velocities.",
            "ps",
            only_with={"route": ("einstein",)},
            ge=0,
        ),
    ] = 1.0
    finite_size: Annotated[
        Literal["none", "yeh_hummer"],
        setting(
            "Finite size",
            "yeh_hummer adds what the images of a cubic cell slow its particles down by, so that "
            "the coefficient is that of an infinite system.",
        ),
    ] = "none"
    viscosity: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        setting(
            "Viscosity",
            "Shear viscosity of the model that yeh_hummer goes by; shear_viscosity predicts it.",
            "mPa s",
            only_with={"finite_size": ("yeh_hummer",)},
        ),
    ] = None


@dataclass(frozen=True, eq=False)
class SelfDiffusion(Observable):
    """D, averaged over atoms or molecules and all time origins of a trajectory.

        green_kubo   1/3 integral from 0 to the window of <v(0).v(t)> dt
        einstein     1/6 of the slope of <|r(t) - r(0)|^2>, by least squares from `fit_from` on

    The integral is the trapezoid's over the recorded frames. Displacements are the sums of those
    from frame to frame, each by the nearest image. With ``yeh_hummer``, D is larger by

        2.837297 kT/(6 pi eta L)

    of a cube with edge L (the recipe's, where the pressure is constant) in a liquid of the
    viscosity eta.

    Source: M. S. Green, J. Chem. Phys. 22, 398 (1954); R. Kubo, J. Phys. Soc. Jpn. 12, 570
    (1957); as in Han & Yu, Nat. Commun. 16, 816 (2025). A. Einstein, Ann. Phys. 322, 549 (1905).
    I.-C. Yeh and G. Hummer, J. Phys. Chem. B 108, 15873 (2004), equation 12.
    """

    options: SelfDiffusionOptions
    system: System
    clock: Clock
    lags: int
    finite_size_correction: float

    name: ClassVar[str] = "self_diffusion"
    label: ClassVar[str] = "Self-diffusion coefficient"
    doc: ClassVar[str] = (
        "A third of the time integral of the velocity autocorrelation (Green-Kubo), or a sixth of "
        "the slope of the mean squared displacement (Einstein), over all atoms, or molecules, and "
        "time origins; corrected for the finite size of a cubic cell where asked."
    )
    source: ClassVar[str] = (
        "Green (1954), Kubo (1957); Einstein (1905); I.-C. Yeh and G. Hummer, J. Phys. Chem. B "
        "108, 15873 (2004), doi 10.1021/jp0477147"
    )
    unit: ClassVar[str] = "1e-9 m2/s"
    Options = SelfDiffusionOptions

    @classmethod
    def build(cls, options: Any, system: System, clock: Clock, temperature: float) -> SelfDiffusion:
        """Check that the trajectory holds the window, and the cell against its correction."""
        lags = clock.lags(options.window, cls.name)
        fitted = np.arange(lags) * clock.interval >= options.fit_from * 1e3 - 1e-6
        if options.route == "einstein" and fitted.sum() < 2:
            raise PhysicsError(
                f"{cls.name} fits a line from fit_from = {options.fit_from:g} ps to the end of the "
                f"window at {options.window:g} ps: fewer than two frames.",
                "Lower fit_from or raise the window.",
            )
        correction = 0.0
        if options.finite_size == "yeh_hummer":
            correction = _finite_size_correction(
                cls.name, options.viscosity, system.cell, temperature
            )
        return cls(options, system, clock, lags, correction)

    @property
    def _by_positions(self) -> bool:
        return self.options.route == "einstein"

    @property
    def feature(self) -> str:  # type: ignore[override]
        """Name of the features; the velocities of atoms are shared with other observables."""
        what = "positions" if self._by_positions else "velocities"
        return what if self.options.of == "atoms" else f"molecular_{what}"

    @property
    def span(self) -> int:
        """Frame intervals in the window."""
        return self.lags - 1

    def frame(self, phase: Phase) -> Tree:
        """Return velocities [atom or molecule, xyz], angstrom/fs, or positions, and the cell.

        Positions are those of whole molecules, each at any of its images, angstrom.
        """
        if not self._by_positions:
            return self._centres(phase.velocities)
        where = phase.configuration
        return {"positions": self._centres(whole_molecules(self.system, where)), "cell": where.cell}

    def _centres(self, vectors: Array) -> Array:
        """Return vectors of the atoms, or their averages by mass over molecules."""
        if self.options.of == "atoms":
            return vectors
        molecules = self.system.molecules
        share = self.system.masses / np.bincount(molecules, self.system.masses)[molecules]
        weighted = vectors * share[:, None].astype(vectors.dtype)
        return segment_sum(weighted, molecules, num_segments=int(molecules.max()) + 1)

    def summary(self, features: Tree) -> Array:
        """Return, per particle, <v(0).v(t)>, angstrom^2/fs^2, or <|r(t) - r(0)|^2> [lag]."""
        if self._by_positions:
            cell = features["cell"][0]
            return mean_squared_displacement(features["positions"], cell, self.lags)
        return autocorrelation(features, self.lags) / features.shape[1]

    @cached_property
    def _weights(self) -> np.ndarray:
        """What the summary is multiplied by to make D [lag]."""
        if self._by_positions:
            time = np.arange(self.lags) * self.clock.interval
            away = np.where(time >= self.options.fit_from * 1e3 - 1e-6, 1.0, 0.0)
            away *= time - time[away > 0].mean()
            return away / np.sum(away**2) / 6.0
        return trapezoid(self.lags, self.clock.interval) / 3.0

    def curve(self, mean: Array) -> Array:
        """Return D [1]."""
        found = jnp.dot(mean, self._weights) + self.finite_size_correction
        return found[None] * factor("angstrom2/fs", self.unit)

    def details(self, mean: Array) -> tuple[Detail, ...]:
        """Return what D was made of, against time, without the correction for the cell."""
        return self._einstein_lines(mean) if self._by_positions else self._green_kubo_lines(mean)

    def _einstein_lines(self, mean: Array) -> tuple[Detail, ...]:
        """Return the mean squared displacement, and a sixth of it over time."""
        time = np.arange(self.lags) * self.clock.interval
        ratio = mean[1:] / (6.0 * time[1:]) * factor("angstrom2/fs", self.unit)
        ps = time * 1e-3
        return (
            _line("mean_squared_displacement", "Mean squared displacement", ps, mean, "angstrom2"),
            _line("running_diffusion", "Displacement over 6 t", ps[1:], ratio, self.unit),
        )

    def _green_kubo_lines(self, mean: Array) -> tuple[Detail, ...]:
        """Return the velocity autocorrelation, its running integral, and that one's in turn.

        The latter is the mean squared displacement: its second derivative by t is 2 <v(0).v(t)>.
        """
        ps = np.arange(self.lags) * self.clock.interval * 1e-3
        scale = factor("angstrom2/fs", self.unit) / 3.0
        speeds = mean * factor("angstrom2/fs2", "m2/s2")
        running = running_integral(mean, self.clock.interval)
        displacement = 2.0 * running_integral(running, self.clock.interval)
        return (
            _line("velocity_autocorrelation", "Velocity autocorrelation", ps, speeds, "m2/s2"),
            Detail(
                "running_diffusion",
                "Running integral",
                ps,
                "Upper limit",
                "ps",
                running * scale,
                self.unit,
            ),
            _line(
                "mean_squared_displacement",
                "Mean squared displacement",
                ps,
                displacement,
                "angstrom2",
            ),
        )


def _line(name: str, label: str, time: np.ndarray, value: Array, unit: str) -> Detail:
    """Return a line against time in ps."""
    return Detail(name, label, time, "Time", "ps", value, unit)


def _finite_size_correction(
    name: str, viscosity: float | None, cell: np.ndarray, temperature: float
) -> float:
    """Return what an infinite system has more than a cubic cell, angstrom^2/fs.

    Raises:
        RecipeError: there is no viscosity.
        PhysicsError: the cell is not cubic.
    """
    if viscosity is None:
        raise RecipeError(
            f"{name}: finite_size = 'yeh_hummer' needs the viscosity of the model.",
            "Set viscosity in mPa s; a target shear_viscosity without data predicts it.",
        )
    edge = float(cell[0, 0])
    if not np.allclose(cell, edge * np.eye(3), rtol=0, atol=1e-4 * abs(edge)):
        raise PhysicsError(
            f"{name}: finite_size = 'yeh_hummer' holds for cubic cells, but this one is "
            f"{np.round(cell, 3).tolist()} angstrom.",
            "Set it to 'none', or take a cubic cell.",
        )
    internal = viscosity * factor("mPa s", "eV fs/angstrom3")
    return CUBIC * BOLTZMANN * temperature / (6.0 * np.pi * internal * edge)


observables.add(SelfDiffusion.name, SelfDiffusion)
