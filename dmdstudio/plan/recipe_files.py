"""The files that a recipe names, and the same recipe with other names for them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from dmdstudio.plan.recipe import PotentialPlan, Recipe

Place = tuple[str | int, ...]


def named_files(recipe: Recipe) -> dict[Place, str]:
    """Return ``{place: name}`` of every file, as in ``('target', 0, 'data'): 'vacf.csv'``.

    A term of a potential or surface reads the file that its option ``file`` names, by convention.
    """
    found: dict[Place, str] = {("system", "structure"): recipe.system.structure}
    for number, target in enumerate(recipe.target):
        found["target", number, "data"] = target.data
    for section, terms in (("potential", recipe.potential), ("surface", recipe.surface)):
        for number, term in enumerate(terms):
            found[section, number, "file"] = _file(term)
    return {place: name for place, name in found.items() if name}


def file_owner(recipe: Recipe, place: Place) -> str:
    """Return what a file is for, in words: ``"data of target 'density'"``."""
    match place:
        case ("target", int(number), _):
            return f"data of target {recipe.target[number].key!r}"
        case ("potential", int(number), _):
            return f"file of {recipe.potential[number].key!r}"
        case ("surface", int(number), _):
            return f"file of {recipe.surface[number].key!r}"
    return "structure"


def with_file_names(recipe: Recipe, folder: str, renamed: Callable[[str], str]) -> Recipe:
    """Return a recipe of another folder whose files have other names."""

    def placed(term: PotentialPlan) -> PotentialPlan:
        if not (name := _file(term)):
            return term
        return msgspec.structs.replace(term, options={**term.options, "file": renamed(name)})

    replace = msgspec.structs.replace
    return replace(
        recipe,
        potential=tuple(placed(term) for term in recipe.potential),
        surface=tuple(placed(term) for term in recipe.surface),
        system=replace(recipe.system, structure=renamed(recipe.system.structure)),
        target=tuple(replace(t, data=renamed(t.data) if t.data else "") for t in recipe.target),
        folder=folder,
    )


def rebased(recipe: Recipe, folder: Path) -> Recipe:
    """Return a recipe whose relative paths start at another folder.

    Absolute ones stay, unless they lie in that folder: a recipe has only those until it is saved.
    """

    def renamed(name: str) -> str:
        path = Path(name)
        stays = path.is_absolute() and not path.is_relative_to(folder)
        return name if stays else relative(recipe.path(name), folder)

    return with_file_names(recipe, str(folder), renamed)


def absolute(recipe: Recipe) -> Recipe:
    """Return a recipe that names every file from the root: equal where the files are the same."""
    return with_file_names(recipe, "", lambda name: os.path.abspath(recipe.path(name)))


def relative(path: Path, folder: Path) -> str:
    """Return a path from a folder with forward slashes; absolute where they share no drive."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return path.as_posix()


def _file(term: PotentialPlan) -> str:
    name = term.options.get("file", "")
    return name if isinstance(name, str) else ""
