"""The adjoint along exactly reversed trajectories: memory does not grow with their length."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Struct

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine.core import Tree
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.gradient import GradientMethod, Pathwise, Work, gradients
from dmdstudio.plan.catalog import setting


class ReversibleAdjointOptions(Struct, frozen=True, kw_only=True):
    """Settings of `ReversibleAdjoint`."""

    damping_time: Annotated[
        float | None,
        setting(
            "Damping time",
            "The adjoint decays by e over this time on its way back, which tames chaos at the "
            "price of a bias; empty for none.",
            "ps",
        ),
    ] = None


@dataclass(frozen=True, eq=False)
class ReversibleAdjoint(GradientMethod):
    """Walk every trajectory back on the integer lattice and take the adjoint along.

    Source: Han & Yu, Nat. Commun. 16, 816 (2025), equations 4 to 8; reversal on the lattice after
    Levesque & Verlet, J. Stat. Phys. 72, 519 (1993), instead of in floating point.
    """

    options: ReversibleAdjointOptions

    name: ClassVar[str] = "reversible_adjoint"
    label: ClassVar[str] = "Reversible adjoint"
    doc: ClassVar[str] = (
        "Undoes every step exactly and pulls the gradient back with it. Memory does not grow with "
        "the number of steps."
    )
    source: ClassVar[str] = "Han & Yu (2025); Levesque & Verlet (1993)"
    Options = ReversibleAdjointOptions
    keeps_features: ClassVar[bool] = True

    @classmethod
    def build(cls, options: Any) -> ReversibleAdjoint:
        """Return the method."""
        time = options.damping_time
        if time is not None and not time > 0.0:
            raise RecipeError(
                f"gradient.damping_time = {time:g} ps: must be above 0.", "Leave it out for none."
            )
        return cls(options)

    def damping(self, timestep: float) -> float:
        """Return exp(-timestep / damping time)."""
        if self.options.damping_time is None:
            return 1.0
        return math.exp(-timestep / (self.options.damping_time * 1e3))

    def pathwise(
        self, ensemble: Ensemble, parameters: Array, cotangent: Tree
    ) -> Generator[Work, None, Pathwise]:
        """Walk back all batches that the forward pass kept."""
        yield from ensemble.program.compiling("backward")
        program, replicas = ensemble.program, ensemble.program.replicas
        pool, shared = ensemble.pool, jnp.asarray(parameters)
        parts, residual = [], 0.0
        starts = replicas.split(pool.lattice, pool.velocities)
        for (features, last), (lattice, velocities) in zip(ensemble.kept, starts, strict=True):
            gradient, arrived = program.backward((shared, cotangent), features, last)
            jax.block_until_ready(gradient)
            parts.append(gradient)
            began = program.start(shared, lattice, velocities)
            residual = max(
                residual, *(_distance(a, b) for a, b in zip(arrived, began, strict=True))
            )
            yield Work("differentiating", len(parts) / replicas.pieces)
        return Pathwise(replicas.join(parts), residual)


def _distance(a: Array, b: Array) -> float:
    """Return the largest difference of lattice integers, across the wrap too."""
    return float(np.abs(np.asarray(a - b).astype(np.float64)).max())


gradients.add(ReversibleAdjoint.name, ReversibleAdjoint)
