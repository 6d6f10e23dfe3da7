"""Labels of the few kinds that the window has."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel


def quiet(words: str = "", wraps: bool = False) -> QLabel:
    """Return a label in the shade of what matters less."""
    return _named("quiet", words, wraps)


def wrong() -> QLabel:
    """Return a label that says below something what is wrong with it."""
    return _named("wrong", "", wraps=True)


def _named(kind: str, words: str, wraps: bool) -> QLabel:
    label = QLabel(words)
    label.setObjectName(kind)
    label.setWordWrap(wraps)
    return label
