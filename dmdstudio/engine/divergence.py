"""Why a simulation left the numbers: measured on the configuration that it came from."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from dmdstudio.base.errors import CapacityExceeded, DivergenceError, DmdError
from dmdstudio.base.units import ACCELERATION
from dmdstudio.engine.core import System
from dmdstudio.engine.potential import ROOM
from dmdstudio.engine.problem import Problem

CLOSE = 0.5
"""Distance below which two atoms that are not bonded lie on top of each other, angstrom."""

LONE = 30.0
"""Largest force over the median one that only a few atoms in each other's way give."""

STEPS_PER_PERIOD = 10.0
"""Time steps that the fastest vibration needs; at pi the leapfrog becomes unstable."""

POWER_ITERATIONS = 40


class Strain(NamedTuple):
    """How hard a configuration is to integrate.

    Attributes:
        distance: of the closest pair that is not bonded, angstrom.
        pair: its two atoms.
        force: largest force on an atom, eV/angstrom.
        lone: the largest over the median force.
        period: of the fastest vibration, fs; nan where forces are not numbers.
    """

    distance: float
    pair: tuple[int, int]
    force: float
    lone: float
    period: float

    @property
    def words(self) -> str:
        """Closest pair and largest force, for a sentence."""
        i, j = self.pair
        return (
            f"atoms {i + 1} and {j + 1} are {self.distance:.2f} angstrom apart, the largest force "
            f"is {self.force:.3g} eV/angstrom, {self.lone:.2g} times the median"
        )

    @property
    def overlap(self) -> bool:
        """Whether a few atoms are in each other's way."""
        return self.distance < CLOSE or not self.lone < LONE

    def too_fast_for(self, timestep: float) -> bool:
        """Whether a time step (fs) is too long for the fastest vibration."""
        return not self.period > STEPS_PER_PERIOD * timestep


def strain(
    problem: Problem, parameters: np.ndarray, lattice: np.ndarray, cell: np.ndarray
) -> Strain:
    """Return the `Strain` of one configuration.

    The fastest vibration has omega^2 = largest eigenvalue of H_ij / sqrt(m_i m_j), by power
    iteration with the products of the Hessian H.

    Args:
        problem: system and force field.
        parameters: [parameter].
        lattice: [atom, 3].
        cell: lattice vectors as rows [3, xyz], angstrom.
    """
    field, dtype = problem.field, problem.system.dtype
    weight = jnp.asarray(np.sqrt(ACCELERATION / problem.system.masses)[:, None], dtype)

    @jax.jit
    def measured(parameters: Array, lattice: Array, cell: Array) -> tuple[Array, Array]:
        theta = problem.theta(parameters)

        def image(v: Array) -> Array:
            return weight * field.pull({}, lattice, cell, weight * v, theta).position

        def turn(_: int, v: Array) -> Array:
            return image(v / jnp.linalg.norm(v))

        v = jax.random.normal(jax.random.key(0), lattice.shape, dtype)
        square = jnp.linalg.norm(lax.fori_loop(0, POWER_ITERATIONS, turn, v))
        return field.force(theta, lattice, cell), 2.0 * math.pi / jnp.sqrt(square)

    force, period = measured(jnp.asarray(parameters), jnp.asarray(lattice), jnp.asarray(cell))
    sizes = np.linalg.norm(np.asarray(force, np.float64), axis=1)
    largest, median = float(sizes.max()), float(np.median(sizes))
    distance, pair = closest_pair(problem.system, lattice, cell)
    return Strain(distance, pair, largest, largest / median if median else 1.0, float(period))


