"""Linear constraints between parameters: some follow a sum of others, and have bounds."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

ROUNDS = 50
"""Times that a step is put back within all bounds in turn, before it is shortened."""


class Constraints(NamedTuple):
    """parameters[own] = constant + factors @ parameters[leaders], in internal units.

    Attributes:
        own, leaders: places in the vector of parameters [tied], [leader].
        factors: [tied, leader].
        constant: [tied].
    """

    own: np.ndarray
    leaders: np.ndarray
    factors: np.ndarray
    constant: np.ndarray

    def followed(self, parameters: Array) -> Array:
        """Return parameters [parameter] in which the tied ones follow; differentiable."""
        parameters = jnp.asarray(parameters)
        values = self.constant + self.factors @ parameters[self.leaders]
        return parameters.at[self.own].set(values)

    def kept(
        self,
        before: np.ndarray,
        after: np.ndarray,
        size: np.ndarray,
        bounds: tuple[np.ndarray, np.ndarray],
    ) -> np.ndarray:
        """Return where a step ends [parameter] whose tied parameters keep their bounds too.

        What leads is moved back as little as it takes, counted by its size.

        Source: J. P. Boyle, R. L. Dykstra, Lecture Notes in Statistics 37, 28 (1986).

        Args:
            before: where the step begins, within all bounds [parameter].
            after: where it would end, within the bounds of what leads [parameter].
            size: by which changes are counted [parameter]; 0 for what does not move.
            bounds: lower and upper of all [parameter].
        """
        lower, upper = (bound[self.own] for bound in bounds)
        way = self.factors * size[self.leaders] ** 2
        length = np.sum(way * self.factors, axis=1)

        def within(k: int, moved: np.ndarray) -> np.ndarray:
            """Return the nearest point within the bounds of one tied parameter, or of the rest."""
            if k == len(self.own):
                return np.clip(moved, *bounds)
            value = self.constant[k] + self.factors[k] @ moved[self.leaders]
            excess = value - np.clip(value, lower[k], upper[k])
            back = moved.copy()
            if excess and length[k]:
                back[self.leaders] -= excess * way[k] / length[k]
            return back

        moved, left = after, np.zeros((len(self.own) + 1, len(after)))
        for _ in range(ROUNDS):
            for k, rest in enumerate(left):
                wanted = moved + rest
                moved = within(k, wanted)
                left[k] = wanted - moved
        start = self.constant + self.factors @ before[self.leaders]
        change = self.factors @ (moved - before)[self.leaders]
        room = np.abs(np.where(change < 0.0, lower, upper) - start)
        share = np.min(room / np.maximum(np.abs(change), 1e-300), initial=1.0)
        return before + share * (moved - before)
