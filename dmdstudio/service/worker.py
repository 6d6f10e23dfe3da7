"""The engine process: reads orders on standard input, answers with events on standard output.

Started as ``python -m dmdstudio.service.worker``. A thread reads the orders, so that Stop and Pause
act while the main thread is at work; another beats once a second. The protocol takes over standard
output, and whatever else prints goes to standard error.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import BinaryIO

from dmdstudio.base.errors import DmdError, understood
from dmdstudio.plan.commands import (
    CheckGradient,
    Command,
    Detach,
    Diagnose,
    Evaluate,
    Order,
    Pause,
    Replay,
    Resume,
    Run,
    Shutdown,
    Stop,
)
from dmdstudio.plan.events import (
    Diagnosed,
    Envelope,
    Evaluated,
    Event,
    Failed,
    Finished,
    GradientChecked,
    Paused,
    Phase,
    Replayed,
)
from dmdstudio.plan.recipe import parse_recipe
from dmdstudio.service.control import Control
from dmdstudio.service.wire import HEARTBEAT_SECONDS, StreamError, frame, read_order

LOOP = "dmdstudio.service.loop"
BUILD = "dmdstudio.service.build"
GRACE_SECONDS = 8.0
LAST_WORDS = (Finished, Failed, GradientChecked, Diagnosed, Evaluated, Replayed)
"""One of these ends every command."""


class Voice:
    """Sends numbered envelopes from any thread."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._number = 0
        self._deaf = False

    def send(self, event: Event | None = None, reply_to: int = 0) -> None:
        """Send one envelope; silently give up where nobody listens any more."""
        with self._lock:
            if self._deaf:
                return
            self._number += 1
            try:
                self._stream.write(frame(Envelope(self._number, reply_to, event)))
                self._stream.flush()
            except (OSError, ValueError):
                self._deaf = True

    def close(self) -> None:
        """Say nothing any more, and print nowhere: whoever listened sees the end."""
        nothing = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nothing, stream)
        os.close(nothing)
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._deaf = True
            self._stream.close()


