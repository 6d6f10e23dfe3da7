"""Starting phases from the NVT or NPT ensemble: Langevin dynamics of jax-md, a chain per replica.

At constant pressure, trial changes of the volume stand between pieces of the dynamics.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from scipy.stats import gamma

from dmdstudio.base.units import ACCELERATION, BOLTZMANN
from dmdstudio.engine.barostat import Barostat
from dmdstudio.engine.core import System, Theta
from dmdstudio.engine.jax_md import simulate
from dmdstudio.engine.potential import ForceField
from dmdstudio.plan.recipe import SamplingPlan

VOLUME_EVERY = 25
"""Steps of the sampler between two trial changes of the volume."""


class Chain(NamedTuple):
    """Where the chain of one replica is.

    Attributes:
        lattice: [atom, 3].
        cell: lattice vectors as rows [3, xyz], angstrom; float64.
        volume_step: largest trial change of ln V; unused at constant volume.
        smallest: smallest volume that it went through, angstrom^3.
    """

    lattice: Any
    cell: Any
    volume_step: Any
    smallest: Any


@dataclass(frozen=True, eq=False)
class Sampler:
    """The chain of one replica in the NVT or NPT ensemble.

    Attributes:
        field: forces.
        plan: ensemble, temperature, pressure, time step, friction.
    """

    field: ForceField
    plan: SamplingPlan

    @property
    def system(self) -> System:
        """The system that moves."""
        return self.field.system

    @cached_property
    def _barostat(self) -> Barostat:
        return Barostat(self.field, self.plan)

    def advance(
        self, theta: Theta, chain: Chain, key: Array, steps: int | Array, adapt: bool | Array
    ) -> Chain:
        """Advance the chain; the same key gives the same bits.

        The dynamics is jax-md's BAOAB Langevin integrator with fresh momenta at its start.

        Args:
            theta: parameters.
            chain: where it is.
            key: random key.
            steps: number of steps.
            adapt: whether the trial changes of the volume may grow and shrink: only while nothing
                is sampled yet, because that breaks detailed balance.
        """
        start, apply = self._langevin(theta)

        def run(state: Any, cell: Array, count: int | Array) -> Any:
            return lax.fori_loop(0, count, lambda _, s: apply(s, cell=cell), state)

        if self.plan.ensemble == "nvt":
            state = start(key, self.system.to_positions(chain.lattice, chain.cell), chain.cell)
            state = run(state, chain.cell, steps)
            return chain._replace(lattice=self.system.to_lattice(state.position, chain.cell))

        def piece(number: Array, carried: tuple[Any, Chain]) -> tuple[Any, Chain]:
            state, chain = carried
            left = steps - number * VOLUME_EVERY
            state = run(state, chain.cell, jnp.minimum(VOLUME_EVERY, left))
            return self._volume(theta, state, chain, jax.random.fold_in(volumes, number), adapt)

        dynamics, volumes = jax.random.split(key)
        state = start(dynamics, self._barostat.whole(chain.lattice, chain.cell), chain.cell)
        pieces = (steps + VOLUME_EVERY - 1) // VOLUME_EVERY
        return lax.fori_loop(0, pieces, piece, (state, chain))[1]

    def _langevin(self, theta: Theta) -> tuple[Any, Any]:
        """Return ``start(key, positions, cell)`` and ``apply(state, cell=...)``."""
        system, unit = self.system, math.sqrt(ACCELERATION)  # jax-md's time: sqrt(amu A^2 / eV)
        dtype = system.dtype

        def force(positions: Array, cell: Array, **_: object) -> Array:
            return self.field.force(theta, system.to_lattice(positions, cell), cell)

        def shift(positions: Array, change: Array, **_: object) -> Array:
            return positions + change

        begin, apply = simulate.nvt_langevin(
            force,
            shift,
            dt=dtype.type(self.plan.timestep * unit),
            kT=dtype.type(BOLTZMANN * self.plan.temperature),
            gamma=dtype.type(self.plan.friction * 1e-3 / unit),
            center_velocity=False,
        )
        masses = jnp.asarray(system.masses, dtype)

        def start(key: Array, positions: Array, cell: Array) -> Any:
            return begin(key, positions.astype(dtype), mass=masses, cell=cell)

        return start, apply

    def _volume(
        self, theta: Theta, state: Any, chain: Chain, key: Array, adapt: bool | Array
    ) -> tuple[Any, Chain]:
        """Try one change of the volume."""
        positions, cell, step = self._barostat(
            theta,
            key,
            state.position.astype(jnp.float64),
            chain.cell,
            chain.volume_step,
            jnp.asarray(adapt),
        )
        lattice = self.system.to_lattice(positions, cell)
        moved = state.set(
            position=positions.astype(self.system.dtype),
            force=self.field.force(theta, lattice, cell),
        )
        smallest = jnp.minimum(chain.smallest, jnp.abs(jnp.linalg.det(cell)))
        return moved, Chain(lattice, cell, step, smallest)


def strata(count: int, which: np.ndarray, seed: tuple[int, ...]) -> np.ndarray:
    """Return evenly spread numbers in [0, 1) for some of ``count`` replicas [sample].

    (k + u)/n with k a permutation; the same seed gives a replica the same number, whoever is drawn
    along with it.
    """
    random = np.random.default_rng(seed)
    spread = (random.permutation(count) + random.random(count)) / count
    return spread[which]


def stratified(
    system: System, velocities: np.ndarray, temperature: float, share: np.ndarray
) -> np.ndarray:
    """Spread the kinetic energies of velocities [replica, atom, xyz] over their distribution.

    Each replica's kinetic energy is drawn from a stratum of its own of the cumulative gamma
    distribution, and its velocities are scaled to it. Every replica by
    itself still has Maxwell's distribution, for direction and size are independent; the mean over
    replicas fluctuates much less, and standard errors that take them as independent are on the
    safe side. Source: W. G. Cochran, Sampling Techniques (1977), chapter 5.

    Args:
        system: masses.
        velocities: as `maxwell` draws them.
        temperature: K.
        share: of `strata` [replica].
    """
    wide = velocities.astype(np.float64)
    kinetic = np.sum(wide**2 * system.masses[:, None], axis=(1, 2)) / (2.0 * ACCELERATION)
    wanted = BOLTZMANN * temperature * gamma.ppf(share, 0.5 * (3 * system.atoms - 3))
    scale = np.sqrt(wanted / kinetic)[:, None, None]
    return (wide * scale).astype(velocities.dtype)


def maxwell(system: System, key: Array, temperature: float) -> Array:
    """Draw velocities [atom, xyz] (angstrom/fs) at a temperature, without motion of the centre."""
    masses = jnp.asarray(system.masses)[:, None]
    width = jnp.sqrt(BOLTZMANN * temperature * ACCELERATION / masses)
    velocities = width * jax.random.normal(key, (system.atoms, 3), jnp.float64)
    centre = jnp.sum(masses * velocities, axis=0) / jnp.sum(masses)
    return (velocities - centre).astype(system.dtype)
