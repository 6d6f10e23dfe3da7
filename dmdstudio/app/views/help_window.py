"""The guide in a window of its own: pages on the left, the page that fits on the right."""

from __future__ import annotations

import html
from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QImage, QTextDocument
from PySide6.QtWidgets import (
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.actions import MENUS, PLANS
from dmdstudio.app.guide import Page, pages
from dmdstudio.app.report import BIBTEX
from dmdstudio.app.theme import theme_changed

KEYS, CITE = "shortcuts", "cite"
_LIST_WIDTH, _PICTURE_WIDTH, _MARGIN = 230, 640, 28


class HelpWindow(QWidget):
    """Shows pages of the guide, the shortcuts and how to cite; stays open beside the window."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("DMD Studio – Help")
        self._pages: dict[str, Page | str] = {page.name: page for page in pages()}
        self._pages |= {KEYS: "Keyboard shortcuts", CITE: "How to cite"}
        self.list = QListWidget()
        self.list.setObjectName("names")
        self.list.setAccessibleName("Pages")
        self.list.setFixedWidth(_LIST_WIDTH)
        self.list.setWordWrap(True)
        self.list.setSpacing(4)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for page in self._pages.values():
            self.list.addItem(QListWidgetItem(page if isinstance(page, str) else page.title))
        self.text = _Browser()
        self.text.setAccessibleName("Help")
        self.text.anchorClicked.connect(self._follow)
        self.list.currentRowChanged.connect(lambda row: self._draw())
        columns = QHBoxLayout(self)
        columns.setContentsMargins(12, 12, 12, 12)
        columns.setSpacing(12)
        columns.addWidget(self.list)
        right = QVBoxLayout()
        right.addWidget(self.text)
        columns.addLayout(right, 1)
        theme_changed().changed.connect(self._draw)
        self.resize(980, 720)

    def show_page(self, name: str) -> None:
        """Show a page by the name of its file, or the first where there is no such page."""
        names = list(self._pages)
        self.list.setCurrentRow(names.index(name) if name in names else 0)
        self.show()
        self.raise_()
        self.activateWindow()

    def _draw(self) -> None:
        row = self.list.currentRow()
        if row < 0:
            return
        name, page = list(self._pages.items())[row]
        if isinstance(page, Page):
            self.text.folder = page.path.parent
            self.text.setMarkdown(page.path.read_text("utf-8"))
        elif name == KEYS:
            self.text.setHtml(shortcuts_html())
        else:
            self.text.setHtml(f"<h1>How to cite</h1><pre>{html.escape(BIBTEX)}</pre>")
        self._breathe()

    def _breathe(self) -> None:
        frame = self.text.document().rootFrame()
        form = frame.frameFormat()
        form.setMargin(_MARGIN)
        frame.setFrameFormat(form)

    def _follow(self, link: QUrl) -> None:
        """Show another page of the guide; leave the rest to the system's browser."""
        name = Path(link.path()).stem
        if link.isRelative() and name in self._pages:
            self.show_page(name)
        elif link.scheme() in ("http", "https"):
            QDesktopServices.openUrl(link)


class _Browser(QTextBrowser):
    """Reads pictures from the folder of its page and nothing else, and makes them fit."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path()
        self.setOpenLinks(False)

    def loadResource(self, sort: int, name: QUrl) -> object:  # noqa: N802
        path = (self.folder / name.path()).resolve()
        if sort != QTextDocument.ResourceType.ImageResource.value or not name.isRelative():
            return None
        if not path.is_relative_to(self.folder.resolve()) or not path.is_file():
            return None
        image = QImage(str(path))
        ratio = self.devicePixelRatioF()
        width = round(_PICTURE_WIDTH * ratio)
        if image.width() > width:
            image = image.scaledToWidth(width)
        image.setDevicePixelRatio(ratio)
        return image


def shortcuts_html() -> str:
    """Return every action that has a shortcut, menu by menu, from the registry of actions."""
    parts = ["<h1>Keyboard shortcuts</h1>"]
    for menu in MENUS:
        rows = [
            f"<tr><td><b>{html.escape(plan.shortcut)}</b>&nbsp;&nbsp;&nbsp;</td>"
            f"<td>{html.escape(plan.text)}&nbsp;&nbsp;</td><td>{html.escape(plan.tip)}</td></tr>"
            for plan in PLANS
            if plan.menu == menu and plan.shortcut
        ]
        if rows:
            parts.append(f"<h2>{menu}</h2><table cellpadding='3'>{''.join(rows)}</table>")
    return "".join(parts)
