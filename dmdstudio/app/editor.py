"""What can be added to a recipe, taken out of it and renamed; every one of them can be undone."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from dmdstudio.app import edits
from dmdstudio.app.presets import Preset, fitting
from dmdstudio.app.session import Session
from dmdstudio.app.wanted import Missing, missing_numbers, with_number
from dmdstudio.base.errors import RecipeError
from dmdstudio.plan.catalog import Entry

CATALOG = {"potential": "potential", "surface": "surface", "target": "observable"}
"""Sections of which there are several, and where the catalog has what may be added to them."""


class Editor(QObject):
    """Adds, removes, doubles and renames the items of a session's recipe.

    Signals:
        refused: an edit that does not fit, in a sentence.
        added: section and number of an item that was added.
    """

    refused = Signal(str)
    added = Signal(str, int)

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session

    @property
    def is_free(self) -> bool:
        """Whether there is a recipe; a run under way has its own copy."""
        return self._session.recipe is not None

    def choices(self, section: str) -> tuple[Entry, ...]:
        """Return what may be added to a section; nothing before the engine has told."""
        return self._session.catalog.section(CATALOG[section])

    def presets(self) -> tuple[Preset, ...]:
        """Return the published force fields for what the structure is made of."""
        return fitting(self._session.matter)

    def missing(self) -> tuple[Missing, ...]:
        """Return the numbers that the recipe's terms still need."""
        session = self._session
        if session.recipe is None:
            return ()
        return missing_numbers(session.recipe, session.catalog, session.matter)

    def add(self, section: str, name: str) -> None:
        """Add a term, a surface or a target by the name of its kind."""
        entry = self._session.catalog.find(CATALOG[section], name)
        if entry is None:
            return
        matter = self._session.matter
        adders: dict[str, Callable[..., edits.Table]] = {
            "potential": edits.add_term,
            "surface": edits.add_surface,
            "target": edits.add_target,
        }
        table = adders[section](self._session.table(), entry, matter)
        if self._take(table, f"add {entry.label}"):
            self.added.emit(section, len(table[section]) - 1)

    def add_preset(self, preset: Preset) -> None:
        """Take a published force field for the potential."""
        table = edits.add_preset(self._session.table(), preset, self._session.matter)
        if self._take(table, f"take {preset.label}"):
            self.added.emit("potential", 0)

    def remove(self, section: str, index: int) -> None:
        """Take an item out."""
        table = self._session.table()
        name = edits.key_of(table[section][index])
        self._take(edits.remove(table, section, index), f"remove {name}", needs=False)

    def duplicate(self, section: str, index: int) -> None:
        """Put the same item after itself, under a name of its own."""
        table = self._session.table()
        name = edits.key_of(table[section][index])
        if self._take(edits.duplicate(table, section, index), f"duplicate {name}"):
            self.added.emit(section, index + 1)

    def rename(self, section: str, index: int, name: str) -> str:
        """Give an item another name; return why not, or nothing."""
        table = edits.rename(self._session.table(), section, index, name)
        return self._try(table, f"rename {name}")

    def set_number(self, missing: Missing, value: float) -> str:
        """Give a number that was missing its value; return why not, or nothing."""
        table = with_number(self._session.table(), missing, value)
        return self._try(table, f"set {missing.words}")

    def clear_number(self, section: str, index: int, number: int) -> None:
        """Take a number out: it is missing then."""
        table = self._session.table()
        name = table[section][index]["parameter"].pop(number)["name"]
        self._take(table, f"clear {name}", needs=False)

    def _take(self, table: edits.Table, words: str, needs: bool = True) -> bool:
        if needs:
            table = edits.with_needs(table, self._session.catalog, self._session.matter)
        if sentence := self._try(table, words):
            self.refused.emit(sentence)
        return not sentence

    def _try(self, table: edits.Table, words: str) -> str:
        if not self.is_free:
            return "No recipe is open."
        try:
            self._session.replace_recipe(table, words)
        except RecipeError as error:
            return f"{error.message} {error.advice}".strip()
        return ""
