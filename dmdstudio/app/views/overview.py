"""All targets side by side, small; a click on one shows it large."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QPushButton, QVBoxLayout, QWidget

from dmdstudio.app.comparison import Comparison
from dmdstudio.app.measured import Arrays
from dmdstudio.app.session import Session
from dmdstudio.app.state import is_scalar
from dmdstudio.app.views.plot import Plot
from dmdstudio.app.views.target_drawing import draw_curve, draw_number, draw_regions
from dmdstudio.app.words import difference, titles


class Tile(QWidget):
    """One target: its name, which opens it, above its plot."""

    def __init__(self) -> None:
        super().__init__()
        self.button = QPushButton()
        self.button.setObjectName("section")
        self.plot = Plot("Target", "")
        self.drawn: tuple[str, bool] | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.button)
        column.addWidget(self.plot, 1)


class Overview(QWidget):
    """As many tiles as there are targets, made when they are first asked for.

    Signals:
        chosen: the name of a target that is to be shown large.
    """

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(10)
        self.tiles: list[Tile] = []

    def draw(
        self,
        session: Session,
        found: Sequence[Comparison],
        arrays: Arrays,
        why_empty: Callable[[str], str],
    ) -> Iterator[None]:
        """Show the targets; the window goes on after each."""
        self._lay_out(len(found))
        names = titles([comparison.report for comparison in found])
        for tile, comparison, name in zip(self.tiles, found, names, strict=True):
            report = comparison.report
            kind = (report.name, is_scalar(report))
            if tile.drawn != kind:
                tile.plot.clear()
                tile.drawn = kind
            away = difference(report)
            tile.button.setText(f"{name}   {away}" if away else name)
            tile.button.setAccessibleName(f"Show {name}")
            tile.button.setProperty("target", report.name)
            tile.plot.contents.title = name
            if is_scalar(report):
                draw_number(tile.plot, session, report, why_empty(report.label))
            elif draw_curve(tile.plot, session.view, report, comparison.gaps, arrays):
                draw_regions(tile.plot, comparison.regions)
            else:
                tile.plot.set_empty(why_empty(report.label))
            yield

    def _lay_out(self, count: int) -> None:
        """Have as many tiles as targets, in rows of about as many as there are rows."""
        if count == len(self.tiles):
            return
        while len(self.tiles) > count:
            tile = self.tiles.pop()
            self._grid.removeWidget(tile)
            tile.deleteLater()
        while len(self.tiles) < count:
            tile = Tile()
            button = tile.button
            button.clicked.connect(
                lambda _=False, button=button: self.chosen.emit(button.property("target"))
            )
            self.tiles.append(tile)
        columns = math.ceil(math.sqrt(count))
        for number, tile in enumerate(self.tiles):
            self._grid.addWidget(tile, number // columns, number % columns)
