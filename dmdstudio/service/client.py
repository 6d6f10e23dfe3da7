"""The window's end of the pipe to the engine process. No Qt, no JAX."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from dmdstudio.base.errors import EngineError
from dmdstudio.plan.commands import Command, Detach, Order, Shutdown
from dmdstudio.plan.events import Envelope
from dmdstudio.service.wire import StreamError, frame, read_envelope

MODULE = "dmdstudio.service.worker"


class EngineDiedError(EngineError):
    """The engine process has ended by itself.

    Attributes:
        returncode: exit status, negative the signal that ended it; None where it is unknown.
        stderr: the last lines that it printed.
    """

    def __init__(self, returncode: int | None, stderr: str) -> None:
        super().__init__(
            f"The engine ended unexpectedly ({_how(returncode)}).",
            "What was stored is safe; press Resume to go on from the last finished iteration.",
        )
        self.returncode = returncode
        self.stderr = stderr


class EngineStreamError(EngineError):
    """The engine's messages cannot be read, or one is missing."""

    def __init__(self, reason: str, stderr: str = "") -> None:
        super().__init__(
            f"The engine's messages cannot be trusted: {reason}.",
            "It is started afresh; press Resume to go on from the last finished iteration.",
        )
        self.stderr = stderr


def _how(returncode: int | None) -> str:
    if returncode is None:
        return "its pipe closed"
    if returncode >= 0:
        return f"exit status {returncode}"
    try:
        name = signal.Signals(-returncode).name
    except ValueError:
        name = f"signal {-returncode}"
    if name == "SIGKILL":
        return "killed with SIGKILL, often because memory ran out"
    return f"killed with {name}"


def engine_command() -> list[str]:
    """Return the command line of the engine process; a frozen program starts itself with it."""
    return [sys.executable, "-m", MODULE]


class EngineClient:
    """Starts the engine process, sends commands and receives envelopes.

    One thread calls `send` and `receive`; `wake` may be called from any.

    Args:
        command: what to start instead of the engine, in tests of the pipe.
        environment: variables of the process besides those of this one.
    """

    def __init__(
        self, command: Sequence[str] | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self._command = list(command or engine_command())
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._inbox: queue.SimpleQueue[Envelope | BaseException | None] = queue.SimpleQueue()
        self._stderr: deque[str] = deque(maxlen=200)
        self._threads: list[threading.Thread] = []
        self._orders = 0
        self._expected = 1
        self._heard = time.monotonic()

    def start(self) -> None:
        """Start the process; raise `EngineError` where the system refuses."""
        environment = {**os.environ, **self._environment}
        package = str(Path(__file__).resolve().parents[2])
        paths = [package, *filter(None, [environment.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        except OSError as error:
            raise EngineError(f"The engine cannot be started: {error}.") from None
        self._heard = time.monotonic()
        for target in (self._listen, self._collect):
            thread = threading.Thread(target=target, daemon=True, name=f"engine {target.__name__}")
            thread.start()
            self._threads.append(thread)

    def _listen(self) -> None:
        assert self._process is not None
        try:
            while (envelope := read_envelope(cast(BinaryIO, self._process.stdout))) is not None:
                self._heard = time.monotonic()
                self._inbox.put(envelope)
        except (StreamError, OSError, ValueError) as error:
            self._inbox.put(EngineStreamError(str(error)))
            return
        self._inbox.put(EngineDiedError(None, ""))

    def _collect(self) -> None:
        assert self._process is not None
        with contextlib.suppress(OSError, ValueError):
            for line in cast(BinaryIO, self._process.stderr):
                self._stderr.append(line[:2000].decode("utf-8", "replace").rstrip())

    def send(self, command: Command) -> int:
        """Send a command; return its number, by which envelopes answer.

        Raises:
            EngineDiedError: nobody reads any more.
        """
        self._orders += 1
        self._write(Order(self._orders, command))
        return self._orders

    def _write(self, order: Order) -> None:
        if self._process is None:
            raise EngineDiedError(None, "")
        stdin = cast(BinaryIO, self._process.stdin)
        try:
            stdin.write(frame(order))
            stdin.flush()
        except (OSError, ValueError):
            raise self._obituary() from None

    def receive(self, timeout: float | None = None) -> Envelope | None:
        """Return the next envelope; None after ``timeout`` seconds or a `wake`.

        Raises:
            EngineDiedError: the process has ended; everything that it sent was received before.
            EngineStreamError: a message is missing or unreadable.
        """
        try:
            item = self._inbox.get(timeout=timeout)
        except queue.Empty:
            return None
        if isinstance(item, EngineStreamError):
            raise EngineStreamError(str(item.message), self.stderr_tail)
        if isinstance(item, BaseException):
            self._inbox.put(item)  # whoever asks again hears the same
            raise self._obituary()
        if item is not None:
            if item.number != self._expected:
                expected, self._expected = self._expected, item.number + 1
                raise EngineStreamError(
                    f"message {item.number} came where {expected} was due", self.stderr_tail
                )
            self._expected += 1
        return item

    def wake(self) -> None:
        """Make a waiting `receive` return None at once (any thread)."""
        self._inbox.put(None)

    def _obituary(self) -> EngineDiedError:
        """Return the error that says how the process ended."""
        returncode = None
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                returncode = self._process.wait(timeout=1.0)
        for thread in self._threads[1:]:
            thread.join(timeout=0.5)  # the last words
        return EngineDiedError(returncode, self.stderr_tail)

    @property
    def stderr_tail(self) -> str:
        """The last lines that the process printed."""
        return "\n".join(self._stderr)

    @property
    def silence(self) -> float:
        """Seconds since the last sign of life."""
        return time.monotonic() - self._heard

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The process number, where one was started."""
        return None if self._process is None else self._process.pid

    def shutdown(self, timeout: float = 4.0) -> int | None:
        """End the process: ask it, then terminate it, then kill it. Return its exit status.

        Asking takes ``timeout`` seconds at most, terminating one more.
        """
        process = self._process
        if process is None:
            return None
        if process.poll() is None:
            with contextlib.suppress(EngineError):
                self._orders += 1
                self._write(Order(self._orders, Shutdown()))
            with contextlib.suppress(OSError, ValueError):
                cast(BinaryIO, process.stdin).close()
            for wait, harder in ((timeout, process.terminate), (1.0, process.kill)):
                try:
                    process.wait(timeout=wait)
                    break
                except subprocess.TimeoutExpired:
                    harder()
            process.wait()
        for thread in self._threads:
            thread.join(timeout=1.0)
        for stream in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(OSError, ValueError):
                if stream is not None:
                    stream.close()
        return process.returncode

    def detach(self, timeout: float = 2.0) -> None:
        """Let go of the process: a run under way goes on without a window, all else ends."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(EngineError):
            self._orders += 1
            self._write(Order(self._orders, Detach()))
        with contextlib.suppress(OSError, ValueError):
            cast(BinaryIO, process.stdin).close()
        for thread in self._threads:  # they end as the process closes its side
            thread.join(timeout)

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
