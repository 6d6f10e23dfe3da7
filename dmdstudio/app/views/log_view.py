"""What the engine said, line by line."""

from __future__ import annotations

import time

from PySide6.QtGui import QColor, QFontDatabase, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from dmdstudio.app.session import Session
from dmdstudio.app.theme import theme, theme_changed
from dmdstudio.plan.events import Log


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
        self._live = True
        session.run_changed.connect(self.refresh)
        theme_changed().changed.connect(self._rewrite)

    def refresh(self) -> None:
        """Add what is new."""
        log = self._session.view.log
        if len(log) < self._shown:
            self._rewrite()
            return
        self._live = len(log) - self._shown < 5  # a stored run comes as a whole
        for entry in log[self._shown :]:
            self._write(entry)
        self._shown = len(log)

    def _rewrite(self) -> None:
        self.clear()
        self._shown = 0
        self.refresh()

    def _write(self, entry: Log) -> None:
        at_end = self.verticalScrollBar().value() >= self.verticalScrollBar().maximum() - 4
        colours = theme()
        colour = {"warning": colours.attention, "error": colours.bad}.get(entry.level, colours.text)
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        if not self.document().isEmpty():
            cursor.insertBlock()
        form = QTextCharFormat()
        form.setForeground(QColor(colours.quiet))
        stamp = self._stamp(entry)
        cursor.insertText(stamp + "  ", form)
        form.setForeground(QColor(colour))
        cursor.insertText(entry.text, form)
        if at_end:
            self.verticalScrollBar().setValue(self.verticalScrollBar().maximum())

    def _stamp(self, entry: Log) -> str:
        """Return the time of a line; those of a live run that carry none happen now."""
        moment = entry.time or (time.time() if self._live else 0.0)
        return time.strftime("%H:%M:%S", time.localtime(moment)) if moment else " " * 8
