"""How every prediction depends on every free parameter: forward tangents and the score.

    dy_i/dtheta_k = <y_i', sum_n w_n [d summary_n/dtheta_k - beta (summary_n - mean) dU/dtheta_k]>

The first term is carried along the trajectory, one tangent per free parameter: with K(s, theta) the
kick of `dynamics.Leapfrog`, and x, p the derivatives of s and p in angstrom,

    p <- p + dK/dx x + dK/dtheta,   x <- x + p,   velocity: (p + (dK/dx x + dK/dtheta)/2) / dt

beginning with x = 0 and p = -(dK/dtheta)/2 at every start of a segment, where position and velocity
are given. That is the transpose of `adjoint`, truncation included, so that contracting with the
derivative of the loss by the predictions returns the gradient. A tangent costs about as much as
two force evaluations, however many points there are; the adjoint costs the same however many
parameters there are.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from dmdstudio.base.units import BOLTZMANN
from dmdstudio.engine.adjoint import Truncation
from dmdstudio.engine.core import Phase, Start, State, Theta, Tree, configuration
from dmdstudio.engine.dynamics import Box, Leapfrog
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.gradient import Work
from dmdstudio.engine.potential import ForceField, Potential
from dmdstudio.engine.target import Target


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


def differentiable_force(field: ForceField, theta: Theta, lattice: Array, cell: Array) -> Any:
    """Return the forces as a function of parameters and offset that JAX can differentiate.

    The closed forms of `kernels` are not, so these forces are derivatives of the energy; they are
    used for derivatives only, the trajectory is the one of `Leapfrog`.
    """
    where = configuration(field.system, lattice, cell)

    def force(parameters: Theta, offset: Array) -> Array:
        at = where._replace(offset=offset)
        parts = [Potential.force(term, parameters[key], at) for key, term in field.terms]
        return sum(parts[1:], parts[0])

    cast = jax.tree.map(lambda a: jnp.asarray(a, field.system.dtype), theta)
    return force, (cast, where.offset)


class _Carry(NamedTuple):
    """State, and the derivatives of position and displacement [direction, atom, xyz]."""

    state: State
    x: Array
    p: Array


@dataclass(frozen=True)
class Tangents:
    """Tangents along the trajectories of a `Leapfrog`."""

    leapfrog: Leapfrog

    def __call__(self, theta: Theta, slopes: Theta, start: Start, truncation: Truncation) -> Tree:
        """Return the derivatives of the mean summary over segments [direction, ...].

        Args:
            theta: parameters.
            slopes: directions in which they change [direction, ...].
            start: where the trajectory begins.
            truncation: as of the adjoint; its largest norm means nothing here.
        """
        leapfrog, box = self.leapfrog, self.leapfrog.box(start.cell)

        def plain(_: Any, carry: _Carry) -> _Carry:
            return self._step(theta, slopes, box, carry, truncation)[0]

        def block(carry: _Carry, keep: Array) -> tuple[_Carry, Tree]:
            carry, recorded = self._step(theta, slopes, box, carry, truncation)
            keep = keep.astype(carry.x.dtype)
            carry = carry._replace(x=carry.x * keep, p=carry.p * keep)
            return lax.fori_loop(1, leapfrog.stride, plain, carry), recorded

        def segment(state: State, _: None) -> tuple[State, Tree]:
            directions = jax.tree.leaves(slopes)[0].shape[0]
            zero = jnp.zeros((directions, *state.lattice.shape), leapfrog.system.dtype)
            kick = self._kick(theta, slopes, box, state.lattice, zero)
            carry = _Carry(state, zero, -0.5 * kick)
            carry, recorded = lax.scan(block, carry, jnp.asarray(truncation.keep))
            last = self._step(theta, slopes, box, carry, truncation)[1]
            features, moved = jax.tree.map(
                lambda a, b: jnp.concatenate([a, b[None]]), recorded, last
            )

            def along(tangent: Tree) -> Tree:
                return jax.jvp(leapfrog.summary, (features,), (tangent,))[1]

            return carry.state, jax.vmap(along, in_axes=1)(moved)

        first = leapfrog.start(theta, start)
        _, found = lax.scan(segment, first, None, length=leapfrog.segments)
        return jax.tree.map(lambda a: a.mean(axis=0), found)

    def _step(
        self, theta: Theta, slopes: Theta, box: Box, carry: _Carry, truncation: Truncation
    ) -> tuple[_Carry, tuple[Tree, Tree]]:
        """Return the state after a step, and the features before it with their derivatives."""
        leapfrog, (state, x, p) = self.leapfrog, carry
        after, phase = leapfrog.step(theta, box, state)
        kick = self._kick(theta, slopes, box, state.lattice, x)

        def features(offset: Array, velocities: Array) -> Tree:
            moved = phase.configuration._replace(offset=offset)
            return leapfrog.frame(Phase(moved, velocities))

        at = (phase.configuration.offset, phase.velocities)
        value = features(*at)
        moved = jax.vmap(lambda *tangent: jax.jvp(features, at, tangent)[1])(
            x, (p + 0.5 * kick) / leapfrog.timestep
        )
        damping = jnp.asarray(truncation.damping, x.dtype)
        p = p + kick
        return _Carry(after, (x + p) * damping, p * damping), (value, moved)

    def _kick(self, theta: Theta, slopes: Theta, box: Box, lattice: Array, x: Array) -> Array:
        """Return the derivatives of the kick [direction, atom, xyz], angstrom per step."""
        force, at = differentiable_force(self.leapfrog.field, theta, lattice, box.cell)
        cast = jax.tree.map(lambda s, a: s.astype(a.dtype), slopes, at[0])
        along = jax.vmap(lambda *tangent: jax.jvp(force, at, tangent)[1])
        return along(cast, x) * self.leapfrog.per_force


def sensitivities(
    ensemble: Ensemble, parameters: np.ndarray, truncation: Truncation | None = None
) -> Generator[Work, None, dict[str, Sensitivity]]:
    """Return the derivative of every target's prediction by every free parameter, by target.

    Args:
        ensemble: trajectories that the forward pass has run with these parameters.
        parameters: [parameter], internal units.
        truncation: of the tangents, None for none.
    """
    problem = ensemble.problem
    moved = _score(ensemble)
    if problem.dynamic:
        along = yield from _along_trajectories(ensemble, parameters, truncation)
        for key, tree in along.items():
            moved[key] = jax.tree.map(lambda a, b: a + b, moved[key], tree)
    return {t.key: _of_target(ensemble, t, moved[t.key]) for t in problem.targets}


def _along_trajectories(
    ensemble: Ensemble, parameters: np.ndarray, truncation: Truncation | None
) -> Generator[Work, None, dict[str, Tree]]:
    """Return the derivatives of what the replicas say [replica, direction, ...] by target."""
    problem, replicas = ensemble.problem, ensemble.program.replicas
    tangents = Tangents(problem.leapfrog())
    if truncation is None:
        truncation = Truncation.window(problem.blocks, 0)

    def one(shared: tuple[Array, Truncation], start: Start) -> Tree:
        values, cut = shared
        directions = jnp.eye(len(problem.initial))[np.flatnonzero(problem.free)]
        along = jax.vmap(lambda d: jax.jvp(problem.theta, (values,), (d,))[1])
        return tangents(problem.theta(values), along(directions), start, cut)

    yield Work("compiling", 0.0)
    program = replicas.compile(one)
    shared = (jnp.asarray(parameters), jax.tree.map(jnp.asarray, truncation))
    parts = []
    for (start,) in replicas.split(ensemble.pool.starts):
        parts.append(jax.block_until_ready(program(shared, start)))
        yield Work("differentiating", len(parts) / replicas.pieces)
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


def _of_target(ensemble: Ensemble, target: Target, moved: Tree) -> Sensitivity:
    """Turn derivatives of the mean summary [replica, direction, ...] into the prediction's."""
    mean = jax.tree.map(jnp.asarray, ensemble.means.whole[target.key])

    def along(tangent: Tree) -> Array:
        return jax.jvp(target.prediction, (mean,), (tangent,))[1]

    moved = jax.tree.map(lambda a, m: jnp.asarray(a, m.dtype), moved, mean)
    of_replicas = np.asarray(jax.jit(jax.vmap(jax.vmap(along)))(moved)).swapaxes(1, 2)
    derivative = np.tensordot(ensemble.weights.weight, of_replicas, axes=1)
    away = jax.tree.map(lambda s, m: s - m, ensemble.of_replicas[target.key], mean)
    return Sensitivity(
        of_replicas,
        derivative,
        ensemble.standard_error(of_replicas - derivative),
        np.asarray(jax.vmap(along)(away)),
    )
