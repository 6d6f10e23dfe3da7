"""Choosing files and folders; the window goes on while a dialog is open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget

Chosen = Callable[[list[Path]], None]


def choose_files(parent: QWidget, title: str, chosen: Chosen, several: bool = True) -> None:
    """Ask for one file, or for one or more."""
    dialog = _dialog(parent, title, chosen)
    mode = QFileDialog.FileMode
    dialog.setFileMode(mode.ExistingFiles if several else mode.ExistingFile)
    dialog.open()


def choose_folder(parent: QWidget, title: str, start: Path, chosen: Chosen) -> None:
    """Ask for a folder, beginning at ``start`` where it exists."""
    dialog = _dialog(parent, title, chosen)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    if start.is_dir():
        dialog.setDirectory(str(start))
    dialog.open()


def choose_new_file(
    parent: QWidget, title: str, start: Path | None, name_filter: str, chosen: Chosen
) -> None:
    """Ask for a file to write."""
    dialog = _dialog(parent, title, chosen)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    if name_filter:
        dialog.setNameFilter(name_filter)
    if start is not None:
        dialog.setDirectory(str(start.parent))
        dialog.selectFile(start.name)
    dialog.open()


def _dialog(parent: QWidget, title: str, chosen: Chosen) -> QFileDialog:
    dialog = QFileDialog(parent, title)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.filesSelected.connect(lambda names: chosen([Path(name) for name in names]))
    return dialog
