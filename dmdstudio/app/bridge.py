"""The thread that owns the engine process, and the Qt signals by which the window hears of it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence

from PySide6.QtCore import QObject, QThread, Signal

from dmdstudio.app.preferences import engine_environment
from dmdstudio.base.errors import EngineError
from dmdstudio.plan.commands import (
    CheckGradient,
    Command,
    Diagnose,
    Evaluate,
    Pause,
    Replay,
    Resume,
    Run,
    Stop,
)
from dmdstudio.plan.events import (
    Diagnosed,
    Evaluated,
    Event,
    Failed,
    Finished,
    GradientChecked,
    Iterated,
    Log,
    Phase,
    Ready,
    Replayed,
)
from dmdstudio.service.client import EngineClient, EngineDiedError

STOP_SECONDS = 4.0
"""How long a stopped command may take to end before its process is ended."""
SILENCE_SECONDS = 15.0
"""Heartbeats come each second; after so long without one the engine hangs."""
CLOSE_SECONDS = 3.0
QUICK_DEATHS = 3
"""After so many engines that died before they were ready, wait to be asked."""

Work = Run | Resume | CheckGradient | Diagnose | Evaluate | Replay
_ENDS = (Finished, Failed, GradientChecked, Diagnosed, Evaluated, Replayed)


class EngineBridge(QThread):
    """Owns the engine process; every method returns at once.

    Signals:
        heard: an event of the engine, in order.
        busy: whether a command is under way.
        acknowledged: the name of a command that the engine has heard.
    """

    heard = Signal(object)
    busy = Signal(bool)
    acknowledged = Signal(str)

    def __init__(
        self, parent: QObject | None = None, *, command: Sequence[str] | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("engine")
        self._command = command
        self._wishes: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self._client: EngineClient | None = None
        self._client_lock = threading.Lock()
        self._closing = threading.Event()
        self._leave_run = False
        # the rest belongs to the thread
        self._work: Work | None = None
        self._work_number = 0
        self._names: dict[int, str] = {}
        self._stop_due: float | None = None
        self._warned_of_silence = False
        self._quick_deaths = 0
        self._done = 0
        self._began = 0.0

    # -- called by the window

    def submit(self, command: Command) -> None:
        """Send a command to the engine; starts a new engine if there is none."""
        self._wishes.put(command)
        self._wake()

    def stop(self) -> None:
        """End the command under way; what is stored is kept."""
        self.submit(Stop())

    def pause(self, paused: bool) -> None:
        """Let the command under way wait, or go on."""
        self.submit(Pause(paused=paused))

    def close(self, timeout: float = CLOSE_SECONDS + 2.5, *, leave_run: bool = False) -> bool:
        """End the thread and the engine; return whether both are gone in time.

        With ``leave_run`` the engine finishes a run under way by itself, and then ends.
        """
        self._leave_run = leave_run
        self._closing.set()
        self._wake()
        if self.wait(int(timeout * 1000)):
            return True
        with self._client_lock:
            if self._client is not None:
                self._client.kill()
        return self.wait(1000)

    @property
    def engine_pid(self) -> int | None:
        """The process number of the engine."""
        with self._client_lock:
            return None if self._client is None else self._client.pid

    def _wake(self) -> None:
        with self._client_lock:
            if self._client is not None:
                self._client.wake()

    # -- the thread

    def run(self) -> None:
        """Own engines, one after another, until the window closes."""
        while not self._closing.is_set():
            if self._quick_deaths >= QUICK_DEATHS and self._wishes.empty():
                self._closing.wait(0.05)
                continue
            self._serve()

    def _serve(self) -> None:
        """Start an engine and stay with it until it ends."""
        client = EngineClient(self._command, engine_environment())
        try:
            self._tell(Phase(name="starting"))
            client.start()
            with self._client_lock:
                self._client = client
            while not self._closing.is_set():
                self._obey(client)
                self._listen(client)
                self._watch(client)
        except EngineError as error:
            self._mourn(client, error)
        finally:
            with self._client_lock:
                self._client = None
            if self._closing.is_set() and self._leave_run and isinstance(self._work, Run | Resume):
                client.detach()
            else:
                client.shutdown(CLOSE_SECONDS if self._closing.is_set() else 0.2)

    def _obey(self, client: EngineClient) -> None:
        while not self._wishes.empty():
            command = self._wishes.get()
            if isinstance(command, Work):
                if self._work is not None:
                    self._log("warning", "The engine is at work; stop it first.")
                    continue
                self._begin(command)
            elif self._work is None:
                continue  # nothing to pause or stop
            elif isinstance(command, Stop) and self._stop_due is None:
                self._stop_due = time.monotonic() + STOP_SECONDS
            assert command is not None
            number = client.send(command)
            self._names[number] = type(command).__name__
            if isinstance(command, Work):
                self._work_number = number

    def _begin(self, command: Work) -> None:
        self._work, self._stop_due = command, None
        self._done, self._began = 0, time.monotonic()
        self.busy.emit(True)

    def _listen(self, client: EngineClient) -> None:
        envelope = client.receive(timeout=0.25)
        if envelope is None:
            return
        event = envelope.event
        if event is None:
            if (name := self._names.pop(envelope.reply_to, None)) is not None:
                self.acknowledged.emit(name)
            return
        if isinstance(event, Ready):
            self._quick_deaths = 0
        if isinstance(event, Iterated):
            self._done += 1
        self._tell(event)
        if isinstance(event, _ENDS) and envelope.reply_to == self._work_number:
            self._end()

    def _end(self) -> None:
        self._work, self._work_number, self._stop_due = None, 0, None
        self.busy.emit(False)

    def _watch(self, client: EngineClient) -> None:
        """End an engine that does not stop, and warn of one that has gone silent."""
        if self._stop_due is not None and time.monotonic() > self._stop_due:
            client.kill()
            self._log("info", "The engine was in a long piece of work and was ended.")
            seconds = time.monotonic() - self._began
            self._tell(
                Finished(
                    reason="stopped",
                    iterations=self._done,
                    best_iteration=-1,
                    seconds=seconds,
                )
            )
            self._end()
            raise _EndedByUsError
        silent = client.silence > SILENCE_SECONDS
        if silent and not self._warned_of_silence:
            self._log(
                "warning",
                f"No sign of life from the engine for {client.silence:.0f} s. Stop ends it; "
                "what is stored is kept.",
            )
        self._warned_of_silence = silent

    def _mourn(self, client: EngineClient, error: EngineError) -> None:
        if isinstance(error, _EndedByUsError) or self._closing.is_set():
            return
        self._quick_deaths += 1
        details = getattr(error, "stderr", "")
        stopping = self._stop_due is not None
        if self._work is None:
            self._log("warning", error.message + " It is started afresh.")
            if self._quick_deaths >= QUICK_DEATHS:
                failed = Failed(
                    message="The engine does not start.",
                    advice="Run `dmdstudio doctor` in a terminal to see what is missing.",
                    details=details or str(error),
                )
                self._tell(failed)
            return
        client.kill()
        if stopping:
            self._tell(
                Finished(
                    reason="stopped",
                    iterations=self._done,
                    best_iteration=-1,
                    seconds=time.monotonic() - self._began,
                )
            )
        else:
            self._tell(Failed(message=error.message, advice=error.advice, details=details))
        self._end()

    def _tell(self, event: Event) -> None:
        self.heard.emit(event)

    def _log(self, level: str, text: str) -> None:
        self._tell(Log(level=level, text=text, time=time.time()))


class _EndedByUsError(EngineDiedError):
    """The bridge itself has ended the engine."""

    def __init__(self) -> None:
        super().__init__(None, "")
