"""A line at the top of the centre for what the user should know; never a dialog in the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.theme import theme, theme_changed


class NoticeBar(QFrame):
    """One message, its advice, and the details on demand."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        self.setAccessibleName("Notice")
        self._level = "info"
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.words.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._more = QPushButton("Details")
        self._more.setCheckable(True)
        self._choices: list[QPushButton] = []
        self._close = QPushButton("Dismiss")
        self._close.clicked.connect(self.hide)
        self._details = QPlainTextEdit()
        self._details.setReadOnly(True)
        self._details.setAccessibleName("Details of the notice")
        self._details.setMaximumHeight(160)
        self._more.toggled.connect(self._details.setVisible)
        row = self._row = QHBoxLayout()
        row.setSpacing(10)
        row.addWidget(self.words, 1)
        row.addWidget(self._more)
        row.addWidget(self._close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 10, 12, 10)
        layout.addLayout(row)
        layout.addWidget(self._details)
        theme_changed().changed.connect(self._restyle)
        self.hide()

    def tell(self, level: str, message: str, advice: str = "", details: str = "") -> None:
        """Show a message; level is info, warning or error."""
        self._show_choices(())
        self._level = level
        self.words.setText(f"{message} {advice}".strip())
        self.setAccessibleDescription(self.words.text())
        self._details.setPlainText(details)
        self._more.setVisible(bool(details))
        self._more.setChecked(False)
        self._details.hide()
        self._restyle()
        self.show()

    def ask(
        self, message: str, choices: Sequence[tuple[str, Callable[[], None]]], level: str = "info"
    ) -> None:
        """Show a message with buttons; one that is pressed hides it and does what it says."""
        self.tell(level, message)
        self._show_choices(choices)

    def withdraw(self, message: str) -> None:
        """Hide a message whose time is over; another that took its place stays."""
        if self.words.text() == message:
            self._show_choices(())
            self.hide()

    def _show_choices(self, choices: Sequence[tuple[str, Callable[[], None]]]) -> None:
        for button in self._choices:
            self._row.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._choices = []
        for words, act in choices:
            button = QPushButton(words)
            button.clicked.connect(lambda _=False, act=act: self._choose(act))
            self._row.insertWidget(1 + len(self._choices), button)
            self._choices.append(button)

    def _choose(self, act: Callable[[], None]) -> None:
        self.hide()
        self._show_choices(())
        act()

    @property
    def choices(self) -> list[QPushButton]:
        """The buttons of the question that is shown."""
        return list(self._choices)

    def _restyle(self) -> None:
        c = theme()
        edge = {"error": c.bad, "warning": c.attention}.get(self._level, c.accent)
        self.setStyleSheet(
            f"QFrame#notice {{ background: {c.panel}; border: 1px solid {c.line}; "
            f"border-left: 4px solid {edge}; border-radius: 6px; }}"
        )
