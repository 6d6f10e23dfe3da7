"""The adjoint along exactly reversed trajectories: memory does not grow with their length."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Meta, Struct

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine.adjoint import Truncation
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.gradient import GradientMethod, Pathwise, Work, gradients
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.target import Means
from dmdstudio.plan.catalog import setting


class ReversibleAdjointOptions(Struct, frozen=True, kw_only=True):
    """Settings of `ReversibleAdjoint`."""

    truncation: Annotated[
        Literal["none", "window", "damping", "norm"],
        setting(
            "Truncation",
            "How the adjoint is kept from growing with chaos, at the price of a bias: dropped "
            "after the horizon, damped with it as decay time, or held below the largest norm.",
        ),
    ] = "none"
    horizon: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        setting("Horizon", "How far back a frame feels the parameters.", "ps"),
    ] = None
    largest_norm: Annotated[
        float,
        setting("Largest norm", "Of the adjoint, over the norm of all that was put in.", gt=0),
    ] = 100.0
    frames: Annotated[
        Literal["keep", "retrace"],
        setting(
            "Frames",
            "Keep the frames of a whole trajectory for the way back, or walk every segment back "
            "once more to find them again: memory for one segment, a third more time.",
        ),
    ] = "keep"
    anchor_every: Annotated[
        int,
        setting(
            "Anchor every",
            "Steps between stored states that the way back is put on again; 0 for one per "
            "segment. For devices whose sums are not the same bits twice.",
            ge=0,
        ),
    ] = 0


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

    @classmethod
    def build(cls, options: Any) -> ReversibleAdjoint:
        """Return the method."""
        if options.truncation in ("window", "damping") and options.horizon is None:
            raise RecipeError(
                f"gradient.truncation = {options.truncation!r} needs a horizon.",
                "Set gradient.horizon in ps; `dmdstudio diagnose` proposes one.",
            )
        return cls(options)

    @property
    def keeps_features(self) -> bool:
        """Whether the forward pass keeps the features of all frames."""
        return self.options.frames == "keep"

    @property
    def anchor_every(self) -> int:
        """Steps between two stored states of a trajectory, 0 for one per segment."""
        return self.options.anchor_every

    def truncation(self, problem: Problem) -> Truncation:
        """Return the truncation that the settings ask for."""
        options, horizon = self.options, self.options.horizon
        blocks = problem.blocks
        if options.truncation == "window" and horizon is not None:
            return Truncation.window(blocks, problem.blocks_of(horizon))
        free = Truncation.window(blocks, 0)
        if options.truncation == "damping" and horizon is not None:
            return free._replace(damping=math.exp(-problem.dynamics.timestep / (horizon * 1e3)))
        if options.truncation == "norm":
            return free._replace(clip=options.largest_norm)
        return free

    def pathwise(
        self, ensemble: Ensemble, parameters: Array, cotangent: Means
    ) -> Generator[Work, None, Pathwise]:
        """Walk back all batches that the forward pass kept."""
        truncation = self.truncation(ensemble.problem)
        return (yield from walk_back(ensemble, parameters, cotangent, truncation))


def walk_back(
    ensemble: Ensemble, parameters: Array, cotangent: Means, truncation: Truncation
) -> Generator[Work, None, Pathwise]:
    """Pull a cotangent of the means back along all trajectories that the ensemble kept."""
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
    return Pathwise(replicas.join(parts), residual)


gradients.add(ReversibleAdjoint.name, ReversibleAdjoint)
