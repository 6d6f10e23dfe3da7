"""Reading a run folder as the window shows it, at work or at rest. No Qt."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from dmdstudio.app.state import RunView, at_rest, reduce
from dmdstudio.app.words import moment_words
from dmdstudio.base.errors import RecipeError
from dmdstudio.files.event_log import EventTail
from dmdstudio.files.run_writer import Writer, writer_of
from dmdstudio.plan.events import Phase, Progress
from dmdstudio.plan.recipe import Recipe, parse_recipe

RunState = Literal["at work", "silent", "completed", "stopped", "failed", "interrupted", "empty"]


@dataclass(frozen=True)
class ReadRun:
    """A run folder as it was when it was read.

    Attributes:
        folder: where it lies.
        recipe: the run's own, with its own copies of the files.
        view: as its events have it; `shown` is what the window draws.
        tail: goes on reading where the view ends.
        writer: the process that writes it now.
        warnings: what was found damaged, in sentences.
        silent_since: when the writer was last seen alive, if it may be gone by now; seconds since
            1970.
    """

    folder: Path
    recipe: Recipe
    view: RunView
    tail: EventTail
    writer: Writer | None
    warnings: list[str]
    silent_since: float | None = None

    @property
    def is_live(self) -> bool:
        """Whether there is more to come."""
        return self.writer is not None and self.view.running

    @property
    def shown(self) -> RunView:
        """The view with the run's folder where it lies now, at rest if nobody writes it."""
        view = located(self.view, self.folder)
        if not self.is_live:
            return at_rest(view)
        view = with_own_pace(view)
        if self.silent_since is None:
            return view
        since = f"last seen on {moment_words(self.silent_since)}"
        return replace(view, phase=Phase(name="silent", detail=since), progress=None)


def read_run(folder: Path) -> ReadRun:
    """Read a run folder; raise `RunError` or `FileError` where it is none."""
    from dmdstudio.files.run_store import RunStore  # with all that reads states: not at the start

    recipe = RunStore.open(folder).recipe()
    writer = writer_of(folder)  # before the log: what it wrote last is not missed
    tail = EventTail(folder)
    view = functools.reduce(reduce, tail.poll(), RunView())
    silent = writer.silent_since if writer is not None else None
    return ReadRun(folder, recipe, view, tail, writer, tail.warnings, silent)


def state_of(view: RunView, writer: Writer | None) -> RunState:
    """Return how a run stands, by its events and by who writes it."""
    silent = writer is not None and writer.silent_since is not None
    working = "silent" if silent else "at work"
    if view.running:
        return working if writer is not None else "interrupted"
    if view.failed is not None:
        return "failed"
    if view.finished is not None:
        return "completed" if view.finished.reason == "completed" else "stopped"
    return working if writer is not None else "empty"


def iterations_more(view: RunView) -> int | None:
    """Return how many iterations a run gets when it is resumed; None for what its recipe plans.

    A completed one gets as many again as its recipe has, and one that was given more before goes
    on to the end that it was given.
    """
    if view.started is None:
        return None
    try:
        own = parse_recipe(view.started.recipe).refinement.iterations
    except RecipeError:
        return None  # of a newer version: the engine will say so
    if view.finished is not None and view.finished.reason == "completed":
        return own
    done = view.steps[-1].iteration + 1 if view.steps else 0
    return max(1, view.started.iterations - done) if view.started.iterations > own else None


def located(view: RunView, folder: Path) -> RunView:
    """Return a view whose run lies in a folder, where it may have been moved to."""
    if view.started is None:
        return view
    return replace(view, started=replace(view.started, run_dir=str(folder)))


def with_own_pace(view: RunView) -> RunView:
    """Return a view with the progress that its finished iterations tell of.

    The log on disk has no pieces of iterations: the time left is the median of the last five
    iterations times those that are left.
    """
    if not view.running or view.started is None:
        return view
    first, total = view.started.first_iteration, view.started.iterations
    done = max(0, view.steps[-1].iteration + 1 - first) if view.steps else 0
    planned = max(total - first, 1)
    seconds = sorted(step.seconds for step in view.steps[-min(done, 5) :]) if done else []
    left = seconds[len(seconds) // 2] * (planned - done) if seconds else None
    return replace(
        view,
        phase=Phase(name="elsewhere", iteration=first + done if done < planned else -1),
        progress=Progress(
            fraction=min(done / planned, 1.0),
            seconds_left=left if left is not None and math.isfinite(left) else None,
        ),
    )
