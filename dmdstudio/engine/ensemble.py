"""The pool of starting phases, its weights, and everything measured on trajectories from it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.base.errors import PhysicsError
from dmdstudio.base.units import BOLTZMANN
from dmdstudio.engine.core import State, Tree
from dmdstudio.engine.gradient import Work
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.sampling import langevin, maxwell

SAMPLING_PIECE = 500
"""Steps of the sampler between two looks at the stop button."""


class Pool(NamedTuple):
    """Starting phases drawn from the NVT ensemble of one set of parameters.

    Attributes:
        lattice: [replica, atom, 3].
        velocities: [replica, atom, xyz], angstrom/fs.
        parameters: what the pool was drawn with [parameter].
        energy: potential energy with those parameters [replica], eV.
        uses: iterations that have used the pool.
    """

    lattice: np.ndarray
    velocities: np.ndarray
    parameters: np.ndarray
    energy: np.ndarray
    uses: int


class Weights(NamedTuple):
    """Weights of the pool under other parameters.

    Attributes:
        weight: w_n, summing to one [replica].
        slope: dU/dtheta at the starts [replica, parameter], eV per internal unit.
        fraction: effective sample size as a fraction of the pool.
    """

    weight: np.ndarray
    slope: np.ndarray
    fraction: float


class Program:
    """The compiled functions of a problem; compiled once, used at every iteration."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.replicas = problem.replicas

    def compiling(self, name: str) -> Generator[Work, None, None]:
        """Say so where a function is about to be compiled, that is, at its first use."""
        if name not in vars(self):
            yield Work("compiling", 0.0)

    @cached_property
    def potential(self) -> Callable[..., Any]:
        """(parameters, lattice) -> (U, dU/dtheta)."""

        def one(parameters: Array, lattice: Array) -> tuple[Array, Array]:
            return jax.value_and_grad(
                lambda p: self.problem.field.energy(self.problem.theta(p), lattice)
            )(parameters)

        return self.replicas.compile(one)

    @cached_property
    def sample(self) -> Callable[..., Any]:
        """((parameters, steps), lattice, key) -> lattice."""
        plan = self.problem.sampling

        def one(shared: tuple[Array, Array], lattice: Array, key: Array) -> Array:
            return langevin(
                self.problem.field,
                self.problem.theta(shared[0]),
                lattice,
                jax.random.wrap_key_data(key),
                shared[1],
                plan.temperature,
                plan.timestep,
                plan.friction * 1e-3,
            )

        return self.replicas.compile(one)

    @cached_property
    def velocities(self) -> Callable[..., Any]:
        """(_, key) -> velocities."""
        temperature = self.problem.sampling.temperature

        def one(_: Tree, key: Array) -> Array:
            return maxwell(self.problem.system, jax.random.wrap_key_data(key), temperature)

        return self.replicas.compile(one)

    @cached_property
    def forward(self) -> Callable[..., Any]:
        """(parameters, lattice, velocities) -> (features, last state, energies, summaries)."""
        leapfrog = self.problem.leapfrog()

        def one(parameters: Array, lattice: Array, velocities: Array) -> Any:
            theta = self.problem.theta(parameters)
            trajectory = leapfrog.forward(theta, lattice, velocities)
            return trajectory, self.problem.summaries(trajectory.features)

        return self.replicas.compile(one)

    @cached_property
    def backward(self) -> Callable[..., Any]:
        """((parameters, cotangent), features, last state) -> (gradient, first state)."""
        leapfrog = self.problem.leapfrog()

        def one(shared: tuple[Array, Tree], features: Tree, last: State) -> Any:
            parameters, cotangent = shared
            _, back = jax.vjp(self.problem.summaries, features)
            theta, to_parameters = jax.vjp(self.problem.theta, parameters)
            adjoint = leapfrog.backward(theta, last, back(cotangent)[0])
            return to_parameters(adjoint.theta)[0], adjoint.first

        return self.replicas.compile(one)

    @cached_property
    def start(self) -> Callable[..., Any]:
        """(parameters, lattice, velocities) -> first state."""
        leapfrog = self.problem.leapfrog()

        def one(parameters: Array, lattice: Array, velocities: Array) -> State:
            return leapfrog.start(self.problem.theta(parameters), lattice, velocities)

        return self.replicas.compile(one)


# ------------------------------------------------------------------------------------- sampling


def draw_pool(
    program: Program, parameters: np.ndarray, lattice: np.ndarray, steps: int, stream: int
) -> Generator[Work, None, Pool]:
    """Draw a pool: run the sampler from ``lattice`` [replica, atom, 3] for ``steps`` steps.

    Args:
        program: compiled functions.
        parameters: [parameter].
        lattice: where the chains are.
        steps: of the sampler.
        stream: number that, with the seed, fixes every random number of this pool.
    """
    problem, replicas = program.problem, program.replicas
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
        for part, key in replicas.split(lattice, keys(1 + piece)):
            moved.append(program.sample((shared, jnp.asarray(count)), part, key))
            jax.block_until_ready(moved[-1])
            done += 1
            yield Work("sampling", done / total)
        lattice = replicas.join(moved)
    velocities = replicas.join([program.velocities((), k) for (k,) in replicas.split(keys(0))])
    energy, _ = potential_energy(program, parameters, lattice)
    if not np.all(np.isfinite(energy)):
        raise PhysicsError(
            "The sampler gave an energy that is not a number.",
            "The start has overlapping atoms, or sampling.timestep "
            f"({problem.sampling.timestep:g} fs) is too long for this potential.",
        )
    return Pool(lattice, velocities, np.array(parameters), energy, 0)


