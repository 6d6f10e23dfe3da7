"""All runs of the window: their list, their names, the trash, and those that are compared."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QFile, QObject, QTimer, Signal

from dmdstudio.app.background import in_background
from dmdstudio.app.run_folders import runs_folder
from dmdstudio.app.run_list import RunIndex, RunRow, runs_in
from dmdstudio.app.session import Session
from dmdstudio.base.errors import DmdError, RunError
from dmdstudio.files.run_label import write_label
from dmdstudio.files.run_writer import writer_of

REFRESH_MILLISECONDS = 2000
MOST_COMPARED = 5
"""As many as there are colours that can be told apart beside the run that is shown."""


class RunShelf(QObject):
    """Reads the list again while somebody looks at it, away from the window.

    Signals:
        changed: other rows, or other values in them.
        trashed: a run was moved to the trash; its old folder and where it is now.
        failed: a `DmdError`.
    """

    changed = Signal()
    trashed = Signal(object, object)
    failed = Signal(object)

    def __init__(self, session: Session, own: Callable[[], tuple[Path, ...]]) -> None:
        super().__init__(session)
        self._session = session
        self._own = own
        self.rows: list[RunRow] = []
        self.own_only = False
        """Whether only the project's runs are listed."""
        self._index = RunIndex()
        self._reading = self._again = False
        self._timer = QTimer(self, interval=REFRESH_MILLISECONDS)
        self._timer.timeout.connect(self.refresh)

    @property
    def has_own(self) -> bool:
        """Whether some runs belong to the project and others do not."""
        return bool(self._own())

    def watch(self, watched: bool) -> None:
        """Keep the list up to date, or not, as nobody sees it."""
        if watched:
            self._timer.start()
            self.refresh()
        else:
            self._timer.stop()

    def refresh(self) -> None:
        """Read what is new."""
        if self._reading:
            self._again = True
            return
        own, folder = self._own(), None if self.own_only else runs_folder()
        started = self._session.view.started
        shown = [Path(started.run_dir)] if started is not None and not self.own_only else []

        index = self._index  # not the shelf: the last to let go of a window must not be a thread

        def read() -> list[RunRow]:
            return index.rows([*own, *shown, *(runs_in(folder) if folder else [])])

        self._reading = True
        in_background(self, read, self._take, self._fail)

    def _take(self, rows: list[RunRow]) -> None:
        self._reading = False
        if rows != self.rows:
            self.rows = rows
            self._session.refresh_compared({row.folder: (row.name, row.view) for row in rows})
            self.changed.emit()
        if self._again:
            self._again = False
            self.refresh()

    def _fail(self, error: DmdError) -> None:
        self._reading = False
        self.failed.emit(error)

    def show_own_only(self, only: bool) -> None:
        """List the project's runs only, or all."""
        self.own_only = only
        self.refresh()

    def row_of(self, folder: Path) -> RunRow | None:
        """Return the row of a run."""
        return next((row for row in self.rows if row.folder == folder), None)

    def compare(self, folder: Path, compared: bool) -> None:
        """Draw a run beside the one that is shown, or no longer."""
        now = [f for f in self._session.compared if f != folder]
        row = self.row_of(folder)
        if compared and row is not None:
            if len(now) >= MOST_COMPARED:
                self.failed.emit(
                    RunError(
                        f"{MOST_COMPARED} runs are compared already.", "Untick one of them first."
                    )
                )
                self.changed.emit()
                return
            self._session.compare({**self._session.compared, folder: (row.name, row.view)})
        else:
            self._session.compare({f: self._session.compared[f] for f in now})
        self.changed.emit()

    def rename(self, folder: Path, name: str) -> None:
        """Give a run another name; its folder keeps its own."""
        try:
            write_label(folder, name if name.strip() != folder.name else "")
        except OSError as error:
            self.failed.emit(RunError(f"The run cannot be renamed: {error.strerror}."))
        self.refresh()

    def trash(self, folder: Path) -> None:
        """Move a run to the trash of the system, from where it can be put back."""
        if writer_of(folder) is not None:
            self.failed.emit(RunError(f"{folder.name} is at work.", "Stop it first."))
            return

        def move() -> Path:
            file = QFile(str(folder))
            if not file.moveToTrash():
                raise RunError(
                    f"{folder.name} cannot be moved to the trash: {file.errorString()}.",
                    "Delete its folder in the file manager.",
                )
            return Path(file.fileName())

        def done(place: Path) -> None:
            self.compare(folder, False)
            self.trashed.emit(folder, place)
            self.refresh()

        in_background(self, move, done, self.failed.emit)

    def put_back(self, folder: Path, place: Path) -> None:
        """Take a run out of the trash again."""

        def move() -> None:
            if folder.exists() or not place.is_dir():
                raise RunError(
                    f"{folder.name} cannot be put back from {place}.", "Look into the trash."
                )
            shutil.move(place, folder)
            about = place.parent.parent / "info" / f"{place.name}.trashinfo"
            if about.is_file():
                os.unlink(about)

        in_background(self, move, lambda _: self.refresh(), self.failed.emit)
