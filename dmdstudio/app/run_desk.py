"""Shows stored runs beside the recipe under edit, and follows those that others write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace
from PySide6.QtCore import QObject, Signal

from dmdstudio.app.background import in_background
from dmdstudio.app.following import Follower
from dmdstudio.app.run_reading import ReadRun, read_run
from dmdstudio.app.session import Session
from dmdstudio.app.state import RunView
from dmdstudio.base.errors import DmdError, RunError
from dmdstudio.files.run_ending import end_writer, forget_writer, is_engine
from dmdstudio.files.run_requests import forget_requests
from dmdstudio.files.run_writer import Writer


class RunDesk(QObject):
    """Puts one run after another before the session.

    Signals:
        notice: level, message, advice, details.
        question: a message, and its answers as pairs of words and what they do.
        question_over: the message of a question whose run is followed no longer.
        following_changed: a run of another process is followed now, or no longer.
    """

    notice = Signal(str, str, str, str)
    question = Signal(str, object)
    question_over = Signal(str)
    following_changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self.follower = Follower(self)
        self.follower.shown.connect(self._show)
        self.follower.ended.connect(self._tell_end)
        self.follower.failed.connect(self._tell_error)
        self.follower.unheard.connect(self._escalate)
        self._asked = ""
        self._ended_by_us: Path | None = None

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
            self._take_question_back()
            self.following_changed.emit()

    def stop(self) -> None:
        """Ask whoever writes the run that is followed to end it; what is stored is kept."""
        if self.is_following:
            self.follower.stop_run()

    def _escalate(self, run: ReadRun) -> None:
        """Go further with a run that has not obeyed: end our own engines, ask about others."""
        writer = run.writer
        assert writer is not None
        if writer.here and is_engine(writer):
            self._end(run, writer)
        elif writer.here:
            self._ask(
                f"Process {writer.pid}, which writes this run, has not stopped yet. It stops after "
                "the piece of work in hand. Ended now, it keeps every finished iteration.",
                ("End the process", lambda: self._end(run, writer)),
            )
        else:
            self._ask(
                f"This run is written by process {writer.pid} on {writer.host}, which has not "
                "answered yet. It stops once it sees the request in the run's folder. If the "
                "process is gone, as after its job was cancelled, the run can be resumed.",
                ("It is gone", lambda: self._let_go(run)),
            )

    def _ask(self, message: str, answer: tuple[str, Callable[[], None]]) -> None:
        self._asked = message
        self.question.emit(message, [answer, ("Wait", _do_nothing)])

    def _take_question_back(self) -> None:
        """Ask no more about a run that is followed no longer: the answer would meet another."""
        asked, self._asked = self._asked, ""
        if asked:
            self.question_over.emit(asked)

    def _end(self, run: ReadRun, writer: Writer) -> None:
        self._ended_by_us = run.folder
        in_background(self, lambda: end_writer(run.folder, writer), lambda _: None, self._not_ended)

    def _not_ended(self, error: DmdError) -> None:
        self._ended_by_us = None
        self._tell_error(error)

    def _let_go(self, run: ReadRun) -> None:
        """Take it that nobody writes a run any more; the follower then finds it so."""
        in_background(self, lambda: _forget(run.folder), lambda _: None, self._tell_error)

    def _tell_end(self, run: ReadRun) -> None:
        self._take_question_back()
        by_us, self._ended_by_us = self._ended_by_us == run.folder, None
        if run.view.running:
            self.notice.emit(
                "info" if by_us else "warning",
                "The engine was in a long piece of work and was ended."
                if by_us
                else "The process that wrote this run is gone.",
                "Resume goes on from the last finished iteration.",
                "",
            )
        self.following_changed.emit()

    def _tell_error(self, error: DmdError) -> None:
        self.notice.emit("error", error.message, error.advice, "")


def _forget(folder: Path) -> None:
    try:
        forget_writer(folder)
        forget_requests(folder)
    except OSError as error:
        raise RunError(f"The run's folder cannot be changed: {error.strerror}.") from None


def _do_nothing() -> None:
    """Let a question be."""
