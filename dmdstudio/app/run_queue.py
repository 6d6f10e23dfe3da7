"""Recipes that are run one after another."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QObject, Signal

from dmdstudio.plan.recipe import Recipe


class RunQueue(QObject):
    """Holds what waits; the controller asks for the next whenever its engine is free.

    Signals:
        changed: what waits.
        wanted: the next may begin, if the engine is free.
    """

    changed = Signal()
    wanted = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.recipes: tuple[Recipe, ...] = ()
        self.is_held = False
        """Whether the user stopped a run, or the queue comes from a file: then it waits."""

    def add(self, recipe: Recipe) -> None:
        """Put a recipe at the end, as it is now."""
        self.recipes = (*self.recipes, recipe)
        self.changed.emit()
        self.wanted.emit()

    def fill(self, recipes: Iterable[Recipe]) -> None:
        """Take over what waited when a project was saved; it waits to be started."""
        self.recipes, self.is_held = tuple(recipes), True
        self.changed.emit()

    def take(self) -> Recipe | None:
        """Return the next recipe and take it out; None where there is none or all wait."""
        if self.is_held or not self.recipes:
            return None
        first, *rest = self.recipes
        self.recipes = tuple(rest)
        self.changed.emit()
        return first

    def drop_last(self) -> None:
        """Take the last one out."""
        self.recipes = self.recipes[:-1]
        self.changed.emit()

    def hold(self) -> None:
        """Begin nothing by itself."""
        self.is_held = True
        self.changed.emit()

    def go_on(self) -> None:
        """Begin the next as soon as the engine is free."""
        self.is_held = False
        self.changed.emit()
        self.wanted.emit()
