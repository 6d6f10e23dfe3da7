"""Opening the window."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, cast

from pyqtgraph.util.garbage_collector import GarbageCollector
from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from dmdstudio.app.preferences import theme_preference
from dmdstudio.app.theme import ThemeName, install_theme, set_theme

if TYPE_CHECKING:
    from dmdstudio.app.views.main_window import MainWindow


def make_application(theme_name: ThemeName = "system") -> QApplication:
    """Return the application with its name, icon and look; made once in a process."""
    application = cast("QApplication | None", QApplication.instance())
    if application is None:
        application = QApplication(sys.argv[:1])
    if application.applicationName() == "DMD Studio":
        return application
    application.setApplicationName("DMD Studio")
    application.setOrganizationName("DMD Studio")
    QGuiApplication.setDesktopFileName("dmdstudio")
    install_theme(application)
    _collect_garbage_between_events()
    if theme_name != "system":
        set_theme(theme_name)
    return application


@cache
def _collect_garbage_between_events() -> GarbageCollector:
    """Let Python break up circles of widgets only when the window's thread has nothing to do.

    By itself Python does it in whichever thread happens to allocate, or amid a paint event, and
    Qt then hangs or crashes.
    """
    return GarbageCollector()


def open_window(files: Sequence[str] = ()) -> MainWindow:
    """Show the window and start its engine, with ``files`` as if they had been dropped on it."""
    from dmdstudio.app.views.main_window import MainWindow

    window = MainWindow()
    window.controller.opened.connect(window.guidance.offer_tour)
    window.show()

    def begin() -> None:
        window.controller.bridge.start()
        window.controller.keeper.look_for_left()
        gc.freeze()  # what stays to the end need not be looked through again and again
        if files:
            window.open_paths(files)

    QTimer.singleShot(0, begin)
    return window


def run(files: Sequence[str] = (), theme_name: ThemeName = "system") -> int:
    """Open the window and stay until it is closed; return the exit status."""
    application = make_application(theme_name if theme_name != "system" else theme_preference())
    window = open_window(files)
    signal.signal(signal.SIGINT, lambda *_: window.keeping.close_unasked("stops"))
    signal.signal(signal.SIGTERM, lambda *_: window.keeping.close_unasked("goes_on"))
    application.commitDataRequest.connect(lambda _: window.keeping.close_unasked("goes_on"))
    ticks = QTimer()  # lets Python see Ctrl-C
    ticks.start(500)
    ticks.timeout.connect(lambda: None)
    return application.exec()
