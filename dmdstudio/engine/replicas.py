"""Replicas side by side: shared out over processes, cut into batches, spread over devices.

On a CPU every core is a device of its own (``jax_num_cpu_devices``), because independent replicas
on single threads beat one replica on many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine.core import Tree
from dmdstudio.engine.processes import ALONE, Processes

if TYPE_CHECKING:
    from jaxlib._jax import Device

SAME_BITS = {"xla_gpu_deterministic_ops": True}
"""Options of XLA's compiler: on a GPU no atomic additions, whose order is not fixed, and no choice
of kernels by their speed. Other devices do neither."""


@dataclass(frozen=True)
class Replicas:
    """How many replicas there are and how many are computed together.

    Attributes:
        count: number of replicas.
        batch: replicas in one piece of work, a multiple of the number of devices.
        devices: where, of this process.
        processes: among which the replicas are shared out.
        deterministic: whether what is compiled gives the same bits at every run on a GPU too.
    """

    count: int
    batch: int
    devices: tuple[Device, ...]
    processes: Processes = ALONE
    deterministic: bool = False

    @classmethod
    def plan(
        cls,
        count: int,
        batch: int,
        devices: tuple[Device, ...],
        processes: Processes = ALONE,
        deterministic: bool = False,
    ) -> Replicas:
        """Choose the batch: as asked, else small pieces on a CPU and all at once on a GPU.

        Raises:
            RecipeError: there are more processes than replicas.
        """
        if processes.count > count:
            raise RecipeError(
                f"{processes.count} processes are to share {count} replicas.",
                "Start fewer processes, or raise sampling.replicas.",
            )
        own = len(processes.share(count))
        if batch == 0:
            batch = 4 * len(devices) if devices[0].platform == "cpu" else own
        share = -(-min(batch, own) // len(devices))
        return cls(count, share * len(devices), devices, processes, deterministic)

    def halved(self) -> Replicas | None:
        """Return the same replicas in batches of half the size; None where one is left a device."""
        share = self.batch // len(self.devices)
        return None if share == 1 else replace(self, batch=share // 2 * len(self.devices))

    @property
    def own(self) -> range:
        """The replicas that this process computes; one more than needed where none is its own."""
        return self.processes.share(self.count) or range(1)

    @property
    def pieces(self) -> int:
        """Number of batches."""
        return -(-len(self.own) // self.batch)

    def _mesh(self) -> jax.sharding.Mesh:
        return jax.sharding.Mesh(np.asarray(self.devices), ("replica",))

    def compile(
        self, function: Callable[..., Tree], donated: tuple[int, ...] = ()
    ) -> Callable[..., Tree]:
        """Return ``function(shared, *replicated)`` mapped over a batch and compiled.

        Args:
            function: of something shared by all replicas and of arrays of one replica.
            donated: which arguments the result may take the memory of; nobody uses them again.
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

        return self.compile_one(spread, donated)

    def compile_one(
        self, function: Callable[..., Tree], donated: tuple[int, ...] = ()
    ) -> Callable[..., Tree]:
        """Return a function of arrays that belong to no replica, compiled."""
        options = SAME_BITS if self.deterministic else None
        return jax.jit(function, donate_argnums=donated, compiler_options=options)

    def split(self, *trees: Tree) -> Iterator[tuple[Tree, ...]]:
        """Cut arrays [replica, ...] into this process' batches on its devices; the last is filled.

        Args:
            trees: of all replicas.
        """
        sharding, own = NamedSharding(self._mesh(), PartitionSpec("replica")), self.own
        for first in range(own.start, own.stop, self.batch):
            index = np.minimum(np.arange(first, first + self.batch), own.stop - 1)
            yield tuple(
                jax.tree.map(lambda a, i=index: jax.device_put(jnp.asarray(a)[i], sharding), tree)
                for tree in trees
            )

    def join(self, pieces: list[Any]) -> Any:
        """Put the batches of all processes together, in host memory [replica, ...]."""
        wanted = len(self.processes.share(self.count))
        own = jax.tree.map(
            lambda *parts: np.concatenate([np.asarray(p) for p in parts])[:wanted], *pieces
        )
        if self.processes.count == 1:
            return own
        return jax.tree.map(lambda *parts: np.concatenate(parts), *self.processes.gather(own))

    def largest(self, value: float) -> float:
        """Return the largest of what the processes found."""
        return max(float(v) for v in self.processes.gather(np.asarray(value)))

    def park(self, piece: Tree) -> Tree:
        """Put away what a batch leaves for later, so that a device holds no other batch's arrays.

        With a single batch, or on a CPU, it stays where it is.
        """
        if self.pieces == 1 or self.devices[0].platform == "cpu":
            return piece
        return jax.device_get(piece)
