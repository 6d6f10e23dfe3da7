"""Numbers of pairs and triplets of types, spread over the neighbours of every atom.

They are chosen type by type: exact, and as quick backwards as forwards, where looking them up by
an index would add slopes one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.engine.core import System
from dmdstudio.engine.nearest import Nearest
from dmdstudio.plan.owners import directed
from dmdstudio.plan.recipe import chain

_NAMED = {
    "pair": chain,
    "triplet": lambda types: chain((types[1], types[0], types[2])),
    "directed pair": lambda types: directed(*types),
    "directed triplet": lambda types: directed(*types),
}


def places(system: System, per: str) -> np.ndarray:
    """Return which of `System.owners` a centre and its neighbours are [type, type(, type)]."""
    known, count = system.owners(per), 3 if per.endswith("triplet") else 2
    found = [known.index(_NAMED[per](types)) for types in product(system.type_names, repeat=count)]
    return np.array(found).reshape((len(system.type_names),) * count)


class Around:
    """The types of all atoms and of their neighbours.

    Args:
        system: whose atoms they are.
        near: their neighbours.
    """

    def __init__(self, system: System, near: Nearest) -> None:
        self._system, self._types = system, len(system.type_names)
        self._own = jnp.asarray(system.types)
        self._near = jnp.broadcast_to(self._own[near.index], near.distance.shape)

    def of_pairs(self, values: Array | np.ndarray, per: str) -> Array:
        """Return the numbers of every atom and neighbour [atom, neighbour], a scalar of one type.

        Args:
            values: [owner].
            per: what the owners are.
        """
        table = jnp.asarray(values)[places(self._system, per)]
        if self._types == 1:
            return table[0, 0]
        rows = self.rows(table)
        return _chosen(self._near, [rows[:, None, type_] for type_ in range(self._types)])

    def of_triplets(self, values: Array | np.ndarray, per: str) -> Array:
        """Return the numbers of every atom and two neighbours [atom, neighbour, neighbour].

        A scalar of one type. Arguments as of `of_pairs`.
        """
        table = jnp.asarray(values)[places(self._system, per)]
        if self._types == 1:
            return table[0, 0, 0]
        rows, types = self.rows(table), range(self._types)
        first = _chosen(self._near[..., None], [rows[:, None, type_] for type_ in types])
        return _chosen(self._near[:, None, :], [first[:, :, None, type_] for type_ in types])

    def rows(self, table: Array) -> Array:
        """Return the numbers of every atom's own type [atom, ...], [1, ...] of one type.

        Args:
            table: numbers of types [type, ...].
        """
        own = self._own.reshape(-1, *[1] * (table.ndim - 1))
        return table if self._types == 1 else _chosen(own, list(table))

    def parted(self, values: Array) -> Array:
        """Return numbers of neighbours [atom, neighbour] by their types [atom, neighbour, type]."""
        if self._types == 1:
            return values[..., None]
        types = jnp.arange(self._types)
        return jnp.where(self._near[..., None] == types, values[..., None], 0.0)


def _chosen(types: Array, choices: Sequence[Array]) -> Array:
    """Return the choice of every type, which all broadcast with the types."""
    found = choices[0]
    for type_, choice in enumerate(choices[1:], 1):
        found = jnp.where(types == type_, choice, found)
    return found
