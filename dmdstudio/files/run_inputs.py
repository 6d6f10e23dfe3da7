"""The files that a recipe names, copied into a run folder so that the run stands alone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from dmdstudio.base.errors import FileError
from dmdstudio.files.whole import write_whole
from dmdstudio.plan.recipe import Recipe
from dmdstudio.plan.recipe_files import file_owner, named_files, with_file_names


def plan_inputs(recipe: Recipe) -> dict[Path, str]:
    """Return ``{file: name of its copy}`` for every file of a recipe; no two names are alike.

    Names that differ only in case are alike on some systems, so they are told apart by a number.

    Raises:
        FileError: a file is missing.
    """
    plan: dict[Path, str] = {}
    taken: set[str] = set()
    for place, name in named_files(recipe).items():
        source = _resolved(recipe, name)
        if not source.is_file():
            raise FileError(
                f"The recipe's {file_owner(recipe, place)} {name!r} is not there "
                f"(looked for {source}).",
                "Put the file there or correct the recipe.",
            )
        if source not in plan:
            plan[source] = _free_name(source, taken)
            taken.add(plan[source].casefold())
    return plan


def copy_inputs(recipe: Recipe, plan: dict[Path, str], folder: Path) -> Recipe:
    """Copy the files of a recipe and return the recipe of the run.

    Args:
        recipe: names the files.
        plan: from `plan_inputs`.
        folder: where the copies go; its parent is the run folder.

    Returns:
        The recipe with paths such as ``inputs/argon.xyz`` and the run folder as its ``folder``.
    """
    for source, name in plan.items():
        try:
            write_whole(folder / name, lambda aside, source=source: _copy(source, aside))
        except OSError as error:
            raise FileError(f"{source} cannot be copied into the run: {error}.") from None

    def moved(name: str) -> str:
        return f"{folder.name}/{plan[_resolved(recipe, name)]}"

    return with_file_names(recipe, str(folder.parent), moved)


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)  # content only: a read-only source gives a writable copy


def _resolved(recipe: Recipe, name: str) -> Path:
    return Path(os.path.abspath(recipe.path(name)))


def _free_name(source: Path, taken: set[str]) -> str:
    name, number = source.name, 1
    while name.casefold() in taken:
        number += 1
        name = f"{source.stem}-{number}{source.suffix}"
    return name
