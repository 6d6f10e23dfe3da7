"""Settings of a recipe by their path, as the command line gives them: ``section.field=value``."""

from __future__ import annotations

import tomllib
from typing import Any

from dmdstudio.base.errors import RecipeError, nearest
from dmdstudio.plan.recipe import LISTS, Recipe, recipe_from_table, recipe_to_table, sections


def with_settings(recipe: Recipe, settings: list[str]) -> Recipe:
    """Return a recipe with ``section.field=value`` settings applied, as on the command line.

    A list item is named by its number, its name, or its kind; where a list has one item, naming it
    may be left out: ``potential.parameter.sigma.value=3.4``, ``target.0.weight=2``.

    Raises:
        RecipeError: a setting names nothing that exists or has a value that does not fit.
    """
    table = recipe_to_table(recipe)
    for text in settings:
        path, equals, value = text.partition("=")
        if not equals or not path.strip():
            raise RecipeError(f"Setting {text!r} is not of the form section.field=value.")
        _assign(table, path.strip().split("."), _value(value.strip()), text)
    return recipe_from_table(table, recipe.folder, "settings")


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except (ValueError, RecursionError):
        return text


def _assign(table: dict[str, Any], path: list[str], value: Any, text: str) -> None:
    if path[0] not in sections() and path[0] not in ("title", "notes"):
        raise RecipeError(
            f"Setting {text!r}: there is no section {path[0]!r}.",
            nearest(path[0], list(sections())),
        )
    if path[0] in LISTS and path[0] not in table:
        table[path[0]] = [{}]
    place: Any = table
    rest = list(path)
    while len(rest) > 1 or isinstance(place, list):
        if isinstance(place, list):
            index = _find(place, rest[0]) if rest else None
            if index is not None:
                rest.pop(0)
            elif len(place) == 1:
                index = 0
            if index is None or not rest:
                names = [str(_name(item)) for item in place]
                raise RecipeError(
                    f"Setting {text!r} does not say which item.", f"Known: {', '.join(names)}."
                )
            place = place[index]
        else:
            place = place.setdefault(rest.pop(0), {})
            if not isinstance(place, (dict, list)):
                raise RecipeError(f"Setting {text!r}: {path[-1]!r} is not inside a table.")
    place[rest[0]] = value


def _name(item: dict[str, Any]) -> str:
    return item.get("name") or item.get("kind") or item.get("observable") or "?"


def _find(items: list[dict[str, Any]], word: str) -> int | None:
    if word.isdecimal() and int(word) < len(items):
        return int(word)
    names = [_name(item) for item in items]
    return names.index(word) if names.count(word) == 1 else None
