"""Where a window keeps what is not saved yet, and what windows that ended left behind. No Qt.

Each window has a folder of its own, whose lock the system gives back when the window ends, however
it ends; a folder that nobody locks is one that was left.

    sessions/20260101-120000-4711/session.dmdproj
                                  lock
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dmdstudio.base.errors import DmdError, FileError
from dmdstudio.files.event_log import EventTail
from dmdstudio.files.project_file import Opened, Project, read_project, write_project
from dmdstudio.files.run_writer import writer_of
from dmdstudio.plan.events import Failed, Finished, Started
from dmdstudio.plan.recipe import read_recipe

if TYPE_CHECKING:
    import filelock

_FILE = "session.dmdproj"
_FORGOTTEN_DAYS = 30.0
"""What was forgotten on purpose stays in ``forgotten`` for so long."""


class Slot:
    """A window's own place for autosaves; made at the first one."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._folder: Path | None = None
        self._lock: filelock.BaseFileLock | None = None

    def write(self, project: Project) -> None:
        """Keep a project; raise `FileError` where that fails."""
        import filelock

        if self._folder is None:
            name = f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
            folder, number = self._state / "sessions" / name, 2
            while folder.exists():
                folder, number = folder.with_name(f"{name}-{number}"), number + 1
            try:
                folder.mkdir(parents=True)
                self._lock = filelock.FileLock(str(folder / "lock"), timeout=0, thread_local=False)
                self._lock.acquire()
            except (OSError, filelock.Timeout) as error:
                raise FileError(f"{folder} cannot be used for autosaves: {error}.") from None
            self._folder = folder
        write_project(self._folder / _FILE, project, backups=0)

    def adopt(self, left: Left) -> None:
        """Go on in the place of what another window left: its work is here from now on."""
        self.clear()
        self._folder, self._lock = left.folder, left.lock

    def leave(self) -> None:
        """Let go of what is kept, for another window to offer; the next write begins anew."""
        if self._lock is not None:
            self._lock.release()
        self._folder = self._lock = None

    def clear(self) -> None:
        """Take away what is kept: all of it is saved."""
        folder = self._folder
        self.leave()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Left:
    """What a window left behind, held so that no other window offers it too.

    Attributes:
        opened: the project as it was kept.
        time: when, seconds since 1970.
        unsaved: whether its recipe differs from the file that it was opened from.
        running, interrupted: its run is at work without a window, or ended in the middle.
    """

    folder: Path
    opened: Opened
    time: float
    unsaved: bool
    running: bool
    interrupted: bool
    lock: filelock.BaseFileLock

    def forget(self) -> None:
        """Put it away; it stays in the folder ``forgotten`` for a month."""
        self.lock.release()
        away = self.folder.parent.parent / "forgotten"
        away.mkdir(exist_ok=True)
        os.replace(self.folder, away / self.folder.name)
        for old in away.iterdir():
            if time.time() - old.stat().st_mtime > _FORGOTTEN_DAYS * 86_400:
                shutil.rmtree(old, ignore_errors=True)

    def sentence(self) -> str:
        """Return what it is, in words."""
        project = self.opened.project
        title = project.original.stem if project.original else project.recipe.title or "a recipe"
        when = time.strftime("%H:%M", time.localtime(self.time))
        if time.time() - self.time > 86_400:
            when = time.strftime("%d %B", time.localtime(self.time))
        parts = []
        if self.unsaved:
            parts.append(f"Unsaved edits of {title} were kept ({when}).")
        if self.running:
            parts.append(f"The run of {title} goes on without a window.")
        if self.interrupted:
            parts.append(f"The run of {title} was interrupted; it can be resumed.")
        return " ".join(parts)


def left_behind(state: Path) -> list[Left]:
    """Return what windows that ended have left, newest first; what holds nothing goes."""
    import filelock

    found = []
    for folder in sorted((state / "sessions").glob("*"), reverse=True):
        lock = filelock.FileLock(str(folder / "lock"), timeout=0, thread_local=False)
        try:
            lock.acquire()
        except (filelock.Timeout, OSError):
            continue  # that window lives
        left = _left(folder, lock)
        if left is not None and (left.unsaved or left.running or left.interrupted):
            found.append(left)
        elif left is not None or not (folder / _FILE).exists():
            lock.release()
            shutil.rmtree(folder, ignore_errors=True)
        else:  # it cannot be read now; a later version may
            lock.release()
    return found


def _left(folder: Path, lock: filelock.BaseFileLock) -> Left | None:
    try:
        opened = read_project(folder / _FILE)
        moment = (folder / _FILE).stat().st_mtime
    except (DmdError, OSError):
        return None
    run = opened.project.shown_run
    return Left(
        folder,
        opened,
        moment,
        _is_unsaved(opened.project),
        run is not None and writer_of(run) is not None,
        run is not None and was_interrupted(run),
        lock,
    )


def saved_version(project: Project) -> Project | None:
    """Return what the files say that an autosave was made from; None where there are none."""
    try:
        if project.original is not None:
            return read_project(project.original).project
        if project.recipe_path is not None:
            return replace(project, recipe=read_recipe(project.recipe_path), queue=())
    except DmdError:
        return None
    return None


def _is_unsaved(project: Project) -> bool:
    saved = saved_version(project)
    if saved is None:
        return True
    return not project.keeps_the_same(saved)


def was_interrupted(run: Path) -> bool:
    """Whether a run ended without its last words, and nobody writes it now."""
    if writer_of(run) is not None:
        return False
    ended = True
    for event in EventTail(run).poll():
        if isinstance(event, Started):
            ended = False
        elif isinstance(event, Finished | Failed):
            ended = True
    return not ended
