"""Keeps what the session knows of the structure in step with the recipe, away from the window."""

from __future__ import annotations

from PySide6.QtCore import QObject

from dmdstudio.app.background import in_background
from dmdstudio.app.matter import Matter, read_matter
from dmdstudio.app.session import Session
from dmdstudio.base.errors import DmdError
from dmdstudio.plan.recipe import Recipe


class MatterWatch(QObject):
    """Reads the structure again whenever the recipe names another, or asks another of it."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._known: object = None
        session.recipe_changed.connect(self._look)

    def tell(self, recipe: Recipe, matter: Matter) -> None:
        """Take over what was read with a recipe that is about to be shown."""
        self._known = _key(recipe)
        self._session.show_matter(matter, "")

    def _look(self) -> None:
        recipe = self._session.recipe
        key = None if recipe is None else _key(recipe)
        if key == self._known:
            return
        self._known = key
        self._session.show_matter(None, "")
        if recipe is None:
            return
        in_background(
            self,
            lambda: read_matter(recipe),
            lambda matter: self._show(key, matter, ""),
            lambda error: self._show(key, None, _words(error)),
        )

    def _show(self, key: object, matter: Matter | None, problem: str) -> None:
        if key == self._known:  # the answer to an older question is of no use
            self._session.show_matter(matter, problem)


def _key(recipe: Recipe) -> object:
    plan = recipe.system
    return recipe.path(plan.structure), plan.replicate, plan.density, plan.bonds, plan.types


def _words(error: DmdError) -> str:
    return f"{error.message} {error.advice}".strip()
