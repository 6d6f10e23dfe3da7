"""What the window has open: a recipe under edit, a run, and what the engine said of itself.

Views show it and ask it for changes; it signals back. Every edit passes through `Session.change`
and can be undone.
"""

from __future__ import annotations

import copy
import itertools
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from dmdstudio.app.matter import Matter
from dmdstudio.app.state import RunView, reduce
from dmdstudio.base.errors import RecipeError
from dmdstudio.plan.catalog import Catalog
from dmdstudio.plan.events import Event, Ready
from dmdstudio.plan.recipe import LISTS, Recipe, recipe_from_table, recipe_to_table

Place = tuple[str | int, ...]
"""Where a setting stands: ``('potential', 0, 'parameter', 1, 'value')``."""

REPAINT_MILLISECONDS = 50


class Session(QObject):
    """The recipe and the run in the window.

    Signals:
        recipe_changed: another recipe, or another value in it.
        run_changed: something new to draw, at most 20 times a second.
        catalog_changed: the engine told what exists.
        problems_changed: a field holds something that does not fit, or no longer does.
        matter_changed: the structure was read, or is being read anew.
        leaving: the recipe is about to be replaced by another, for good.
    """

    recipe_changed = Signal()
    run_changed = Signal()
    catalog_changed = Signal()
    problems_changed = Signal()
    matter_changed = Signal()
    leaving = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.recipe: Recipe | None = None
        self.recipe_path: Path | None = None
        self.view = RunView()
        self.catalog = Catalog()
        self.problems: dict[Place, str] = {}
        self.matter: Matter | None = None
        self.matter_problem = ""
        self.data_problem = ""
        self.undo_stack = QUndoStack(self)
        self.ran: Recipe | None = None
        self.compared: dict[Path, tuple[str, RunView]] = {}
        """Runs that are drawn beside the one that is shown: their names and views."""
        self.diagnosed_recipe: Recipe | None = None
        self.diagnosing = False
        self._repaint = QTimer(self, singleShot=True, interval=REPAINT_MILLISECONDS)
        self._repaint.timeout.connect(self.run_changed)

    # -- the recipe

    def open_recipe(self, recipe: Recipe, path: Path | None) -> None:
        """Show another recipe; earlier edits can no longer be undone."""
        if self.recipe is not None:
            self.leaving.emit()
        self.recipe, self.recipe_path = recipe, path
        self.diagnosed_recipe = None
        self.problems.clear()
        self.undo_stack.clear()
        self.recipe_changed.emit()
        self.problems_changed.emit()

    def table(self) -> dict[str, Any]:
        """Return a copy of the recipe's tables."""
        return {} if self.recipe is None else recipe_to_table(self.recipe)

    def change(self, place: Place, value: Any, *, merges: bool = True) -> str:
        """Set one value (None takes it out); return what is wrong with it, or nothing.

        What does not fit is not taken over; it is remembered as a problem until it is mended.
        Changes of one place in a row are one edit, unless they do not merge.
        """
        assert self.recipe is not None
        table = self.table()
        _put(table, place, value)
        try:
            recipe = recipe_from_table(table, self.recipe.folder)
        except RecipeError as error:
            sentence = _plain(error)
            self.report(place, sentence)
            return sentence
        self.report(place, "")
        if recipe != self.recipe:
            self.undo_stack.push(_Edit(self, self.recipe, recipe, place, merges))
        return ""

    def replace_recipe(self, table: dict[str, Any], words: str) -> None:
        """Take over a whole set of tables as one edit; raise `RecipeError` if they do not fit."""
        assert self.recipe is not None
        recipe = recipe_from_table(table, self.recipe.folder)
        if recipe != self.recipe:
            self.undo_stack.push(_Edit(self, self.recipe, recipe, (words,), merges=False))

    def report(self, place: Place, sentence: str) -> None:
        """Remember what is wrong at a place, or that nothing is."""
        if self.problems.get(place, "") != sentence:
            if sentence:
                self.problems[place] = sentence
            else:
                self.problems.pop(place)
            self.problems_changed.emit()

    def show_edit(self, recipe: Recipe) -> None:
        """Show an edited recipe (called by the undo stack)."""
        before, self.recipe = self.recipe, recipe
        for name in LISTS:  # what was wrong in a list whose items have moved is said of others
            if before is None or len(getattr(before, name)) != len(getattr(recipe, name)):
                for place in [place for place in self.problems if place[0] == name]:
                    self.report(place, "")
        self.recipe_changed.emit()

    def show_matter(self, matter: Matter | None, problem: str) -> None:
        """Show what the structure is made of; None where that is not known, or why it is not."""
        if (matter, problem) != (self.matter, self.matter_problem):
            self.matter, self.matter_problem = matter, problem
            self.matter_changed.emit()

    def show_data_problem(self, problem: str) -> None:
        """Show why measured data cannot be compared; nothing where they can."""
        if problem != self.data_problem:
            self.data_problem = problem
            self.problems_changed.emit()

    # -- the run

    def hear(self, event: Event) -> None:
        """Take in an event; views are told soon, the latest state winning."""
        self.view = reduce(self.view, event)
        if isinstance(event, Ready):
            self.catalog = event.catalog
            self.catalog_changed.emit()
        if not self._repaint.isActive():
            self._repaint.start()

    def show_run(self, view: RunView) -> None:
        """Show another run as a whole."""
        self.view = view
        self.run_changed.emit()

    def compare(self, runs: dict[Path, tuple[str, RunView]]) -> None:
        """Draw other runs beside the one that is shown."""
        self.compared = runs
        self.run_changed.emit()

    def refresh_compared(self, known: dict[Path, tuple[str, RunView]]) -> None:
        """Draw what is new of the runs that are compared; those that are gone are not."""
        now = {folder: known[folder] for folder in self.compared if folder in known}
        if any(now.get(f, ("", None))[1] is not v[1] for f, v in self.compared.items()):
            self.compare(now)

    @property
    def beside(self) -> list[tuple[str, RunView]]:
        """The compared runs without the one that is shown."""
        shown = self.view.started.run_dir if self.view.started is not None else ""
        return [run for folder, run in self.compared.items() if str(folder) != shown]

    @property
    def is_stale(self) -> bool:
        """Whether the recipe was edited since the run that is shown began."""
        return self.ran is not None and self.recipe is not None and self.ran != self.recipe


