"""Joins the dialog about data files, the clipboard, the recipe and the plot of a target."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QObject
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget

from dmdstudio.app.background import in_background
from dmdstudio.app.controller import Controller
from dmdstudio.app.data_reading import (
    AskedFile,
    FoundData,
    found_data,
    likeness_of,
    remember_reading,
)
from dmdstudio.app.drops import holds_columns
from dmdstudio.app.views.compare_panel import ComparePanel

if TYPE_CHECKING:
    from dmdstudio.app.views.data_dialog import DataDialog


class DataDesk(QObject):
    """Opens the one dialog about data files, and does what is answered in it.

    Args:
        window: that the dialog belongs to.
        controller: of that window.
        compare: the panel that shows targets.
    """

    def __init__(self, window: QWidget, controller: Controller, compare: ComparePanel) -> None:
        super().__init__(window)
        self._window, self._controller, self._compare = window, controller, compare
        compare.data_wanted.connect(self.show_target)
        self.dialog: DataDialog | None = None
        controller.intake.ambiguous.connect(self._ask_about)

    def _ask_about(self, found: FoundData) -> None:
        self._ask(AskedFile(found.path, found.reading, found.corrections))

    @property
    def is_free(self) -> bool:
        """Whether there is a target with data; those of a run under way stand still."""
        session = self._controller.session
        targets = session.recipe.target if session.recipe is not None else ()
        return any(plan.data for plan in targets) and not session.view.running

    def show_current(self) -> None:
        """Show the data of the target that *Compare* shows, else of the first that has some."""
        recipe, shown = self._controller.session.recipe, self._compare.data_target
        if recipe is not None and self.is_free:
            first = next(n for n, plan in enumerate(recipe.target) if plan.data)
            self.show_target(first if shown is None else shown)

    def show_target(self, index: int) -> None:
        """Show how the file of a target is read, and let it be read otherwise or corrected."""
        recipe = self._controller.session.recipe
        if recipe is None or not index < len(recipe.target) or not recipe.target[index].data:
            return
        plan = recipe.target[index]
        self._ask(AskedFile(recipe.path(plan.data), plan.reading, plan.corrections, index))

    def _ask(self, asked: AskedFile) -> None:
        from dmdstudio.app.views.data_dialog import DataDialog  # seldom needed

        if self.dialog is None:
            self.dialog = DataDialog(self._window)
            self.dialog.answered.connect(self._take)
            self.dialog.left_out.connect(self._leave_out)
            self.dialog.finished.connect(self._forget_dialog)
        self.dialog.ask(asked)
        self.dialog.show()
        self.dialog.raise_()
        self.dialog.activateWindow()

    def _forget_dialog(self, _: int) -> None:
        self.dialog = None

    def _take(self, asked: AskedFile, remember: bool) -> None:
        intake = self._controller.intake
        if asked.target is not None:
            intake.read_target_as(asked.target, asked.path, asked.reading, asked.corrections)
            return
        intake.take_read(asked.path, asked.reading, asked.corrections)
        if remember:
            tell = functools.partial(likeness_of, asked.path)
            keep = functools.partial(self._remember, asked)
            in_background(self, tell, keep, intake.tell_error)

    def _remember(self, asked: AskedFile, likeness: str) -> None:
        """Keep what was said; some of the files that wait may be of the kind known now."""
        remember_reading(likeness, asked.reading)
        self._ask_again(asked.path)

    def _ask_again(self, known: Path) -> None:
        """Read the files that wait once more."""
        waiting = self.dialog.waiting if self.dialog is not None else ()
        for asked in waiting:
            if asked.target is None and asked.path != known:
                read = functools.partial(found_data, asked.path)
                in_background(self, read, self._take_known, self._controller.intake.tell_error)

    def _take_known(self, found: FoundData) -> None:
        if not found.is_open and self.dialog is not None and self.dialog.forget(found.path):
            self._controller.intake.take("data", found.path)

    def _leave_out(self, asked: AskedFile) -> None:
        if asked.target is None:
            words = f"{asked.path.name} is left out.", "Drop it again to be asked again."
            self._controller.intake.notice.emit("info", *words, "")

    # -- the clipboard, and text that is dropped

    def paste(self) -> None:
        """Take files or columns of numbers from the clipboard."""
        held: QMimeData | None = QGuiApplication.clipboard().mimeData()
        self.take(held or QMimeData())  # none where whoever copied it has gone

    def take(self, data: QMimeData) -> None:
        """Take files or columns of numbers."""
        files = [url.toLocalFile() for url in data.urls() if url.isLocalFile()]
        if files:
            self._controller.open_paths(files)
        elif holds_columns(data.text()):
            self._controller.intake.take_text(data.text())
        else:
            words = "The clipboard holds neither files nor columns of numbers."
            advice = "Copy two columns, abscissa and value, from a table or a text."
            self._controller.intake.notice.emit("warning", words, advice, "")
