"""What a potential file makes of a recipe: its potential in the place of the one before. No Qt."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from dmdstudio.plan.recipe import Recipe, terms_to_tables

if TYPE_CHECKING:
    from dmdstudio.files.potentials.reading import ReadPotential


@dataclass(frozen=True)
class FoundPotential:
    """A file and what was read of it."""

    path: Path
    read: ReadPotential

    def tables(self, folder: str) -> list[dict[str, Any]]:
        """Return the ``[[potential]]`` tables; files that they name are relative to a folder."""
        tables = terms_to_tables(self.read.terms)
        for table in tables:
            if "file" in table:
                path = Path(table["file"]).resolve()
                below = path.is_relative_to(folder)
                table["file"] = path.relative_to(folder).as_posix() if below else os.fspath(path)
        return tables

    @property
    def notice(self) -> tuple[str, str, str]:
        """What the window says: message, advice and details."""
        free = any(p.free for term in self.read.terms for p in term.parameter)
        advice = "" if free else "Nothing of it is refined until you set it free. "
        left = len(self.read.notes)
        if left:
            what = "One thing was" if left == 1 else f"{left} things were"
            advice += f"{what} left out or taken from elsewhere: see Details. "
        message = f"{self.path.name} is the potential now: {self.read.summary}."
        return message, f"{advice}Undo takes it back.", "\n".join(self.read.notes)


def found_potential(path: Path, recipe: Recipe, structure: Path | None) -> FoundPotential:
    """Read a potential file for the structure of a recipe.

    Args:
        path: the file, or one of the potential tables of a recipe.
        recipe: under edit; what the file does not say stays as it has it.
        structure: that is about to become the recipe's, if any.

    Raises:
        FileError, RecipeError: file or structure cannot be read, or do not fit together.
    """
    from dmdstudio.service.imported import imported_potential
    from dmdstudio.service.structure import structure_of

    system = replace(recipe.system, types="")  # which the file decides
    if structure is not None:
        system = replace(system, structure=str(structure.resolve()))
    alone = replace(recipe, system=system, potential=(), surface=())
    structure_of_recipe = structure_of(alone, bonds=True)
    return FoundPotential(path, imported_potential(path, structure_of_recipe, recipe.potential))
