"""How far back the adjoint can be trusted: its growth, and the gradient against the horizon.

Chaos lets the adjoint grow as exp(rate x lag), and with it the noise of the gradient, while what a
longer horizon still adds to the gradient fades. Both are measured here, so that the horizon is
chosen rather than guessed.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dmdstudio.engine.adjoint import Truncation
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.gradient import Pathwise, Work
from dmdstudio.engine.target import Means
from dmdstudio.engine.walk import walk_back

ENOUGH = 3.0
"""Signal-to-noise ratio below which a gradient does not count as measured."""

FINEST = 8
"""How many times the longest horizon is halved."""


class Growth(NamedTuple):
    """Growth of an undisturbed adjoint with lag.

    Attributes:
        lag: [point], ps.
        ratio: norm of the position part over the norm at the beginning [replica, point].
        rate: slope of the mean logarithm against lag over its second half, 1/ps.
    """

    lag: np.ndarray
    ratio: np.ndarray
    rate: float


@dataclass(frozen=True)
class HorizonScan:
    """The gradient of the loss by relative parameters, for several horizons.

    Attributes:
        blocks: horizons, in blocks; increasing [horizon].
        gradient: [horizon, parameter].
        error: its standard error over replicas [horizon, parameter].
        pathwise: what `Pathwise` holds for every horizon.
    """

    blocks: list[int]
    gradient: np.ndarray
    error: np.ndarray
    pathwise: list[Pathwise]

    @property
    def signal_to_noise(self) -> np.ndarray:
        """Norm of the gradient over the norm of its error [horizon]."""
        return signal_to_noise(self.gradient, self.error)

    @property
    def reference(self) -> int:
        """Index of the longest horizon whose gradient is measured, else of the best measured."""
        enough = np.flatnonzero(self.signal_to_noise >= ENOUGH)
        return int(enough[-1]) if len(enough) else int(np.argmax(self.signal_to_noise))

    @property
    def drift(self) -> np.ndarray:
        """Distance of each gradient from the reference's, relative to it [horizon]."""
        away = self.gradient - self.gradient[self.reference]
        return np.linalg.norm(away, axis=1) / np.linalg.norm(self.gradient[self.reference])

    @property
    def chosen(self) -> int:
        """Index of the horizon whose bias and error together are the smallest.

        The bias is the distance from the reference; horizons beyond it are not considered.
        """
        noise = np.linalg.norm(self.error, axis=1) / np.linalg.norm(self.gradient[self.reference])
        squared = self.drift**2 + noise**2
        return int(np.argmin(squared[: self.reference + 1]))


def signal_to_noise(gradient: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Return the norm of gradients [..., parameter] over the norm of their errors."""
    noise = np.linalg.norm(error, axis=-1)
    return np.linalg.norm(gradient, axis=-1) / np.where(noise > 0.0, noise, np.inf)


def horizons(blocks: int) -> list[int]:
    """Return horizons from one block to all of a segment, by factors of two."""
    found = {max(1, round(blocks / 2**k)) for k in range(FINEST + 1)}
    return sorted(found)


def scan(
    ensemble: Ensemble, parameters: np.ndarray, cotangent: Means
) -> Generator[Work, None, HorizonScan]:
    """Walk all trajectories back once per horizon.

    Args:
        ensemble: trajectories that the forward pass kept.
        parameters: [parameter].
        cotangent: of the means.
    """
    problem, weight = ensemble.problem, ensemble.weights.weight
    score = ensemble.score(cotangent)
    tried = horizons(problem.blocks)
    gradients, errors, ways = [], [], []
    for index, horizon in enumerate(tried):
        truncation = Truncation.window(problem.blocks, horizon)
        way = walk_back(ensemble, jnp.asarray(parameters), cotangent, truncation)
        while True:
            try:
                work = next(way)
            except StopIteration as end:
                found: Pathwise = end.value
                break
            if work.phase != "compiling":
                work = Work("diagnosing", (index + work.fraction) / len(tried))
            yield work
        contributions = (found.gradient + score) * problem.relative
        total = weight @ contributions
        gradients.append(total)
        errors.append(ensemble.standard_error(contributions - total))
        ways.append(found)
    return HorizonScan(tried, np.array(gradients), np.array(errors), ways)


def growth(ensemble: Ensemble, parameters: np.ndarray, seed: int) -> Generator[Work, None, Growth]:
    """Follow random cotangents of the last positions back to the first, one per replica."""
    problem, program = ensemble.problem, ensemble.program
    replicas, pool = program.replicas, ensemble.pool
    yield from program.compiling("growth")
    generator = np.random.default_rng(seed)
    w = generator.normal(size=pool.velocities.shape).astype(problem.system.dtype)
    parts = []
    pieces = zip(ensemble.kept, replicas.split(pool.cell, w), strict=True)
    for trajectory, (cell, push) in pieces:
        ratio = program.growth(jnp.asarray(parameters), trajectory.last, cell, push)
        parts.append(jax.block_until_ready(ratio))
        yield Work("diagnosing", len(parts) / replicas.pieces)
    ratio = replicas.join(parts)
    interval = problem.dynamics.record_every * problem.dynamics.timestep * 1e-3
    lag = np.arange(ratio.shape[1]) * interval
    mean = np.log(np.maximum(ratio, 1e-300)).mean(axis=0)
    late = slice(len(lag) // 2, None)
    rate = np.polyfit(lag[late], mean[late], 1)[0] if len(lag[late]) > 1 else float("nan")
    return Growth(lag, ratio, float(rate))
