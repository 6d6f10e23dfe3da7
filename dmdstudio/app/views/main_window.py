"""The one window: workflow, tabs, inspector, log, toolbar and status bar around one session."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, QTimer, QUrl
from PySide6.QtGui import (
    QCloseEvent,
    QDesktopServices,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QDockWidget,
    QFileDialog,
    QMainWindow,
    QStackedWidget,
    QTabWidget,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.actions import MENUS, PLANS, TOOLBAR, make_actions, paint_icons
from dmdstudio.app.checks import blocks, check_all
from dmdstudio.app.controller import Controller
from dmdstudio.app.drops import Drop, sort_drop
from dmdstudio.app.icons import application_icon
from dmdstudio.app.run_folders import example_recipe, runs_folder, settings
from dmdstudio.app.theme import theme_changed
from dmdstudio.app.views.compare_panel import ComparePanel
from dmdstudio.app.views.diffusion_panel import DiffusionPanel
from dmdstudio.app.views.drop_overlay import DropOverlay
from dmdstudio.app.views.export_dialog import ExportDialog
from dmdstudio.app.views.gradient_dialog import GradientDialog
from dmdstudio.app.views.log_view import LogView
from dmdstudio.app.views.loss_panel import LossPanel
from dmdstudio.app.views.notice_bar import NoticeBar
from dmdstudio.app.views.parameter_table import ParameterTable
from dmdstudio.app.views.parameters_panel import ParametersPanel
from dmdstudio.app.views.settings_panel import SettingsPanel
from dmdstudio.app.views.start_page import StartPage
from dmdstudio.app.views.status_line import StatusLine
from dmdstudio.app.views.workflow_list import WorkflowList

_LAYOUT_VERSION = 1


class MainWindow(QMainWindow):
    """Shows a `Controller`'s session and sends it what the user asks for."""

    def __init__(self, *, engine_command: Sequence[str] | None = None) -> None:
        super().__init__()
        self.setWindowTitle("DMD Studio")
        self.setWindowIcon(application_icon())
        self.setAcceptDrops(True)
        self.controller = Controller(self, engine_command=engine_command)
        self.session = self.controller.session
        self.actions_by_name = make_actions(self)
        self._arranged = False
        self._build_centre()
        self._build_docks()
        self._build_toolbar()
        self._build_menus()
        self.setStatusBar(StatusLine(self.session))
        self.overlay = DropOverlay(self)
        self._connect()
        self.resize(1440, 900)
        self._restore()
        self.show_start_page()
        self._refresh()

    # -- layout

    def _build_centre(self) -> None:
        actions = self.actions_by_name
        self.notice = NoticeBar()
        self.tabs = QTabWidget()
        self.tabs.setAccessibleName("Plots")
        self.tabs.setDocumentMode(True)
        self.panels = {
            "compare": ComparePanel(self.session),
            "diffusion": DiffusionPanel(self.session),
            "loss": LossPanel(self.session, actions["log_axis"]),
            "parameters": ParametersPanel(self.session),
        }
        for name, panel in self.panels.items():
            self.tabs.addTab(panel, actions[name].text())
        self.start_page = StartPage(actions["open"], actions["example"])
        self.pages = QStackedWidget()
        self.pages.addWidget(self.start_page)
        self.pages.addWidget(self.tabs)
        centre = QWidget()
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.setSpacing(6)
        layout.addWidget(self.notice)
        layout.addWidget(self.pages, 1)
        self.setCentralWidget(centre)

    def _build_docks(self) -> None:
        self.workflow = WorkflowList()
        self.parameter_table = ParameterTable(self.session)
        self.settings_panel = SettingsPanel(self.session)
        self.inspector = QTabWidget()
        self.inspector.setAccessibleName("Inspector")
        self.inspector.setDocumentMode(True)
        self.inspector.addTab(self.parameter_table, "Parameters")
        self.inspector.addTab(self.settings_panel, "Settings")
        self.inspector.setMinimumWidth(340)
        self.log = LogView(self.session)
        area = Qt.DockWidgetArea
        self.setCorner(Qt.Corner.BottomLeftCorner, area.LeftDockWidgetArea)
        self.setCorner(Qt.Corner.BottomRightCorner, area.RightDockWidgetArea)
        self.docks = [
            self._dock("Workflow", self.workflow, area.LeftDockWidgetArea),
            self._dock("Inspector", self.inspector, area.RightDockWidgetArea),
            self._dock("Log", self.log, area.BottomDockWidgetArea),
        ]

    def _dock(self, title: str, widget: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(title)
        frame = QWidget()
        layout = QVBoxLayout(frame)
        layout.setContentsMargins(6, 0, 6, 6)
        layout.addWidget(widget)
        dock.setWidget(frame)
        self.addDockWidget(area, dock)
        return dock

    def _build_toolbar(self) -> None:
        bar = QToolBar("Actions")
        bar.setObjectName("Actions")
        bar.setMovable(False)
        bar.setIconSize(QSize(18, 18))
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        for name in TOOLBAR:
            if name == "|":
                bar.addSeparator()
                continue
            bar.addAction(self.actions_by_name[name])
            button = bar.widgetForAction(self.actions_by_name[name])
            if isinstance(button, QToolButton):
                button.setAccessibleName(self.actions_by_name[name].text())
                button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
                if name == "run":
                    button.setObjectName("primary")
        self.addToolBar(bar)

    def _build_menus(self) -> None:
        for menu_name in MENUS:
            menu = self.menuBar().addMenu(f"&{menu_name}")
            for plan in PLANS:
                if plan.menu == menu_name:
                    menu.addAction(self.actions_by_name[plan.name])
            if menu_name == "View":
                menu.addSeparator()
                for dock in self.docks:
                    menu.addAction(dock.toggleViewAction())

    def _connect(self) -> None:
        controller, session, actions = self.controller, self.session, self.actions_by_name
        controller.notice.connect(self.notice.tell)
        controller.opened.connect(self.show_workspace)
        controller.busy_changed.connect(self._refresh)
        controller.gradient_checked.connect(lambda event: GradientDialog(event, self).show())
        for signal in (
            session.recipe_changed,
            session.run_changed,
            session.problems_changed,
            session.undo_stack.indexChanged,
        ):
            signal.connect(self._refresh)
        self.start_page.chosen.connect(lambda path: controller.open_paths([path]))
        self.workflow.step_chosen.connect(self.show_step)
        theme_changed().changed.connect(self._paint_icons)
        self._paint_icons()
        handlers = {
            "open": self._choose_file,
            "open_run": self._choose_run,
            "example": self._open_example,
            "save": self._save,
            "export": self._export,
            "home": self.show_start_page,
            "quit": self.close,
            "undo": session.undo_stack.undo,
            "redo": session.undo_stack.redo,
            "run": self._run,
            "stop": controller.stop,
            "resume": self._resume,
            "check_gradient": self._check_gradient,
            "edit_parameters": lambda: self._inspect(0),
            "edit_settings": lambda: self._inspect(1),
            "show_run_folder": self._show_run_folder,
        }
        for name, handler in handlers.items():
            actions[name].triggered.connect(lambda _=False, handler=handler: handler())
        actions["pause"].triggered.connect(controller.pause)
        for name in self.panels:
            actions[name].triggered.connect(lambda _=False, name=name: self.show_tab(name))

    def _paint_icons(self) -> None:
        paint_icons(self.actions_by_name)

    # -- pages

    def show_start_page(self) -> None:
        """Show where work begins."""
        self.start_page.refresh()
        self.pages.setCurrentWidget(self.start_page)
        for dock in self.docks:
            dock.hide()

    def show_workspace(self) -> None:
        """Show the recipe or run that is open."""
        if self.pages.currentWidget() is not self.tabs:
            self.pages.setCurrentWidget(self.tabs)
            for dock in self.docks:
                dock.show()
            if not self._arranged:
                self._arranged = True
                self.resizeDocks(self.docks[:2], [232, 530], Qt.Orientation.Horizontal)
                self.resizeDocks(self.docks[2:], [130], Qt.Orientation.Vertical)
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
        checks = check_all(session.recipe, view, session.problems, session.is_stale)
        self.workflow.show_checks(checks)
        blocked = blocks(checks)
        enabled = {
            "run": not busy and not blocked,
            "check_gradient": not busy and not blocked,
            "pause": busy,
            "stop": busy,
            "resume": not busy and view.started is not None,
            "export": view.best is not None and view.started is not None,
            "save": session.recipe is not None,
            "undo": not busy and session.undo_stack.canUndo(),
            "redo": not busy and session.undo_stack.canRedo(),
            "show_run_folder": view.started is not None,
            **dict.fromkeys(self.panels, session.recipe is not None),
        }
        for name, on in enabled.items():
            if self.actions_by_name[name].isEnabled() != on:
                self.actions_by_name[name].setEnabled(on)
        if not busy:
            self.actions_by_name["pause"].setChecked(False)
        title = session.recipe.title if session.recipe else ""
        place = f" – {Path(view.started.run_dir).name}" if view.started else ""
        words = f"{title or 'Untitled'}{place} – DMD Studio" if session.recipe else "DMD Studio"
        if words != self.windowTitle():
            self.setWindowTitle(words)

    # -- actions

    def open_paths(self, paths: Iterable[str | Path]) -> None:
        """Open files as if they had been dropped on the window."""
        self.controller.open_paths(paths)

    def _take_over_edits(self) -> None:
        """What is being typed counts: leave the field, so that it is taken over."""
        self.pages.setFocus()

    def _run(self) -> None:
        self._take_over_edits()
        self._refresh()
        if self.actions_by_name["run"].isEnabled():
            self.show_workspace()
            self.controller.run()

    def _resume(self) -> None:
        self.show_workspace()
        self.controller.resume()

    def _check_gradient(self) -> None:
        self._take_over_edits()
        self.show_workspace()
        self.controller.check_gradient()

    def _open_example(self) -> None:
        recipe = example_recipe()
        if recipe is None:
            self.notice.tell("warning", "This installation came without the example.")
        else:
            self.controller.open_paths([recipe])

    def _choose_file(self) -> None:
        dialog = self._file_dialog("Open a recipe, structure or data file")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(self.controller.open_paths)
        dialog.open()

    def _choose_run(self) -> None:
        dialog = self._file_dialog("Open the folder of a run")
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        if runs_folder().is_dir():
            dialog.setDirectory(str(runs_folder()))
        dialog.fileSelected.connect(lambda path: self.controller.open_paths([path]))
        dialog.open()

    def _save(self) -> None:
        self._take_over_edits()
        dialog = self._file_dialog("Save the recipe as")
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("toml")
        dialog.setNameFilter("Recipes (*.toml)")
        dialog.fileSelected.connect(lambda path: self.controller.save_recipe(Path(path)))
        dialog.open()

    def _file_dialog(self, title: str) -> QFileDialog:
        dialog = QFileDialog(self, title)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return dialog

    def _export(self) -> None:
        if self.actions_by_name["export"].isEnabled():
            ExportDialog(self.session.view, self).show()

    def _show_run_folder(self) -> None:
        if self.session.view.started is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(self.session.view.started.run_dir))

    # -- drag and drop

    def _drops(self, event: QDropEvent) -> list[Drop]:
        urls = [url for url in event.mimeData().urls() if url.isLocalFile()]
        has_recipe = self.session.recipe is not None
        return [sort_drop(Path(url.toLocalFile()), has_recipe) for url in urls]

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        """Say where each file would go."""
        if drops := self._drops(event):
            self.overlay.show_drops(drops)
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: N802
        """Take the words away again."""
        self.overlay.hide()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        """Open what was dropped."""
        self.overlay.hide()
        paths = [drop.path for drop in self._drops(event)]
        event.acceptProposedAction()
        QTimer.singleShot(0, lambda: self.controller.open_paths(paths))

    # -- the window itself

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Keep the overlay over the whole window."""
        super().resizeEvent(event)
        self.overlay.setGeometry(self.rect())

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        """Remember the layout and end the engine, within a few seconds whatever it does."""
        stored = settings()
        stored.setValue("geometry", self.saveGeometry())
        if self.pages.currentWidget() is self.tabs:
            stored.setValue("layout", self.saveState(_LAYOUT_VERSION))
        stored.sync()
        self.hide()
        self.controller.bridge.close()
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
