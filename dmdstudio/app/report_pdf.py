"""Printing a report: the page of HTML laid out on A4 by Qt."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path

from PySide6.QtCore import QMarginsF, QSizeF, QUrl
from PySide6.QtGui import (
    QGuiApplication,
    QImage,
    QPageLayout,
    QPageSize,
    QPdfWriter,
    QTextDocument,
)

from dmdstudio.base.errors import FileError
from dmdstudio.files.whole import write_whole

_PICTURE = re.compile(r'src="data:image/png;base64,([A-Za-z0-9+/=]+)"')
_PAGE = QSizeF(720, 1043)
"""The page that Qt lays out, between its margins; it is fitted to the paper."""


def write_pdf(page: str, path: Path) -> None:
    """Print a page of HTML whose figures are PNG inside it.

    Raises:
        FileError: the file cannot be written.
    """
    screenless = None if QGuiApplication.instance() else _without_screen()
    document = QTextDocument()
    pictures: list[QImage] = []

    def named(match: re.Match[str]) -> str:
        image = QImage()
        image.loadFromData(base64.b64decode(match[1]))
        name = f"figure-{len(pictures)}"
        document.addResource(QTextDocument.ResourceType.ImageResource, QUrl(name), image)
        pictures.append(image)
        return f'src="{name}"'

    document.setHtml(_PICTURE.sub(named, page))
    write_whole(path, lambda aside: _print(document, aside))
    del screenless


def _print(document: QTextDocument, path: Path) -> None:
    writer = QPdfWriter(str(path))
    writer.setTitle(document.metaInformation(QTextDocument.MetaInformation.DocumentTitle))
    writer.setCreator("DMD Studio")
    writer.setPageSize(QPageSize(QPageSize.PageSizeId.A4))
    writer.setPageMargins(QMarginsF(18, 16, 18, 16), QPageLayout.Unit.Millimeter)
    writer.setResolution(1200)
    document.setPageSize(_PAGE)
    document.print_(writer)
    if not path.exists() or path.stat().st_size == 0:
        raise FileError(f"The report cannot be printed to {path}.")


def _without_screen() -> QGuiApplication:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    return QGuiApplication([])
