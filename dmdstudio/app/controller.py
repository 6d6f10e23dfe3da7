"""What the window can do: open files, run, pause, stop, resume, check, save.

No widgets: the main window calls it and shows the session and the notices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from PySide6.QtCore import QObject, Signal

from dmdstudio.app.autosave import Left
from dmdstudio.app.background import in_background
from dmdstudio.app.bridge import EngineBridge
from dmdstudio.app.device_check import remember_device
from dmdstudio.app.drops import Drop, sort_drop
from dmdstudio.app.intake import Intake
from dmdstudio.app.keeper import Keeper
from dmdstudio.app.measured_pace import remember_pace
from dmdstudio.app.restoring import recipe_with_parameters
from dmdstudio.app.run_desk import RunDesk
from dmdstudio.app.run_folders import new_run_folder, remember
from dmdstudio.app.run_list import step_at
from dmdstudio.app.run_queue import RunQueue
from dmdstudio.app.run_reading import ReadRun, iterations_more, read_run
from dmdstudio.app.run_shelf import RunShelf
from dmdstudio.app.session import Session
from dmdstudio.app.state import RunView
from dmdstudio.base.errors import DmdError, RecipeError
from dmdstudio.files.project_file import Opened, read_project
from dmdstudio.files.whole import write_text
from dmdstudio.plan.catalog import fields_of
from dmdstudio.plan.commands import CheckGradient, Diagnose, Replay, Resume, Run
from dmdstudio.plan.events import Event, Failed, Finished, Frames, GradientChecked, Phase, Ready
from dmdstudio.plan.recipe import Recipe, read_recipe, recipe_to_toml, sections
from dmdstudio.plan.recipe_files import rebased

_ORDER = ("project", "recipe", "run", "structure", "potential", "data", "unknown")


class Controller(QObject):
    """Joins the session, the engine and the files.

    Signals:
        notice: level, message, advice, details.
        opened: a recipe or run is shown now.
        begun: a draft is shown now, with its potential still to choose.
        busy_changed: whether the engine is at work.
        gradient_checked: the answer to `check_gradient`.
        frames_came: some frames of the trajectory that `replay` runs.
        lost: a place in the recipe whose file is gone, and a sentence about it.
        look_wanted: the tab and the target that a project shows.
    """

    notice = Signal(str, str, str, str)
    opened = Signal()
    begun = Signal()
    busy_changed = Signal(bool)
    gradient_checked = Signal(object)
    lost = Signal(object, str)
    look_wanted = Signal(str, str)
    frames_came = Signal(object)

    def __init__(
        self, parent: QObject | None = None, *, engine_command: Sequence[str] | None = None
    ) -> None:
        super().__init__(parent)
        self.session = Session(self)
        self.bridge = EngineBridge(self, command=engine_command)
        self.bridge.heard.connect(self._hear)
        self.bridge.busy.connect(self._set_busy)
        self.busy = False
        self._stopping = False
        self._to_discard: Path | None = None
        self.engine_problem: Failed | None = None
        """Why there is no engine to be had."""
        self.begins: Callable[[], bool] = lambda: self.session.recipe is None
        """Whether a structure begins another refinement, for which other files wait."""
        self.intake = Intake(self.session, self._is_engine_starting, lambda: self.begins(), self)
        self.intake.notice.connect(self.notice)
        self.intake.begun.connect(self._show_begun)
        self.queue = RunQueue(self)
        self.keeper = Keeper(self.session, lambda: self.queue.recipes)
        self.queue.changed.connect(self.keeper.note_change)
        self.queue.wanted.connect(self._run_next)
        self.shelf = RunShelf(self.session, lambda: self.keeper.runs)
        self.shelf.failed.connect(self._tell_error)
        self.keeper.failed.connect(self._tell_error)
        self.desk = RunDesk(self.session)
        self.desk.notice.connect(self.notice)

    def _is_engine_starting(self) -> bool:
        return self.bridge.isRunning() and self.engine_problem is None

    # -- files

    def open_paths(self, paths: Iterable[str | Path]) -> None:
        """Open files as if they had been dropped on the window; recipes and runs first."""
        has_recipe = not self.begins()
        drops = [sort_drop(Path(path), has_recipe) for path in paths]
        drops.sort(key=lambda drop: _ORDER.index(drop.kind))
        if self.busy and any(drop.kind in _ORDER[:3] for drop in drops):
            self._warn("A refinement is at work.", "Stop it before opening another.")
            return
        structure = next((drop.path for drop in drops if drop.kind == "structure"), None)
        for drop in drops:
            self._open(drop, structure)

    def _open(self, drop: Drop, structure: Path | None = None) -> None:
        """Open a file; ``structure`` is what comes with it, for a potential."""
        match drop.kind:
            case "project":
                self._read(lambda: (drop.path, read_project(drop.path)), self._show_project)
            case "recipe":
                self._open_recipe(drop.path)
            case "run":
                folder = drop.path if drop.path.is_dir() else drop.path.parent
                self._open_run(folder)
            case "structure" if self.begins():
                self.begin(drop.path)
            case "structure" | "potential" | "data":
                self.intake.take(drop.kind, drop.path, structure)
            case _:
                self._warn(f"{drop.path.name}: {drop.sentence}.")

    def _read(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        in_background(self, work, done, self._tell_error)

    def _open_recipe(self, path: Path) -> None:
        try:
            recipe = read_recipe(path)
        except DmdError as error:
            self._tell_error(error)
            return
        path = path / "recipe.toml" if path.is_dir() else path
        self._show_recipe(_rooted(recipe), path)
        self.keeper.begin(is_saved=True)
        remember(path)
        self.opened.emit()

    def _show_recipe(self, recipe: Recipe, path: Path | None) -> None:
        """Show a recipe without a run."""
        self.desk.follow_nothing()
        self.session.ran = None
        self.session.open_recipe(recipe, path)
        self.session.show_run(RunView(ready=self.session.view.ready, log=self.session.view.log))

    def _show_project(self, read: tuple[Path, Opened]) -> None:
        path, opened = read
        self._show_opened(opened)
        self.keeper.begin_project(path, opened)

    def restore(self, left: Left) -> None:
        """Go on with what an earlier window left."""
        self._show_opened(left.opened)
        self.keeper.begin_left(left)

    def _show_opened(self, opened: Opened) -> None:
        project = opened.project
        self._show_recipe(_rooted(project.recipe), project.recipe_path)
        self.queue.fill(_rooted(recipe) for recipe in project.queue)
        self.opened.emit()
        self.look_wanted.emit(project.tab, project.target)
        if project.shown_run is not None:
            self.desk.open_run(project.shown_run)
        if opened.warnings:
            self._warn(opened.warnings[0], details="\n".join(opened.warnings[1:]))
        if opened.lost:
            self.lost.emit(opened.lost[0], opened.warnings[0])

    def _open_run(self, folder: Path) -> None:
        self._read(lambda: read_run(folder.resolve()), self._show_run)

    def _show_run(self, run: ReadRun) -> None:
        """Show a run and its recipe; where nothing else is open, that is the work."""
        recipe = _rooted(run.recipe)
        self.desk.follow_nothing()
        self.session.ran = recipe
        self.session.open_recipe(recipe, run.folder / "recipe.toml")
        self.desk.show(run)
        self.keeper.begin(is_saved=True)
        remember(run.folder)
        self.opened.emit()

    def begin(self, path: Path) -> None:
        """Begin the recipe of a structure; data that came before become its targets."""
        if self.busy:
            self._warn("A refinement is at work.", "Stop it before beginning another.")
        else:
            self.intake.begin(path)

    def _show_begun(self, recipe: Recipe) -> None:
        self._show_recipe(recipe, None)
        self.keeper.begin(is_saved=False)
        self.opened.emit()
        self.begun.emit()

    def save_recipe(self, path: Path) -> None:
        """Write the recipe under edit; its relative paths follow it to another folder."""
        recipe = self.session.recipe
        if recipe is None:
            return
        path = path if path.suffix else path.with_suffix(".toml")
        moved = rebased(recipe, path.resolve().parent)
        try:
            write_text(path, recipe_to_toml(moved))
        except OSError as error:
            self._tell_error(DmdError(f"The recipe cannot be written: {error}."))
            return
        remember(path)
        self.session.recipe_path = path
        self.notice.emit("info", f"Recipe saved to {path}.", "", "")

    def write_report(self, run_dir: Path, path: Path) -> None:
        """Write a run on one page, as HTML or PDF by the name's ending, and say where it is."""
        path = path if path.suffix else path.with_suffix(".pdf")
        self._read(
            lambda: _report(run_dir, path),
            lambda _: self.notice.emit("info", f"Report written to {path}.", "", ""),
        )

    # -- the engine

    def run(self) -> None:
        """Start a refinement of the recipe as it stands, in a new run folder."""
        recipe = self.session.recipe
        if recipe is not None and not self.busy:
            self.queue.is_held = False
            self._begin_run(recipe)

    def add_to_queue(self) -> None:
        """Have the recipe as it stands run after what is under way; at once where nothing is."""
        recipe = self.session.recipe
        if recipe is not None:
            self.queue.add(recipe)

    def _run_next(self) -> None:
        if not self.busy and (recipe := self.queue.take()) is not None:
            self._begin_run(recipe)

    def _begin_run(self, recipe: Recipe) -> None:
        folder = new_run_folder(recipe.title or Path(recipe.system.structure).stem)
        self.session.ran = recipe
        self.keeper.add_run(folder)
        self._show_at_work(RunView())
        self.bridge.submit(
            Run(recipe=recipe_to_toml(recipe), folder=recipe.folder, run_dir=str(folder))
        )

    def resume(self) -> None:
        """Go on with the run that is shown; a completed one gets as many iterations again."""
        if self.session.view.started is not None and not self.busy:
            self._go_on(Path(self.session.view.started.run_dir))

    def _go_on(self, folder: Path) -> None:
        view = self.session.view
        self._show_at_work(view)
        self.bridge.submit(Resume(run_dir=str(folder), iterations=iterations_more(view)))

    def resume_run(self, folder: Path) -> None:
        """Show a run and go on with it; a recipe under edit stays."""
        if self.busy:
            self._warn("A refinement is at work.", "Stop it before resuming another.")
        else:
            self._read(lambda: read_run(folder.resolve()), self._resume_read)

    def _resume_read(self, run: ReadRun) -> None:
        if self.busy:
            return
        if self.session.recipe is None:
            self._show_run(run)
        else:
            self.session.ran = None
            self.desk.show(run)
            self.opened.emit()
        if run.is_live:
            self._warn(f"{run.folder.name} is at work already.", "The window follows it.")
        else:
            self._go_on(run.folder)

    def pause(self, paused: bool) -> None:
        """Let the engine wait, or go on."""
        if self.busy:
            self.bridge.pause(paused)

    def stop(self) -> None:
        """End what the engine does, or the run that is followed; what is stored is kept."""
        if self.busy:
            self.queue.hold()
            self.bridge.stop()
            self.session.hear(Phase(name="stopping"))
            self._stopping = True  # what the engine still does meanwhile is no news
        else:
            self.desk.stop()

    def discard(self) -> None:
        """End the run under way and move it to the trash."""
        started = self.session.view.started
        if self.is_running and started is not None:
            self._to_discard = Path(started.run_dir)
            self.stop()

    def _discard_stopped(self) -> None:
        folder, self._to_discard = self._to_discard, None
        if folder is not None:
            self.drop_run(folder)

    def drop_run(self, folder: Path) -> None:
        """Move a run to the trash; one that is shown is shown no longer."""
        started = self.session.view.started
        if started is not None and Path(started.run_dir) == folder:
            self.session.ran = None
            self.session.show_run(RunView(ready=self.session.view.ready))
        self.shelf.trash(folder)

    def restore_parameters(self, view: RunView, iteration: int) -> None:
        """Take the parameters of an iteration into the recipe, as one edit."""
        if self.session.recipe is None:
            return
        try:
            table, left = recipe_with_parameters(self.session.recipe, step_at(view, iteration))
            self.session.replace_recipe(table, f"parameters of iteration {iteration}")
        except DmdError as error:
            self._tell_error(error)
            return
        words = f"The recipe has the parameters of iteration {iteration} now."
        without = f" Not taken over: {', '.join(left)}." if left else ""
        self.notice.emit("info", words + without, "Undo takes them back.", "")

    def check_gradient(self) -> None:
        """Compare the gradient methods on the recipe as it stands."""
        recipe = self.session.recipe
        if recipe is None or self.busy:
            return
        self._set_busy(True)
        self.session.hear(Phase(name="compiling", detail="gradient check"))
        self.bridge.submit(CheckGradient(recipe=recipe_to_toml(recipe), folder=recipe.folder))

    def diagnose(self) -> None:
        """Measure on the recipe as it stands how far back its gradient can be trusted."""
        recipe = self.session.recipe
        if recipe is None or self.busy:
            return
        self._set_busy(True)
        self.session.diagnosed_recipe, self.session.diagnosing = recipe, True
        self.session.hear(Phase(name="starting", detail="diagnosis"))
        self.bridge.submit(Diagnose(recipe=recipe_to_toml(recipe), folder=recipe.folder))

    def replay(self, run_dir: str, iteration: int, replica: int) -> None:
        """Run the trajectory of a stored run's replica again, to look at its frames."""
        if self.busy:
            return
        self._set_busy(True)
        self.session.hear(Phase(name="starting", detail="trajectory"))
        self.bridge.submit(Replay(run_dir=run_dir, iteration=iteration, replica=replica))

    def apply(self, changes: Mapping[str, Any]) -> None:
        """Take over settings by their full names, as one edit that can be undone."""
        if self.session.recipe is None:
            return
        try:
            self.session.replace_recipe(*_with_changes(self.session.table(), changes))
        except RecipeError as error:
            self._tell_error(error)

    def _show_at_work(self, view: RunView) -> None:
        """Say at once that a run begins; the engine's own words follow."""
        self.desk.follow_nothing()
        self._set_busy(True)
        now = self.session.view
        self.session.show_run(
            replace(
                view,
                ready=now.ready,
                log=now.log,
                diagnosed=now.diagnosed,
                running=True,
                finished=None,
                failed=None,
                phase=Phase(name="starting"),
                progress=None,
            )
        )

    def _set_busy(self, busy: bool) -> None:
        if busy != self.busy:
            self.busy, self._stopping = busy, False
            if not busy:
                self.session.diagnosing = False
            self.busy_changed.emit(busy)
            if not busy:
                self.shelf.refresh()
                self._discard_stopped()
                self._run_next()

    def _hear(self, event: Event) -> None:
        if self._stopping and isinstance(event, Phase):
            return
        self.session.hear(event)
        started = self.session.view.started
        if isinstance(event, Failed):
            self.notice.emit("error", event.message, event.advice, event.details)
            if self.session.view.ready is None:
                self.engine_problem = event
            self.intake.take_postponed()
        elif isinstance(event, Ready):
            self.engine_problem = None
            remember_device(event)
        elif isinstance(event, GradientChecked):
            self.gradient_checked.emit(event)
        elif isinstance(event, Frames):
            self.frames_came.emit(event)
        elif isinstance(event, Finished) and started is not None:
            remember(Path(started.run_dir))
            remember_pace(self.session.view)

    @property
    def is_running(self) -> bool:
        """Whether the engine of this window is at a refinement."""
        return self.busy and self.session.view.running

    def close(self, leave_run: bool) -> None:
        """Let go of the engine: it goes on with its run alone, or ends."""
        self.desk.follow_nothing()
        self.bridge.close(leave_run=leave_run)

    # -- notices

    def _warn(self, message: str, advice: str = "", details: str = "") -> None:
        self.notice.emit("warning", message, advice, details)

    def _tell_error(self, error: DmdError) -> None:
        self.notice.emit("error", error.message, error.advice, "")


def _rooted(recipe: Recipe) -> Recipe:
    return replace(recipe, folder=str(Path(recipe.folder).resolve()))


def _with_changes(table: dict[str, Any], changes: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the tables with settings such as ``gradient.horizon``, and words for the edit.

    Another method of a section does away with the settings of the one before.
    """
    for name, value in changes.items():
        section, _, field = name.partition(".")
        inside = table.setdefault(section, {})
        if field in ("method", "kind") and inside.get(field) != value:
            own = {f.name for f in fields_of(sections()[section])}
            for left in set(inside) - own:
                del inside[left]
        inside[field] = value
    return table, ", ".join(changes)


def _report(run_dir: Path, path: Path) -> Path:
    from dmdstudio.app.report import write_report

    return write_report(run_dir, path)
