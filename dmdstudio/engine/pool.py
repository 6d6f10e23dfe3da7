"""The pool of starting phases and its weights under other parameters."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dmdstudio.base.errors import PhysicsError
from dmdstudio.base.units import BOLTZMANN
from dmdstudio.engine.core import Start
from dmdstudio.engine.gradient import Work
from dmdstudio.engine.program import Program

SAMPLING_PIECE = 500
"""Steps of the sampler between two looks at the stop button."""


class Pool(NamedTuple):
    """Starting phases drawn from the NVT ensemble of one set of parameters.

    Attributes:
        lattice: [replica, atom, 3].
        velocities: [replica, atom, xyz], angstrom/fs.
        cell: lattice vectors as rows [replica, 3, xyz], angstrom.
        parameters: what the pool was drawn with [parameter].
        energy: potential energy with those parameters [replica], eV.
        uses: iterations that have used the pool.
    """

    lattice: np.ndarray
    velocities: np.ndarray
    cell: np.ndarray
    parameters: np.ndarray
    energy: np.ndarray
    uses: int

    @property
    def starts(self) -> Start:
        """The starting phases [replica, ...]."""
        return Start(self.lattice, self.velocities, self.cell)


class Weights(NamedTuple):
    """Weights of the pool under other parameters.

    Attributes:
        weight: w_n, summing to one [replica].
        fraction: effective sample size as a fraction of the pool.
    """

    weight: np.ndarray
    fraction: float


def draw_pool(
    program: Program,
    parameters: np.ndarray,
    before: Pool | None,
    steps: int,
    stream: int,
) -> Generator[Work, None, Pool]:
    """Draw a pool: run the sampler for ``steps`` steps from the pool before.

    Args:
        program: compiled functions.
        parameters: [parameter].
        before: where the chains are; None for the structure of the recipe.
        steps: of the sampler.
        stream: number that, with the seed, fixes every random number of this pool.
    """
    problem, replicas = program.problem, program.replicas
    if before is None:
        count, system = replicas.count, problem.system
        lattice = np.broadcast_to(problem.start, (count, *problem.start.shape))
        cell = np.broadcast_to(system.cell, (count, 3, 3))
    else:
        lattice, cell = before.lattice, before.cell
    root = jax.random.fold_in(jax.random.key(problem.seed), stream)

    def keys(sort: int) -> np.ndarray:
        own = jax.random.split(jax.random.fold_in(root, sort), replicas.count)
        return np.asarray(jax.random.key_data(own))

    yield from program.compiling("sample")
    shared = jnp.asarray(parameters)
    pieces = max(1, -(-steps // SAMPLING_PIECE))
    done, total = 0, pieces * replicas.pieces
    for piece in range(pieces):
        count = min(SAMPLING_PIECE, steps - piece * SAMPLING_PIECE)
        moved = []
        for part, box, key in replicas.split(lattice, cell, keys(1 + piece)):
            moved.append(program.sample((shared, jnp.asarray(count)), part, box, key))
            jax.block_until_ready(moved[-1])
            done += 1
            yield Work("sampling", done / total)
        lattice = replicas.join(moved)
    velocities = replicas.join([program.velocities((), k) for (k,) in replicas.split(keys(0))])
    energy = potential_energy(program, parameters, lattice, cell)
    if not np.all(np.isfinite(energy)):
        raise PhysicsError(
            "The sampler gave an energy that is not a number.",
            "The start has overlapping atoms, or sampling.timestep "
            f"({problem.sampling.timestep:g} fs) is too long for this potential.",
        )
    return Pool(lattice, velocities, cell, np.array(parameters), energy, 0)


def potential_energy(
    program: Program, parameters: np.ndarray, lattice: np.ndarray, cell: np.ndarray
) -> np.ndarray:
    """Return U [replica] in eV."""
    replicas = program.replicas
    shared = jnp.asarray(parameters)
    parts = replicas.split(lattice, cell)
    return replicas.join([program.potential(shared, *part) for part in parts])


def weigh(program: Program, pool: Pool, parameters: np.ndarray) -> Weights:
    """Return the weights of a pool under other parameters than those it was drawn with.

        w_n ~ exp(-beta [U_theta(x_n) - U_ref(x_n)])

    Args:
        program: compiled functions.
        pool: the samples.
        parameters: [parameter].
    """
    energy = potential_energy(program, parameters, pool.lattice, pool.cell)
    beta = 1.0 / (BOLTZMANN * program.problem.sampling.temperature)
    exponent = -beta * (energy - pool.energy)
    weight = np.exp(exponent - exponent.max())
    weight /= weight.sum()
    return Weights(weight, float(1.0 / (len(weight) * np.sum(weight**2))))
