"""How every prediction depends on every free parameter: forward tangents and the score.

    dy_i/dtheta_k = <y_i', sum_n w_n [d summary_n/dtheta_k - beta (summary_n - mean) dU/dtheta_k]>

The first term comes from `tangents`. Contracted with the derivative of the loss by the predictions,
it all returns the gradient.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.base.units import BOLTZMANN
from dmdstudio.engine.adjoint import Truncation
from dmdstudio.engine.core import Tree
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.gradient import Work, share_of
from dmdstudio.engine.target import Means

TANGENT_COST = 4
"""Cost of a tangent along a trajectory over that of its adjoint."""


class Sensitivity(NamedTuple):
    """The derivative of one target's prediction by the free parameters, internal units.

    Attributes:
        of_replicas: what every replica says of it [replica, point, free parameter].
        derivative: their weighted mean [point, free parameter].
        error: its standard error over replicas, the mean summary taken as exact.
        away: prediction by a replica minus the mean's, to first order [replica, point].
    """

    of_replicas: np.ndarray
    derivative: np.ndarray
    error: np.ndarray
    away: np.ndarray


def sensitivities(
    ensemble: Ensemble, parameters: np.ndarray, truncation: Truncation | None = None
) -> Generator[Work, None, dict[str, Sensitivity]]:
    """Return the derivative of every target's prediction by every free parameter, by target.

    Args:
        ensemble: trajectories that the forward pass has run with these parameters.
        parameters: [parameter], internal units.
        truncation: of the tangents, None for none. The adjoint, which is taken instead where there
            are few points and the ensemble kept its trajectories, has its method's own.
    """
    problem = ensemble.problem
    found = {k: _in_points(ensemble, k, moved) for k, moved in _score(ensemble).items()}
    points = sum(found[t.key].shape[1] for t in problem.dynamic)
    if points and ensemble.kept and points <= TANGENT_COST * problem.free.sum():
        along = yield from _by_adjoint(ensemble, parameters, points)
    elif points:
        moved = yield from _by_tangents(ensemble, parameters, truncation)
        along = {key: _in_points(ensemble, key, tree) for key, tree in moved.items()}
    else:
        along = {}
    for key, part in along.items():
        found[key] = found[key] + part
    return {key: summed_up(ensemble, key, of_replicas) for key, of_replicas in found.items()}


def _by_adjoint(
    ensemble: Ensemble, parameters: np.ndarray, points: int
) -> Generator[Work, None, dict[str, np.ndarray]]:
    """Return the derivatives along the trajectories [replica, point, free], point by point."""
    problem = ensemble.problem
    whole = jax.tree.map(jnp.asarray, ensemble.means.whole)
    nothing = jax.tree.map(jnp.zeros_like, whole)
    found: dict[str, list[np.ndarray]] = {t.key: [] for t in problem.dynamic}
    done = 0
    for target in problem.dynamic:
        value, back = jax.vjp(target.prediction, whole[target.key])
        for one in jnp.eye(len(value), dtype=value.dtype):
            cotangent = Means({**nothing, target.key: back(one)[0]}, {})
            way = problem.method.pathwise(ensemble, jnp.asarray(parameters), cotangent)
            pathwise = yield from share_of(way, done / points, 1.0 / points)
            found[target.key].append(pathwise.gradient[:, problem.free])
            done += 1
    return {key: np.stack(rows, axis=1) for key, rows in found.items()}


def _by_tangents(
    ensemble: Ensemble, parameters: np.ndarray, truncation: Truncation | None
) -> Generator[Work, None, dict[str, Tree]]:
    """Return the derivatives of what the replicas say [replica, direction, ...] by target."""
    problem, replicas = ensemble.problem, ensemble.program.replicas
    if truncation is None:
        truncation = Truncation.window(problem.blocks, 0)
    yield from ensemble.program.compiling("tangents")
    program = ensemble.program.tangents
    shared = (jnp.asarray(parameters), jax.tree.map(jnp.asarray, truncation))
    parts = []
    for (start,) in replicas.split(ensemble.pool.starts):
        parts.append(jax.block_until_ready(program(shared, start)))
        yield Work("tangents", len(parts) / replicas.pieces)
    return replicas.join(parts)


def _score(ensemble: Ensemble) -> dict[str, Tree]:
    """Return what the ensemble itself contributes [replica, direction, ...], by target.

    As `Ensemble.score`, but component by component of the mean summaries.
    """
    problem, whole = ensemble.problem, ensemble.means.whole
    beta = 1.0 / (BOLTZMANN * problem.sampling.temperature)
    away = -beta * ensemble.slope_away[..., problem.free]
    moved = {}
    for key, tree in ensemble.summaries.items():
        moved[key] = jax.tree.map(
            lambda s, m: np.einsum("rs...,rsd->rd...", s - m, away[:, :, 0]) / s.shape[1],
            tree,
            whole[key],
        )
    for key, tree in ensemble.samples.values.items():
        moved[key] = jax.tree.map(
            lambda s, m: np.einsum("rst...,rstd->rd...", s - m, away) / np.prod(s.shape[1:3]),
            tree,
            whole[key],
        )
    for key, tree in ensemble.samples.explicit.items():
        moved[key] = jax.tree.map(
            lambda a, d: a + np.moveaxis(d[..., problem.free].mean(axis=(1, 2)), -1, 1),
            moved[key],
            tree,
        )
    return moved


def _in_points(ensemble: Ensemble, key: str, moved: Tree) -> np.ndarray:
    """Turn changes of the mean summary [replica, direction, ...] into the prediction's.

    Returns:
        [replica, point, direction].
    """
    target = next(t for t in ensemble.problem.targets if t.key == key)
    mean = jax.tree.map(jnp.asarray, ensemble.means.whole[key])

    def along(tangent: Tree) -> Array:
        return jax.jvp(target.prediction, (mean,), (tangent,))[1]

    moved = jax.tree.map(lambda a, m: jnp.asarray(a, m.dtype), moved, mean)
    of_points = ensemble.program.replicas.compile_one(jax.vmap(jax.vmap(along)))
    return np.asarray(of_points(moved)).swapaxes(1, 2)


def summed_up(ensemble: Ensemble, key: str, of_replicas: np.ndarray) -> Sensitivity:
    """Return the sensitivity that replicas [replica, point, free parameter] make together."""
    derivative = np.tensordot(ensemble.weights.weight, of_replicas, axes=1)
    error = ensemble.standard_error(of_replicas - derivative)
    return Sensitivity(of_replicas, derivative, error, away_in_points(ensemble, key))


def away_in_points(ensemble: Ensemble, key: str) -> np.ndarray:
    """Return what a replica predicts minus what the mean does, to first order [replica, point]."""
    away = jax.tree.map(
        lambda s, m: (s - m)[:, None], ensemble.of_replicas[key], ensemble.means.whole[key]
    )
    return _in_points(ensemble, key, away)[..., 0]
