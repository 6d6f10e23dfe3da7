"""All trajectories of an ensemble, walked back with one cotangent."""

from __future__ import annotations

from collections.abc import Generator

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.engine.adjoint import Truncation
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.gradient import Pathwise, Work
from dmdstudio.engine.target import Means


def walk_back(
    ensemble: Ensemble, parameters: Array, cotangent: Means, truncation: Truncation
) -> Generator[Work, None, Pathwise]:
    """Pull a cotangent of the summaries back along all trajectories that the ensemble kept.

    Args:
        ensemble: trajectories.
        parameters: [parameter].
        cotangent: of the means.
        truncation: of the adjoint.
    """
    yield from ensemble.program.compiling("backward")
    program, replicas = ensemble.program, ensemble.program.replicas
    by_half = ensemble.cotangents(cotangent)
    dynamic = {t.key: by_half[t.key] for t in ensemble.problem.dynamic}
    shared = (jnp.asarray(parameters), dynamic, jax.tree.map(jnp.asarray, truncation))
    parts, residual = [], 0.0
    own = replicas.split(ensemble.pool.cell, ensemble.half)
    for trajectory, (cell, half) in zip(ensemble.kept, own, strict=True):
        gradient, off = jax.block_until_ready(program.backward(shared, trajectory, cell, half))
        parts.append(gradient)
        residual = max(residual, float(np.max(off)))
        yield Work("differentiating", len(parts) / replicas.pieces)
    return Pathwise(replicas.join(parts), replicas.largest(residual))
