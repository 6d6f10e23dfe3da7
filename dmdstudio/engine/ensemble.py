"""Everything measured on the trajectories that start from a pool."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dmdstudio.base.units import BOLTZMANN
from dmdstudio.engine.core import Tree
from dmdstudio.engine.divergence import explained
from dmdstudio.engine.gradient import Work
from dmdstudio.engine.nearest import Listed
from dmdstudio.engine.pool import Pool, Weights
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.program import Program
from dmdstudio.engine.target import Means

ENERGY_CHANGE = 0.25
"""Change of a trajectory's total energy per atom that no sound one shows, kT."""

HOTTEST = 4.0
"""Kinetic over wanted temperature of a trajectory that has run away, in a large system."""


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
        horizon: of the adjoint in blocks, where it was measured before; 0 to measure it.
    """

    program: Program
    pool: Pool
    weights: Weights
    kept: list[Any] = field(default_factory=list)
    summaries: dict[str, Any] = field(default_factory=dict)
    samples: Any = None
    energies: Any = None
    horizon: int = 0

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
                self.kept.append(replicas.park(trajectory))
            yield Work("propagating", len(parts) / replicas.pieces)
        self.summaries, self.samples, self.energies = replicas.join(parts)
        self._require_sound(parameters)

    def _broken(self, replicas: int) -> np.ndarray:
        """Return how much is no number of what surfaces say by lists that may be short [replica].

        Energies tell of the lists of potentials.
        """
        found = np.zeros(replicas)
        surfaces = (surface for _, surface in self.problem.surfaces)
        if any(isinstance(surface, Listed) and surface.capacity for surface in surfaces):
            for leaf in jax.tree.leaves((self.summaries, self.samples)):
                found += np.sum(~np.isfinite(leaf), axis=tuple(range(1, np.ndim(leaf))))
        return found

    def _require_sound(self, parameters: np.ndarray) -> None:
        """Raise `DivergenceError` where a replica's energies are not those of its ensemble, or what
        its atoms say is no number; `CapacityExceeded` where a list is too short for them.
        """
        system = self.problem.system
        thermal = BOLTZMANN * self.problem.sampling.temperature
        freedom = 3 * system.atoms - 3
        heat = 2.0 * _replica_mean(self.energies.kinetic) / (freedom * thermal)
        change = np.abs(self._energy_change()).reshape(len(heat), -1).max(axis=1) / system.atoms
        hottest = HOTTEST + 10.0 * np.sqrt(2.0 / freedom)
        tests = (
            (
                change,
                ENERGY_CHANGE * thermal,
                "changed its energy by {:.3g} eV per atom, more than a quarter of kT ({:.3g})",
                "",
            ),
            (
                heat,
                hottest,
                "was {:.3g} times as hot as its ensemble, more than {:.2g} times",
                "It began far from equilibrium: raise sampling.equilibration_steps and "
                "sampling.decorrelation_steps, lower optimizer.learning_rate, or tighten the "
                "bounds of the parameters.",
            ),
            (
                self._broken(len(heat)),
                0.0,
                "has numbers that are none among its spectra ({:.0f} of them)",
                "",
            ),
        )
        for values, limit, words, advice in tests:
            if (bad := ~(values <= limit)).any():
                worst = int(np.argmax(np.where(np.isfinite(values), values, np.inf)))
                raise explained(
                    self.problem,
                    parameters,
                    self.pool.lattice[worst],
                    self.pool.cell[worst],
                    f"The trajectory of replica {worst + 1} ({bad.sum()} of {len(bad)} are bad) "
                    f"{words.format(values[worst], limit)}.",
                    "dynamics",
                    advice,
                )

    def _energy_change(self) -> np.ndarray:
        """Return the change of the total energy [replica], or [replica, way], eV."""
        e = self.energies
        return e.potential_last + e.kinetic[..., -1, -1] - e.potential_first - e.kinetic[..., 0, 0]

    @property
    def drift(self) -> float:
        """Root mean square drift of the total energy, eV per atom and ps."""
        length = self.problem.dynamics.steps * self.problem.dynamics.timestep * 1e-3
        per_atom = self._energy_change() / self.problem.system.atoms
        return float(np.sqrt(np.mean(per_atom**2)) / length)

    @property
    def temperature(self) -> float:
        """Mean kinetic temperature of the trajectories, K; three degrees of freedom are fixed."""
        kinetic = _replica_mean(self.energies.kinetic) @ self.weights.weight
        return float(2.0 * kinetic / ((3 * self.problem.system.atoms - 3) * BOLTZMANN))

    @cached_property
    def of_replicas(self) -> dict[str, Any]:
        """What every replica says of a target: the mean over its segments and samples."""
        dynamic = {key: segment_mean(tree) for key, tree in self.summaries.items()}
        values = self.samples.values
        return dynamic | {key: jax.tree.map(_sample_mean, tree) for key, tree in values.items()}

    @cached_property
    def half(self) -> np.ndarray:
        """Which of two independent halves a replica belongs to [replica], 0 or 1."""
        return np.arange(len(self.weights.weight)) % 2

    @cached_property
    def half_weight(self) -> np.ndarray:
        """Sum of the weights of each half [half]."""
        return np.bincount(self.half, self.weights.weight, minlength=2)

    @cached_property
    def means(self) -> Means:
        """Weighted means over replicas, and over each half of them, of what they say."""
        weight, found = self.weights.weight, self.of_replicas
        share = np.where(self.half == np.arange(2)[:, None], weight, 0.0)
        share /= self.half_weight[:, None]
        return Means(
            jax.tree.map(lambda a: np.tensordot(weight, a, axes=1), found),
            {
                key: jax.tree.map(lambda a: np.tensordot(share, a, axes=1), found[key])
                for key in self.problem.halved
            },
        )

    def cotangents(self, cotangent: Means) -> dict[str, Any]:
        """Return, for the replicas of each half, d loss / d summary over the replica's weight.

        A replica moves the mean over all by its weight, that over its half by its share of it.

        Args:
            cotangent: of the means.

        Returns:
            By target [half, ...].
        """
        both = jax.tree.map(lambda c: np.stack([c, c]), cotangent.whole)
        for key, tree in cotangent.halves.items():
            both[key] = jax.tree.map(
                lambda b, c: b + (np.asarray(c).T / self.half_weight).T, both[key], tree
            )
        return both

    def _response(self, key: str, cotangent: Means, values: Tree, leading: int) -> np.ndarray:
        """Return <d loss/d mean, value - mean> over all but the leading axes of the values.

        For the part of the loss that is of the halves, the mean is that of the replica's own.
        """
        found = _contracted(cotangent.whole[key], values, self.means.whole[key], leading)
        if key in cotangent.halves:
            for half, weight in enumerate(self.half_weight):
                rows = self.half == half
                found[rows] += (
                    _contracted(
                        jax.tree.map(lambda c, h=half: c[h], cotangent.halves[key]),
                        jax.tree.map(lambda v, r=rows: v[r], values),
                        jax.tree.map(lambda m, h=half: m[h], self.means.halves[key]),
                        leading,
                    )
                    / weight
                )
        return found

    def influence(self, cotangent: Means) -> np.ndarray:
        """Return <cotangent, s_n - mean> [replica]: what a replica adds to a derivative."""
        parts = [self._response(k, cotangent, tree, 1) for k, tree in self.of_replicas.items()]
        return np.asarray(sum(parts))

    def score(self, cotangent: Means) -> np.ndarray:
        """Return what the ensemble itself contributes to a derivative [replica, parameter].

            score_n = -beta <(c - <c>) (dU/dtheta - <dU/dtheta>)> + <dc/dtheta at fixed x>

        with c = <cotangent, summary> of a segment and dU/dtheta where it begins, or c = <cotangent,
        feature> of a sample and dU/dtheta there; averaged over the segments or samples of a
        replica. Every segment of a trajectory begins with a sample of the same ensemble.
        """
        beta = 1.0 / (BOLTZMANN * self.problem.sampling.temperature)
        away = self.slope_away
        total = np.zeros((len(away), away.shape[-1]))
        for key, tree in self.summaries.items():
            c = self._response(key, cotangent, tree, 2)
            total -= beta * np.einsum("rs,rsp->rp", c, away[:, :, 0]) / c[0].size
        for key, tree in self.samples.values.items():
            c = self._response(key, cotangent, tree, 3)
            total -= beta * np.einsum("rst,rstp->rp", c, away) / c[0].size
        by_half = self.cotangents(cotangent)
        for key, tree in self.samples.explicit.items():
            for half in (0, 1):
                rows = self.half == half
                parts = jax.tree.map(
                    lambda c, d, h=half, r=rows: np.tensordot(
                        d[r], c[h], axes=(_inner(c[h]), range(np.ndim(c[h])))
                    ),
                    by_half[key],
                    tree,
                )
                total[rows] += np.asarray(sum(jax.tree.leaves(parts))).mean(axis=(1, 2))
        return total

    @property
    def slope_away(self) -> np.ndarray:
        """dU/dtheta - <dU/dtheta> of the samples [replica, segment, stretch, parameter]."""
        slope = self.samples.slope
        return slope - np.tensordot(self.weights.weight, slope.mean(axis=(1, 2)), axes=1)

    def standard_error(self, influence: np.ndarray) -> np.ndarray:
        """Return the infinitesimal jackknife's standard error from influences [replica, ...]."""
        count = len(influence)
        weight = self.weights.weight.reshape((count,) + (1,) * (influence.ndim - 1))
        variance = np.sum((weight * influence) ** 2, axis=0) * count / (count - 1)
        return np.sqrt(variance)


def segment_mean(summaries: Tree) -> Tree:
    """Return the mean of summaries [replica, segment, ...] over segments."""
    return jax.tree.map(lambda a: a.mean(axis=1), summaries)


def _replica_mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over all but the replicas [replica]."""
    return values.reshape(len(values), -1).mean(axis=1)


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


def _inner(cotangent: Tree) -> list[int]:
    """Return the axes of a derivative [replica, segment, stretch, ..., parameter] to contract."""
    return list(range(3, 3 + np.ndim(cotangent)))
