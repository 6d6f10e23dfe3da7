"""Reading files away from the window's thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal

from dmdstudio.base.errors import DmdError


class _Answer(QObject):
    done = Signal(object)
    failed = Signal(object)


class _Task(QRunnable):
    def __init__(self, work: Callable[[], Any], answer: _Answer) -> None:
        super().__init__()
        self._work, self._answer = work, answer

    def run(self) -> None:
        try:
            result = self._work()
        except DmdError as error:
            self._tell(self._answer.failed, error)
        except Exception as error:
            self._tell(self._answer.failed, DmdError(f"{type(error).__name__}: {error}"))
        else:
            self._tell(self._answer.done, result)

    def _tell(self, signal: Any, value: object) -> None:
        try:
            signal.emit(value)
        except RuntimeError:
            return  # the window has gone meanwhile


def in_background(
    owner: QObject,
    work: Callable[[], Any],
    done: Callable[[Any], None],
    failed: Callable[[DmdError], None],
) -> None:
    """Do ``work`` in another thread, then call ``done`` or ``failed`` in the window's."""
    answer = _Answer(owner)
    answer.done.connect(done)
    answer.failed.connect(failed)
    answer.done.connect(answer.deleteLater)
    answer.failed.connect(answer.deleteLater)
    QThreadPool.globalInstance().start(_Task(work, answer))
