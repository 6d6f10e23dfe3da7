"""Reversible leapfrog on the integer lattice, and the adjoint of the same steps.

    s_(n+1) = s_n + p_(n+1/2)            p_(n+1/2) = p_(n-1/2) + K(s_n)
    K = round(dt^2 F(s_n) / m in lattice units),   v_n dt = p_(n-1/2) + K / 2

s are fractional coordinates as integers modulo 2^bits, so every line is an integer addition that
is undone without loss (Levesque & Verlet, J. Stat. Phys. 72, 519 (1993); JANUS, arXiv 1704.07715).

The adjoint of one step needs the cotangent of the kick, kappa, before the force is known:

    beta = B + A,  kappa = beta + g_v / 2
    A <- A + g_x + (dK/dx)^T kappa,   B <- beta + g_v,   theta_bar += (dK/dtheta)^T kappa

with A, B the cotangents of s and p and g the cotangents of a recorded frame; so force (to undo the
step), Hessian product and parameter derivative come from one `ForceField.pull`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from dmdstudio.base.units import ACCELERATION
from dmdstudio.engine.core import Phase, State, System, Theta, Tree, configuration
from dmdstudio.engine.potential import ForceField

FrameFunction = Callable[[Phase], Tree]


class Energies(NamedTuple):
    """Energies of one trajectory, eV: potential at its ends, kinetic at every frame [frame]."""

    potential_first: Array
    potential_last: Array
    kinetic: Array


class Trajectory(NamedTuple):
    """What the forward pass keeps of one replica.

    Attributes:
        features: of the frames, first axis [frame].
        last: state after the last step; with it the whole way can be walked back.
        energies: for drift and temperature.
    """

    features: Tree
    last: State
    energies: Energies


class Adjoint(NamedTuple):
    """What the backward pass returns of one replica.

    Attributes:
        theta: derivative by every parameter of the force field.
        first: the state arrived at; the forward pass started from the same bits.
    """

    theta: Theta
    first: State


@dataclass(frozen=True)
class Leapfrog:
    """The integrator of one system.

    Attributes:
        field: forces.
        timestep: fs.
        blocks: number of stretches between frames.
        stride: steps between two frames.
        frame: features of a phase.
        damping: factor on the adjoint per step, 1 for none (gamma^lag: a smooth lag window).
    """

    field: ForceField
    timestep: float
    blocks: int
    stride: int
    frame: FrameFunction
    damping: float = 1.0

    @property
    def system(self) -> System:
        """The system that moves."""
        return self.field.system

    @property
    def _per_force(self) -> Array:
        """Displacement per step and unit force, dt^2/m [atom, 1], angstrom/(eV/angstrom)."""
        return jnp.asarray(
            self.timestep**2 * ACCELERATION / self.system.masses[:, None], self.system.dtype
        )

    # -- lattice units ----------------------------------------------------------------------------
    def _to_lattice(self, displacement: Array) -> Array:
        """Round a displacement [atom, xyz] (angstrom) to lattice units; float64 in between, so
        that the rounding does not depend on how the product was compiled.
        """
        to_fraction = np.linalg.inv(self.system.cell) * self.system.lattice_size
        scaled = displacement.astype(jnp.float64) @ to_fraction
        return jnp.round(scaled).astype(self.system.lattice_dtype)

    def _to_angstrom(self, steps: Array) -> Array:
        to_length = jnp.asarray(self.system.cell / self.system.lattice_size, self.system.dtype)
        return steps.astype(self.system.dtype) @ to_length

    def _kick(self, force: Array) -> tuple[Array, Array]:
        """Return the kick of a force in lattice units and in angstrom per step."""
        kick = force * self._per_force
        return self._to_lattice(kick), kick

    def _phase(self, lattice: Array, displacement: Array, kick: Array) -> Phase:
        """Return the phase at a full step from s_n, p_(n-1/2) and the kick in angstrom."""
        velocities = (self._to_angstrom(displacement) + 0.5 * kick) / self.timestep
        return Phase(configuration(self.system, lattice), velocities)

    # -- forward ----------------------------------------------------------------------------------
    def start(self, theta: Theta, lattice: Array, velocities: Array) -> State:
        """Return the state p_(-1/2) = v_0 dt - K_0/2 of positions and velocities (angstrom/fs)."""
        _, kick = self._kick(self.field.force(theta, lattice))
        before = velocities.astype(jnp.float64) * self.timestep - 0.5 * kick.astype(jnp.float64)
        return State(lattice, self._to_lattice(before))

    def _step(self, theta: Theta, state: State) -> tuple[State, Phase]:
        units, kick = self._kick(self.field.force(theta, state.lattice))
        phase = self._phase(state.lattice, state.displacement, kick)
        after = state.displacement + units
        return State(state.lattice + after, after), phase

    def forward(self, theta: Theta, lattice: Array, velocities: Array) -> Trajectory:
        """Run one replica and record ``blocks + 1`` frames.

        Args:
            theta: parameters of the force field.
            lattice: start [atom, 3].
            velocities: start [atom, xyz], angstrom/fs.
        """
        first = self.start(theta, lattice, velocities)

        def block(state: State, _: None) -> tuple[State, Any]:
            after, phase = self._step(theta, state)
            after = lax.fori_loop(1, self.stride, lambda _, s: self._step(theta, s)[0], after)
            return after, (self.frame(phase), self._kinetic(phase))

        last, recorded = lax.scan(block, first, None, length=self.blocks)
        _, phase = self._step(theta, last)
        final = (self.frame(phase), self._kinetic(phase))
        features, kinetic = jax.tree.map(
            lambda a, b: jnp.concatenate([a, b[None]]), recorded, final
        )
        energies = Energies(
            self.field.energy(theta, lattice), self.field.energy(theta, last.lattice), kinetic
        )
        return Trajectory(features, last, energies)

    def _kinetic(self, phase: Phase) -> Array:
        squared = jnp.sum(phase.velocities.astype(jnp.float64) ** 2, axis=-1)
        return jnp.sum(squared * self.system.masses) / (2.0 * ACCELERATION)

    # -- backward ---------------------------------------------------------------------------------
    def backward(self, theta: Theta, last: State, cotangents: Tree) -> Adjoint:
        """Walk one replica back to its start and collect the derivative by the parameters.

        Args:
            theta: the parameters that the forward pass had.
            last: its last state.
            cotangents: of its features, first axis [frame].
        """
        total = jax.tree.map(lambda a: jnp.zeros(a.shape, jnp.float64), theta)
        frames, final = (
            jax.tree.map(lambda a: a[:-1], cotangents),
            jax.tree.map(lambda a: a[-1], cotangents),
        )
        # the last frame: no step follows it, only its own kick
        _, kick = self._kick(self.field.force(theta, last.lattice))
        g_x, g_u = self._pull_frame(last.lattice, last.displacement, kick, final)
        pull = self.field.pull(theta, last.lattice, 0.5 * g_u * self._per_force)
        a = g_x + pull.position
        total = _add(total, pull.parameters)
        carry = (last, a, g_u, total)

        def plain(_: Any, carry: Any) -> Any:
            return self._back(theta, carry, None)

        def block(carry: Any, frame: Tree) -> tuple[Any, None]:
            carry = lax.fori_loop(1, self.stride, plain, carry)
            return self._back(theta, carry, frame), None

        (first, _, b, total), _ = lax.scan(block, carry, frames, reverse=True)
        # p_(-1/2) itself holds half a kick: v_0 is what was given
        pull = self.field.pull(theta, first.lattice, -0.5 * b * self._per_force)
        return Adjoint(_add(total, pull.parameters), first)

    def _back(self, theta: Theta, carry: Any, frame: Tree | None) -> Any:
        """Undo one step and take the cotangents A, B and the derivative with it."""
        state, a, b, total = carry
        lattice = state.lattice - state.displacement
        beta = (a + b) * jnp.asarray(self.damping, a.dtype)
        a = a * jnp.asarray(self.damping, a.dtype)
        if frame is None:
            pull = self.field.pull(theta, lattice, beta * self._per_force)
            units, _ = self._kick(pull.force)
            before = State(lattice, state.displacement - units)
            return before, a + pull.position, beta, _add(total, pull.parameters)
        # a feature that is not linear in the velocity needs the force before the pull does; for
        # the others the compiler drops this call
        units, kick = self._kick(self.field.force(theta, lattice))
        g_x, g_u = self._pull_frame(lattice, state.displacement - units, kick, frame)
        kappa = beta + 0.5 * g_u
        pull = self.field.pull(theta, lattice, kappa * self._per_force)
        units, _ = self._kick(pull.force)
        before = State(lattice, state.displacement - units)
        return before, a + g_x + pull.position, beta + g_u, _add(total, pull.parameters)

    def _pull_frame(
        self, lattice: Array, before: Array, kick: Array, frame: Tree
    ) -> tuple[Array, Array]:
        """Return the cotangents of position and of displacement per step of one frame."""
        phase = self._phase(lattice, before, kick)

        def features(offset: Array, velocities: Array) -> Tree:
            return self.frame(Phase(phase.configuration._replace(offset=offset), velocities))

        _, back = jax.vjp(features, phase.configuration.offset, phase.velocities)
        g_x, g_v = back(frame)
        return g_x, g_v / self.timestep


def _add(total: Tree, increment: Tree) -> Tree:
    return jax.tree.map(lambda a, b: a + b.astype(a.dtype), total, increment)
