"""Numbers that terms and surfaces need and a recipe does not give, or gives for nothing. No Qt."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dmdstudio.app.matter import Matter
from dmdstudio.plan.catalog import Catalog, ParameterField
from dmdstudio.plan.recipe import Recipe

Table = dict[str, Any]


@dataclass(frozen=True)
class Missing:
    """A number that a term needs and the recipe does not give.

    Attributes:
        section, index: of the term.
        term: its key.
        field: what it is.
        owner: type, bond or angle; empty where it belongs to none.
    """

    section: str
    index: int
    term: str
    field: ParameterField
    owner: str

    @property
    def words(self) -> str:
        """What it is called: ``'stiffness of H-O'``."""
        return f"{self.field.name} of {self.owner}" if self.owner else self.field.name


def missing_numbers(recipe: Recipe, catalog: Catalog, matter: Matter | None) -> tuple[Missing, ...]:
    """Return what terms and surfaces still need, in their order; nothing where that is unknown."""
    if matter is None:
        return ()
    found: list[Missing] = []
    for section, terms in (("potential", recipe.potential), ("surface", recipe.surface)):
        for index, plan in enumerate(terms):
            entry = catalog.find(section, plan.kind)
            given = {(p.name, p.owner) for p in plan.parameter}
            for field in entry.parameters if entry else ():
                if (field.name, "") in given:
                    continue
                found += [
                    Missing(section, index, plan.key, field, owner)
                    for owner in owners_of(field, plan.options, matter)
                    if (field.name, owner) not in given
                ]
    return tuple(found)


def stray_numbers(recipe: Recipe, catalog: Catalog, matter: Matter | None) -> tuple[str, ...]:
    """Return what is wrong with numbers of types, bonds or angles that are not there, in words."""
    found: list[str] = []
    for section, terms in (("potential", recipe.potential), ("surface", recipe.surface)):
        for plan in terms:
            entry = catalog.find(section, plan.kind)
            fields = {field.name: field for field in entry.parameters} if entry else {}
            for parameter in plan.parameter:
                field = fields.get(parameter.name)
                if field is None or matter is None or not parameter.of:
                    continue
                if parameter.owner not in matter.owners(field.per):
                    sort = "atom type" if field.per == "type" else field.per
                    words = f"{plan.key}.{parameter.name}: the structure has no {sort} "
                    found.append(words + parameter.of)
    return tuple(found)


def with_number(table: Table, missing: Missing, value: float) -> Table:
    """Return the tables with a number that was missing."""
    items = copy.deepcopy(table[missing.section])
    number = {"name": missing.field.name, "value": value, "unit": missing.field.unit}
    if missing.owner:
        number["of"] = missing.owner
    if missing.section == "surface":
        number["free"] = False
    items[missing.index].setdefault("parameter", []).append(number)
    return {**table, missing.section: items}


def owners_of(field: ParameterField, options: Mapping[str, Any], matter: Matter) -> list[str]:
    """Return what a number belongs to, less what needs none."""
    spared = options.get(field.spared_by) if field.spared_by else None
    return [
        owner
        for owner in matter.owners(field.per)
        if owner != spared and not (field.zero_between_like and len(set(owner.split("-"))) == 1)
    ]
