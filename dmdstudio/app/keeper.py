"""Keeps the work: the project file that is open, autosaves, and what an earlier window left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from dmdstudio.app.autosave import Left, Slot, left_behind, saved_version
from dmdstudio.app.background import in_background
from dmdstudio.app.run_folders import remember, state_folder
from dmdstudio.app.session import Session
from dmdstudio.base.errors import FileError
from dmdstudio.files.project_file import Opened, Project, write_project
from dmdstudio.plan.recipe import Recipe

AUTOSAVE_SECONDS = 10.0
"""An edit is on the disk after so long."""


class Keeper(QObject):
    """Knows what of the session is saved, and saves it.

    Signals:
        changed: the project, or whether it is saved.
        autosaved: everything is on the disk; the time in seconds since 1970.
        failed: a `DmdError` about a file that could not be written.
        saved: the project file that was written.
        offered: there is a `Left` to be answered, the first of `offers`.
    """

    changed = Signal()
    autosaved = Signal(float)
    failed = Signal(object)
    saved = Signal(object)
    offered = Signal()

    def __init__(self, session: Session, waiting: Callable[[], tuple[Recipe, ...]]) -> None:
        super().__init__(session)
        self._session = session
        self._waiting = waiting
        self.path: Path | None = None
        self.runs: tuple[Path, ...] = ()
        self.offers: list[Left] = []
        self.look: Callable[[], tuple[str, str]] = lambda: ("", "")
        """Returns the tab and target that are shown."""
        self._baseline: Project | None = None
        self._kept: Project | None = None
        self._is_modified = self._is_closed = False
        self._content: str | None = None  # of the project file, as this window knows it
        self._slot = Slot(state_folder())
        self._writing = threading.Lock()
        self._timer = QTimer(self, singleShot=True, interval=int(1000 * AUTOSAVE_SECONDS))
        self._timer.timeout.connect(self.autosave)
        session.recipe_changed.connect(self.note_change)
        session.leaving.connect(self.set_aside)

    # -- what there is

    def snapshot(self) -> Project | None:
        """Return the session as a project; None while nothing is open."""
        session = self._session
        if session.recipe is None:
            return None
        started = session.view.started
        tab, target = self.look()
        return Project(
            session.recipe,
            recipe_path=session.recipe_path,
            runs=self.runs,
            shown_run=Path(started.run_dir) if started is not None else None,
            tab=tab,
            target=target,
            queue=self._waiting(),
            original=self.path,
        )

    @property
    def is_modified(self) -> bool:
        """Whether something is not in the file that is open."""
        return self._is_modified

    def note_change(self) -> None:
        """Look whether there is anything to save, and see that it soon is."""
        now, modified = self.snapshot(), False
        if now is not None:
            modified = not now.keeps_the_same(self._baseline)
            if not now.keeps_the_same(self._kept) and not self._timer.isActive():
                self._timer.start()
        if modified != self._is_modified:
            self._is_modified = modified
            self.changed.emit()

    def add_run(self, run: Path) -> None:
        """Let a run belong to the project; the work is kept before it begins."""
        self.runs = (*(r for r in self.runs if r != run), run)
        self._forgive_runs()
        self.note_change()
        self.autosave(run)

    def drop_run(self, run: Path, follower: Path | None = None) -> None:
        """Let a run no longer belong to the project, or under another name."""
        names = [follower if r == run else r for r in self.runs]
        self.runs = tuple(r for r in names if r is not None)
        self._forgive_runs()
        self.note_change()

    def _forgive_runs(self) -> None:
        """Without a project file nothing lists the runs, so there is nothing to save of them."""
        if self.path is None and self._baseline is not None:
            self._baseline = replace(self._baseline, runs=self.runs)

    # -- opening

    def begin(self, is_saved: bool) -> None:
        """Take what was just opened for the whole work; it is not a project yet."""
        self.path, self.runs, self._content = None, (), None
        self._settle(self.snapshot() if is_saved else None)

    def begin_project(self, path: Path, opened: Opened) -> None:
        """Take over what a project file holds; the session shows it already."""
        self.path, self.runs = path, opened.project.runs
        self._content = _content(path)
        now = self.snapshot()
        self._settle(None if opened.warnings else now)
        remember(path)

    def begin_left(self, left: Left) -> None:
        """Take over what another window left; the session shows it already."""
        project = left.opened.project
        self.path, self.runs = project.original, project.runs
        self._content = _content(self.path) if self.path else None
        self._settle(saved_version(project))
        self._kept = self.snapshot()
        with self._writing:
            self._slot.adopt(left)

    def _settle(self, baseline: Project | None) -> None:
        self._baseline, self._kept = baseline, baseline
        self._is_modified = False
        self.changed.emit()
        self.note_change()

    # -- saving

    def save(self, path: Path | None = None, *, anyway: bool = False) -> None:
        """Write the project, away from the window; `saved` or `failed` tells the end.

        A file that another window has written meanwhile is only replaced with ``anyway``.
        """
        now, path = self.snapshot(), path or self.path
        if now is None or path is None:
            return
        known = self._content if path == self.path and not anyway else None
        project = replace(now, original=None)

        def write() -> Path:
            with self._writing:
                if known is not None and path.exists() and _content(path) != known:
                    raise ChangedError(path)
                return write_project(path, project)

        def done(written: Path) -> None:
            self.path, self._content = written, _content(written)
            self._baseline = now
            remember(written)
            self.note_change()
            self.changed.emit()
            self.saved.emit(written)

        in_background(self, write, done, self.failed.emit)

    def autosave(self, run: Path | None = None) -> None:
        """Keep the work in the window's own folder, away from the window."""
        now = self.snapshot()
        if now is None:
            return
        if run is not None:
            now = replace(now, shown_run=run)

        def write() -> Project:
            with self._writing:
                if not self._is_closed:
                    self._slot.write(now)
            return now

        def done(kept: Project) -> None:
            self._kept = kept
            if not self._is_closed:
                self.autosaved.emit(time.time())
                self.note_change()

        self._timer.stop()
        in_background(self, write, done, self.failed.emit)

    def set_aside(self) -> None:
        """Keep unsaved work that is about to be replaced, and offer it at once."""
        if not self._is_modified:
            return
        if (error := self._keep_now()) is not None:
            self.failed.emit(error)
            return
        self._slot.leave()
        QTimer.singleShot(0, self, self.look_for_left)

    def close(self, run_goes_on: bool) -> FileError | None:
        """Keep what is not saved for the next window; return why that cannot be done."""
        self._timer.stop()
        if self._is_modified or run_goes_on:
            if (error := self._keep_now()) is not None:
                return error
            self._slot.leave()
        self.abandon()
        return None

    def abandon(self) -> None:
        """Keep nothing more, and leave to others what was not answered."""
        with self._writing:
            self._is_closed = True
            self._slot.clear()
        for left in self.offers:
            left.lock.release()
        self.offers = []

    def _keep_now(self) -> FileError | None:
        now = self.snapshot()
        assert now is not None
        try:
            with self._writing:
                self._slot.write(now)
        except FileError as error:
            return error
        return None

    # -- what was left

    def look_for_left(self) -> None:
        """Look for the work of windows that ended; `offered` tells of it."""
        in_background(self, lambda: left_behind(state_folder()), self._offer, self.failed.emit)

    def _offer(self, found: list[Left]) -> None:
        self.offers += found
        if self.offers:
            self.offered.emit()

    def take_offer(self) -> Left | None:
        """Return the first offer and take it from the list."""
        return self.offers.pop(0) if self.offers else None


class ChangedError(FileError):
    """A project file that is not what this window last read or wrote."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path.name} was changed by another window or program.",
            "Save it under another name, or replace what is there; a backup is kept.",
        )


def _content(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError):
        return None
