"""Reversible leapfrog on the integer lattice: forward, and back the same way.

    s_(n+1) = s_n + p_(n+1/2)            p_(n+1/2) = p_(n-1/2) + K(s_n)
    K = round(dt^2 F(s_n) / m in lattice units),   v_n dt = p_(n-1/2) + K / 2

s are fractional coordinates as integers modulo 2^bits, so every line is an integer addition that
is undone without loss (Levesque & Verlet, J. Stat. Phys. 72, 519 (1993); JANUS, arXiv 1704.07715).

A trajectory is cut into *segments*. Every segment is analysed by itself, from a start that is as
good a sample of the ensemble as the trajectory's own. `adjoint` walks them back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from dmdstudio.base.units import ACCELERATION
from dmdstudio.engine.core import Phase, Start, State, System, Theta, Tree, configuration
from dmdstudio.engine.potential import ForceField

FrameFunction = Callable[[Theta, Phase], Tree]


class Energies(NamedTuple):
    """Energies of one trajectory, eV: potential at its ends, kinetic at every frame.

    Attributes:
        potential_first, potential_last: scalars.
        kinetic: [segment, frame]; segments share the frame between them.

    All [way, ...] where a start is run both ways.
    """

    potential_first: Array
    potential_last: Array
    kinetic: Array


class Trajectory(NamedTuple):
    """What the forward pass keeps of one replica.

    Attributes:
        summaries: of every segment [segment, ...].
        samples: whatever is taken at the start of every stretch [segment, stretch, ...].
        energies: for drift and temperature.
        features: of the frames [segment, frame, ...], None where they are not kept.
        marks: states at the beginning of every leg [segment, leg, ...].
        last: state after the last step; with it the whole way can be walked back.
    """

    summaries: Tree
    samples: Tree
    energies: Energies
    features: Tree | None
    marks: State
    last: State


class Box(NamedTuple):
    """A cell in lattice units: ``to_fraction`` in float64, ``to_length`` in the system's precision.

    Both [3, 3], lattice units per angstrom and angstrom per lattice unit.
    """

    cell: Array
    to_fraction: Array
    to_length: Array
    lattice_dtype: Any

    def to_lattice(self, displacement: Array) -> Array:
        """Round a displacement [atom, xyz] (angstrom) to lattice units; float64 in between, so
        that the rounding does not depend on how the product was compiled.
        """
        scaled = displacement.astype(jnp.float64) @ self.to_fraction
        return jnp.round(scaled).astype(self.lattice_dtype)

    def to_angstrom(self, steps: Array) -> Array:
        """Return lattice steps [atom, 3] as a displacement [atom, xyz]."""
        return steps.astype(self.to_length.dtype) @ self.to_length


@dataclass(frozen=True)
class Leapfrog:
    """The integrator of one system and what is recorded on its way.

    Attributes:
        field: forces.
        timestep: fs.
        segments: number of segments.
        stretches: per segment; samples are taken where one begins.
        blocks: per stretch; a frame is recorded where one begins, and where a segment ends.
        stride: steps per block.
        frame: features of a phase, with the parameters.
        summary: of the features [frame, ...] of a segment.
    """

    field: ForceField
    timestep: float
    segments: int
    stretches: int
    blocks: int
    stride: int
    frame: FrameFunction
    summary: Callable[[Tree], Tree]

    @property
    def system(self) -> System:
        """The system that moves."""
        return self.field.system

    @property
    def per_force(self) -> Array:
        """Displacement per step and unit force, dt^2/m [atom, 1], angstrom/(eV/angstrom)."""
        return jnp.asarray(
            self.timestep**2 * ACCELERATION / self.system.masses[:, None], self.system.dtype
        )

    def box(self, cell: Array) -> Box:
        """Return a cell [3, xyz] (angstrom) in lattice units."""
        system = self.system
        return Box(
            cell,
            jnp.linalg.inv(cell) * system.lattice_size,
            (cell / system.lattice_size).astype(system.dtype),
            system.lattice_dtype,
        )

    # -- one step ---------------------------------------------------------------------------------
    def kick(self, theta: Theta, box: Box, lattice: Array) -> tuple[Array, Array]:
        """Return the kick K at a configuration in lattice units and in angstrom per step."""
        kick = self.field.force(theta, lattice, box.cell) * self.per_force
        return box.to_lattice(kick), kick

    def phase(self, box: Box, lattice: Array, displacement: Array, kick: Array) -> Phase:
        """Return the phase at a full step from s_n, p_(n-1/2) and the kick in angstrom."""
        velocities = (box.to_angstrom(displacement) + 0.5 * kick) / self.timestep
        return Phase(configuration(self.system, lattice, box.cell), velocities)

    def start(self, theta: Theta, start: Start) -> State:
        """Return the state p_(-1/2) = v_0 dt - K_0/2."""
        box = self.box(start.cell)
        _, kick = self.kick(theta, box, start.lattice)
        drift = start.velocities.astype(jnp.float64) * self.timestep
        return State(start.lattice, box.to_lattice(drift - 0.5 * kick.astype(jnp.float64)))

    def step(self, theta: Theta, box: Box, state: State) -> tuple[State, Phase]:
        """Return the state after a step and the phase before it."""
        units, kick = self.kick(theta, box, state.lattice)
        phase = self.phase(box, state.lattice, state.displacement, kick)
        after = state.displacement + units
        return State(state.lattice + after, after), phase

    # -- all steps --------------------------------------------------------------------------------
    def forward(
        self,
        theta: Theta,
        start: Start,
        sample: Callable[[Phase], Tree],
        keep: bool = False,
        every_mark: bool = False,
    ) -> Trajectory:
        """Run one replica.

        Args:
            theta: parameters of the force field.
            start: where it begins.
            sample: what is taken where a stretch begins.
            keep: keep the features of all frames, not only the summaries.
            every_mark: keep the state of every stretch, not only of every segment.
        """
        box = self.box(start.cell)

        def plain(_: Any, state: State) -> State:
            return self.step(theta, box, state)[0]

        def block(state: State, _: None) -> tuple[State, Any]:
            after, phase = self.step(theta, box, state)
            after = lax.fori_loop(1, self.stride, plain, after)
            return after, (self.frame(theta, phase), self._kinetic(phase))

        def stretch(state: State, _: None) -> tuple[State, Any]:
            phase = self.step(theta, box, state)[1]
            after, recorded = lax.scan(block, state, None, length=self.blocks)
            return after, (recorded, sample(phase), state)

        def segment(state: State, _: None) -> tuple[State, Any]:
            after, (recorded, samples, marks) = lax.scan(
                stretch, state, None, length=self.stretches
            )
            phase = self.step(theta, box, after)[1]
            final = (self.frame(theta, phase), self._kinetic(phase))
            features, kinetic = jax.tree.map(
                lambda a, b: jnp.concatenate([a.reshape(-1, *b.shape), b[None]]), recorded, final
            )
            if not every_mark:
                marks = jax.tree.map(lambda a: a[:1], marks)
            kept = features if keep else None
            return after, (self.summary(features), samples, kinetic, kept, marks)

        first = self.start(theta, start)
        last, recorded = lax.scan(segment, first, None, length=self.segments)
        summaries, samples, kinetic, features, marks = recorded
        energies = Energies(
            self.field.energy(theta, start.lattice, start.cell),
            self.field.energy(theta, last.lattice, start.cell),
            kinetic,
        )
        return Trajectory(summaries, samples, energies, features, marks, last)

    def retrace(self, theta: Theta, box: Box, last: State) -> Tree:
        """Walk a segment back from its last state and return the features of its frames."""

        def undo(_: Any, state: State) -> State:
            lattice = state.lattice - state.displacement
            units, _ = self.kick(theta, box, lattice)
            return State(lattice, state.displacement - units)

        def block(state: State, _: None) -> tuple[State, Tree]:
            before = lax.fori_loop(0, self.stride, undo, state)
            return before, self.frame(theta, self.step(theta, box, before)[1])

        phase = self.step(theta, box, last)[1]
        _, features = lax.scan(block, last, None, length=self.stretches * self.blocks)
        return jax.tree.map(
            lambda a, b: jnp.concatenate([a[::-1], b[None]]), features, self.frame(theta, phase)
        )

    def _kinetic(self, phase: Phase) -> Array:
        squared = jnp.sum(phase.velocities.astype(jnp.float64) ** 2, axis=-1)
        return jnp.sum(squared * self.system.masses) / (2.0 * ACCELERATION)