def potential_energy(
    program: Program, parameters: np.ndarray, lattice: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return U [replica] in eV and dU/dtheta [replica, parameter]."""
    replicas = program.replicas
    shared = jnp.asarray(parameters)
    return replicas.join([program.potential(shared, part) for (part,) in replicas.split(lattice)])


def weigh(program: Program, pool: Pool, parameters: np.ndarray) -> Weights:
    """Return the weights of a pool under other parameters than those it was drawn with.

        w_n ~ exp(-beta [U_theta(x_n) - U_ref(x_n)])

    Args:
        program: compiled functions.
        pool: the samples.
        parameters: [parameter].
    """
    energy, slope = potential_energy(program, parameters, pool.lattice)
    beta = 1.0 / (BOLTZMANN * program.problem.sampling.temperature)
    exponent = -beta * (energy - pool.energy)
    weight = np.exp(exponent - exponent.max())
    weight /= weight.sum()
    return Weights(weight, slope, float(1.0 / (len(weight) * np.sum(weight**2))))


# ---------------------------------------------------------------------------------- measurement


@dataclass
class Ensemble:
    """Trajectories from a pool with one set of parameters.

    Attributes:
        program: compiled functions.
        pool: the starts.
        weights: of the starts.
        kept: features and last states of every batch, where a gradient follows.
        summaries: per target [replica, ...].
        energies: of the trajectories.
    """

    program: Program
    pool: Pool
    weights: Weights
    kept: list[Any] = field(default_factory=list)
    summaries: dict[str, Any] = field(default_factory=dict)
    energies: Any = None

    @property
    def problem(self) -> Problem:
        """The problem."""
        return self.program.problem

    def propagate(self, parameters: np.ndarray, keep: bool) -> Generator[Work, None, None]:
        """Run all trajectories; keep what the backward pass needs where asked."""
        yield from self.program.compiling("forward")
        replicas, shared = self.program.replicas, jnp.asarray(parameters)
        summaries, energies = [], []
        for lattice, velocities in replicas.split(self.pool.lattice, self.pool.velocities):
            trajectory, summary = self.program.forward(shared, lattice, velocities)
            jax.block_until_ready(summary)
            summaries.append(summary)
            energies.append(trajectory.energies)
            if keep:
                self.kept.append((trajectory.features, trajectory.last))
            yield Work("propagating", len(summaries) / replicas.pieces)
        self.summaries = replicas.join(summaries)
        self.energies = replicas.join(energies)
        self._require_sound()

    def _require_sound(self) -> None:
        ends = (self.energies.potential_first, self.energies.potential_last)
        if not all(np.all(np.isfinite(e)) for e in (*ends, self.energies.kinetic)):
            raise PhysicsError(
                "A trajectory gave an energy that is not a number.",
                f"dynamics.timestep ({self.problem.dynamics.timestep:g} fs) is too long for this "
                "potential, or atoms overlap at the start.",
            )
        limit = 0.25 * BOLTZMANN * self.problem.sampling.temperature
        change = np.abs(self._energy_change()).max() / self.problem.system.atoms
        if change > limit:
            raise PhysicsError(
                f"A trajectory changed its total energy by {change:.3g} eV per atom, a quarter of "
                f"kT is {limit:.3g}.",
                f"Shorten dynamics.timestep ({self.problem.dynamics.timestep:g} fs).",
            )

    def _energy_change(self) -> np.ndarray:
        e = self.energies
        return e.potential_last + e.kinetic[:, -1] - e.potential_first - e.kinetic[:, 0]

    @property
    def drift(self) -> float:
        """Root mean square drift of the total energy, eV per atom and ps."""
        length = self.problem.dynamics.steps * self.problem.dynamics.timestep * 1e-3
        per_atom = self._energy_change() / self.problem.system.atoms
        return float(np.sqrt(np.mean(per_atom**2)) / length)

    @property
    def temperature(self) -> float:
        """Mean kinetic temperature of the trajectories, K; three degrees of freedom are fixed."""
        kinetic = self.energies.kinetic.mean(axis=1) @ self.weights.weight
        return float(2.0 * kinetic / ((3 * self.problem.system.atoms - 3) * BOLTZMANN))

    @cached_property
    def means(self) -> dict[str, Any]:
        """Weighted mean of the summaries of every target."""
        weight = self.weights.weight
        return jax.tree.map(lambda a: np.tensordot(weight, a, axes=1), self.summaries)

    def influence(self, cotangent: Tree) -> np.ndarray:
        """Return <cotangent, summary_n - mean> [replica]: what a replica adds to a derivative."""
        parts = jax.tree.map(
            lambda c, s, m: np.tensordot(s - m, np.asarray(c), axes=np.ndim(c)),
            cotangent,
            self.summaries,
            self.means,
        )
        return np.asarray(sum(jax.tree.leaves(parts)))

    def standard_error(self, influence: np.ndarray) -> np.ndarray:
        """Return the infinitesimal jackknife's standard error from influences [replica, ...]."""
        count = len(influence)
        weight = self.weights.weight.reshape((count,) + (1,) * (influence.ndim - 1))
        variance = np.sum((weight * influence) ** 2, axis=0) * count / (count - 1)
        return np.sqrt(variance)
