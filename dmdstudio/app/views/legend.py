"""The names of the lines above the axes, where they can hide none of them; a click switches one."""

from __future__ import annotations

import html

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy

from dmdstudio.app.plot_contents import PlotContents
from dmdstudio.app.theme import colour_of, theme

_LEAST_ROOM = 60
"""Pixels that a name has in any case."""


class Legend(QLabel):
    """Each entry is a link; for the keyboard the plot's menu has the same.

    Signals:
        toggled: the name of a line that is to come or go.
    """

    toggled = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setContentsMargins(16, 8, 16, 0)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setWordWrap(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.LinksAccessibleByMouse)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName("Legend")
        self.linkActivated.connect(self.toggled)
        self._contents: PlotContents | None = None

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Shorten names that have no room."""
        super().resizeEvent(event)
        if self._contents is not None and event.size().width() != event.oldSize().width():
            self.show_contents(self._contents)

    def show_contents(self, contents: PlotContents) -> None:
        """List the named lines and marks."""
        self._contents, words = contents, []
        for series in contents.series.values():
            if series.label:
                look = series.look
                sign = "●" if look.points else "╌╌" if look.dash else "━━"
                hidden = series.name in contents.hidden
                label = self._fitting(series.label)
                words.append(_entry(label, sign, look.colour, series.name, hidden))
        for mark in contents.marks.values():
            words.append(_entry(mark.label, "┆", mark.colour, "", False))
        for label, colour in {s.label: s.colour for s in contents.spans.values()}.items():
            words.append(_entry(label, "▒", colour, "", False))
        text = " &nbsp;&nbsp; ".join(words)
        if text != self.text():
            self.setText(text)
        self.setVisible(bool(words))

    def _fitting(self, label: str) -> str:
        """Return a name, shortened in its middle where a line has no room for it."""
        metrics, margins = self.fontMetrics(), self.contentsMargins()
        room = self.width() - margins.left() - margins.right() - metrics.horizontalAdvance("━━ ")
        return metrics.elidedText(label, Qt.TextElideMode.ElideMiddle, max(room, _LEAST_ROOM))


def _entry(label: str, sign: str, colour: str, name: str, hidden: bool) -> str:
    shade = theme().faded if hidden else colour_of(colour).name()
    label = html.escape(label, quote=False).replace(" ", "&nbsp;")
    words = f'<span style="color:{shade}">{sign}</span>&nbsp;'
    text = theme().faded if hidden else theme().text
    decoration = "line-through" if hidden else "none"
    words += f'<span style="color:{text}; text-decoration:{decoration}">{label}</span>'
    if not name:
        return words
    return f'<a href="{html.escape(name)}" style="text-decoration:none">{words}</a>'
