"""Shows stored runs beside the recipe under edit, and follows those that others write."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace
from PySide6.QtCore import QObject, Signal

from dmdstudio.app.background import in_background
from dmdstudio.app.following import Follower
from dmdstudio.app.run_reading import ReadRun, read_run
from dmdstudio.app.session import Session
from dmdstudio.app.state import RunView
from dmdstudio.base.errors import DmdError


class RunDesk(QObject):
    """Puts one run after another before the session.

    Signals:
        notice: level, message, advice, details.
        following_changed: a run of another process is followed now, or no longer.
    """

    notice = Signal(str, str, str, str)
    following_changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self.follower = Follower(self)
        self.follower.shown.connect(self._show)
        self.follower.ended.connect(self._tell_end)
        self.follower.failed.connect(self._tell_error)

    @property
    def is_following(self) -> bool:
        """Whether the run that is shown is written by another process."""
        return self.follower.run is not None

    def open_run(self, folder: Path) -> None:
        """Show a run; the recipe under edit stays."""
        in_background(self, lambda: read_run(folder.resolve()), self._show_beside, self._tell_error)

    def _show_beside(self, run: ReadRun) -> None:
        self._session.ran = None
        self.show(run)

    def show(self, run: ReadRun) -> None:
        """Show a run that was read, and follow it while it is at work."""
        self.follow_nothing()
        self._show(run.shown)
        if run.is_live:
            self.follower.follow(run)
            self.following_changed.emit()
        if run.warnings:
            self.notice.emit("warning", run.warnings[0], "", "\n".join(run.warnings[1:]))

    def _show(self, view: RunView) -> None:
        now = self._session.view
        self._session.show_run(replace(view, ready=now.ready, diagnosed=now.diagnosed))

    def follow_nothing(self) -> None:
        """Let a run that is followed go its way."""
        if self.is_following:
            self.follower.leave()
            self.following_changed.emit()

    def stop(self) -> None:
        """Ask whoever writes the run that is followed to end it; what is stored is kept."""
        if self.is_following:
            self.follower.stop_run()

    def _tell_end(self, run: ReadRun) -> None:
        if run.view.running:
            self.notice.emit(
                "warning",
                "The process that wrote this run is gone.",
                "Resume goes on from the last finished iteration.",
                "",
            )
        self.following_changed.emit()

    def _tell_error(self, error: DmdError) -> None:
        self.notice.emit("error", error.message, error.advice, "")
