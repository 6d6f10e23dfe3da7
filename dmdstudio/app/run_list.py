"""What there is to know of many runs at a glance, kept up to date cheaply. No Qt."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dmdstudio.app.run_folders import is_run_folder
from dmdstudio.app.run_reading import RunState, located, state_of
from dmdstudio.app.state import RunView, at_rest, reduce
from dmdstudio.base.errors import RunError
from dmdstudio.files.event_log import EventTail
from dmdstudio.files.run_label import read_label
from dmdstudio.files.run_writer import writer_of
from dmdstudio.plan.events import StepReport


@dataclass(frozen=True)
class RunRow:
    """One run in a list.

    Attributes:
        name: what the user calls it, else its folder.
        done, planned: iterations.
        best_loss: the loss of its best iteration; not a number before the first.
        began: when, seconds since 1970; 0 where it is not known.
        view: the run, at rest, without the text of its log.
        silent_since: when its writer was last seen, if it may be gone; seconds since 1970.
    """

    folder: Path
    name: str
    state: RunState
    done: int
    planned: int
    best_loss: float
    began: float
    view: RunView
    silent_since: float | None = None


class RunIndex:
    """Reads the runs of some folders; what was read before is not read again."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[EventTail, RunView]] = {}

    def rows(self, folders: Iterable[Path]) -> list[RunRow]:
        """Return the runs, the newest first; what is no run is left out."""
        wanted = [folder for folder in dict.fromkeys(folders) if is_run_folder(folder)]
        for gone in set(self._known) - set(wanted):
            del self._known[gone]
        rows = [self._row(folder) for folder in wanted]
        return sorted(rows, key=lambda row: (-row.began, row.folder.name))

    def _row(self, folder: Path) -> RunRow:
        writer = writer_of(folder)
        tail, view = self._known.get(folder, (EventTail(folder), RunView()))
        try:
            events = tail.poll()
        except OSError:  # it is shown as it was
            events = []
        view = functools.reduce(reduce, events, RunView() if tail.restarted else view)
        self._known[folder] = (tail, view)
        started, best = view.started, view.best
        return RunRow(
            folder=folder,
            name=read_label(folder) or folder.name,
            state=state_of(view, writer),
            done=view.steps[-1].iteration + 1 if view.steps else 0,
            planned=started.iterations if started is not None else 0,
            best_loss=best.loss if best is not None else math.nan,
            began=started.time if started is not None else _made(folder),
            view=at_rest(located(view, folder)),
            silent_since=writer.silent_since if writer is not None else None,
        )


def _made(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0


def runs_in(folder: Path) -> list[Path]:
    """Return the run folders directly inside a folder."""
    try:
        return [path for path in folder.iterdir() if is_run_folder(path)]
    except OSError:
        return []


def step_at(view: RunView, iteration: int) -> StepReport:
    """Return the report of an iteration; raise `RunError` where the run has none."""
    for step in view.steps:
        if step.iteration == iteration:
            return step
    last = view.steps[-1].iteration if view.steps else -1
    raise RunError(
        f"The run has no iteration {iteration}.",
        f"It has 0 to {last}." if last >= 0 else "Let it finish one first.",
    )
