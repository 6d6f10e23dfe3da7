"""Sensitivities from samples of their own on both sides of every parameter.

    dy_i/dtheta_k = [y_i(theta + h_k) - y_i(theta - h_k)] / 2 h_k

with ensembles drawn afresh at either end. The score of `sensitivity` is a covariance with
dU/dtheta, which fluctuates with every vibration: of 64 water molecules, dU/d(bond length) by 12
eV/angstrom, so that a per cent of length changes what a replica weighs a hundredfold. A band that
moves by less than its width needs no derivative: differences over some per cent have none of that
noise, nor that of chaotic trajectories. They leave an error of the order of the squared step.
"""

from __future__ import annotations

from collections.abc import Generator

import jax
import jax.numpy as jnp
import numpy as np

from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.gradient import Work, share_of
from dmdstudio.engine.pool import draw_pool, weigh
from dmdstudio.engine.sensitivity import Sensitivity, away_in_points, summed_up

PHASE = "sensitivities"


def differences(
    ensemble: Ensemble, parameters: np.ndarray, step: float, stream: int
) -> Generator[Work, None, dict[str, Sensitivity]]:
    """Return the derivative of every target's prediction by every free parameter, by target.

    Both ends start from where the ensemble's own chains are and draw the same random numbers.
    Bounds shorten a step.

    Args:
        ensemble: trajectories that the forward pass has run with these parameters.
        parameters: [parameter], internal units.
        step: to either side, as a fraction of what changes of a parameter are counted by.
        stream: number that fixes the random numbers, see `draw_pool`.
    """
    problem = ensemble.problem
    free, (lower, upper) = np.flatnonzero(problem.free), problem.bounds
    found: dict[str, list[np.ndarray]] = {t.key: [] for t in problem.targets}
    for number, index in enumerate(free):
        ends, values = [], []
        for side, sign in enumerate((1.0, -1.0)):
            moved = np.array(parameters)
            moved[index] += sign * step * problem.scale[index]
            moved[index] = np.clip(moved[index], lower[index], upper[index])
            done = (2 * number + side) / (2 * len(free))
            end = _from(ensemble, moved, stream)
            ends.append((yield from share_of(end, done, 0.5 / len(free), PHASE)))
            values.append(moved[index])
        for key, columns in found.items():
            columns.append(_between(ensemble, key, ends) / (values[0] - values[1]))
    return {key: summed_up(ensemble, key, np.stack(c, axis=-1)) for key, c in found.items()}


def _from(
    ensemble: Ensemble, parameters: np.ndarray, stream: int
) -> Generator[Work, None, Ensemble]:
    """Return trajectories with other parameters, from samples of theirs."""
    program, steps = ensemble.program, ensemble.problem.sampling.decorrelation_steps
    pool = yield from share_of(
        draw_pool(program, parameters, ensemble.pool, steps, stream), 0.0, 0.5, PHASE
    )
    other = Ensemble(program, pool, weigh(program, pool, parameters))
    yield from share_of(other.propagate(parameters, keep=False), 0.5, 0.5, PHASE)
    return other


def _between(ensemble: Ensemble, key: str, ends: list[Ensemble]) -> np.ndarray:
    """Return the difference of the predictions at two ends, and what every replica says of it.

    The weighted mean over the replicas is the difference itself.

    Returns:
        [replica, point].
    """
    target = next(t for t in ensemble.problem.targets if t.key == key)
    total, share = 0.0, ensemble.weights.weight[:, None]
    for sign, end in zip((1.0, -1.0), ends, strict=True):
        mean = jax.tree.map(jnp.asarray, end.means.whole[key])
        response = end.weights.weight[:, None] / share * away_in_points(end, key)
        total = total + sign * (np.asarray(target.prediction(mean)) + response)
    return np.asarray(total)
