"""The names of the lines above the axes, where they can hide none of them; a click switches one."""

from __future__ import annotations

import html

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QSizePolicy

from dmdstudio.app.plot_contents import PlotContents
from dmdstudio.app.theme import colour_of, theme


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

    def show_contents(self, contents: PlotContents) -> None:
        """List the named lines and marks."""
        words = []
        for series in contents.series.values():
            if series.label:
                look = series.look
                sign = "●" if look.points else "╌╌" if look.dash else "━━"
                hidden = series.name in contents.hidden
                words.append(_entry(series.label, sign, look.colour, series.name, hidden))
        for mark in contents.marks.values():
            words.append(_entry(mark.label, "┆", mark.colour, "", False))
        for label, colour in {s.label: s.colour for s in contents.spans.values()}.items():
            words.append(_entry(label, "▒", colour, "", False))
        text = " &nbsp;&nbsp; ".join(words)
        if text != self.text():
            self.setText(text)
        self.setVisible(bool(words))


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