class _Edit(QUndoCommand):
    """One edit; edits of the same field in a row become one."""

    def __init__(
        self, session: Session, before: Recipe, after: Recipe, place: Place, merges: bool = True
    ) -> None:
        super().__init__(f"change {place[-1]}" if merges else str(place[-1]))
        self._session, self._before, self._after, self._place = session, before, after, place
        self._merges = merges

    def id(self) -> int:
        return 1

    def mergeWith(self, other: QUndoCommand) -> bool:  # noqa: N802
        if not isinstance(other, _Edit) or other._place != self._place:
            return False
        if not (self._merges and other._merges):
            return False
        self._after = other._after
        return True

    def redo(self) -> None:
        self._session.show_edit(self._after)

    def undo(self) -> None:
        self._session.show_edit(self._before)


def _put(table: dict[str, Any], place: Place, value: Any) -> None:
    inside: Any = table
    for step, following in itertools.pairwise(place):
        if isinstance(inside, dict) and step not in inside:
            inside[step] = [] if isinstance(following, int) else {}
        inside = inside[step]
    last = place[-1]
    if value is None and isinstance(inside, dict):
        inside.pop(last, None)
    else:
        inside[last] = copy.deepcopy(value)


def _plain(error: RecipeError) -> str:
    """Return an error without the place, which the reader has before their eyes."""
    head, colon, tail = str(error).rpartition(": ")
    text = tail if colon and head.startswith("recipe") else str(error)
    text = text.replace("Expected `float`", "Must be a number").replace(
        "Expected `int`", "Must be a whole number"
    )
    return text.replace(">=", "of at least").replace("<=", "of at most").replace(">", "above")
