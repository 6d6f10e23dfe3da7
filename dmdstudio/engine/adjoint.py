"""The adjoint of the reversible leapfrog, with its truncations.

The adjoint of one step needs the cotangent of the kick, kappa, before the force is known:

    beta = B + A,  kappa = beta + g_v / 2
    A <- A + g_x + (dK/dx)^T kappa,   B <- beta + g_v,   theta_bar += (dK/dtheta)^T kappa

with A, B the cotangents of s and p and g the cotangents of a recorded frame; so force (to undo the
step), Hessian product and parameter derivative come from one `ForceField.pull`.

The adjoint ends where a segment begins: the response of what lies before is the response of the
ensemble that the segment starts from, which the thermodynamic part has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from dmdstudio.engine.core import Phase, State, Theta, Tree, joined
from dmdstudio.engine.dynamics import Box, Leapfrog, Trajectory


class Truncation(NamedTuple):
    """How the adjoint is kept from growing; numbers, so that another choice compiles nothing.

    Attributes:
        keep: 0 where the adjoint is dropped and begins anew, 1 elsewhere [block of a segment].
        damping: factor per step (damping^lag: a smooth lag window), 1 for none.
        clip: largest norm of the adjoint over the norm of all that was put into it.
    """

    keep: Any
    damping: Any = 1.0
    clip: Any = np.inf

    @classmethod
    def window(cls, blocks: int, horizon: int) -> Truncation:
        """Return the hard window: the adjoint is dropped every ``horizon`` blocks; 0 for never."""
        back = np.arange(blocks, 0, -1)  # from the end of a segment
        dropped = (back % horizon == 0) & (back < blocks) if horizon else np.zeros(blocks, bool)
        return cls(np.where(dropped, 0.0, 1.0))


class Adjoint(NamedTuple):
    """What the backward pass returns of one replica.

    Attributes:
        theta: derivative by all that is differentiated by, averaged over segments.
        residual: largest distance between where a leg arrived and where it had begun, lattice
            units; 0 means the very same bits.
    """

    theta: Theta
    residual: Array


class _Carry(NamedTuple):
    """On the way back: state, cotangents A and B, what was put in (squared), and the derivative."""

    state: State
    a: Array
    b: Array
    put: Array
    total: Tree


@dataclass(frozen=True)
class Backward:
    """The way back along trajectories of a `Leapfrog`.

    Attributes:
        leapfrog: of the trajectories.
        fixed: parameters that nothing is differentiated by; ``theta`` below are the others.
    """

    leapfrog: Leapfrog
    fixed: Theta

    def __call__(
        self,
        theta: Theta,
        cell: Array,
        trajectory: Trajectory,
        cotangent: Tree,
        truncation: Truncation,
    ) -> Adjoint:
        """Pull a cotangent of the mean summary over segments back to the parameters.

        Args:
            theta: of the parameters that the forward pass had, those that are differentiated by.
            cell: lattice vectors [3, xyz], angstrom.
            trajectory: what the forward pass kept; features are retraced where it kept none.
            cotangent: of the mean summary.
            truncation: of the adjoint.
        """
        leapfrog, box = self.leapfrog, self.leapfrog.box(cell)
        share = jax.tree.map(lambda c: c / leapfrog.segments, cotangent)
        begins = trajectory.marks
        flat = jax.tree.map(lambda m: m.reshape(-1, *m.shape[2:]), begins)
        ends = jax.tree.map(
            lambda m, last: jnp.concatenate([m[1:], last[None]]), flat, trajectory.last
        )
        ends = jax.tree.map(lambda e, m: e.reshape(m.shape), ends, begins)

        def segment(carry: Any, xs: Any) -> tuple[Any, None]:
            total, residual = carry
            features, began, ended = xs
            last = jax.tree.map(lambda e: e[-1], ended)
            if features is None:
                features = leapfrog.retrace(joined(theta, self.fixed), box, last)
            _, back = jax.vjp(leapfrog.summary, features)
            more, off = self._segment(theta, box, began, ended, back(share)[0], truncation)
            return (_add(total, more), jnp.maximum(residual, off)), None

        zero = jax.tree.map(lambda a: jnp.zeros(a.shape, jnp.float64), theta)
        (total, residual), _ = lax.scan(
            segment, (zero, jnp.float64(0.0)), (trajectory.features, begins, ends), reverse=True
        )
        return Adjoint(total, residual)

    def _segment(
        self,
        theta: Theta,
        box: Box,
        begins: State,
        ends: State,
        cotangents: Tree,
        truncation: Truncation,
    ) -> tuple[Theta, Array]:
        """Walk one segment back, leg by leg, each from its stored end.

        Args:
            theta: parameters.
            box: cell.
            begins: states where the legs begin [leg, ...].
            ends: states where they end [leg, ...].
            cotangents: of the features [frame, ...].
            truncation: of the adjoint.
        """
        leapfrog = self.leapfrog
        legs = begins.lattice.shape[0]
        frames = jax.tree.map(lambda c: c[:-1].reshape(legs, -1, *c.shape[1:]), cotangents)
        keeps = jnp.asarray(truncation.keep, leapfrog.system.dtype).reshape(legs, -1)
        damping = jnp.asarray(truncation.damping, leapfrog.system.dtype)
        carry = self._last(theta, box, ends, jax.tree.map(lambda c: c[-1], cotangents))

        def block(carry: _Carry, xs: Any) -> tuple[_Carry, None]:
            carry = lax.fori_loop(
                1, leapfrog.stride, lambda _, c: self._back(theta, box, c, damping), carry
            )
            carry = _truncated(carry, xs[1], truncation.clip)
            return self._back(theta, box, carry, damping, xs[0]), None

        def leg(carry: _Carry, xs: Any) -> tuple[_Carry, Array]:
            began, ended, *own = xs
            carry, _ = lax.scan(block, carry._replace(state=ended), tuple(own), reverse=True)
            return carry, _distance(carry.state, began)

        carry, off = lax.scan(leg, carry, (begins, ends, frames, keeps), reverse=True)
        # p_(-1/2) itself holds half a kick: v_0 is what was given
        w = -0.5 * carry.b * leapfrog.per_force
        pull = leapfrog.field.pull(theta, carry.state.lattice, box.cell, w, self.fixed)
        return _add(carry.total, pull.parameters), jnp.max(off)

    def _last(self, theta: Theta, box: Box, ends: State, final: Tree) -> _Carry:
        """Begin with the last frame: no step follows it, only its own kick."""
        leapfrog = self.leapfrog
        last = jax.tree.map(lambda e: e[-1], ends)
        _, kick = leapfrog.kick(joined(theta, self.fixed), box, last.lattice)
        at = (last.lattice, last.displacement, kick)
        g_theta, g_x, g_u = self._pull_frame(theta, box, *at, final)
        w = 0.5 * g_u * leapfrog.per_force
        pull = leapfrog.field.pull(theta, last.lattice, box.cell, w, self.fixed)
        total = jax.tree.map(lambda a: a.astype(jnp.float64), g_theta)
        a = g_x + pull.position
        return _Carry(last, a, g_u, _square(a) + _square(g_u), _add(total, pull.parameters))

    def _back(
        self, theta: Theta, box: Box, carry: _Carry, damping: Array, frame: Tree | None = None
    ) -> _Carry:
        """Undo one step and take the cotangents A, B and the derivative with it."""
        leapfrog, field = self.leapfrog, self.leapfrog.field
        state, a, b, put, total = carry
        lattice = state.lattice - state.displacement
        beta, a = (a + b) * damping, a * damping
        g_x = g_u = jnp.zeros((), a.dtype)
        if frame is not None:
            # a feature that is not linear in the velocity needs the force before the pull does;
            # for the others the compiler drops this call
            units, kick = leapfrog.kick(joined(theta, self.fixed), box, lattice)
            at = (lattice, state.displacement - units, kick)
            g_theta, g_x, g_u = self._pull_frame(theta, box, *at, frame)
            total = _add(total, g_theta)
            put = put + _square(g_x) + _square(g_u)
        kappa = beta + 0.5 * g_u
        pull = field.pull(theta, lattice, box.cell, kappa * leapfrog.per_force, self.fixed)
        units = box.to_lattice(pull.force * leapfrog.per_force)
        before = State(lattice, state.displacement - units)
        total = _add(total, pull.parameters)
        return _Carry(before, a + g_x + pull.position, beta + g_u, put, total)

    def _pull_frame(
        self, theta: Theta, box: Box, lattice: Array, before: Array, kick: Array, frame: Tree
    ) -> tuple[Theta, Array, Array]:
        """Return the cotangents of parameters, position and displacement per step of one frame."""
        leapfrog = self.leapfrog
        phase = leapfrog.phase(box, lattice, before, kick)

        def features(theta: Theta, offset: Array, velocities: Array) -> Tree:
            moved = phase.configuration._replace(offset=offset)
            return leapfrog.frame(joined(theta, self.fixed), Phase(moved, velocities))

        _, back = jax.vjp(features, theta, phase.configuration.offset, phase.velocities)
        g_theta, g_x, g_v = back(frame)
        return g_theta, g_x, g_v / leapfrog.timestep

    def growth(self, cell: Array, last: State, w: Array) -> Array:
        """Return the norm of the adjoint over its first against lag [block + 1], undisturbed.

        All parameters are fixed.

        Args:
            cell: lattice vectors [3, xyz], angstrom.
            last: where to begin.
            w: cotangent of the positions there [atom, xyz].
        """
        leapfrog, box = self.leapfrog, self.leapfrog.box(cell)
        one = jnp.ones((), w.dtype)
        first = _Carry(last, w, jnp.zeros_like(w), _square(w), {})

        def block(carry: _Carry, _: None) -> tuple[_Carry, Array]:
            carry = lax.fori_loop(
                0, leapfrog.stride, lambda _, c: self._back({}, box, c, one), carry
            )
            return carry, jnp.sqrt(_square(carry.a))

        blocks = leapfrog.segments * leapfrog.stretches * leapfrog.blocks
        _, norms = lax.scan(block, first, None, length=blocks)
        begin = jnp.sqrt(_square(w))
        return jnp.concatenate([begin[None], norms]) / begin


def _truncated(carry: _Carry, keep: Array, clip: Array) -> _Carry:
    """Drop or shorten the adjoint, where that is asked for."""
    a, b, put = carry.a, carry.b, carry.put
    size, most = jnp.sqrt(_square(a) + _square(b)), clip * jnp.sqrt(put)
    scale = jnp.where(size > most, most / jnp.where(size > 0.0, size, 1.0), 1.0).astype(a.dtype)
    return carry._replace(a=a * scale * keep, b=b * scale * keep, put=put * keep)


def _square(a: Array) -> Array:
    return jnp.sum(a.astype(jnp.float64) ** 2)


def _distance(a: State, b: State) -> Array:
    """Return the largest difference of lattice integers, across the wrap too."""
    off = [jnp.max(jnp.abs((x - y).astype(jnp.float64))) for x, y in zip(a, b, strict=True)]
    return jnp.maximum(*off)


def _add(total: Tree, increment: Tree) -> Tree:
    return jax.tree.map(lambda a, b: a + b.astype(a.dtype), total, increment)
