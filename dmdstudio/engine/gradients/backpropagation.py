"""Plain backpropagation through a floating-point trajectory: the oracle for small cases."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from msgspec import Struct

from dmdstudio.base.units import ACCELERATION
from dmdstudio.engine.both_ways import each_way, together
from dmdstudio.engine.core import Configuration, Phase, Start, Theta, Tree
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.gradient import GradientMethod, Pathwise, Work, gradients
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.target import Means
from dmdstudio.plan.catalog import setting


class BackpropagationOptions(Struct, frozen=True, kw_only=True):
    """Settings of `Backpropagation`."""

    checkpoint: Annotated[
        Literal["none", "steps", "frames"],
        setting(
            "Checkpoint",
            "What is kept for the way back: everything (none), the state after every step, whose "
            "pair terms are computed again (steps), or the state at every recorded frame, from "
            "which the steps are done again (frames).",
        ),
    ] = "steps"


@dataclass(frozen=True, eq=False)
class Backpropagation(GradientMethod):
    """Differentiate velocity Verlet in floating point by reverse accumulation.

    It shares nothing with the adjoint but the energy: forces come from ``grad`` of the energy and
    positions are floating-point numbers.
    """

    options: BackpropagationOptions

    name: ClassVar[str] = "backpropagation"
    label: ClassVar[str] = "Backpropagation"
    doc: ClassVar[str] = (
        "Stores every step, or every frame, and differentiates the whole trajectory. Memory grows "
        "with their number: for checks on small systems."
    )
    Options = BackpropagationOptions

    @classmethod
    def build(cls, options: Any) -> Backpropagation:
        """Return the method."""
        return cls(options)

    def pathwise(
        self, ensemble: Ensemble, parameters: Array, cotangent: Means
    ) -> Generator[Work, None, Pathwise]:
        """Differentiate batch after batch."""
        problem, replicas = ensemble.problem, ensemble.program.replicas

        by_half = ensemble.cotangents(cotangent)

        def one(shared: tuple[Array, Tree], start: Start, half: Array) -> Array:
            def contracted(values: Array) -> Array:
                theta = problem.theta(values)

                def run(start: Start) -> Tree:
                    return trajectory(problem, theta, start, self.options.checkpoint)

                both = problem.both_ways
                features = together(each_way(run, start)) if both else run(start)
                means = jax.tree.map(
                    lambda s: s.mean(axis=0), jax.vmap(problem.summaries)(features)
                )
                own = {key: jax.tree.map(lambda c: c[half], shared[1][key]) for key in means}
                return dot(own, means)

            return jax.grad(contracted)(shared[0])

        yield from ensemble.program.compiling(self.name)
        program = ensemble.program.own(self.name, one)
        parts = []
        for start, half in replicas.split(ensemble.pool.starts, ensemble.half):
            parts.append(program((jnp.asarray(parameters), by_half), start, half))
            jax.block_until_ready(parts[-1])
            yield Work("differentiating", len(parts) / replicas.pieces)
        return Pathwise(replicas.join(parts), float("nan"))


def trajectory(problem: Problem, theta: Theta, start: Start, checkpoint: str) -> Tree:
    """Return the features [segment, frame, ...] of one replica, by floating-point Verlet.

    Where a segment starts is held fixed, as in the adjoint.

    Args:
        problem: system, force field, settings.
        theta: parameters.
        start: of the replica.
        checkpoint: what is kept for the derivative; see `BackpropagationOptions`.
    """
    system, field = problem.system, problem.field
    step = problem.dynamics.timestep
    dtype = system.dtype
    per_force = jnp.asarray(ACCELERATION / system.masses[:, None], dtype)
    cell = jnp.asarray(start.cell, dtype)
    theta = jax.tree.map(lambda a: a.astype(dtype), theta)

    def where(positions: Array) -> Configuration:
        """The nearest images are told by the lattice, the derivative by the offset."""
        fixed = lax.stop_gradient(positions)
        return Configuration(system.to_lattice(fixed, start.cell), positions - fixed, cell)

    def energy(positions: Array) -> Array:
        at = where(positions)
        return sum(term.energy(theta[key], at) for key, term in field.terms)  # type: ignore

    def acceleration(positions: Array) -> Array:
        return -jax.grad(energy)(positions) * per_force

    def frame(positions: Array, velocity: Array) -> Tree:
        return problem.frame(theta, Phase(where(positions), velocity))

    def verlet(carry: Any, _: None) -> tuple[Any, None]:
        x, v, a = carry
        half = v + 0.5 * step * a
        x = x + step * half
        a = acceleration(x)
        return (x, half + 0.5 * step * a, a), None

    def block(carry: Any, _: None) -> tuple[Any, Tree]:
        features = frame(carry[0], carry[1])
        one_step = verlet if checkpoint == "none" else jax.checkpoint(verlet)
        carry, _ = lax.scan(one_step, carry, None, length=problem.dynamics.record_every)
        return carry, features

    kept_block = jax.checkpoint(block) if checkpoint == "frames" else block
    blocks = problem.dynamics.steps // problem.dynamics.record_every // problem.dynamics.segments

    def segment(carry: Any, _: None) -> tuple[Any, Tree]:
        x, v = lax.stop_gradient(carry)
        last, recorded = lax.scan(kept_block, (x, v, acceleration(x)), None, length=blocks)
        final = frame(last[0], last[1])
        features = jax.tree.map(lambda a, b: jnp.concatenate([a, b[None]]), recorded, final)
        return (last[0], last[1]), features

    x = system.to_positions(start.lattice, start.cell).astype(dtype)
    begin = (x, start.velocities.astype(dtype))
    return lax.scan(segment, begin, None, length=problem.dynamics.segments)[1]


def dot(a: Tree, b: Tree) -> Array:
    """Return the sum of products of two trees."""
    products = jax.tree.map(lambda x, y: jnp.sum(jnp.asarray(x) * y), a, b)
    return sum(jax.tree.leaves(products), np.float64(0.0))  # type: ignore[return-value]


gradients.add(Backpropagation.name, Backpropagation)
