"""How the window saves, recovers and closes: its dialogs, notices and title."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QMessageBox

from dmdstudio.app.keeper import ChangedError
from dmdstudio.app.run_folders import settings
from dmdstudio.app.views.compare_panel import ComparePanel
from dmdstudio.app.views.file_dialogs import choose_files, choose_new_file
from dmdstudio.app.views.status_line import StatusLine
from dmdstudio.base.errors import DmdError
from dmdstudio.files.project_file import SUFFIX
from dmdstudio.plan.recipe_files import file_owner

if TYPE_CHECKING:
    from dmdstudio.app.views.main_window import MainWindow

Answer = Literal["", "goes_on", "stops"]
_FILTER = f"Projects (*{SUFFIX})"


class Keeping(QObject):
    """Joins a window and its `Keeper`.

    Attributes:
        when_closing: what becomes of a run at work when the window closes; empty to ask.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._keeper = window.controller.keeper
        self._keeper.look = self._look
        self.when_closing: Answer = _remembered()
        self.question: QMessageBox | None = None
        self._lose_edits = False
        self._wished_target = ""
        self._keeper.offered.connect(self.offer)
        self._keeper.saved.connect(self._tell_saved)
        self._keeper.failed.connect(self._tell_failed)
        status = window.statusBar()
        assert isinstance(status, StatusLine)
        self._keeper.autosaved.connect(status.show_kept)
        window.session.run_changed.connect(self._show_target)
        window.controller.lost.connect(self._ask_for_file)
        window.controller.look_wanted.connect(self._show_look)

    # -- saving

    def title(self) -> str:
        """Return the window's title; ``[*]`` is where an asterisk marks unsaved work."""
        session, path = self._window.session, self._keeper.path
        if session.recipe is None:
            return "DMD Studio"
        name = path.stem if path is not None else session.recipe.title or "Untitled"
        started = session.view.started
        run = f" – {Path(started.run_dir).name}" if started else ""
        return f"{name}[*]{run} – DMD Studio"

    def save(self) -> None:
        """Save the project where it is, or ask where."""
        self._window.take_over_edits()
        if self._keeper.path is None:
            self.save_as()
        else:
            self._keeper.save()

    def save_as(self) -> None:
        """Ask for a name and save the project there."""
        self._window.take_over_edits()
        choose_new_file(
            self._window,
            "Save the project as",
            self._keeper.path or self._first_name(),
            _FILTER,
            lambda paths: self._keeper.save(paths[0]),
        )

    def _first_name(self) -> Path:
        recipe = self._window.session.recipe
        assert recipe is not None
        path = self._window.session.recipe_path
        folder = path.parent if path is not None else Path(recipe.folder)
        words = "".join(c if c.isalnum() or c in " -_" else " " for c in recipe.title).split()
        return folder / f"{'-'.join(words[:5]).lower() or 'project'}{SUFFIX}"

    def _tell_saved(self, path: Path) -> None:
        self._window.statusBar().showMessage(f"Saved to {path}", 5000)

    def _tell_failed(self, error: DmdError) -> None:
        choices = [("Save as…", self.save_as)]
        if isinstance(error, ChangedError):
            choices.append(("Replace it", lambda: self._keeper.save(anyway=True)))
        self._window.notice.ask(str(error), choices, "error")

    def _look(self) -> tuple[str, str]:
        window = self._window
        names = [n for n, p in window.panels.items() if p is window.tabs.currentWidget()]
        return names[0] if names else "", self._targets().currentData() or ""

    def _show_look(self, tab: str, target: str) -> None:
        if tab in self._window.panels:
            self._window.show_tab(tab)
        self._wished_target = target
        self._show_target()

    def _show_target(self) -> None:
        """Choose the target that was shown, once the run that has it is there."""
        place = self._targets().findData(self._wished_target) if self._wished_target else -1
        if place >= 0:
            self._wished_target = ""
            self._targets().setCurrentIndex(place)

    def _targets(self) -> QComboBox:
        panel = self._window.panels["compare"]
        assert isinstance(panel, ComparePanel)
        return panel.chooser

    # -- what is not where it was

    def offer(self) -> None:
        """Offer what an earlier window left, one thing at a time."""
        if not self._keeper.offers:
            return
        left = self._keeper.offers[0]
        verb = "Restore" if left.unsaved else "Show it"
        self._window.notice.ask(left.sentence(), [(verb, self._restore), ("Forget", self._forget)])

    def _restore(self) -> None:
        if self._window.controller.busy:
            self._window.notice.tell("warning", "A refinement is at work.", "Stop it first.")
        elif (left := self._keeper.take_offer()) is not None:
            self._window.controller.restore(left)

    def _forget(self) -> None:
        if (left := self._keeper.take_offer()) is not None:
            left.forget()
        self.offer()

    def _ask_for_file(self, place: tuple[str | int, ...], sentence: str) -> None:
        def point() -> None:
            recipe = self._window.session.recipe
            if recipe is not None:
                title = f"Where is the {file_owner(recipe, place)}?"
                choose_files(
                    self._window,
                    title,
                    lambda paths: self._window.controller.intake.point_at(place, paths[0]),
                    several=False,
                )

        self._window.notice.ask(sentence, [("Point at it…", point)], "warning")

    # -- closing

    @property
    def run_goes_on(self) -> bool:
        """Whether a run at work goes on without the window."""
        return self._window.controller.is_running and self.when_closing != "stops"

    def may_close(self) -> bool:
        """Return whether the window can close now; else what is to be answered is shown."""
        if self._window.controller.is_running and not self.when_closing:
            self._ask_about_run()
            return False
        self._window.take_over_edits()
        error = None if self._lose_edits else self._keeper.close(self.run_goes_on)
        if error is not None:
            self._window.notice.ask(
                f"Unsaved edits cannot be kept: {error.message}",
                [("Save as…", self.save_as), ("Close and lose them", self._close_anyway)],
                "error",
            )
            return False
        if self._lose_edits:
            self._keeper.abandon()
        return True

    def close_unasked(self, answer: Answer) -> None:
        """Close the window as a signal or the end of the desktop session wants it."""
        self.when_closing = answer
        self._window.close()

    def _close_anyway(self) -> None:
        self._lose_edits = True
        self._window.close()

    def _ask_about_run(self) -> None:
        if self.question is not None:
            self.question.raise_()
            return
        box = self.question = QMessageBox(self._window)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("A refinement is at work")
        box.setText("Let the refinement go on without the window?")
        box.setInformativeText(
            "It writes on into its run folder, and the next window shows it again. Stopped, it "
            "keeps every finished iteration and can be resumed."
        )
        goes_on = box.addButton("Let it go on", QMessageBox.ButtonRole.AcceptRole)
        stops = box.addButton("Stop and keep", QMessageBox.ButtonRole.DestructiveRole)
        box.addButton("Stay here", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(goes_on)  # type: ignore[arg-type]
        remember = QCheckBox("Always do so")
        box.setCheckBox(remember)

        def answered() -> None:
            self.question = None
            if box.clickedButton() not in (goes_on, stops):
                return
            answer: Answer = "goes_on" if box.clickedButton() is goes_on else "stops"
            self.when_closing = answer
            if remember.isChecked():
                settings().setValue("when_closing", answer)
            self._window.close()

        box.finished.connect(lambda _: answered())
        box.open()


def _remembered() -> Answer:
    stored = settings().value("when_closing", "")
    return stored if stored in ("goes_on", "stops") else ""  # type: ignore[return-value]
