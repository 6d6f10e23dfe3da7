"""Exports in a process of its own: whatever an engine does there, the window stays."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, QProcess, Signal

from dmdstudio.base.errors import DmdError, EngineError
from dmdstudio.plan.certificate import Certificate


@dataclass(frozen=True)
class Exported:
    """What an export has left.

    Attributes:
        files: written, the main one first.
        certificate: None where none was made.
    """

    files: tuple[Path, ...]
    certificate: Certificate | None


class Exporter(QObject):
    """Runs `dmdstudio export` for one run folder; one export at a time.

    Signals:
        done: with an `Exported`.
        failed: with a `DmdError`.
    """

    done = Signal(object)
    failed = Signal(object)

    def __init__(self, run_dir: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._run_dir = run_dir
        self._process = QProcess(self)
        self._process.finished.connect(self._finished)
        self._process.errorOccurred.connect(self._broken)

    def start(
        self, name: str, output: str, which: str, certify: bool, targets: bool = False
    ) -> None:
        """Begin; ``done`` or ``failed`` tells the end.

        Args:
            name: of the format.
            output: the main file.
            which: the iteration.
            certify: whether to try the files in the engines that are for them.
            targets: whether to compute the targets again there as well.
        """
        words = ["export", self._run_dir, "--format", name, "--output", output]
        words += ["--iteration", which, "--certify" if certify else "--no-certify", "--json"]
        words += ["--targets"] if targets else []
        program, *before = command()
        self._process.start(program, [*before, *words])

    def stop(self) -> None:
        """End an export that is going on, without a word."""
        self._process.blockSignals(True)
        self._process.kill()
        self._process.waitForFinished(2000)

    def _finished(self, status: int, ended: QProcess.ExitStatus) -> None:
        if ended == QProcess.ExitStatus.CrashExit:
            return  # `_broken` hears of it as well
        said = bytes(self._process.readAllStandardOutput().data())
        words = bytes(self._process.readAllStandardError().data()).decode("utf-8", "replace")
        try:
            self.done.emit(answer(said))
        except DmdError as error:
            self.failed.emit(error)
        except (ValueError, KeyError, TypeError):
            lines = words.strip().splitlines() or [f"exit status {status}"]
            self.failed.emit(EngineError(f"The export ended unexpectedly: {lines[-1]}"))

    def _broken(self, error: QProcess.ProcessError) -> None:
        if error in (QProcess.ProcessError.FailedToStart, QProcess.ProcessError.Crashed):
            self.failed.emit(
                EngineError(
                    f"The export ended unexpectedly: {self._process.errorString()}.",
                    "Try again; `dmdstudio export` on the command line says more.",
                )
            )


def command() -> Sequence[str]:
    """Return how this program's command line is started."""
    return [sys.executable, "-m", "dmdstudio"]


def answer(said: bytes) -> Exported:
    """Return what the command line has printed.

    Raises:
        DmdError: it says what was wrong.
        ValueError: it is nothing that was expected.
    """
    found = json.loads(said)
    if "error" in found:
        raise DmdError(found["error"], found.get("advice", ""))
    certificate = found["certificate"]
    return Exported(
        tuple(Path(name) for name in found["files"]),
        None if certificate is None else msgspec.convert(certificate, Certificate),
    )
