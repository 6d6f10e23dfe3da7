"""The one window: workflow, tabs, inspector, log, toolbar and status bar around one session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from PySide6.QtCore import QTimer, QUrl
from PySide6.QtGui import QCloseEvent, QDesktopServices
from PySide6.QtWidgets import QMainWindow, QStackedWidget

from dmdstudio.app.actions import STRUCTURE_VIEWS, make_actions, paint_icons
from dmdstudio.app.checks import blocks, check_all
from dmdstudio.app.controller import Controller
from dmdstudio.app.device_check import find_device
from dmdstudio.app.editor import Editor
from dmdstudio.app.icons import application_icon
from dmdstudio.app.run_folders import runs_folder, settings
from dmdstudio.app.start_items import EXAMPLES, unfinished
from dmdstudio.app.theme import theme_changed
from dmdstudio.app.views.compare_panel import ComparePanel
from dmdstudio.app.views.data_desk import DataDesk
from dmdstudio.app.views.diffusion_panel import DiffusionPanel
from dmdstudio.app.views.drop_overlay import DropTarget
from dmdstudio.app.views.export_dialog import ExportDialog
from dmdstudio.app.views.file_dialogs import choose_files, choose_folder, choose_new_file
from dmdstudio.app.views.frame import (
    arrange_docks,
    make_docks,
    make_menus,
    make_tabs,
    make_toolbar,
    stacked,
)
from dmdstudio.app.views.gradient_dialog import GradientDialog
from dmdstudio.app.views.gradient_panel import GradientPanel
from dmdstudio.app.views.guidance import Guidance
from dmdstudio.app.views.keeping import Keeping
from dmdstudio.app.views.log_view import LogView
from dmdstudio.app.views.loss_panel import LossPanel
from dmdstudio.app.views.notice_bar import NoticeBar
from dmdstudio.app.views.pack_dialog import PackDialog
from dmdstudio.app.views.parameter_table import ParameterTable
from dmdstudio.app.views.parameters_panel import ParametersPanel
from dmdstudio.app.views.plot import Plot
from dmdstudio.app.views.running import Running
from dmdstudio.app.views.sensitivity_panel import SensitivityPanel
from dmdstudio.app.views.settings_panel import SettingsPanel
from dmdstudio.app.views.start_page import StartPage
from dmdstudio.app.views.status_line import StatusLine
from dmdstudio.app.views.structure_panel import StructurePanel
from dmdstudio.app.views.workflow_list import WorkflowList

_LAYOUT_VERSION = 1


class MainWindow(QMainWindow):
    """Shows a `Controller`'s session and sends it what the user asks for."""

    def __init__(self, *, engine_command: Sequence[str] | None = None) -> None:
        super().__init__()
        self.setWindowTitle("DMD Studio")
        self.setWindowIcon(application_icon())
        self.controller = Controller(self, engine_command=engine_command)
        self.session = self.controller.session
        self.editor = Editor(self.session)
        self.editor.refused.connect(lambda words: self.notice.tell("error", words))
        self.actions_by_name = make_actions(self)
        self._arranged = False
        actions = self.actions_by_name
        structure = StructurePanel(self.session, actions, self.controller.replay)
        self.controller.frames_came.connect(structure.take)
        self.controller.busy_changed.connect(structure.player.set_busy)
        self.panels = {
            "compare": ComparePanel(self.session),
            "diffusion": DiffusionPanel(self.session),
            "loss": LossPanel(self.session, actions["log_axis"]),
            "parameters": ParametersPanel(self.session, self.controller.restore_parameters),
            "gradient": GradientPanel(self.session, actions["diagnose"], self.controller.apply),
            "sensitivity": SensitivityPanel(self.session),
            "structure": structure,
        }
        self.tabs = make_tabs("Plots", {actions[n].text(): p for n, p in self.panels.items()})
        self.start_page = StartPage(actions["new"], actions["open"], actions["example"])
        self.pages = QStackedWidget()
        self.pages.addWidget(self.start_page)
        self.pages.addWidget(self.tabs)
        self.notice = NoticeBar()
        self.setCentralWidget(stacked(self.notice, self.pages))
        self.workflow = WorkflowList()
        self.parameter_table = ParameterTable(self.session, self.editor)
        self.settings_panel = SettingsPanel(self.session, self.editor)
        self.inspector = make_tabs(
            "Inspector", {"Parameters": self.parameter_table, "Settings": self.settings_panel}
        )
        self.inspector.setMinimumWidth(340)
        self.guidance = Guidance(
            self,
            actions,
            self.session,
            self.settings_panel,
            lambda: self._inspect(1),
            self.tabs,
            self.notice,
        )
        self.log = LogView(self.session)
        self.running = Running(self)
        self.runs = self.running.view
        self.docks = make_docks(self, self.workflow, self.inspector, self.log, self.runs)
        make_toolbar(self, actions)
        make_menus(self, actions, self.docks)
        self.setStatusBar(StatusLine(self.session))
        self.controller.begins = self._is_at_start
        self.drop_target = DropTarget(self, lambda: not self._is_at_start())
        self.drop_target.dropped.connect(self.controller.open_paths)
        self.drop_target.text_dropped.connect(self.controller.intake.take_text)
        self.data_desk = DataDesk(self, self.controller, self.panels["compare"])
        self.settings_panel.data_wanted.connect(self.data_desk.show_target)
        self.keeping = Keeping(self)
        self._connect()
        self._idle = QTimer(self, interval=15)
        self._idle.timeout.connect(self._prepare_a_plot)
        self._idle.start()
        self.resize(1440, 900)
        self._restore()
        self.show_start_page()

    def _connect(self) -> None:
        controller, session, actions = self.controller, self.session, self.actions_by_name
        controller.notice.connect(self.notice.tell)
        controller.desk.question.connect(self.notice.ask)
        controller.desk.question_over.connect(self.notice.withdraw)
        controller.opened.connect(self.show_workspace)
        controller.begun.connect(lambda: self.show_step("Potential"))
        controller.busy_changed.connect(self._refresh)
        controller.gradient_checked.connect(lambda event: GradientDialog(event, self).show())
        for signal in (
            session.recipe_changed,
            session.run_changed,
            session.problems_changed,
            session.catalog_changed,
            session.matter_changed,
            session.undo_stack.indexChanged,
            controller.keeper.changed,
            controller.desk.following_changed,
        ):
            signal.connect(self._refresh)
        self.start_page.chosen.connect(lambda path: controller.open_paths([path]))
        self.start_page.resume_wanted.connect(controller.resume_run)
        controller.shelf.changed.connect(
            lambda: self.start_page.show_unfinished(unfinished(controller.shelf.rows))
        )
        self.start_page.forget_waiting.connect(controller.intake.forget_waiting)
        controller.intake.waiting_changed.connect(
            lambda: self.start_page.show_waiting(controller.intake.waiting)
        )
        self.workflow.step_chosen.connect(self.show_step)
        theme_changed().changed.connect(self._paint_icons)
        self._paint_icons()
        handlers = {
            "new": self._choose_structure,
            "pack": self._pack,
            "open": self._choose_file,
            "open_run": self._choose_run,
            "example": self._open_example,
            "save": self.keeping.save,
            "save_as": self.keeping.save_as,
            "save_recipe": self._save_recipe,
            "export": self._export,
            "report": self._report,
            "home": self.show_start_page,
            "quit": self.close,
            "undo": session.undo_stack.undo,
            "redo": session.undo_stack.redo,
            "paste": self.data_desk.paste,
            "data": self.data_desk.show_current,
            "run": self._run,
            "stop": controller.stop,
            "discard": controller.discard,
            "queue": self._add_to_queue,
            "runs": self._show_runs,
            "resume": self._resume,
            "check_gradient": self._check_gradient,
            "diagnose": self._diagnose,
            "edit_parameters": lambda: self._inspect(0),
            "edit_settings": lambda: self._inspect(1),
            "show_run_folder": self._show_run_folder,
        }
        for name, handler in (handlers | self.guidance.handlers()).items():
            actions[name].triggered.connect(lambda _=False, handler=handler: handler())
        actions["pause"].triggered.connect(controller.pause)
        actions["pause"].toggled.connect(self._refresh)
        for name in STRUCTURE_VIEWS:
            actions[name].triggered.connect(lambda _=False: self.show_tab("structure"))
        for name in self.panels:
            actions[name].triggered.connect(lambda _=False, name=name: self.show_tab(name))

    def _paint_icons(self) -> None:
        paint_icons(self.actions_by_name)

    def _prepare_a_plot(self) -> None:
        """Make the axes of one plot after another once the window is there, a little each time."""
        waiting = (plot for plot in self.findChildren(Plot) if not plot.is_prepared)
        if (plot := next(waiting, None)) is None:
            self._idle.stop()
        else:
            plot.prepare()

    # -- pages

    def show_start_page(self) -> None:
        """Show where work begins."""
        self.start_page.refresh()
        self.controller.shelf.refresh()
        self.pages.setCurrentWidget(self.start_page)
        self.keeping.offer()
        for dock in self.docks:
            dock.hide()
        self._refresh()

    def _is_at_start(self) -> bool:
        """Whether what is opened is for work that has not begun, whatever was open before."""
        return self.session.recipe is None or self.pages.currentWidget() is self.start_page

    def show_workspace(self) -> None:
        """Show the recipe or run that is open."""
        if self.pages.currentWidget() is not self.tabs:
            self.pages.setCurrentWidget(self.tabs)
            for dock in self.docks:
                dock.show()
            if not self._arranged:
                self._arranged = True
                arrange_docks(self, self.docks)
        self.notice.hide()
        self._refresh()

    def show_tab(self, name: str) -> None:
        """Show a plot panel by the name of its action."""
        if self.session.recipe is not None:
            self.show_workspace()
            self.tabs.setCurrentWidget(self.panels[name])

    def show_step(self, step: str) -> None:
        """Show what belongs to a step of the work."""
        if step == "Potential":
            self._inspect(0)
            if self.parameter_table.offer.isVisible():
                self.parameter_table.offer.setFocus()
        elif step == "Results":
            self.show_tab("compare")
        else:
            self._inspect(1)
            section = {"System": "system", "Experiment": "target", "Refine": "refinement"}[step]
            self.settings_panel.show_section(section)

    def _inspect(self, tab: int) -> None:
        self.docks[1].show()
        self.inspector.setCurrentIndex(tab)
        (self.parameter_table.table if tab == 0 else self.settings_panel).setFocus()

    # -- state

    def _refresh(self) -> None:
        """Bring badges, actions and title up to date."""
        session, busy, view = self.session, self.controller.busy, self.session.view
        following = self.controller.desk.is_following
        checks = check_all(
            session.recipe,
            view,
            session.problems,
            session.is_stale,
            session.catalog,
            session.matter,
            session.matter_problem,
            session.data_problem,
        )
        self.workflow.show_checks(checks)
        if self.pages.currentWidget() is self.start_page:
            self.start_page.show_device(find_device(view.ready, self.controller.engine_problem))
        blocked = blocks(checks)
        enabled = {
            **dict.fromkeys(("new", "pack"), not busy),
            "run": not busy and not blocked,
            "check_gradient": not busy and not blocked,
            "diagnose": not busy and not blocked,
            "pause": busy,
            "stop": busy or following,
            "discard": self.controller.is_running and view.started is not None,
            "queue": not blocked,
            "resume": not busy and not following and view.started is not None,
            "export": view.best is not None and view.started is not None,
            "report": view.best is not None and view.started is not None,
            **dict.fromkeys(("save", "save_as", "save_recipe"), session.recipe is not None),
            "data": self.data_desk.is_free,
            "undo": session.undo_stack.canUndo(),
            "redo": session.undo_stack.canRedo(),
            "show_run_folder": view.started is not None,
            **dict.fromkeys((*self.panels, *STRUCTURE_VIEWS), session.recipe is not None),
        }
        for name, on in enabled.items():
            if self.actions_by_name[name].isEnabled() != on:
                self.actions_by_name[name].setEnabled(on)
        pause = self.actions_by_name["pause"]
        if not busy:
            pause.setChecked(False)
        pause.setText("Go on" if pause.isChecked() else "Pause")
        if (words := self.keeping.title()) != self.windowTitle():
            self.setWindowTitle(words)
        self.setWindowModified(self.controller.keeper.is_modified)

    # -- actions

    def open_paths(self, paths: Iterable[str | Path]) -> None:
        """Open files as if they had been dropped on the window."""
        self.controller.open_paths(paths)

    def take_over_edits(self) -> None:
        """What is being typed counts: leave the field, so that it is taken over."""
        self.pages.setFocus()

    def _run(self) -> None:
        self.take_over_edits()
        self._refresh()
        if self.actions_by_name["run"].isEnabled():
            self.show_workspace()
            self.controller.run()

    def _add_to_queue(self) -> None:
        self.take_over_edits()
        self._refresh()
        if self.actions_by_name["queue"].isEnabled():
            self.show_workspace()
            self.controller.add_to_queue()

    def _show_runs(self) -> None:
        self.docks[3].show()
        self.docks[3].raise_()
        self.runs.take_focus()

    def _resume(self) -> None:
        self.show_workspace()
        self.controller.resume()

    def _check_gradient(self) -> None:
        self.take_over_edits()
        self.show_workspace()
        self.controller.check_gradient()

    def _diagnose(self) -> None:
        self.take_over_edits()
        self.show_tab("gradient")
        self.controller.diagnose()

    def _open_example(self) -> None:
        recipe = EXAMPLES[0].recipe
        if recipe is None:
            self.notice.tell("warning", "This installation came without the example.")
        else:
            self.controller.open_paths([recipe])

    def _choose_structure(self) -> None:
        choose_files(
            self,
            "Begin with a structure",
            lambda paths: self.controller.begin(paths[0]),
            several=False,
        )

    def _pack(self) -> None:
        dialog = PackDialog(runs_folder().parent, self)
        dialog.packed.connect(self.controller.begin)
        dialog.show()

    def _choose_file(self) -> None:
        choose_files(self, "Open a recipe, structure or data file", self.controller.open_paths)

    def _choose_run(self) -> None:
        choose_folder(self, "Open the folder of a run", runs_folder(), self.controller.open_paths)

    def _save_recipe(self) -> None:
        self.take_over_edits()
        choose_new_file(
            self,
            "Save the recipe as",
            self.session.recipe_path,
            "Recipes (*.toml)",
            lambda paths: self.controller.save_recipe(paths[0]),
        )

    def _export(self) -> None:
        self._refresh()
        if self.actions_by_name["export"].isEnabled():
            ExportDialog(self.session.view, self).show()

    def _report(self) -> None:
        if self.session.view.started is not None:
            folder = Path(self.session.view.started.run_dir)
            choose_new_file(
                self,
                "Write the report as",
                folder / "report.pdf",
                "Reports (*.pdf *.html)",
                lambda paths: self.controller.write_report(folder, paths[0]),
            )

    def _show_run_folder(self) -> None:
        if self.session.view.started is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(self.session.view.started.run_dir))

    # -- the window itself

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Remember the layout, keep the work, and end the engine or let its run go on.

        Within a few seconds, whatever the engine does; `Keeping` may want an answer first.
        """
        if not self.keeping.may_close():
            event.ignore()
            return
        stored = settings()
        stored.setValue("geometry", self.saveGeometry())
        if self.pages.currentWidget() is self.tabs:
            stored.setValue("layout", self.saveState(_LAYOUT_VERSION))
        stored.sync()
        self.hide()
        self.controller.close(leave_run=self.keeping.run_goes_on)
        event.accept()

    def _restore(self) -> None:
        stored = settings()
        for key, restore in (
            ("geometry", self.restoreGeometry),
            ("layout", lambda state: self.restoreState(state, _LAYOUT_VERSION)),
        ):
            state = stored.value(key)
            if state is not None and restore(state) and key == "layout":  # type: ignore[arg-type]
                self._arranged = True
