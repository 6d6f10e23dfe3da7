"""What can be done with every plot: its menu, and the same by keys while it has the focus."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QMenu, QMessageBox, QWidget

from dmdstudio.app.axis_choices import axis_choices
from dmdstudio.app.axis_units import can_be_reversed, choices
from dmdstudio.app.clipping import Range
from dmdstudio.app.figure_files import figure_image, screen_style
from dmdstudio.app.plot_contents import PlotContents, Provenance
from dmdstudio.app.plot_table import table_text
from dmdstudio.app.run_folders import documents_folder
from dmdstudio.app.views.file_dialogs import choose_new_file
from dmdstudio.app.views.picture_dialog import PictureDialog
from dmdstudio.base.units import pretty
from dmdstudio.files.whole import write_text

_SCREEN_DPI = 96.0
_COPIED_DPI = 2.0 * _SCREEN_DPI


class PlotMenu(QObject):
    """Belongs to a widget that shows a plot, and takes its menu events and keys.

    Args:
        widget: that shows the plot.
        contents: of the plot.
        view: returns what the bottom and left axis show.
        provenance: returns where the numbers come from.
        reset: shows everything.
        switch: switches a line on or off, by name.
        ready: whether there is anything to copy.
        fixed: whether axes and lines cannot be changed.
    """

    def __init__(
        self,
        widget: QWidget,
        contents: PlotContents,
        *,
        view: Callable[[], tuple[Range, Range]],
        provenance: Callable[[], Provenance],
        reset: Callable[[], None],
        switch: Callable[[str], None],
        ready: Callable[[], bool],
        fixed: bool = False,
    ) -> None:
        super().__init__(widget)
        self._widget, self._contents = widget, contents
        self._view, self._provenance, self._ready = view, provenance, ready
        self._reset, self._switch = reset, switch
        self.extra: Callable[[QMenu], None] | None = None
        self._keys: dict[str, Callable[[], None]] = {
            "Ctrl+C": self.copy_data,
            "Ctrl+Shift+C": self.copy_image,
            "S": self.export_picture,
            "D": self.export_data,
        }
        self._fixed = fixed
        if not fixed:
            self._keys |= {"R": reset, "U": self.next_unit, "X": self.reverse}
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Take keys of the menu, and before them the right to them."""
        if isinstance(event, QContextMenuEvent) and self._ready():
            keyboard = event.reason() == QContextMenuEvent.Reason.Keyboard
            middle = self._widget.mapToGlobal(self._widget.rect().center())
            self.show_menu(middle if keyboard else event.globalPos())
            return True
        if isinstance(event, QKeyEvent) and self._ready():
            action = self._keys.get(QKeySequence(event.keyCombination()).toString())
            if action is not None and event.type() == QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if action is not None and event.type() == QEvent.Type.KeyPress:
                action()
                return True
        return super().eventFilter(watched, event)

    def show_menu(self, place: QPoint) -> None:
        """Open the menu."""
        menu = self.menu()
        menu.popup(place)

    def menu(self) -> QMenu:
        """Return the menu; it goes away when it closes."""
        menu = QMenu(self._widget)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if self.extra is not None:
            self.extra(menu)
            menu.addSeparator()
        menu.addAction("Copy image\tCtrl+Shift+C", self.copy_image)
        menu.addAction("Copy data\tCtrl+C", self.copy_data)
        menu.addSeparator()
        menu.addAction("Export picture…\tS", self.export_picture)
        menu.addAction("Export data…\tD", self.export_data)
        if not self._fixed:
            menu.addSeparator()
            self._add_curves(menu)
            self._add_axis(menu)
            menu.addAction("Reset view\tR", self._reset)
        return menu

    def _add_curves(self, menu: QMenu) -> None:
        named = [series for series in self._contents.series.values() if series.label]
        if len(named) < 2:
            return
        inner = menu.addMenu("Curves")
        for series in named:
            action = inner.addAction(series.label)
            action.setCheckable(True)
            action.setChecked(series.name not in self._contents.hidden)
            action.triggered.connect(lambda _=False, name=series.name: self._switch(name))

    def _add_axis(self, menu: QMenu) -> None:
        native, shown = self._contents.bottom[1], self._contents.coordinates.shown
        if choices(native):
            inner = menu.addMenu("Unit of the bottom axis")
            for unit in choices(native):
                action = inner.addAction(pretty(unit) + ("\tU" if unit == shown else ""))
                action.setCheckable(True)
                action.setChecked(unit == shown)
                action.triggered.connect(
                    lambda _=False, unit=unit: axis_choices().choose_unit(native, unit)
                )
        if can_be_reversed(native):
            action = menu.addAction("Falling axis\tX", self.reverse)
            action.setCheckable(True)
            action.setChecked(self._contents.falling)

    def next_unit(self) -> None:
        """Show the bottom axis in the next of its units."""
        native, shown = self._contents.bottom[1], self._contents.coordinates.shown
        known = choices(native)
        if known:
            place = known.index(shown) if shown in known else -1
            axis_choices().choose_unit(native, known[(place + 1) % len(known)])

    def reverse(self) -> None:
        """Let the bottom axis run the other way, where it is a spectrum's."""
        native = self._contents.bottom[1]
        if can_be_reversed(native):
            axis_choices().reverse(native, not self._contents.falling)

    def copy_image(self) -> None:
        """Put a picture of the plot on the clipboard, in the window's colours."""
        size = self._widget.size()
        millimetres = 25.4 / _SCREEN_DPI
        style = screen_style(size.width() * millimetres, size.height() * millimetres, 9.5)
        image = figure_image(self._contents, self._view(), style, _COPIED_DPI)
        QGuiApplication.clipboard().setImage(image)

    def copy_data(self) -> None:
        """Put the numbers on the clipboard: tab separated, with names and units."""
        QGuiApplication.clipboard().setText(table_text(self._contents))

    def export_picture(self) -> None:
        """Ask for format and size, and write a picture."""
        dialog = PictureDialog(self._contents, self._view(), self._provenance(), self._widget)
        dialog.open()

    def export_data(self) -> None:
        """Ask for a file, and write the numbers with their units and where they come from."""
        text = table_text(self._contents, ",", self._provenance())
        start = documents_folder() / f"{self._contents.file_name()}.csv"
        choose_new_file(
            self._widget, "Export data", start, "Tables (*.csv)", lambda p: self._write(p[0], text)
        )

    def _write(self, path: Path, text: str) -> None:
        path = path if path.suffix else path.with_suffix(".csv")
        try:
            write_text(path, text)
        except OSError as error:
            tell_unwritable(self._widget, path, error)


def tell_unwritable(parent: QWidget, path: Path, error: OSError) -> None:
    """Say that a file could not be written, and why."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIcon(QMessageBox.Icon.Warning)
    box.setText(f"{path} cannot be written: {error.strerror or error}.")
    box.setInformativeText("Choose another folder, or make room.")
    box.open()
