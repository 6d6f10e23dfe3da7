"""How the window shows its runs: the list, what is done with them, and what is told of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace
from PySide6.QtCore import QObject, QUrl
from PySide6.QtGui import QDesktopServices

from dmdstudio.app.run_list import RunRow
from dmdstudio.app.views.export_dialog import ExportDialog
from dmdstudio.app.views.runs_view import RunsView

if TYPE_CHECKING:
    from dmdstudio.app.views.main_window import MainWindow


class Running(QObject):
    """Joins a window and its `RunShelf`."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        controller = window.controller
        self._shelf = controller.shelf
        self.view = RunsView(
            window.session,
            self._shelf,
            controller.queue,
            {
                "show": self._show,
                "resume": lambda row: controller.resume_run(row.folder),
                "restore": self._restore,
                "export": self._export,
                "folder": lambda row: _open_folder(row.folder),
                "trash": lambda row: controller.drop_run(row.folder),
            },
        )
        self._shelf.trashed.connect(self._tell_trashed)

    def _show(self, row: RunRow) -> None:
        controller = self._window.controller
        if controller.busy:
            self._window.notice.ask(
                "A refinement is at work and shown. Other runs can be compared with it.",
                [("Compare", lambda: self._shelf.compare(row.folder, True))],
            )
        elif self._window.session.recipe is None:
            controller.open_paths([row.folder])
        else:
            controller.desk.open_run(row.folder)
            self._window.show_workspace()

    def _restore(self, row: RunRow) -> None:
        if row.view.best is not None:
            self._window.controller.restore_parameters(row.view, row.view.best.iteration)

    def _export(self, row: RunRow) -> None:
        ExportDialog(replace(row.view), self._window).show()

    def _tell_trashed(self, folder: Path, place: Path) -> None:
        keeper = self._window.controller.keeper
        was_own = folder in keeper.runs
        keeper.drop_run(folder)

        def put_back() -> None:
            self._shelf.put_back(folder, place)
            if was_own:
                keeper.runs = (*keeper.runs, folder)
                keeper.note_change()

        self._window.notice.ask(f"{folder.name} is in the trash.", [("Put it back", put_back)])


def _open_folder(folder: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
