"""The look of the controls as a Qt style sheet in the colours of a theme."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QTemporaryDir

from dmdstudio.app.colours import Theme

_pictures: QTemporaryDir | None = None


def style_sheet(c: Theme) -> str:
    """Return the style sheet of a theme."""
    check = _picture("check", c.on_accent, "M5 12.5l4.5 4.5 10-11", 3.0)
    down = _picture("down", c.quiet, "M6 9.5l6 6 6-6", 2.2)
    up = _picture("up", c.quiet, "M6 14.5l6-6 6 6", 2.2)
    return f"""
    QMainWindow::separator {{ background: {c.window}; width: 6px; height: 6px; }}
    QMenuBar {{ background: {c.panel}; }}
    QMenuBar::item {{ padding: 5px 9px; background: transparent; }}
    QMenuBar::item:selected {{ background: {c.window}; }}
    QToolBar {{ background: {c.panel}; border: none; border-bottom: 1px solid {c.line};
        padding: 5px 8px; spacing: 4px; }}
    QToolBar::separator {{ background: {c.line}; width: 1px; margin: 6px 6px; }}
    QToolBar QToolButton {{ padding: 6px 10px; border-radius: 6px; border: 1px solid transparent; }}
    QToolBar QToolButton:hover {{ background: {c.window}; }}
    QToolBar QToolButton:checked {{ background: {c.window}; border-color: {c.line}; }}
    QToolBar QToolButton:focus {{ border-color: {c.accent}; }}
    QToolBar QToolButton:disabled {{ color: {c.faded}; }}
    QToolBar QToolButton#primary {{ background: {c.accent}; color: {c.on_accent}; }}
    QToolBar QToolButton#primary:focus {{ border-color: {c.text}; }}
    QToolBar QToolButton#primary:disabled {{ background: {c.window}; color: {c.faded}; }}
    QStatusBar {{ background: {c.panel}; border-top: 1px solid {c.line}; color: {c.quiet}; }}
    QStatusBar QLabel {{ color: {c.quiet}; }}
    QStatusBar::item {{ border: none; }}
    QDockWidget {{ color: {c.quiet}; font-weight: 600; }}
    QDockWidget::title {{ background: {c.window}; padding: 8px 10px 6px 10px; }}
    QTabWidget::pane {{ border: none; }}
    QTabBar {{ qproperty-drawBase: 0; }}
    QTabBar::tab {{ background: transparent; color: {c.quiet}; padding: 8px 14px;
        border: none; border-bottom: 2px solid transparent; }}
    QTabBar::tab:selected {{ color: {c.text}; border-bottom: 2px solid {c.accent}; }}
    QTabBar::tab:hover {{ color: {c.text}; }}
    QTabBar::tab:focus {{ color: {c.accent}; }}
    QFrame#card, QWidget#page {{ background: {c.panel}; border: 1px solid {c.line};
        border-radius: 8px; }}
    QWidget#plain {{ background: {c.panel}; }}
    QListView, QTableView, QPlainTextEdit, QScrollArea#settings,
        QScrollArea#advice {{ background: {c.panel}; border: 1px solid {c.line};
        border-radius: 6px; }}
    QScrollArea#start, QScrollArea#start > QWidget > QWidget {{ background: transparent; }}
    QScrollArea#notes, QScrollArea#notes QLabel {{ background: transparent; border: none; }}
    QScrollArea#settings > QWidget > QWidget, QScrollArea#advice > QWidget > QWidget {{
        background: transparent; }}
    QListView#names {{ outline: 0px; }}
    QListView#names::item {{ padding: 3px 6px; border-radius: 4px; }}
    QListView#names::item:selected {{ background: {c.accent}; color: {c.on_accent}; }}
    QTableView {{ gridline-color: transparent; selection-background-color: {c.accent};
        selection-color: {c.on_accent}; outline: 0px; }}
    QTableView::item {{ padding: 0px 3px; border: 1px solid transparent; }}
    QTableView::item:focus {{ border: 1px solid {c.accent}; }}
    QTableView::item:selected {{ background: {c.window}; color: {c.text}; }}
    QTableView#runs::item {{ padding: 0px 5px; }}
    QTableView#runs QHeaderView::section {{ padding: 6px 5px; }}
    QTableView QLineEdit {{ padding: 0px 2px; border-radius: 0px; }}
    QHeaderView {{ background: {c.panel}; }}
    QHeaderView::section {{ background: {c.panel}; color: {c.quiet}; border: none;
        border-bottom: 1px solid {c.line}; padding: 6px 3px; }}
    QLineEdit, QComboBox, QAbstractSpinBox {{ background: {c.field}; border: 1px solid {c.line};
        border-radius: 5px; padding: 4px 7px; min-height: 1.2em; }}
    QLineEdit:focus, QComboBox:focus, QAbstractSpinBox:focus {{ border: 1px solid {c.accent}; }}
    QLineEdit[wrong="true"] {{ border: 1px solid {c.bad}; }}
    QLineEdit:disabled, QComboBox:disabled {{ color: {c.faded}; background: {c.window}; }}
    QComboBox::drop-down {{ border: none; width: 22px; }}
    QComboBox::down-arrow {{ image: url({down}); width: 14px; height: 14px; }}
    QAbstractSpinBox QLineEdit {{ border: none; background: transparent; padding: 0px 4px; }}
    QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ border: none; width: 20px; }}
    QAbstractSpinBox::up-arrow {{ image: url({up}); width: 11px; height: 11px; }}
    QAbstractSpinBox::down-arrow {{ image: url({down}); width: 11px; height: 11px; }}
    QComboBox QAbstractItemView {{ background: {c.panel}; border: 1px solid {c.line};
        selection-background-color: {c.accent}; selection-color: {c.on_accent}; }}
    QCheckBox {{ spacing: 8px; }}
    QCheckBox::indicator, QTableView::indicator {{ width: 14px; height: 14px;
        border: 1px solid {c.edge}; border-radius: 4px; background: {c.field}; }}
    QCheckBox::indicator:focus {{ border-color: {c.accent}; }}
    QCheckBox::indicator:checked, QTableView::indicator:checked {{ background: {c.accent};
        border-color: {c.accent}; image: url({check}); }}
    QCheckBox::indicator:disabled, QTableView::indicator:disabled {{ border-color: {c.line}; }}
    QPushButton {{ background: {c.panel}; border: 1px solid {c.line}; border-radius: 6px;
        padding: 6px 14px; }}
    QPushButton:hover, QPushButton:focus {{ border-color: {c.accent}; }}
    QPushButton#primary {{ background: {c.accent}; color: {c.on_accent}; font-weight: 600;
        border: 1px solid {c.accent}; padding: 6px 18px; }}
    QPushButton#primary:focus {{ border-color: {c.text}; }}
    QPushButton#primary:disabled {{ background: {c.window}; border-color: {c.line};
        color: {c.faded}; }}
    QPushButton#choice {{ text-align: left; padding: 8px 12px; font-weight: 600; }}
    QPushButton#flat {{ border: 1px solid transparent; background: transparent; color: {c.quiet};
        padding: 3px 8px; }}
    QPushButton#flat:hover, QPushButton#flat:focus {{ color: {c.accent};
        border-color: {c.line}; }}
    QPushButton#add {{ padding: 5px 12px; }}
    QPushButton#add::menu-indicator {{ image: none; }}
    QPushButton#section {{ text-align: left; border: none; background: transparent;
        font-weight: 600; padding: 8px 2px; }}
    QPushButton#section:focus {{ color: {c.accent}; }}
    QPushButton#segment {{ border-radius: 0px; padding: 5px 14px; color: {c.quiet};
        background: transparent; border: none; border-bottom: 2px solid {c.line}; }}
    QPushButton#segment:checked {{ color: {c.text}; border-bottom: 2px solid {c.accent}; }}
    QPushButton#segment:focus {{ color: {c.accent}; }}
    QPushButton:disabled {{ color: {c.faded}; }}
    QLabel#quiet {{ color: {c.quiet}; }}
    QLabel#readout {{ background: {c.panel}; border: 1px solid {c.line}; border-radius: 5px;
        padding: 4px 8px; }}
    QLabel#wrong {{ color: {c.bad}; }}
    QLabel#figure {{ font-weight: 600; }}
    QProgressBar {{ background: {c.line}; border: none; border-radius: 3px; max-height: 6px;
        min-height: 6px; }}
    QProgressBar::chunk {{ background: {c.accent}; border-radius: 3px; }}
    QScrollBar:vertical {{ background: transparent; width: 10px; margin: 2px; }}
    QScrollBar:horizontal {{ background: transparent; height: 10px; margin: 2px; }}
    QScrollBar::handle {{ background: {c.line}; border-radius: 3px; min-height: 24px;
        min-width: 24px; }}
    QScrollBar::handle:hover {{ background: {c.edge}; }}
    QScrollBar::add-line, QScrollBar::sub-line {{ width: 0px; height: 0px; }}
    QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
    QSplitter::handle {{ background: transparent; }}
    QToolTip {{ background: {c.panel}; color: {c.text}; border: 1px solid {c.line};
        padding: 6px; }}
    """


def _picture(name: str, colour: str, path: str, width: float) -> str:
    """Return the place of a drawn mark; style sheets take pictures from files only."""
    global _pictures
    if _pictures is None:
        _pictures = QTemporaryDir()
    file = Path(_pictures.path()) / f"{name}-{colour.lstrip('#')}.svg"
    if not file.exists():
        file.write_text(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" '
            f'stroke="{colour}" stroke-width="{width}" stroke-linecap="round" '
            f'stroke-linejoin="round"><path d="{path}"/></svg>',
            "utf-8",
        )
    return file.as_posix()
