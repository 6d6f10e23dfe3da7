"""Everything measured on the trajectories that start from a pool."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dmdstudio.base.errors import PhysicsError
from dmdstudio.base.units import BOLTZMANN
from dmdstudio.engine.core import Tree
from dmdstudio.engine.gradient import Work
from dmdstudio.engine.pool import Pool, Weights
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.program import Program


@dataclass
class Ensemble:
    """Trajectories from a pool with one set of parameters.

    Attributes:
        program: compiled functions.
        pool: the starts.
        weights: of the starts.
        kept: trajectories of every batch on their devices, where a gradient follows.
        summaries: per dynamic target [replica, segment, ...].
        samples: of single configurations [replica, segment, stretch, ...].
        energies: of the trajectories.
    """

    program: Program
    pool: Pool
    weights: Weights
    kept: list[Any] = field(default_factory=list)
    summaries: dict[str, Any] = field(default_factory=dict)
    samples: Any = None
    energies: Any = None

    @property
    def problem(self) -> Problem:
        """The problem."""
        return self.program.problem

    def propagate(self, parameters: np.ndarray, keep: bool) -> Generator[Work, None, None]:
        """Run all trajectories; keep what the backward pass needs where asked."""
        name = "forward" if keep else "measure"
        yield from self.program.compiling(name)
        run, replicas = getattr(self.program, name), self.program.replicas
        shared = jnp.asarray(parameters)
        self.kept, parts = [], []
        for (start,) in replicas.split(self.pool.starts):
            trajectory = jax.block_until_ready(run(shared, start))
            parts.append((trajectory.summaries, trajectory.samples, trajectory.energies))
            if keep:
                self.kept.append(trajectory)
            yield Work("propagating", len(parts) / replicas.pieces)
        self.summaries, self.samples, self.energies = replicas.join(parts)
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
        return e.potential_last + e.kinetic[:, -1, -1] - e.potential_first - e.kinetic[:, 0, 0]

    @property
    def drift(self) -> float:
        """Root mean square drift of the total energy, eV per atom and ps."""
        length = self.problem.dynamics.steps * self.problem.dynamics.timestep * 1e-3
        per_atom = self._energy_change() / self.problem.system.atoms
        return float(np.sqrt(np.mean(per_atom**2)) / length)

    @property
    def temperature(self) -> float:
        """Mean kinetic temperature of the trajectories, K; three degrees of freedom are fixed."""
        kinetic = self.energies.kinetic.mean(axis=(1, 2)) @ self.weights.weight
        return float(2.0 * kinetic / ((3 * self.problem.system.atoms - 3) * BOLTZMANN))

    @cached_property
    def of_replicas(self) -> dict[str, Any]:
        """What every replica says of a target: the mean over its segments and samples."""
        dynamic = {key: segment_mean(tree) for key, tree in self.summaries.items()}
        values = self.samples.values
        return dynamic | {key: jax.tree.map(_sample_mean, tree) for key, tree in values.items()}

    @cached_property
    def means(self) -> dict[str, Any]:
        """Weighted mean over replicas of what they say of every target."""
        weight = self.weights.weight
        return jax.tree.map(lambda a: np.tensordot(weight, a, axes=1), self.of_replicas)

    def influence(self, cotangent: Tree) -> np.ndarray:
        """Return <cotangent, s_n - mean> [replica]: what a replica adds to a derivative."""
        parts = jax.tree.map(
            lambda c, s, m: np.tensordot(s - m, np.asarray(c), axes=np.ndim(c)),
            cotangent,
            self.of_replicas,
            self.means,
        )
        return np.asarray(sum(jax.tree.leaves(parts)))

    def score(self, cotangent: Tree) -> np.ndarray:
        """Return what the ensemble itself contributes to a derivative [replica, parameter].

            score_n = -beta <(c - <c>) (dU/dtheta - <dU/dtheta>)> + <dc/dtheta at fixed x>

        with c = <cotangent, summary> of a segment and dU/dtheta where it begins, or c = <cotangent,
        feature> of a sample and dU/dtheta there; averaged over the segments or samples of a
        replica. Every segment of a trajectory begins with a sample of the same ensemble.
        """
        beta = 1.0 / (BOLTZMANN * self.problem.sampling.temperature)
        slope = self.samples.slope  # [replica, segment, stretch, parameter]
        centre = np.tensordot(self.weights.weight, slope.mean(axis=(1, 2)), axes=1)
        away = slope - centre
        total = np.zeros((len(slope), slope.shape[-1]))
        for key, tree in self.summaries.items():
            c = _contracted(cotangent[key], tree, self.means[key], 2)
            total -= beta * np.mean(c[..., None] * away[:, :, 0], axis=1)
        for key, tree in self.samples.values.items():
            c = _contracted(cotangent[key], tree, self.means[key], 3)
            total -= beta * np.mean(c[..., None] * away, axis=(1, 2))
        for key, tree in self.samples.explicit.items():
            parts = jax.tree.map(
                lambda c, d: np.tensordot(d, np.asarray(c), axes=(_inner(d, c), range(np.ndim(c)))),
                cotangent[key],
                tree,
            )
            total += np.asarray(sum(jax.tree.leaves(parts))).mean(axis=(1, 2))
        return total

    def standard_error(self, influence: np.ndarray) -> np.ndarray:
        """Return the infinitesimal jackknife's standard error from influences [replica, ...]."""
        count = len(influence)
        weight = self.weights.weight.reshape((count,) + (1,) * (influence.ndim - 1))
        variance = np.sum((weight * influence) ** 2, axis=0) * count / (count - 1)
        return np.sqrt(variance)


def segment_mean(summaries: Tree) -> Tree:
    """Return the mean of summaries [replica, segment, ...] over segments."""
    return jax.tree.map(lambda a: a.mean(axis=1), summaries)


def _sample_mean(values: np.ndarray) -> np.ndarray:
    return values.mean(axis=(1, 2))


def _contracted(cotangent: Tree, values: Tree, mean: Tree, leading: int) -> np.ndarray:
    """Return <cotangent, value - mean> over all but the leading axes of the values."""
    parts = jax.tree.map(
        lambda c, v, m: np.tensordot(v - m, np.asarray(c), axes=np.ndim(c)), cotangent, values, mean
    )
    found = np.asarray(sum(jax.tree.leaves(parts)))
    assert found.ndim == leading
    return found


def _inner(derivative: np.ndarray, cotangent: Tree) -> list[int]:
    """Return the axes of a derivative [replica, segment, stretch, ..., parameter] to contract."""
    return list(range(3, 3 + np.ndim(cotangent)))