class Worker:
    """Takes orders in one thread and carries them out, one at a time, in another."""

    def __init__(self, orders: BinaryIO, voice: Voice) -> None:
        self._orders = orders
        self._voice = voice
        self._queue: queue.SimpleQueue[tuple[Order, Control] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._controls: dict[Control, bool] = {}  # under way and waiting; whether it is a run

    def listen(self) -> None:
        """Read orders until the pipe closes or a Shutdown comes (reader thread)."""
        try:
            while (order := read_order(self._orders)) is not None:
                self._voice.send(reply_to=order.number)
                if isinstance(order.command, Shutdown):
                    self._leave()
                if isinstance(order.command, Detach):
                    break
                self._take(order)
        except (StreamError, OSError) as error:
            failed = Failed(message="The engine could not read an order.", details=str(error))
            self._voice.send(failed)
        self._outlive()

    def _take(self, order: Order) -> None:
        match order.command:
            case Stop():
                self._stop()
            case Pause(paused=paused):
                with self._lock:
                    controls = list(self._controls)
                for control in controls:
                    control.pause(paused)
            case _:
                control = Control(
                    lambda waiting: self._voice.send(Paused(paused=waiting), order.number)
                )
                with self._lock:
                    self._controls[control] = isinstance(order.command, Run | Resume)
                self._queue.put((order, control))

    def _stop(self) -> None:
        with self._lock:
            controls = list(self._controls)
        for control in controls:
            control.stop()

    def _outlive(self) -> None:
        """The window is gone, killed or on purpose: finish a run that it began, then leave.

        The run's folder holds all there is to see, and takes the wish to stop it.
        """
        with self._lock:
            runs = [c for c, is_run in self._controls.items() if is_run]
            others = [c for c, is_run in self._controls.items() if not is_run]
        if not runs:
            self._leave()
        self._voice.close()
        for control in others:
            control.stop()
        for control in runs:
            control.pause(False)  # nobody is left to say go on
        self._queue.put(None)

    def _leave(self) -> None:
        """Let the piece in hand be finished, but not for long: what counts is stored already."""
        with self._lock:
            busy = bool(self._controls)
        if not busy:
            os._exit(0)
        self._stop()
        self._queue.put(None)
        time.sleep(GRACE_SECONDS)
        os._exit(0)

    def work(self) -> None:
        """Import the engine, then carry out orders until the reader has ended (main thread)."""
        loop = self._import()
        while (item := self._queue.get()) is not None:
            order, control = item
            if loop is None:
                loop = self._import(order.number)
            if loop is not None:
                self._carry_out(loop, order, control)
            with self._lock:
                del self._controls[control]

    def _import(self, reply_to: int = 0) -> ModuleType | None:
        self._voice.send(Phase(name="importing"))
        began = time.perf_counter()
        try:
            loop = importlib.import_module(LOOP)
            ready = importlib.import_module(BUILD).describe()
        except Exception as error:
            self._voice.send(_failure(error, "The engine cannot be loaded."), reply_to)
            return None
        seconds = time.perf_counter() - began
        self._voice.send(type(ready)(**{**_fields(ready), "seconds": seconds}))
        return loop

    def _carry_out(self, loop: ModuleType, order: Order, control: Control) -> None:
        try:
            event: Event | None = None
            for event in _events(loop, order.command, control):
                self._voice.send(event, order.number)
            if not isinstance(event, LAST_WORDS):
                reason = "stopped" if control.stop_requested else "completed"
                last = Finished(reason=reason, iterations=0, best_iteration=-1, seconds=0.0)
                self._voice.send(last, order.number)
        except Exception as error:
            self._voice.send(_failure(error, "The engine met an error."), order.number)


def _fields(event: Event) -> dict[str, object]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


def _events(loop: ModuleType, command: Command, control: Control) -> Iterator[Event]:
    """Return the events of the loop's function for a command."""
    match command:
        case Run():
            return loop.refine(_recipe(command), command.run_dir, control)
        case Resume():
            return loop.resume(command.run_dir, command.iterations, control)
        case CheckGradient():
            return loop.check_gradient(_recipe(command), control)
        case Diagnose():
            return loop.diagnose(_recipe(command), control)
        case Evaluate():
            return loop.evaluate(_recipe(command), control, command.replicas, command.seed)
        case Replay():
            return loop.replay(command, control)
    raise DmdError(f"The engine does not know the command {command!r}.")


def _recipe(command: Run | CheckGradient | Diagnose | Evaluate):
    return parse_recipe(command.recipe, command.folder)


def _failure(error: Exception, otherwise: str) -> Failed:
    """Return what the window is told of an error: its own words, or ours and the traceback."""
    if (known := understood(error)) is not None:
        return Failed(message=known.message, advice=known.advice)
    advice = f"{type(error).__name__}: {error}"[:500]
    return Failed(message=otherwise, advice=advice, details=traceback.format_exc())


def _take_over_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep standard input and output for the protocol; stray readers and printers get others.

    Leaving the pipe as file descriptor 0 would also lock up libraries on Windows that look at
    standard input while the reader thread waits on it.
    """
    orders = os.fdopen(os.dup(0), "rb", buffering=0)
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return orders, answers


def _prepare_process() -> None:
    """Give way to the window, leave Ctrl-C to it, and set what libraries read at import."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a closed terminal ends no run
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import psutil

        lower = psutil.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else 5
        psutil.Process().nice(lower)
    except (ImportError, OSError, psutil.Error):
        return


def _beat(voice: Voice) -> None:
    while True:
        voice.send()
        time.sleep(HEARTBEAT_SECONDS)


def _start(target: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=target, args=arguments, daemon=True).start()


def main() -> None:
    """Serve one window until it goes."""
    orders, answers = _take_over_pipes()
    _prepare_process()
    voice = Voice(answers)
    worker = Worker(orders, voice)
    _start(worker.listen)
    _start(_beat, voice)
    worker.work()
    sys.stderr.flush()
    os._exit(0)  # libraries' own threads must not hold up the end


if __name__ == "__main__":
    main()
