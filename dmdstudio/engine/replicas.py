"""Replicas side by side: batches, spread over the devices of the machine.

On a CPU every core is a device of its own (``jax_num_cpu_devices``), because independent replicas
on single threads beat one replica on many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from dmdstudio.engine.core import Tree

if TYPE_CHECKING:
    from jaxlib._jax import Device


@dataclass(frozen=True)
class Replicas:
    """How many replicas there are and how many are computed together.

    Attributes:
        count: number of replicas.
        batch: replicas in one piece of work, a multiple of the number of devices.
        devices: where.
    """

    count: int
    batch: int
    devices: tuple[Device, ...]

    @classmethod
    def plan(cls, count: int, batch: int, devices: tuple[Device, ...]) -> Replicas:
        """Choose the batch: as asked, else small pieces on a CPU and all at once on a GPU."""
        if batch == 0:
            batch = 4 * len(devices) if devices[0].platform == "cpu" else count
        share = -(-min(batch, count) // len(devices))
        return cls(count, share * len(devices), devices)

    @property
    def pieces(self) -> int:
        """Number of batches."""
        return -(-self.count // self.batch)

    def _mesh(self) -> jax.sharding.Mesh:
        return jax.sharding.Mesh(np.asarray(self.devices), ("replica",))

    def compile(self, function: Callable[..., Tree]) -> Callable[..., Tree]:
        """Return ``function(shared, *replicated)`` mapped over a batch and compiled.

        Args:
            function: of something shared by all replicas and of arrays of one replica.
        """
        each = PartitionSpec("replica")

        def mapped(shared: Tree, *replicated: Tree) -> Tree:
            return jax.vmap(lambda *one: function(shared, *one))(*replicated)

        def spread(shared: Tree, *replicated: Tree) -> Tree:
            inner = jax.shard_map(
                mapped,
                mesh=self._mesh(),
                in_specs=(PartitionSpec(), *(each for _ in replicated)),
                out_specs=each,
                check_vma=False,
            )
            return inner(shared, *replicated)

        return jax.jit(spread)

    def split(self, *trees: Tree) -> Iterator[tuple[Tree, ...]]:
        """Cut arrays [replica, ...] into batches on the devices; the last one is filled up."""
        sharding = NamedSharding(self._mesh(), PartitionSpec("replica"))
        for first in range(0, self.count, self.batch):
            index = np.minimum(np.arange(first, first + self.batch), self.count - 1)
            yield tuple(
                jax.tree.map(lambda a, i=index: jax.device_put(jnp.asarray(a)[i], sharding), tree)
                for tree in trees
            )

    def join(self, pieces: list[Any]) -> Any:
        """Put batches together again, in host memory [replica, ...]."""
        return jax.tree.map(
            lambda *parts: np.concatenate([np.asarray(p) for p in parts])[: self.count], *pieces
        )
