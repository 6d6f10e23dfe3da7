"""The regions of a target: shaded in its plot, where they can be dragged, and rows of numbers."""

from __future__ import annotations

import functools

import msgspec
import numpy as np
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.comparison import Comparison
from dmdstudio.app.forms import Wrong, text_of, value_of
from dmdstudio.app.regions import ends_of, moved, rounded, tables_of, widest_gap
from dmdstudio.app.session import Session
from dmdstudio.app.views.labels import quiet, wrong
from dmdstudio.app.views.plot import Plot
from dmdstudio.app.views.target_drawing import draw_regions
from dmdstudio.base.units import pretty
from dmdstudio.plan.catalog import fields_of
from dmdstudio.plan.regions import RegionPlan, Regions

_FIELDS = {field.name: field for field in fields_of(RegionPlan)}
_ENDS_AND_WEIGHT = ("low", "high", "weight")
_MOST_ROWS = 4
"""Rows that are seen at once; the others are scrolled to."""
_HEAVY = 2.0
"""Weight of a region that is to count more, to begin with."""


class RegionEditor(QWidget):
    """The same numbers in the plot and in a row of fields; each change is one edit.

    Args:
        session: that has the recipe.
        plot: of the target.

    Signals:
        changed: a region came, went or is another.
    """

    changed = Signal()

    def __init__(self, session: Session, plot: Plot, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._plot = session, plot
        self._comparison: Comparison | None = None
        self._free = False
        self.rows: list[_Row] = []
        rows = QWidget()
        rows.setObjectName("plain")
        self._grid = QGridLayout(rows)
        self._grid.setContentsMargins(0, 0, 8, 0)
        self._grid.setHorizontalSpacing(8)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(8, 1)
        self.area = QScrollArea()
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setWidgetResizable(True)
        self.area.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setWidget(rows)
        self._wrong = wrong()
        self._wrong.hide()
        self._hint = quiet("Drag across the plot to mark a region; Esc leaves it.")
        self._hint.hide()
        plot.span_marked.connect(self._take_drawn)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._hint)
        column.addWidget(self.area)
        column.addWidget(self._wrong)
        self.hide()

    # -- showing

    def show_target(self, comparison: Comparison | None, free: bool) -> None:
        """Draw the regions of a target, and say whether they may be changed."""
        if not free or _place(comparison) != _place(self._comparison):
            self._tell("")  # what was wrong is so no longer, what was typed was meant for another
            for row in self.rows:
                row.forget_typed()
        if not free:
            self._plot.leave_span()
        self._comparison, self._free = comparison, free
        regions = self._regions
        draw_regions(self._plot, regions, self._drag, free)
        unit = pretty(comparison.report.axis_unit) if comparison is not None else ""
        while len(self.rows) < len(regions):
            self.rows.append(_Row(self, self._grid, len(self.rows)))
        for number, row in enumerate(self.rows):
            if number < len(regions):
                row.show_region(regions[number], unit, free)
            row.set_visible(number < len(regions))
        if regions:
            row = self.rows[0].height + self._grid.verticalSpacing()
            self.area.setMinimumHeight(row)
            self.area.setMaximumHeight(min(len(regions), _MOST_ROWS) * row)
        self.area.setVisible(bool(regions))
        self.setVisible(bool(regions) or not self._hint.isHidden())

    @property
    def _regions(self) -> Regions:
        return () if self._comparison is None else self._comparison.regions

    # -- changing

    def add(self, weight: float, middle: float | None = None) -> None:
        """Add a region of a tenth of what is shown.

        Args:
            weight: of its points.
            middle: its place in the view; None takes one where there is most room.
        """
        if not self._free:
            return
        left, right = self._plot.view_range()[0]
        half, view = 0.05 * (right - left), self._plot.contents.coordinates
        taken = [sorted(view.to_view(x) for x in ends) for ends in ends_of(self._regions)]
        if middle is None:
            gap = widest_gap([(low, high) for low, high in taken], left, right)
            middle, half = 0.5 * sum(gap), min(half, 0.25 * (gap[1] - gap[0]))
        low, high = sorted(view.from_view(x) for x in (middle - half, middle + half))
        self._add_between(low, high, weight)

    def draw(self) -> None:
        """Let the next drag across the plot mark a region that does not count."""
        if self._free:
            self._plot.setFocus()
            self._plot.ask_for_span()
            self._hint.show()
            self.show()

    def _take_drawn(self, ends: tuple[float, float] | None) -> None:
        self._hint.hide()
        self.setVisible(bool(self._regions))
        if ends is not None and self._free:
            view = self._plot.contents.coordinates
            low, high = sorted(view.from_view(x) for x in ends)
            self._add_between(low, high, 0.0)

    def _add_between(self, low: float, high: float, weight: float) -> None:
        """Add a region that ends where others begin, unless there is no room."""
        low, high = self._rounded(low, high)
        regions = (*self._regions, RegionPlan(low=low, high=high, weight=weight))
        settled = moved(regions, len(regions) - 1, low, high)
        if low < high and not (settled is regions and self._is_taken(low, high)):
            self._change(settled)

    def _is_taken(self, low: float, high: float) -> bool:
        return any(begin < high and end > low for begin, end in ends_of(self._regions))

    def add_to_menu(self, menu: QMenu, place: float | None) -> None:
        """Offer what can be done at a place of the plot."""
        if not self._free or self._comparison is None:
            return
        menu.addAction("Leave out a region here", lambda: self.add(0.0, place))
        menu.addAction("Weigh a region here", lambda: self.add(_HEAVY, place))
        unit = pretty(self._comparison.report.axis_unit)
        for number, region in enumerate(self._regions):
            words = f"Remove the region {region.low:g} to {region.high:g} {unit}"
            menu.addAction(words, functools.partial(self.remove, number))

    def remove(self, number: int) -> None:
        """Let the points of a region count as the rest does."""
        self._change(tuple(r for place, r in enumerate(self._regions) if place != number))

    def set_number(self, number: int, name: str, text: str) -> bool:
        """Take over what was typed; say what is wrong with it otherwise."""
        field = _FIELDS[name]
        try:
            value = value_of(field, text)
        except Wrong as error:
            self._tell(f"{field.label}: {error}")
            return False
        changed = msgspec.structs.replace(self._regions[number], **{name: value})
        regions = list(self._regions)
        regions[number] = changed
        return self._change(tuple(regions))

    def _drag(self, number: int, low: float, high: float) -> None:
        if number < len(self._regions):
            self._change(moved(self._regions, number, *self._rounded(low, high)))

    def _rounded(self, *places: float) -> tuple[float, float]:
        view = self._plot.contents.coordinates
        left, right = (view.from_view(x) for x in self._plot.view_range()[0])
        pixel = abs(right - left) / 1000.0
        low, high = (rounded(x, pixel if np.isfinite(pixel) else 0.0) for x in places)
        return low, high

    def _change(self, regions: Regions) -> bool:
        comparison = self._comparison
        if comparison is None or comparison.index is None:
            return False
        place = ("target", comparison.index, "regions")
        unit = comparison.report.axis_unit
        named = tuple(msgspec.structs.replace(region, unit=unit) for region in regions)
        tables = tables_of(named, comparison.axis_unit)
        wrong = self._session.change(place, tables, merges=False)
        self._tell(wrong)
        self.changed.emit()
        return not wrong

    def _tell(self, sentence: str) -> None:
        self._wrong.setText(sentence[:1].upper() + sentence[1:])
        self._wrong.setVisible(bool(sentence))


