"""What the engine said, line by line."""

from __future__ import annotations

import time

from PySide6.QtGui import QColor, QFontDatabase, QResizeEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from dmdstudio.app.session import Session
from dmdstudio.app.theme import theme, theme_changed
from dmdstudio.plan.events import Log

_MOST_AT_ONCE = 5


class LogView(QPlainTextEdit):
    """The run's log, warnings and errors in their colours; the newest line is kept in sight."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setAccessibleName("Log")
        self.setPlaceholderText("What the engine does is written here.")
        self.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.setMaximumBlockCount(5000)
        self.document().setDocumentMargin(8)
        self._session = session
        self._shown = 0
        self._last: Log | None = None
        self._heard: list[float] = []
        """When each line was first written, seconds since 1970; 0 where that is not known."""
        session.run_changed.connect(self.refresh)
        theme_changed().changed.connect(self._rewrite)

    def refresh(self) -> None:
        """Add what is new."""
        log = self._session.view.log
        if self._shown and (len(log) < self._shown or log[self._shown - 1] is not self._last):
            self._heard.clear()  # of another run
            self._rewrite()
            return
        # Lines of a live run that carry no time come now; a stored run comes as a whole.
        now = time.time() if len(log) - len(self._heard) < _MOST_AT_ONCE else 0.0
        self._heard += [entry.time or now for entry in log[len(self._heard) :]]
        for entry, moment in zip(log[self._shown :], self._heard[self._shown :], strict=True):
            self._write(entry, moment)
        self._shown, self._last = len(log), log[-1] if log else None

    def _rewrite(self) -> None:
        self.clear()
        self._shown = 0
        self.refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Keep the newest line in sight."""
        at_end = self._is_at_end
        super().resizeEvent(event)
        if at_end:
            self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())

    @property
    def _is_at_end(self) -> bool:
        return self.verticalScrollBar().value() >= self.verticalScrollBar().maximum() - 4

    def _write(self, entry: Log, moment: float) -> None:
        at_end = self._is_at_end
        colours = theme()
        colour = {"warning": colours.attention, "error": colours.bad}.get(entry.level, colours.text)
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        if not self.document().isEmpty():
            cursor.insertBlock()
        form = QTextCharFormat()
        form.setForeground(QColor(colours.quiet))
        stamp = time.strftime("%H:%M:%S", time.localtime(moment)) if moment else " " * 8
        cursor.insertText(stamp + "  ", form)
        form.setForeground(QColor(colour))
        cursor.insertText(entry.text, form)
        if at_end:
            self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())
