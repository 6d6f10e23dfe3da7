"""The frame of the main window: tabs, docks, toolbar and menus."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QDockWidget,
    QMainWindow,
    QTabWidget,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.actions import MENUS, PLANS, TOOLBAR

_WORKFLOW_WIDTH, _INSPECTOR_WIDTH, _LOG_HEIGHT = 226, 564, 196


def make_tabs(name: str, pages: Mapping[str, QWidget]) -> QTabWidget:
    """Return tabs with their titles."""
    tabs = QTabWidget()
    tabs.setAccessibleName(name)
    tabs.setDocumentMode(True)
    for title, page in pages.items():
        tabs.addTab(page, title)
    return tabs


def stacked(*widgets: QWidget) -> QWidget:
    """Return widgets one below the other; the last takes what room there is."""
    frame = QWidget()
    layout = QVBoxLayout(frame)
    layout.setContentsMargins(6, 6, 6, 6)
    layout.setSpacing(6)
    for widget in widgets:
        layout.addWidget(widget, 1 if widget is widgets[-1] else 0)
    return frame


def make_docks(
    window: QMainWindow, workflow: QWidget, inspector: QWidget, log: QWidget, runs: QWidget
) -> list[QDockWidget]:
    """Put the workflow left, the inspector right, log and runs below; all can be moved."""
    area, corner = Qt.DockWidgetArea, Qt.Corner
    window.setCorner(corner.BottomLeftCorner, area.LeftDockWidgetArea)
    window.setCorner(corner.BottomRightCorner, area.RightDockWidgetArea)
    docks = []
    for title, widget, place in (
        ("Workflow", workflow, area.LeftDockWidgetArea),
        ("Inspector", inspector, area.RightDockWidgetArea),
        ("Log", log, area.BottomDockWidgetArea),
        ("Runs", runs, area.BottomDockWidgetArea),
    ):
        dock = QDockWidget(title, window)
        dock.setObjectName(title)
        frame = QWidget()
        layout = QVBoxLayout(frame)
        layout.setContentsMargins(6, 0, 6, 6)
        layout.addWidget(widget)
        dock.setWidget(frame)
        window.addDockWidget(place, dock)
        docks.append(dock)
    window.tabifyDockWidget(docks[2], docks[3])
    docks[2].raise_()
    return docks


def arrange_docks(window: QMainWindow, docks: Sequence[QDockWidget]) -> None:
    """Give the docks their first sizes."""
    widths = [_WORKFLOW_WIDTH, _INSPECTOR_WIDTH]
    window.resizeDocks(list(docks[:2]), widths, Qt.Orientation.Horizontal)
    window.resizeDocks([docks[2]], [_LOG_HEIGHT], Qt.Orientation.Vertical)


def make_toolbar(window: QMainWindow, actions: Mapping[str, QAction]) -> None:
    """Add the toolbar; the way on, Run, is the one coloured button."""
    bar = QToolBar("Actions")
    bar.setObjectName("Actions")
    bar.setMovable(False)
    bar.setIconSize(QSize(18, 18))
    bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
    for name in TOOLBAR:
        if name == "|":
            bar.addSeparator()
            continue
        bar.addAction(actions[name])
        button = bar.widgetForAction(actions[name])
        if isinstance(button, QToolButton):
            button.setAccessibleName(actions[name].text())
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            if name == "run":
                button.setObjectName("primary")
    window.addToolBar(bar)


def make_menus(
    window: QMainWindow, actions: Mapping[str, QAction], docks: Sequence[QDockWidget]
) -> None:
    """Add the menus: every action of the registry is in one of them."""
    for menu_name in MENUS:
        menu = window.menuBar().addMenu(f"&{menu_name}")
        for plan in PLANS:
            if plan.menu == menu_name:
                menu.addAction(actions[plan.name])
        if menu_name == "View":
            menu.addSeparator()
            for dock in docks:
                menu.addAction(dock.toggleViewAction())