def _place(comparison: Comparison | None) -> object:
    return None if comparison is None else (comparison.report.name, comparison.regions)


class _Row:
    """One region: where it begins and ends, how much it counts, and a button that removes it."""

    def __init__(self, editor: RegionEditor, grid: QGridLayout, number: int) -> None:
        self.number, self._editor = number, editor
        self.fields: dict[str, QLineEdit] = {}
        self._unit, self._words = quiet(), quiet()
        first, between, weighs = QLabel("Region"), QLabel("to"), QLabel("weight")
        for name in _ENDS_AND_WEIGHT:
            line = QLineEdit()
            line.setFixedWidth(line.fontMetrics().horizontalAdvance("0000000.00"))
            line.setAccessibleName(f"Region {number + 1}: {_FIELDS[name].label.lower()}")
            line.setToolTip(_FIELDS[name].doc)
            line.editingFinished.connect(functools.partial(self._take, name))
            self.fields[name] = line
        self.remove = QPushButton("Remove")
        self.remove.setObjectName("flat")
        self.remove.setAccessibleName(f"Remove region {number + 1}")
        self.remove.setToolTip("Let its points count as the rest does")
        self.remove.clicked.connect(lambda: editor.remove(self.number))
        self._widgets: tuple[QWidget, ...] = (
            first,
            self.fields["low"],
            between,
            self.fields["high"],
            self._unit,
            weighs,
            self.fields["weight"],
            self._words,
            self.remove,
        )
        for column, widget in enumerate(self._widgets):
            grid.addWidget(widget, number, column, Qt.AlignmentFlag.AlignLeft)

    def show_region(self, region: RegionPlan, unit: str, free: bool) -> None:
        """Show the numbers; a field that holds something wrong is left alone."""
        self._unit.setText(unit)
        self._words.setText("left out" if region.weight == 0.0 else "")
        for name, line in self.fields.items():
            text = text_of(getattr(region, name))
            typing = line.hasFocus() and line.isModified()
            if not typing and line.text() != text and not line.property("wrong"):
                line.setText(text)
                line.setCursorPosition(0)
            line.setEnabled(free)
        self.remove.setEnabled(free)

    @property
    def height(self) -> int:
        """How high it is, pixels."""
        return max(widget.sizeHint().height() for widget in self._widgets)

    def set_visible(self, shown: bool) -> None:
        """Show the row or hide it."""
        for widget in self._widgets:
            widget.setVisible(shown)

    def forget_typed(self) -> None:
        """Let the fields show the numbers of the recipe again, whatever was typed."""
        for line in self.fields.values():
            line.setModified(False)
            _mark(line, wrong=False)

    def _take(self, name: str) -> None:
        line = self.fields[name]
        if line.isModified():
            line.setModified(False)
            _mark(line, wrong=True)  # until it is taken, so that the text stays
            if self._editor.set_number(self.number, name, line.text()):
                self.forget_typed()


def _mark(line: QLineEdit, wrong: bool) -> None:
    if bool(line.property("wrong")) != wrong:
        line.setProperty("wrong", wrong)
        line.style().unpolish(line)
        line.style().polish(line)
