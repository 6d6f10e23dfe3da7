"""The adjoint along exactly reversed trajectories: memory does not grow with their length."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from jax import Array
from msgspec import Meta, Struct

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine.adjoint import Truncation
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.gradient import GradientMethod, Pathwise, Work, gradients
from dmdstudio.engine.horizon import scan
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.target import Means
from dmdstudio.engine.walk import walk_back
from dmdstudio.plan.catalog import setting


class ReversibleAdjointOptions(Struct, frozen=True, kw_only=True):
    """Settings of `ReversibleAdjoint`."""

    truncation: Annotated[
        Literal["none", "auto", "window", "damping", "norm"],
        setting(
            "Truncation",
            "How the adjoint is kept from growing with chaos, at the price of a bias: dropped "
            "after the horizon (auto measures which), damped with it as decay time, or held below "
            "the largest norm.",
        ),
    ] = "none"
    horizon: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        setting(
            "Horizon",
            "How far back a frame feels the parameters.",
            "ps",
            only_with={"truncation": ("window", "damping")},
        ),
    ] = None
    largest_norm: Annotated[
        float,
        setting(
            "Largest norm",
            "Of the adjoint, over the norm of all that was put in.",
            only_with={"truncation": ("norm",)},
            gt=0,
        ),
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
        problem = ensemble.problem
        if self.options.truncation != "auto":
            truncation = self.truncation(problem)
            return (yield from walk_back(ensemble, parameters, cotangent, truncation))
        if not ensemble.horizon:
            found = yield from scan(ensemble, np.asarray(parameters), cotangent)
            chosen = found.chosen
            return found.pathwise[chosen]._replace(horizon=found.blocks[chosen])
        truncation = Truncation.window(problem.blocks, ensemble.horizon)
        way = yield from walk_back(ensemble, parameters, cotangent, truncation)
        return way._replace(horizon=ensemble.horizon)


gradients.add(ReversibleAdjoint.name, ReversibleAdjoint)
