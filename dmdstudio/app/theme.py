"""Colours: one accent, quiet greys, light and dark; the window follows the system's choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

ThemeName = Literal["system", "light", "dark"]


@dataclass(frozen=True)
class Theme:
    """The colours of the window, as ``#rrggbb``.

    Attributes:
        series: colours of several lines in one plot, told apart by most colour-blind people too.
    """

    dark: bool
    window: str
    panel: str
    field: str
    line: str
    text: str
    quiet: str
    accent: str
    on_accent: str
    good: str
    attention: str
    bad: str
    series: tuple[str, ...]


LIGHT = Theme(
    dark=False,
    window="#f4f5f7",
    panel="#ffffff",
    field="#ffffff",
    line="#d9dce2",
    text="#1f2430",
    quiet="#5d6576",
    accent="#2b62c9",
    on_accent="#ffffff",
    good="#2c7a4b",
    attention="#9a5b00",
    bad="#b3261e",
    series=("#2b62c9", "#c25e00", "#2c7a4b", "#a23b8c", "#00788a", "#7a6200"),
)
DARK = Theme(
    dark=True,
    window="#1b1e24",
    panel="#23272f",
    field="#1d2027",
    line="#3a404b",
    text="#e6e9ef",
    quiet="#a3abba",
    accent="#7aa7ff",
    on_accent="#10141c",
    good="#6cc793",
    attention="#f0b35a",
    bad="#ff8a80",
    series=("#7aa7ff", "#f2a35e", "#6cc793", "#e08ccb", "#5cc6d6", "#d6bd52"),
)


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
        application.setStyleSheet(_style_sheet(theme()))
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


def _style_sheet(c: Theme) -> str:
    faded = "#7a818f" if c.dark else "#9aa1ae"
    return f"""
    QMainWindow::separator {{ background: {c.window}; width: 6px; height: 6px; }}
    QToolBar {{ background: {c.panel}; border: none; border-bottom: 1px solid {c.line};
        padding: 6px 8px; spacing: 4px; }}
    QToolBar QToolButton {{ padding: 6px 10px; border-radius: 6px; border: 1px solid transparent; }}
    QToolBar QToolButton:hover {{ background: {c.window}; }}
    QToolBar QToolButton:focus {{ border-color: {c.accent}; }}
    QToolBar QToolButton:disabled {{ color: {faded}; }}
    QToolBar QToolButton#primary {{ background: {c.accent}; color: {c.on_accent}; }}
    QToolBar QToolButton#primary:disabled {{ background: {c.window}; color: {faded}; }}
    QStatusBar {{ background: {c.panel}; border-top: 1px solid {c.line}; color: {c.quiet}; }}
    QStatusBar::item {{ border: none; }}
    QDockWidget {{ color: {c.quiet}; font-weight: 600; }}
    QDockWidget::title {{ background: {c.window}; padding: 8px 10px 6px 10px; }}
    QTabWidget::pane {{ border: 1px solid {c.line}; border-radius: 6px; background: {c.panel};
        top: -1px; }}
    QTabBar {{ qproperty-drawBase: 0; }}
    QTabBar::tab {{ background: transparent; color: {c.quiet}; padding: 8px 14px;
        border-bottom: 2px solid transparent; }}
    QTabBar::tab:selected {{ color: {c.text}; border-bottom: 2px solid {c.accent}; }}
    QTabBar::tab:focus {{ color: {c.accent}; }}
    QFrame#card {{ background: {c.panel}; border: 1px solid {c.line}; border-radius: 8px; }}
    QListView, QTableView, QPlainTextEdit, QScrollArea#settings {{ background: {c.panel};
        border: 1px solid {c.line}; border-radius: 6px; }}
    QTableView {{ gridline-color: transparent; }}
    QHeaderView {{ background: {c.panel}; }}
    QHeaderView::section {{ background: {c.panel}; color: {c.quiet}; border: none;
        border-bottom: 1px solid {c.line}; padding: 6px; }}
    QLineEdit, QComboBox {{ background: {c.field}; border: 1px solid {c.line};
        border-radius: 5px; padding: 4px 7px; min-height: 1.2em; }}
    QLineEdit:focus, QComboBox:focus {{ border: 1px solid {c.accent}; }}
    QLineEdit[wrong="true"] {{ border: 1px solid {c.bad}; }}
    QLineEdit:disabled, QComboBox:disabled {{ color: {faded}; background: {c.window}; }}
    QPushButton {{ background: {c.panel}; border: 1px solid {c.line}; border-radius: 6px;
        padding: 6px 14px; }}
    QPushButton:hover, QPushButton:focus {{ border-color: {c.accent}; }}
    QPushButton#primary {{ background: {c.accent}; color: {c.on_accent}; border: none;
        font-weight: 600; padding: 8px 18px; }}
    QPushButton#section {{ text-align: left; border: none; background: transparent;
        font-weight: 600; padding: 8px 2px; }}
    QPushButton#section:focus {{ color: {c.accent}; }}
    QPushButton:disabled {{ color: {faded}; }}
    QLabel#quiet {{ color: {c.quiet}; }}
    QLabel#wrong {{ color: {c.bad}; }}
    QLabel#figure {{ font-weight: 600; }}
    QProgressBar {{ background: {c.line}; border: none; border-radius: 3px; max-height: 6px;
        min-height: 6px; }}
    QProgressBar::chunk {{ background: {c.accent}; border-radius: 3px; }}
    QToolTip {{ background: {c.panel}; color: {c.text}; border: 1px solid {c.line};
        padding: 6px; }}
    """
