"""The trajectory of one replica of a stored run, run again and sent as frames to look at."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from dmdstudio.base.errors import RunError
from dmdstudio.engine.core import Start
from dmdstudio.engine.playback import play
from dmdstudio.files.run_store import RunStore
from dmdstudio.plan.commands import Replay
from dmdstudio.plan.events import Event, Finished, Frames, Phase, Progress, Replayed
from dmdstudio.service.build import build
from dmdstudio.service.control import Control
from dmdstudio.service.refined import recipe_at

MOST_BYTES = 256 * 2**20
"""Of all frames together; larger systems send fewer."""

PIECE_BYTES, PIECE_SECONDS = 4 * 2**20, 0.2
"""Frames are sent when there are so many, or after so long."""


def replay(command: Replay, control: Control) -> Iterator[Event]:
    """Run a replica's trajectory again, from its stored start and with its iteration's parameters.

    Yields:
        phases, progress and `Frames`, last `Replayed` (`Finished` where it was stopped).

    Raises:
        RunError: the run no longer holds the starts of that iteration, or has no such replica.
    """
    yield Phase(name="starting")
    began = time.perf_counter()
    start, parameters = _stored(command)
    recipe, _ = recipe_at(command.run_dir, command.iteration)
    problem, _ = build(recipe, refined=False)
    plan, atoms = problem.dynamics, len(start.lattice)
    most = max(2, min(command.frames, MOST_BYTES // (12 * atoms)))
    every = -(-plan.steps // (most - 1))
    count, interval = 1 + plan.steps // every, every * plan.timestep * 1e-3
    yield Phase(name="compiling")
    frames = play(problem, parameters, start, every, count)
    waiting: list[np.ndarray] = []
    first, sent = 0, time.perf_counter()
    for number, lattice in enumerate(frames):
        if control.checkpoint():
            yield Finished(reason="stopped", iterations=0, best_iteration=-1, seconds=0.0)
            return
        waiting.append(_in_32_bits(lattice))
        full = 12 * atoms * len(waiting) >= PIECE_BYTES
        if number == 1:
            yield Phase(name="propagating")
        if full or number == count - 1 or time.perf_counter() - sent > PIECE_SECONDS:
            yield Frames(
                iteration=command.iteration,
                replica=command.replica,
                first=first,
                count=count,
                atoms=atoms,
                interval=interval,
                lattice=np.stack(waiting).tobytes(),
                cell=np.asarray(start.cell).tolist(),
            )
            yield Progress(fraction=(number + 1) / count, phase="propagating")
            waiting, first, sent = [], number + 1, time.perf_counter()
    yield Replayed(
        iteration=command.iteration,
        replica=command.replica,
        frames=count,
        interval=interval,
        seconds=time.perf_counter() - began,
    )


def _stored(command: Replay) -> tuple[Start, np.ndarray]:
    """Return the start of a replica and the parameters [parameter] of its iteration.

    The state that follows an iteration holds both, to the last bit.
    """
    _, arrays = RunStore.open(command.run_dir).read_state(command.iteration + 1)
    if "pool/lattice" not in arrays or "taken/parameters" not in arrays:
        raise RunError(f"Run {command.run_dir} holds no starts of iteration {command.iteration}.")
    count = len(arrays["pool/lattice"])
    if not 0 <= command.replica < count:
        raise RunError(
            f"Run {command.run_dir} has no replica {command.replica + 1}.", f"It has {count}."
        )
    start = Start(*(arrays[f"pool/{name}"][command.replica] for name in Start._fields))
    return start, arrays["taken/parameters"]


def _in_32_bits(lattice: np.ndarray) -> np.ndarray:
    """Return lattice coordinates as little-endian 32-bit numbers; finer ones lose their end."""
    spare = 8 * lattice.dtype.itemsize - 32
    return (lattice >> spare).astype("<i4")
