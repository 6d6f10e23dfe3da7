"""What style sheets cannot say of a spin box."""

from __future__ import annotations

from PySide6.QtWidgets import QAbstractSpinBox

_MARGIN = 6


def keep_off_edge(box: QAbstractSpinBox) -> None:
    """Leave room between the number and the edge, as in other fields."""
    box.lineEdit().setTextMargins(_MARGIN, 0, 0, 0)
