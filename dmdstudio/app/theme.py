"""Light or dark, as the system says or the user chooses, for the whole window at once."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

from dmdstudio.app.colours import DARK, LIGHT, Theme
from dmdstudio.app.style_sheet import style_sheet

ThemeName = Literal["system", "light", "dark"]


class _Announcer(QObject):
    changed = Signal()


_announcer: _Announcer | None = None
_chosen: ThemeName = "system"


def theme() -> Theme:
    """Return the colours in force."""
    if _chosen != "system":
        return DARK if _chosen == "dark" else LIGHT
    application = QApplication.instance()
    if isinstance(application, QApplication):
        dark = application.styleHints().colorScheme() == Qt.ColorScheme.Dark
        return DARK if dark else LIGHT
    return LIGHT


def colour_of(role: str) -> QColor:
    """Return the colour of a role: ``accent``, ``quiet``, ``series 2`` ..."""
    word, _, number = role.partition(" ")
    if word == "series":
        return QColor(theme().series[int(number) % len(theme().series)])
    return QColor(getattr(theme(), role))


def theme_changed() -> _Announcer:
    """Return the object whose ``changed`` signal tells of a new theme."""
    global _announcer
    if _announcer is None:
        _announcer = _Announcer()
    return _announcer


def set_theme(name: ThemeName) -> None:
    """Choose light, dark or the system's theme, and paint everything anew."""
    global _chosen
    _chosen = name
    _apply()


def install_theme(application: QApplication) -> None:
    """Give the application its look, now and whenever the system changes from light to dark."""
    application.setStyle(QStyleFactory.create("Fusion"))
    application.styleHints().colorSchemeChanged.connect(lambda _: _apply())
    _apply()


def _apply() -> None:
    application = QApplication.instance()
    if isinstance(application, QApplication):
        application.setPalette(_palette(theme()))
        application.setStyleSheet(style_sheet(theme()))
    theme_changed().changed.emit()


def _palette(colours: Theme) -> QPalette:
    role = QPalette.ColorRole
    palette = QPalette(QColor(colours.panel), QColor(colours.window))
    for name, colour in (
        (role.Window, colours.window),
        (role.WindowText, colours.text),
        (role.Base, colours.field),
        (role.AlternateBase, colours.window),
        (role.Text, colours.text),
        (role.Button, colours.panel),
        (role.ButtonText, colours.text),
        (role.ToolTipBase, colours.panel),
        (role.ToolTipText, colours.text),
        (role.PlaceholderText, colours.quiet),
        (role.Highlight, colours.accent),
        (role.HighlightedText, colours.on_accent),
        (role.Link, colours.accent),
        (role.Mid, colours.line),
        (role.Accent, colours.accent),
    ):
        palette.setColor(name, QColor(colour))
    faded = QColor(colours.quiet)
    faded.setAlpha(150)
    for name in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, name, faded)
    return palette
