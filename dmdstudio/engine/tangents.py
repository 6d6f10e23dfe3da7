"""Tangents: the derivatives of a trajectory by parameters, carried forward with it.

With K(s, theta) the kick of `dynamics.Leapfrog`, and x, p the derivatives of s and p in angstrom,

    p <- p + dK/dx x + dK/dtheta,   x <- x + p,   velocity: (p + (dK/dx x + dK/dtheta)/2) / dt

beginning with x = 0 and p = -(dK/dtheta)/2 at every start of a segment, where position and velocity
are given. That is the transpose of `adjoint`, truncation included. The cost grows with the number
of parameters and not with that of points; the adjoint's is the other way round.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from dmdstudio.engine.adjoint import Truncation
from dmdstudio.engine.core import Phase, Start, State, Theta, Tree
from dmdstudio.engine.dynamics import Box, Leapfrog

STENCILS = {
    "float64": tuple((1e-4 * k, w * 1e4 / 12.0) for k, w in ((1, 8), (-1, -8), (2, -1), (-2, 1))),
    "float32": ((1e-3, 500.0), (-1e-3, -500.0)),
}
"""Relative steps of a parameter and weights of the forces there. For a force as steep as sigma^12
truncation and rounding leave a relative 1e-11 and 1e-4."""


def kick_slopes(leapfrog: Leapfrog, theta: Theta, slopes: Theta, box: Box, lattice: Array) -> Array:
    """Return dK/dtheta at a configuration [direction, atom, xyz], angstrom per step.

    The closed forms of the forces have this derivative contracted with a cotangent only
    (`Potential.pull`), so it comes from central differences of the forces themselves, by `STENCILS`
    along the given directions, which are as long as a parameter is large.
    """
    shares, weights = np.array(STENCILS[leapfrog.system.precision]).T

    def kick(direction: Theta, share: Array) -> Array:
        moved = jax.tree.map(lambda t, d: t + share * d, theta, direction)
        return leapfrog.kick(moved, box, lattice)[1].astype(jnp.float64)

    found = jax.vmap(lambda d: jax.vmap(lambda share: kick(d, share))(shares))(slopes)
    return jnp.einsum("s,dsax->dax", weights, found)


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

        def features(theta: Theta, offset: Array, velocities: Array) -> Tree:
            moved = phase.configuration._replace(offset=offset)
            return leapfrog.frame(theta, Phase(moved, velocities))

        at = (theta, phase.configuration.offset, phase.velocities)
        value = features(*at)
        moved = jax.vmap(lambda *tangent: jax.jvp(features, at, tangent)[1])(
            slopes, x, (p + 0.5 * kick) / leapfrog.timestep
        )
        damping = jnp.asarray(truncation.damping, x.dtype)
        p = p + kick
        return _Carry(after, (x + p) * damping, p * damping), (value, moved)

    def _kick(self, theta: Theta, slopes: Theta, box: Box, lattice: Array, x: Array) -> Array:
        """Return the derivatives of the kick [direction, atom, xyz], angstrom per step.

        The Hessian is symmetric, so that what pulls a cotangent back moves a tangent on.
        """
        leapfrog = self.leapfrog

        def moved(x: Array) -> Array:
            return leapfrog.field.pull({}, lattice, box.cell, x, theta).position

        explicit = kick_slopes(leapfrog, theta, slopes, box, lattice).astype(x.dtype)
        return jax.vmap(moved)(x) * leapfrog.per_force + explicit
