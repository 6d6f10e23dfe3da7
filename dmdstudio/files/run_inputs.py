"""The files that a recipe names, copied into a run folder so that the run stands alone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import msgspec

from dmdstudio.base.errors import FileError
from dmdstudio.files.whole import write_whole
from dmdstudio.plan.recipe import PotentialPlan, Recipe


def plan_inputs(recipe: Recipe) -> dict[Path, str]:
    """Return ``{file: name of its copy}`` for every file of a recipe; no two names are alike.

    Names that differ only in case are alike on some systems, so they are told apart by a number.

    Raises:
        FileError: a file is missing.
    """
    wanted = [("structure", recipe.system.structure)]
    wanted += [(f"data of target {t.key!r}", t.data) for t in recipe.target if t.data]
    wanted += [(f"file of {t.key!r}", name) for t in recipe.terms if (name := _file(t))]
    plan: dict[Path, str] = {}
    taken: set[str] = set()
    for what, name in wanted:
        source = _resolved(recipe, name)
        if not source.is_file():
            raise FileError(
                f"The recipe's {what} {name!r} is not there (looked for {source}).",
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
        return f"{folder.name}/{plan[_resolved(recipe, name)]}" if name else ""

    def placed(term: PotentialPlan) -> PotentialPlan:
        if not (name := _file(term)):
            return term
        return msgspec.structs.replace(term, options={**term.options, "file": moved(name)})

    return msgspec.structs.replace(
        recipe,
        potential=tuple(placed(term) for term in recipe.potential),
        surface=tuple(placed(term) for term in recipe.surface),
        system=msgspec.structs.replace(recipe.system, structure=moved(recipe.system.structure)),
        target=tuple(msgspec.structs.replace(t, data=moved(t.data)) for t in recipe.target),
        folder=str(folder.parent),
    )


def _file(term: PotentialPlan) -> str:
    """Return the file that a term reads: its option ``file``, by convention; empty for none."""
    name = term.options.get("file", "")
    return name if isinstance(name, str) else ""


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
