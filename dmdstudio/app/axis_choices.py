"""In which unit axes are shown and which way round: chosen once, remembered, alike in all plots."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from dmdstudio.app.axis_units import can_be_reversed, choices, dimension_of
from dmdstudio.app.run_folders import settings


class AxisChoices(QObject):
    """The units and directions that the user chose, in the settings of the window.

    Signals:
        changed: another unit or direction.
    """

    changed = Signal()

    def shown_unit(self, native: str) -> str:
        """Return the unit in which an axis of ``native`` is shown."""
        stored = str(settings().value(f"plots/unit of {dimension_of(native)}", ""))
        return stored if stored in choices(native) else native

    def choose_unit(self, native: str, unit: str) -> None:
        """Show all axes of a dimension in a unit from now on."""
        settings().setValue(f"plots/unit of {dimension_of(native)}", unit)
        self.changed.emit()

    def is_reversed(self, native: str) -> bool:
        """Whether an axis falls from left to right, as spectra are often drawn."""
        stored = settings().value(f"plots/reversed {dimension_of(native)}", "false")
        return can_be_reversed(native) and str(stored) == "true"

    def reverse(self, native: str, falling: bool) -> None:
        """Let all axes of a dimension fall, or rise, from left to right from now on."""
        settings().setValue(
            f"plots/reversed {dimension_of(native)}", "true" if falling else "false"
        )
        self.changed.emit()


_choices: AxisChoices | None = None


def axis_choices() -> AxisChoices:
    """Return the one object that knows what was chosen."""
    global _choices
    if _choices is None:
        _choices = AxisChoices()
    return _choices
