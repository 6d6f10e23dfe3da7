"""How tests end a window and watch the event loop."""

import time

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer
from shiboken6 import isValid


def destroy(window):
    """Close a window and have Qt delete it now, so that no test slows down those after it."""
    if not isValid(window):
        return
    window.keeping.when_closing = "stops"
    window.close()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


class LoopWatch(QObject):
    """Measures how long the event loop keeps a timer of 2 ms waiting."""

    def __init__(self):
        super().__init__()
        self.gaps = []
        self._last = time.perf_counter()
        self._timer = QTimer(self, interval=2)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _tick(self):
        now = time.perf_counter()
        self.gaps.append(1000.0 * (now - self._last) - 2.0)
        self._last = now

    def percentile(self, percent):
        """Return a gap in milliseconds."""
        ordered = sorted(self.gaps)
        return ordered[min(len(ordered) - 1, int(percent / 100 * len(ordered)))]
