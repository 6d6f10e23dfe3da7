"""Central finite differences with the same starts: for few parameters, and as a check."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Meta, Struct

from dmdstudio.engine.ensemble import Ensemble, segment_mean
from dmdstudio.engine.gradient import GradientMethod, Pathwise, Work, gradients
from dmdstudio.engine.target import Means
from dmdstudio.plan.catalog import setting


class FiniteDifferenceOptions(Struct, frozen=True, kw_only=True):
    """Settings of `FiniteDifference`."""

    relative_step: Annotated[
        Annotated[float, Meta(gt=0, lt=1)] | None,
        setting(
            "Relative step",
            "Step as a fraction of the parameter; empty takes 1e-5 in float64, 1e-3 in float32.",
        ),
    ] = None


@dataclass(frozen=True, eq=False)
class FiniteDifference(GradientMethod):
    """(f(theta + h) - f(theta - h)) / 2h for every free parameter, from the same starts."""

    options: FiniteDifferenceOptions

    name: ClassVar[str] = "finite_difference"
    label: ClassVar[str] = "Finite differences"
    doc: ClassVar[str] = (
        "Two more sets of trajectories per free parameter. Chaos spoils long trajectories, in "
        "float32 first."
    )
    Options = FiniteDifferenceOptions

    @classmethod
    def build(cls, options: Any) -> FiniteDifference:
        """Return the method."""
        return cls(options)

    def pathwise(
        self, ensemble: Ensemble, parameters: Array, cotangent: Means
    ) -> Generator[Work, None, Pathwise]:
        """Run the trajectories again on both sides of every free parameter."""
        program, replicas = ensemble.program, ensemble.program.replicas
        problem, pool = ensemble.problem, ensemble.pool
        by_half = ensemble.cotangents(cotangent)
        dynamic = {
            t.key: jax.tree.map(lambda c: c[ensemble.half], by_half[t.key]) for t in problem.dynamic
        }
        values = np.asarray(parameters)
        exact = problem.system.precision == "float64"
        relative = self.options.relative_step or (1e-5 if exact else 1e-3)
        gradient = np.zeros((replicas.count, len(values)))
        free = np.flatnonzero(problem.free)
        done, total = 0, 2 * len(free) * replicas.pieces
        for index in free:
            step = relative * (abs(values[index]) or 1.0)
            for sign in (1.0, -1.0):
                moved = values.copy()
                moved[index] += sign * step
                parts = []
                for (start,) in replicas.split(pool.starts):
                    summaries = program.measure(jnp.asarray(moved), start).summaries
                    parts.append(jax.block_until_ready(segment_mean(summaries)))
                    done += 1
                    yield Work("differentiating", done / total)
                products = jax.tree.map(_inner, dynamic, replicas.join(parts))
                gradient[:, index] += sign * sum(jax.tree.leaves(products)) / (2.0 * step)
        return Pathwise(gradient, float("nan"))


def _inner(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the sum of products over all but the first axis [replica]."""
    return (a * b).reshape(len(a), -1).sum(axis=1)


gradients.add(FiniteDifference.name, FiniteDifference)
