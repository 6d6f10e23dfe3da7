"""Figures as PNG, SVG and PDF, with a note of where their numbers come from."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QBuffer, QIODevice, QMarginsF, QRect, QSize, QSizeF
from PySide6.QtGui import QColor, QGuiApplication, QImage, QPageSize, QPainter, QPdfWriter

from dmdstudio.app.clipping import Range
from dmdstudio.app.figure import PER_MILLIMETRE, UNIT, FigureStyle, paint_figure
from dmdstudio.app.plot_contents import PlotContents, Provenance
from dmdstudio.app.theme import colour_of, theme

Format = Literal["png", "svg", "pdf"]
LABELS: dict[Format, str] = {"png": "PNG image", "svg": "SVG drawing", "pdf": "PDF document"}
_DEVICE_DPI = round(72 * UNIT)

_FONTS = ("Helvetica", "Arial", "Liberation Sans", "DejaVu Sans")
_SAFE = {
    "accent": "#0072b2",
    "text": "#000000",
    "quiet": "#7a7a7a",
    "good": "#009e73",
    "attention": "#e69f00",
    "bad": "#d55e00",
}
_SAFE_SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
"""Colours that colour-blind people tell apart. Source: M. Okabe and K. Ito (2008)."""


def publication_style(width: float, height: float, letters: float = 8.0) -> FigureStyle:
    """Return black axes on white, colours for the colour-blind, and type for a column's width.

    Args:
        width: mm.
        height: mm.
        letters: size of the type in points.
    """
    return FigureStyle(
        width, height, _FONTS, letters, letters / 8.0, _safe_colour,
        QColor("white"), QColor("black"), QColor("#dddddd"), True,
    )  # fmt: skip


def screen_style(width: float, height: float, letters: float = 8.0) -> FigureStyle:
    """Return the colours of the window's theme."""
    colours = theme()
    family = QGuiApplication.font().family()
    return FigureStyle(
        width, height, (family,), letters, letters / 7.0, colour_of,
        QColor(colours.panel), QColor(colours.quiet), QColor(colours.line), False,
    )  # fmt: skip


def _safe_colour(role: str) -> QColor:
    word, _, number = role.partition(" ")
    if word == "series":
        return QColor(_SAFE_SERIES[int(number) % len(_SAFE_SERIES)])
    return QColor(_SAFE.get(role, "#000000"))


def figure_image(
    contents: PlotContents, view: tuple[Range, Range], style: FigureStyle, dpi: float
) -> QImage:
    """Return a figure as a picture of so many dots per inch."""
    scale = dpi / 25.4
    size = QSize(max(1, round(style.width * scale)), max(1, round(style.height * scale)))
    image = QImage(size, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(style.paper)
    image.setDotsPerMeterX(round(1000 * scale))
    image.setDotsPerMeterY(round(1000 * scale))
    painter = QPainter(image)
    painter.scale(scale / PER_MILLIMETRE, scale / PER_MILLIMETRE)
    paint_figure(painter, contents, view, style)
    painter.end()
    return image


def figure_bytes(
    kind: Format,
    contents: PlotContents,
    view: tuple[Range, Range],
    style: FigureStyle,
    provenance: Provenance,
    dpi: float = 300.0,
) -> bytes:
    """Return a figure as the content of a file; only a PNG has dots."""
    note = "; ".join(provenance.lines())
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if kind == "png":
        image = figure_image(contents, view, style, dpi)
        image.setText("Title", contents.title)
        image.setText("Description", note)
        image.save(buffer, "PNG")  # type: ignore  # its stubs say bytes, which it refuses
    elif kind == "svg":
        _paint_svg(buffer, contents, view, style, note)
    else:
        _paint_pdf(buffer, contents, view, style, note)
    content = bytes(buffer.data().data())
    buffer.close()
    return content


def _paint_svg(
    buffer: QBuffer,
    contents: PlotContents,
    view: tuple[Range, Range],
    style: FigureStyle,
    note: str,
) -> None:
    from PySide6.QtSvg import QSvgGenerator

    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    size = QSize(round(style.width * PER_MILLIMETRE), round(style.height * PER_MILLIMETRE))
    generator.setResolution(_DEVICE_DPI)
    generator.setSize(size)
    generator.setViewBox(QRect(0, 0, size.width(), size.height()))
    generator.setTitle(contents.title)
    generator.setDescription(note)
    painter = QPainter(generator)
    paint_figure(painter, contents, view, style)
    painter.end()


def _paint_pdf(
    buffer: QBuffer,
    contents: PlotContents,
    view: tuple[Range, Range],
    style: FigureStyle,
    note: str,
) -> None:
    writer = QPdfWriter(buffer)
    writer.setResolution(_DEVICE_DPI)
    page = QSizeF(style.width, style.height)
    writer.setPageSize(
        QPageSize(page, QPageSize.Unit.Millimeter, "figure", QPageSize.SizeMatchPolicy.ExactMatch)
    )
    writer.setPageMargins(QMarginsF(0, 0, 0, 0))
    writer.setTitle(f"{contents.title}. {note}".rstrip(". "))
    writer.setCreator("DMD Studio")
    painter = QPainter(writer)
    paint_figure(painter, contents, view, style)
    painter.end()
