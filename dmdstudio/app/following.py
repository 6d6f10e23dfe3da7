"""Follows a run that another process writes: a cluster job, or one that outlived its window."""

from __future__ import annotations

import functools
import time
from dataclasses import replace

from msgspec.structs import replace as struct_replace
from PySide6.QtCore import QObject, QTimer, Signal

from dmdstudio.app.background import in_background
from dmdstudio.app.run_reading import ReadRun
from dmdstudio.app.state import RunView, reduce
from dmdstudio.files.run_requests import ask_to_stop
from dmdstudio.files.run_writer import writer_of
from dmdstudio.plan.events import Phase

POLL_MILLISECONDS = 500
STOP_SECONDS = 4.0
"""How long a run here may take to end after it was asked to; as the window's own engine."""

FAR_STOP_SECONDS = 15.0
"""The same for one on another machine: a shared folder shows some things late."""


class Follower(QObject):
    """Polls the event log of one run, away from the window.

    Signals:
        shown: the run as a `RunView`, whenever there is something new.
        ended: the last `ReadRun`, nobody writes it any more.
        unheard: the `ReadRun` that was asked to stop and has not.
        failed: a `DmdError` about a wish that could not be passed on.
    """

    shown = Signal(object)
    ended = Signal(object)
    unheard = Signal(object)
    failed = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._run: ReadRun | None = None
        self._patient_until: float | None = None
        self._timer = QTimer(self, singleShot=True, interval=POLL_MILLISECONDS)
        self._timer.timeout.connect(self._poll)

    @property
    def run(self) -> ReadRun | None:
        """The run that is followed, as it was last read."""
        return self._run

    def follow(self, run: ReadRun) -> None:
        """Go on from what was read of a run."""
        self._run, self._patient_until = run, None
        self._timer.start()

    def leave(self) -> None:
        """Follow nothing any more."""
        self._run = self._patient_until = None
        self._timer.stop()

    def stop_run(self) -> None:
        """Ask whoever writes the run to end it; `unheard` tells when that was in vain."""
        if (run := self._run) is not None and run.writer is not None:
            patience = STOP_SECONDS if run.writer.here else FAR_STOP_SECONDS
            self._patient_until = time.monotonic() + patience
            self.shown.emit(self._as_asked(run))
            in_background(self, lambda: ask_to_stop(run.folder), lambda _: None, self.failed.emit)

    def _poll(self) -> None:
        if (run := self._run) is not None:
            in_background(
                self,
                lambda: _read_on(run),
                lambda now: self._take(run, now),
                lambda _: self._again(run),  # a shared folder may be away for a while
            )

    def _take(self, before: ReadRun, now: ReadRun) -> None:
        if before is not self._run:
            return  # another run is followed by now
        self._run = now
        if not now.is_live:
            self.leave()
            self.shown.emit(now.shown)
            self.ended.emit(now)
            return
        if now.view is not before.view or now.silent_since != before.silent_since:
            self.shown.emit(self._as_asked(now))
        if self._patient_until is not None and time.monotonic() > self._patient_until:
            self._patient_until = None
            self.unheard.emit(now)
        self._timer.start()

    def _as_asked(self, run: ReadRun) -> RunView:
        """Return what is shown of a run, and that it was asked to stop."""
        if self._patient_until is None:
            return run.shown
        return struct_replace(run.shown, phase=Phase(name="stopping"))

    def _again(self, run: ReadRun) -> None:
        if run is self._run:
            self._timer.start()


def _read_on(run: ReadRun) -> ReadRun:
    """Return a run with what was written since."""
    writer = writer_of(run.folder)  # before the log: what it wrote last is not missed
    events = run.tail.poll()
    start = RunView() if run.tail.restarted else run.view
    view = functools.reduce(reduce, events, start)
    silent = writer.silent_since if writer is not None else None
    return replace(run, view=view, writer=writer, silent_since=silent)
