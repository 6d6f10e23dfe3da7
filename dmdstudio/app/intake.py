"""Taking in files that make a recipe or go into one: structures, potentials, measurements.

No widgets: notices say what was taken, and what was left out.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Signal

from dmdstudio.app.background import in_background
from dmdstudio.app.beginning import at_temperature, first_recipe
from dmdstudio.app.data_reading import FoundData, found_data, write_pasted
from dmdstudio.app.data_watch import DataWatch
from dmdstudio.app.drops import Kind, sort_drop
from dmdstudio.app.edits import target_of, with_needs
from dmdstudio.app.matter import Matter, matter_of
from dmdstudio.app.matter_watch import MatterWatch
from dmdstudio.app.measured import Corrections, is_shape, quantity_of
from dmdstudio.app.potential_file import FoundPotential, found_potential
from dmdstudio.app.session import Place, Session
from dmdstudio.base.errors import DmdError, RecipeError
from dmdstudio.plan.reading import ReadingPlan
from dmdstudio.plan.recipe import Recipe


class Intake(QObject):
    """Puts files into the recipe under edit, each as one edit that can be undone.

    Args:
        session: that has the recipe.
        is_engine_starting: whether the catalog is still to come.
        begins: whether files are for another refinement, which is still to begin.

    Signals:
        notice: level, message, advice, details.
        ambiguous: a data file that leaves something open, as `FoundData`.
        begun: the first recipe of a structure.
        waiting_changed: other files wait for a structure.

    Attributes:
        waiting: data and potential files that came before there was a recipe to go into.
    """

    notice = Signal(str, str, str, str)
    ambiguous = Signal(object)
    begun = Signal(object)
    waiting_changed = Signal()

    def __init__(
        self,
        session: Session,
        is_engine_starting: Callable[[], bool],
        begins: Callable[[], bool],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.session = session
        self.waiting: list[Path] = []
        self._is_engine_starting, self._begins = is_engine_starting, begins
        self._beginning = False
        self._postponed: list[FoundData] = []
        self._said: dict[Path, tuple[ReadingPlan, Corrections]] = {}
        self._matter_watch = MatterWatch(session)
        DataWatch(session)
        session.matter_changed.connect(self.take_postponed)
        session.catalog_changed.connect(self.take_postponed)

    def take(self, kind: Kind, path: Path, structure: Path | None = None) -> None:
        """Put a file into the recipe, or keep it until there is one.

        Args:
            kind: structure, potential or data.
            path: the file.
            structure: what comes with it, for a potential.
        """
        recipe = None if self._begins() else self.session.recipe
        match kind:
            case "structure":
                self._read(lambda: _checked_structure(path), self._take_structure)
            case "potential" if recipe is not None:
                found = functools.partial(found_potential, path, recipe, structure)
                self._read(found, self._take_potential)
            case "potential":
                self._add_waiting(path)
            case "data":
                self._read(lambda: found_data(path), self._take_data)

    def take_read(self, path: Path, reading: ReadingPlan, corrections: Corrections) -> None:
        """Put a data file into the recipe that is read as the user says."""
        self._read(lambda: found_data(path, reading, corrections), self._take_data)

    def take_text(self, text: str) -> None:
        """Put columns of numbers into the recipe, as a data file of their own."""
        beside = self.session.recipe_path
        self._read(lambda: write_pasted(text, beside), lambda path: self.take("data", path))

    def _read(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        in_background(self, work, done, self.tell_error)

    def begin(self, path: Path) -> None:
        """Begin the recipe of a structure; data that came before become its targets."""
        if self._beginning:
            self._warn(f"{path.name} is left out.", "A refinement begins with one structure.")
        else:
            self._beginning = True
            in_background(self, lambda: _begun(path), self._tell_begun, self._not_begun)

    def _tell_begun(self, begun: tuple[Recipe, Matter]) -> None:
        recipe, matter = begun
        self._beginning = False
        self._matter_watch.tell(recipe, matter)
        self.begun.emit(recipe)
        self._take_waiting()

    def _not_begun(self, error: DmdError) -> None:
        self._beginning = False
        self.tell_error(error)

    def _add_waiting(self, path: Path) -> None:
        self.waiting = [*(p for p in self.waiting if p != path), path]
        self.waiting_changed.emit()

    def forget_waiting(self) -> None:
        """Let go of the files that wait for a structure."""
        self.waiting, self._said = [], {}
        self.waiting_changed.emit()

    def _take_waiting(self) -> None:
        waiting, said = self.waiting, self._said
        self.forget_waiting()
        for path in waiting:
            if path in said:
                self.take_read(path, *said[path])
            else:
                self.take(sort_drop(path, has_recipe=True).kind, path)

    def _take_potential(self, found: FoundPotential) -> None:
        recipe = self.session.recipe
        if recipe is None:
            return
        table = self.session.table()
        table["potential"] = found.tables(recipe.folder)
        rules = found.read.type_rules
        table["system"] = {**table.get("system", {}), "types": rules}
        if not rules and not recipe.system.types:  # else what is known of the atoms changes
            table = with_needs(table, self.session.catalog, self.session.matter)
        try:
            self.session.replace_recipe(table, f"potential of {found.path.name}")
        except RecipeError as error:
            self.tell_error(error)
        else:
            self.notice.emit("info", *found.notice)

    def _take_structure(self, path: Path) -> None:
        if self.session.recipe is not None:
            self._tell_sentence(self.session.change(("system", "structure"), self._name(path)))

    def _take_data(self, found: FoundData) -> None:
        if found.is_open:
            self.ambiguous.emit(found)
            return
        if self.session.recipe is None or self._begins():
            if found.is_answered:
                self._said[found.path] = found.reading, found.corrections
            self._add_waiting(found.path)
            return
        reading = self.session.matter is None and not self.session.matter_problem
        if reading or (self._is_engine_starting() and not self.session.catalog.entries):
            self._postponed.append(found)  # until it is known what is measured, and of what
            return
        path, observable, quantity = found.path, found.observable, found.measurement.quantity
        known = [entry.name for entry in self.session.catalog.section("observable")]
        if known and observable not in known:
            self._warn(
                f"{path.name} holds {quantity!r}, which is no observable.",
                f"Known: {', '.join(known)}.",
            )
            return
        targets = self.session.recipe.target
        same = [n for n, target in enumerate(targets) if target.observable == observable]
        if same:
            self._replace_data(same[0], found)
        else:
            self._add_target(found)
        if found.is_remembered:
            words = f"{path.name} is read as files like it were: {_words_of(found.reading)}."
            advice = "Data, above the plot of its target, changes that."
            self.notice.emit("info", words, advice, "")

    def _replace_data(self, index: int, found: FoundData) -> None:
        """Give a target another file, as one edit."""
        table = self.session.table()
        target = table["target"][index]
        target["data"] = self._name(found.path)
        before = self._quantity_before(index)
        _say(target, found.reading, found.corrections, found.measurement.quantity, before)
        self._replace(table, f"data {found.path.name}")

    def read_target_as(
        self, index: int, path: Path, reading: ReadingPlan, corrections: Corrections
    ) -> None:
        """Have the file of a target read otherwise, as one edit."""
        recipe, table = self.session.recipe, self.session.table()
        targets = recipe.target if recipe is not None else ()
        if not (index < len(targets) and recipe and recipe.path(targets[index].data) == path):
            self._warn(f"No target has {path.name} there any more.", "Look at its data again.")
            return
        quantity, before = quantity_of(path, reading), self._quantity_before(index)
        _say(table["target"][index], reading, corrections, quantity, before)
        self._replace(table, "reading of the data")

    def _quantity_before(self, index: int) -> str:
        """Return what the data of a target measure as the recipe stands."""
        recipe = self.session.recipe
        assert recipe is not None
        plan = recipe.target[index]
        return quantity_of(recipe.path(plan.data), plan.reading) if plan.data else ""

    def _add_target(self, found: FoundData) -> None:
        recipe = self.session.recipe
        assert recipe is not None
        path, table = found.path, self.session.table()
        at = at_temperature(recipe, found.measurement.conditions)
        if at is not None and not any(target.data for target in recipe.target):
            table["sampling"]["temperature"] = at
            words = f"The temperature is {at:g} K now, at which {path.name} was measured."
            self.notice.emit("info", words, "Undo takes both back.", "")
        elif at is not None:
            words = f"{path.name} was measured at {at:g} K, the recipe is at "
            self._warn(f"{words}{recipe.sampling.temperature:g} K.")
        entry = self.session.catalog.find("observable", found.observable)
        fitted = target_of(table, entry, self.session.matter) if entry else {}
        added = {**fitted, "observable": found.observable, "data": self._name(path)}
        _say(added, found.reading, found.corrections, found.measurement.quantity)
        table["target"] = [*table.get("target", []), added]
        table = with_needs(table, self.session.catalog, self.session.matter)
        self._replace(table, f"add target {found.observable}")

    def _replace(self, table: dict[str, Any], words: str) -> None:
        try:
            self.session.replace_recipe(table, words)
        except RecipeError as error:
            self.tell_error(error)

    def take_postponed(self) -> None:
        """Take in the data that waited until it was known what is measured, and of what."""
        postponed, self._postponed = self._postponed, []
        for read in postponed:
            self._take_data(read)

    def point_at(self, place: Place, path: Path) -> None:
        """Take a file for one that is not where the recipe says, as an edit."""
        if self.session.recipe is not None:
            self._tell_sentence(self.session.change(place, self._name(path)))

    def _name(self, path: Path) -> str:
        """Return a path as the recipe names it: relative where it lies below the recipe."""
        assert self.session.recipe is not None
        path = path.resolve()
        folder = Path(self.session.recipe.folder)
        return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)

    def _warn(self, message: str, advice: str = "", details: str = "") -> None:
        self.notice.emit("warning", message, advice, details)

    def tell_error(self, error: DmdError) -> None:
        """Say what went wrong."""
        self.notice.emit("error", error.message, error.advice, "")

    def _tell_sentence(self, sentence: str) -> None:
        if sentence:
            self.notice.emit("error", sentence, "", "")


def _checked_structure(path: Path) -> Path:
    from dmdstudio.files.structures import read_structure

    read_structure(path)
    return path


def _begun(path: Path) -> tuple[Recipe, Matter]:
    """Return the first recipe of a structure, and what the structure is made of."""
    from dmdstudio.files.structures import read_structure, with_bonds

    matter = matter_of(with_bonds(read_structure(path)))
    return first_recipe(path, matter), matter


def _say(
    target: dict[str, Any],
    reading: ReadingPlan,
    corrections: Corrections,
    quantity: str,
    before: str = "",
) -> None:
    """Write into a target's table how its file is read, and whether only its shape counts.

    Args:
        target: of a recipe; what it said of another file is replaced.
        reading: of the file.
        corrections: of the file.
        quantity: what the file measures, read so.
        before: what the target's data measured so far.
    """
    said = {key: value for key, value in msgspec.to_builtins(reading).items() if value}
    done = msgspec.to_builtins(list(corrections))
    for key, value in (("reading", said), ("corrections", done)):
        if value:
            target[key] = value
        else:
            target.pop(key, None)
    if is_shape(quantity):
        target["fit_scale"] = True
    elif is_shape(before):  # what was set because of that; what a user set otherwise stays
        target.pop("fit_scale", None)


def _words_of(reading: ReadingPlan) -> str:
    said = [reading.block, reading.quantity.replace("_", " "), reading.axis_unit]
    return ", ".join(word for word in said if word)