def closest_pair(
    system: System, lattice: np.ndarray, cell: np.ndarray
) -> tuple[float, tuple[int, int]]:
    """Return the smallest distance of atoms more than two bonds apart, angstrom, and which two."""
    lattice, cell = np.asarray(lattice), np.asarray(cell)
    best, pair = np.inf, (0, 0)
    rows = max(1, 2**21 // system.atoms)  # a few tens of megabytes at a time
    for first in range(0, system.atoms, rows):
        some = np.arange(first, min(first + rows, system.atoms))
        steps = lattice[None, :] - lattice[some, None]  # integers wrap: the nearest image
        square = np.sum((steps / system.lattice_size @ cell) ** 2, axis=-1)
        square[np.arange(len(some)), some] = np.inf
        near = system.exclusions[np.isin(system.exclusions[:, 0], some)]
        square[near[:, 0] - first, near[:, 1]] = np.inf
        square[some[:, None] > np.arange(system.atoms)] = np.inf  # every pair once
        i, j = np.unravel_index(np.argmin(square), square.shape)
        if square[i, j] < best:
            best, pair = square[i, j], (first + int(i), int(j))
    return float(np.sqrt(best)), pair


def explained(
    problem: Problem,
    parameters: np.ndarray,
    lattice: np.ndarray,
    cell: np.ndarray,
    what: str,
    setting: str,
    otherwise: str = "",
) -> DmdError:
    """Return the error that names the likely cause: a divergence, or too short a list.

    Args:
        problem: what was simulated.
        parameters: with which parameters [parameter].
        lattice: where the simulation that failed began [atom, 3].
        cell: its lattice vectors as rows [3, xyz], angstrom.
        what: was found, a sentence.
        setting: section whose time step it took, ``dynamics`` or ``sampling``.
        otherwise: advice where neither an overlap nor the time step is the cause.
    """
    needed, room = problem.crowding(jnp.asarray(lattice), jnp.asarray(cell))
    if needed > room / ROOM:
        return CapacityExceeded(
            f"{what} Its lists have room for {room} atoms near one, and it began with {needed}.",
            math.ceil(ROOM * ROOM * max(needed, room)),
            "Set execution.pairs = 'dense', which needs no lists.",
        )
    timestep = getattr(problem, setting).timestep
    found = strain(problem, parameters, lattice, cell)
    if found.overlap:
        given, _ = closest_pair(problem.system, problem.start, problem.system.cell)
        sampled = setting == "dynamics" and given > 2.0 * found.distance
        return DivergenceError(
            f"{what} Atoms overlap where it began: {found.words}.",
            "The sampler brought them there: shorten sampling.timestep "
            f"({problem.sampling.timestep:g} fs), or tighten the bounds of the parameters."
            if sampled
            else "Give a relaxed system.structure, or parameters that fit it.",
        )
    if found.too_fast_for(timestep):
        return DivergenceError(
            f"{what} The fastest vibration where it began has a period of {found.period:.3g} fs.",
            f"{setting}.timestep ({timestep:g} fs) is too long for this potential: set it to "
            f"{found.period / (2 * STEPS_PER_PERIOD):.2g} or less.",
        )
    return DivergenceError(
        f"{what} Where it began no atoms overlap: {found.words}; the fastest vibration takes "
        f"{found.period / timestep:.2g} time steps.",
        otherwise
        or f"Atoms came too close on the way: shorten {setting}.timestep ({timestep:g} fs), or "
        "tighten the bounds of the parameters.",
    )


def require_numbers(problem: Problem, loss: float, gradient: np.ndarray, iteration: int) -> None:
    """Raise `DivergenceError` where the loss or its gradient [parameter] is not a number."""
    if not np.isfinite(loss):
        raise DivergenceError(
            f"The loss is {loss:g} at iteration {iteration}.",
            "Lower optimizer.learning_rate or tighten the bounds of the parameters.",
        )
    placed = zip(problem.slots, problem.places, strict=True)
    bad = [slot.key for slot, place in placed if not np.isfinite(gradient[place]).all()]
    if bad:
        raise DivergenceError(
            f"The derivative of the loss by {', '.join(bad)} is not a number at iteration "
            f"{iteration}, though every trajectory and the loss are.",
            "Chaos makes the derivative grow with the length of the trajectory: truncate it "
            "(gradient.truncation), or shorten the segments (dynamics.segments).",
        )
