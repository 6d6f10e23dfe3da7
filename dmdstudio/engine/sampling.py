"""Starting phases from the NVT ensemble: Langevin dynamics of jax-md, one chain per replica."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import Array, lax

from dmdstudio.base.units import ACCELERATION, BOLTZMANN
from dmdstudio.engine.core import System, Theta
from dmdstudio.engine.jax_md import simulate
from dmdstudio.engine.potential import ForceField


def langevin(
    field: ForceField,
    theta: Theta,
    lattice: Array,
    cell: Array,
    key: Array,
    steps: int | Array,
    temperature: float,
    timestep: float,
    friction: float,
) -> Array:
    """Advance one replica in the NVT ensemble and return its lattice coordinates.

    The chain is jax-md's BAOAB Langevin integrator with fresh momenta at its start.

    Args:
        field: forces.
        theta: parameters.
        lattice: where it is [atom, 3].
        cell: lattice vectors as rows [3, xyz], angstrom.
        key: random key; the same key gives the same chain.
        steps: number of steps.
        temperature: K.
        timestep: fs.
        friction: 1/fs.
    """
    system = field.system
    unit = math.sqrt(ACCELERATION)  # jax-md's time unit per fs: sqrt(amu A^2 / eV)

    def force(positions: Array, **_: object) -> Array:
        return field.force(theta, system.to_lattice(positions, cell), cell)

    def shift(positions: Array, change: Array, **_: object) -> Array:
        return positions + change

    dtype = system.dtype
    start, apply = simulate.nvt_langevin(
        force,
        shift,
        dt=dtype.type(timestep * unit),
        kT=dtype.type(BOLTZMANN * temperature),
        gamma=dtype.type(friction / unit),
        center_velocity=False,
    )
    masses = jnp.asarray(system.masses, dtype)
    state = start(key, system.to_positions(lattice, cell).astype(dtype), mass=masses)
    state = lax.fori_loop(0, steps, lambda _, s: apply(s), state)
    return system.to_lattice(state.position, cell)


def maxwell(system: System, key: Array, temperature: float) -> Array:
    """Draw velocities [atom, xyz] (angstrom/fs) at a temperature, without motion of the centre."""
    masses = jnp.asarray(system.masses)[:, None]
    width = jnp.sqrt(BOLTZMANN * temperature * ACCELERATION / masses)
    velocities = width * jax.random.normal(key, (system.atoms, 3), jnp.float64)
    centre = jnp.sum(masses * velocities, axis=0) / jnp.sum(masses)
    return (velocities - centre).astype(system.dtype)
