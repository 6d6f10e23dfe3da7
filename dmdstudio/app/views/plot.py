"""A plot that says in words why it is empty, follows the theme and knows logarithmic axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from dmdstudio.app.plot_contents import Look, Mark, Provenance, Series, Span
from dmdstudio.app.theme import theme
from dmdstudio.app.views.plot_axes import PlotAxes
from dmdstudio.app.views.plot_items import DENSE
from dmdstudio.app.views.plot_menu import PlotMenu

Numbers = Sequence[float] | np.ndarray


class Plot(PlotAxes):
    """Lines, bands, marks and regions in one pair of axes.

    They have names; drawing a name again replaces what was drawn. Colours are named by role
    (``accent``, ``quiet``, ``text``, ``series 0`` ...), so that they follow the theme.

    Signals:
        curve_switched: a line was switched on or off.
    """

    curve_switched = Signal(str)

    def __init__(self, title: str, empty: str, parent: QWidget | None = None) -> None:
        super().__init__(title, empty, parent)
        self.provenance: Callable[[], Provenance] = Provenance
        self._legend.toggled.connect(self.switch)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.menu = PlotMenu(
            self,
            self.contents,
            view=self.view_range,
            provenance=lambda: self.provenance(),
            reset=self.reset_view,
            switch=self.switch,
            ready=lambda: self.is_prepared and not self.is_empty,
        )

    # -- what is drawn

    def line(
        self,
        name: str,
        x: Numbers,
        y: Numbers,
        colour: str,
        *,
        label: str = "",
        points: bool = False,
        dash: bool = False,
        width: float = 2.0,
        joined: bool = True,
        of: str = "",
        pairs: bool = False,
        level: bool = False,
        in_range: bool = True,
    ) -> None:
        """Draw or redraw a line.

        Args:
            name: by which it is known; drawing it again replaces it.
            x: positions, in the unit of the bottom axis' data.
            y: values.
            colour: by role.
            label: what the legend says; without one the legend leaves it out.
            points: whether each point has a dot.
            dash: whether it is broken.
            width: pixels.
            joined: whether the points are joined at all.
            of: the line that it comes and goes with.
            pairs: whether every two points are joined, not all of them.
            level: whether it is one value across all positions.
            in_range: whether the axes make room for it.
        """
        self.prepare()
        x, y = np.asarray(x, float), np.asarray(y, float)
        look = Look(colour, points, dash, width, joined)
        self._stack.setCurrentWidget(self._drawn)
        series = Series(name, x, y, look, label, of, level, pairs)
        if self.items.draw(series, in_range):
            self._legend.show_contents(self.contents)
        self.crosshair.refresh()

    def errors(
        self, name: str, x: Numbers, y: Numbers, error: Numbers, colour: str, of: str = ""
    ) -> None:
        """Draw vertical error bars of one standard error, of the line ``of``."""
        x, y, error = (np.asarray(v, dtype=float) for v in (x, y, error))
        if len(x) == 0 or len(error) != len(x) or not np.any(error > 0):
            self.remove(name)
            return
        if len(x) > DENSE // 4:  # so many bars would be a band, slowly drawn
            self.band(name, x, y - error, y + error, colour, of=of)
            return
        low = y - error
        if self.contents.log_left:
            low = np.where(low > 0, low, np.where(y > 0, y * 1e-2, np.nan))
        ends = np.stack([low, y + error], axis=1).ravel()
        self.line(name, np.repeat(x, 2), ends, colour, width=1.2, pairs=True, of=of or name)
        self.contents.errors[of] = error

    def band(
        self, name: str, x: Numbers, low: Numbers, high: Numbers, colour: str, of: str = ""
    ) -> None:
        """Fill the space between two lines; with ``of``, one standard error about that line."""
        for end, values in (("low", low), ("high", high)):
            self.line(f"{name} {end}", x, values, colour, width=0.0, of=of or name)
        self.contents.errors[of] = 0.5 * (np.asarray(high, float) - np.asarray(low, float))
        self.items.fill(name, colour)

    def level(
        self,
        name: str,
        x: Numbers,
        value: float,
        error: float,
        colour: str,
        label: str,
        beyond: float = 0.5,
    ) -> None:
        """Draw a horizontal line across all ``x``, with a band of one standard error."""
        ends = [float(np.min(x)) - beyond, float(np.max(x)) + beyond]
        self.line(name, ends, [value] * 2, colour, label=label, dash=True, width=1.5, level=True)
        if error > 0:
            low, high = [value - error] * 2, [value + error] * 2
            self.band(f"{name} band", ends, low, high, colour, of=name)

    def mark(self, name: str, x: float, colour: str, label: str) -> None:
        """Draw a vertical line through the whole height."""
        self.items.mark(name, Mark(x, colour, label))
        self._legend.show_contents(self.contents)

    def region(
        self,
        name: str,
        low: float,
        high: float,
        colour: str,
        label: str,
        *,
        ends: tuple[bool, bool] = (False, False),
        dragged: Callable[[float, float], None] | None = None,
    ) -> None:
        """Shade a part of the bottom axis.

        Args:
            name: by which it is known.
            low: begin, in the unit of the data.
            high: end.
            colour: by role.
            label: what it is called.
            ends: which of its ends can be dragged; the whole of it where both can.
            dragged: told of the new ends once the mouse lets go.
        """
        self.prepare()
        self.items.region(name, Span(low, high, colour, label), ends, dragged, self)
        self._legend.show_contents(self.contents)

    def ask_for_span(self) -> None:
        """Let the next drag across the plot mark a part of the bottom axis; Escape leaves it."""
        self._plot.getViewBox().begin_mark()

    def leave_span(self) -> None:
        """Ask for no part of the bottom axis any more."""
        if self._axes is not None:
            self._axes.getViewBox().end_mark()

    def remove_region(self, name: str) -> None:
        """Take a region away."""
        if name in self.items.regions:
            self.items.remove_region(name)
            self._legend.show_contents(self.contents)

    def remove(self, name: str) -> None:
        """Take a line away, or a band."""
        if self.items.remove(name):
            self._legend.show_contents(self.contents)
            self.crosshair.refresh()

    def clear(self) -> None:
        """Take everything away."""
        self.items.clear()
        self.contents.hidden.clear()
        self.contents.errors.clear()
        self._wanted.clear()
        self._legend.show_contents(self.contents)
        if self._axes is not None:
            self.crosshair.refresh()
            self.reset_view()

    def switch(self, name: str) -> None:
        """Switch a line on or off, and what belongs to it."""
        self.contents.hidden ^= {name}
        self.items.show_visible()
        self._legend.show_contents(self.contents)
        self.crosshair.refresh()
        self.curve_switched.emit(name)

    # -- by hand

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Move the crosshair, or do what the menu lists under the key."""
        if self.is_empty or not self.is_prepared:
            super().keyPressEvent(event)
            return
        key, far = event.key(), event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        steps = 10 if far else 1
        moves = {
            Qt.Key.Key_Left: lambda: self.crosshair.step(-steps),
            Qt.Key.Key_Right: lambda: self.crosshair.step(steps),
            Qt.Key.Key_Home: lambda: self.crosshair.jump(last=False),
            Qt.Key.Key_End: lambda: self.crosshair.jump(last=True),
            Qt.Key.Key_Up: lambda: self.crosshair.switch(-1),
            Qt.Key.Key_Down: lambda: self.crosshair.switch(1),
            Qt.Key.Key_Escape: self._leave,
        }
        if key in moves:
            moves[Qt.Key(key)]()
        else:
            super().keyPressEvent(event)

    def _leave(self) -> None:
        self.leave_span()
        self.crosshair.leave(keys_too=True)

    def leaveEvent(self, event: Any) -> None:  # noqa: N802
        """Take the crosshair away with the mouse."""
        super().leaveEvent(event)
        if self.is_prepared:
            self.crosshair.leave()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Show that keys go here."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Take the crosshair of the keyboard away."""
        super().focusOutEvent(event)
        if self.is_prepared and event.reason() != Qt.FocusReason.PopupFocusReason:
            self.crosshair.leave(keys_too=True)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Frame the plot while keys go to it."""
        super().paintEvent(event)
        if self.hasFocus():
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(pg.mkPen(theme().accent, width=1.5))
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), 5.0, 5.0)
            painter.end()
