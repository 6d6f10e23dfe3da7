"""Several processes that do one refinement together, each its own share of the replicas.

Every process holds the whole pool and takes the same steps; only the trajectories are shared out.
Whatever the processes tell each other goes through one exchange: data, an error that one of them
met, or the wish to stop. So a process that fails is heard by those that wait for its data, and all
of them take the same turn.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import jax
import msgspec
import numpy as np
from jax.experimental import multihost_utils

from dmdstudio.base.errors import (
    CapacityExceeded,
    DivergenceError,
    DmdError,
    EngineError,
    LostError,
    OutOfMemoryError,
    PhysicsError,
    understood,
)
from dmdstudio.engine.core import Tree

_KINDS = (OutOfMemoryError, DivergenceError, PhysicsError, EngineError, DmdError)


class Stopped(BaseException):
    """Another process was asked to stop: no error, so that nothing answers it as one."""


class _Message(msgspec.Struct):
    """What precedes the bytes of the arrays.

    Attributes:
        sort: ``data``, ``stop``, or the name of an error's class.
        arrays: dtype and shape of every array that follows.
        message, advice, capacity: of the error.
    """

    sort: str
    arrays: list[tuple[str, tuple[int, ...]]] = []
    message: str = ""
    advice: str = ""
    capacity: int = 0


@dataclass(frozen=True)
class Processes:
    """All processes of a refinement, and which one this is.

    Attributes:
        count: how many.
        index: of this one; process 0 writes the run folder and prints.
    """

    count: int = 1
    index: int = 0

    @property
    def first(self) -> bool:
        """Whether this process writes and prints."""
        return self.index == 0

    def share(self, items: int) -> range:
        """Return which of a number of items are this process' own."""
        cuts = [items * k // self.count for k in range(self.count + 1)]
        return range(cuts[self.index], cuts[self.index + 1])

    def gather(self, tree: Tree) -> list[Tree]:
        """Return the trees of host arrays of all processes, in their order.

        Args:
            tree: of the same structure everywhere; the arrays may differ in shape.

        Raises:
            Stopped: another process was asked to stop.
            DmdError: another process met it, or is gone.
        """
        if self.count == 1:
            return [tree]
        leaves, structure = jax.tree.flatten(jax.tree.map(np.asarray, tree))
        about = _Message("data", [(a.dtype.str, a.shape) for a in leaves])
        answers = self._exchange(about, leaves)
        return [jax.tree.unflatten(structure, arrays) for arrays in answers]

    def from_first(self, tree: Tree) -> Tree:
        """Return the tree of process 0; the others pass one of the same structure."""
        return self.gather(tree)[0]

    def any(self, wish: bool) -> bool:
        """Return whether any process wishes so."""
        return any(bool(w) for w in self.gather(np.asarray(wish)))

    def stop(self) -> None:
        """Tell the others that this process stops."""
        if self.count > 1:
            with contextlib.suppress(Stopped, DmdError):
                self._exchange(_Message("stop"), [])

    def settle(self, error: Exception) -> DmdError | None:
        """Tell the others of an error and return the one that all of them act upon.

        Returns:
            The error in our words, None where it is not one that we know and we are alone.

        Raises:
            Stopped: another process was asked to stop.
        """
        known = understood(error)
        if self.count == 1 or (known is not None and known.shared):
            return known
        told = known or EngineError(f"{type(error).__name__}: {error}"[:500])
        sort = next((k for k in (CapacityExceeded, *_KINDS) if isinstance(told, k)), DmdError)
        capacity = told.capacity if isinstance(told, CapacityExceeded) else 0
        about = _Message(sort.__name__, [], told.message, told.advice, capacity)
        try:
            self._exchange(about, [])
        except DmdError as agreed:
            return agreed
        return known

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Let the others know if this process leaves the block by an error."""
        try:
            yield
        except Stopped:
            raise
        except Exception as error:
            if (agreed := self.settle(error)) is not None and agreed is not error:
                raise agreed from error
            raise
        except BaseException:  # interrupted, or nobody listens to the events any more
            self.stop()
            raise

    def _exchange(self, about: _Message, arrays: list[np.ndarray]) -> list[list[np.ndarray]]:
        head = msgspec.msgpack.encode(about)
        whole = b"".join([len(head).to_bytes(8, "little"), head, *(a.tobytes() for a in arrays)])
        try:
            answers = self._allgather(np.frombuffer(whole, np.uint8))
        except Exception as error:
            raise _shared(
                LostError(
                    f"Another process of this run is gone ({str(error)[:200]}).",
                    "See its own messages; then go on with `dmdstudio resume`.",
                )
            ) from None
        taken = [_taken(answer) for answer in answers]
        if any(said.sort == "stop" for said, _ in taken):
            raise Stopped
        for index, (said, _) in enumerate(taken):
            if said.sort != "data":
                raise _shared(_error(said, index, self.index))
        return [content for _, content in taken]

    def _allgather(self, content: np.ndarray) -> list[bytes]:
        """Return the bytes of all processes; lengths first, then all padded to the longest."""
        sizes = multihost_utils.process_allgather(np.array([len(content)], np.int32)).reshape(-1)
        room = 1 << max(int(sizes.max()) - 1, 1023).bit_length()  # few sizes, few programs
        padded = np.zeros(room, np.uint8)
        padded[: len(content)] = content
        rows = np.asarray(multihost_utils.process_allgather(padded)).reshape(self.count, room)
        return [row[:size].tobytes() for row, size in zip(rows, sizes, strict=True)]


def _taken(answer: bytes) -> tuple[_Message, list[np.ndarray]]:
    start = 8 + int.from_bytes(answer[:8], "little")
    about = msgspec.msgpack.decode(answer[8:start], type=_Message)
    arrays = []
    for dtype, shape in about.arrays:
        array = np.frombuffer(answer, dtype, int(np.prod(shape)), start).reshape(shape)
        arrays.append(array)
        start += array.nbytes
    return about, arrays


def _error(said: _Message, index: int, own: int) -> DmdError:
    if said.sort == CapacityExceeded.__name__:
        return CapacityExceeded(said.message, said.capacity, said.advice)
    kind = next((k for k in _KINDS if k.__name__ == said.sort), EngineError)
    of = "" if index == own else f"Process {index}: "
    return kind(of + said.message, said.advice)


def _shared(error: DmdError) -> DmdError:
    error.shared = True
    return error


ALONE = Processes()
"""One process that does it all."""
