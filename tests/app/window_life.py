"""How tests end a window."""

from PySide6.QtCore import QCoreApplication, QEvent
from shiboken6 import isValid


def destroy(window):
    """Close a window and have Qt delete it now, so that no test slows down those after it."""
    if not isValid(window):
        return
    window.keeping.when_closing = "stops"
    window.close()
    window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
