"""Settings as forms see them: every one has a label, a sentence and a default or a need."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from msgspec import Struct

from dmdstudio.base.errors import RecipeError
from dmdstudio.base.registry import Registry
from dmdstudio.base.units import canonical
from dmdstudio.plan.catalog import (
    Catalog,
    Entry,
    fields_of,
    options_from,
    setting,
)
from dmdstudio.plan.recipe import ParameterPlan, sections

STRUCTS = {**sections(), "parameter": ParameterPlan}
FIELDS = [(name, field) for name, struct in STRUCTS.items() for field in fields_of(struct)]


@pytest.mark.parametrize(("section", "field"), FIELDS, ids=lambda v: getattr(v, "name", v))
def test_every_setting_explains_itself(section, field):
    assert field.label and field.label[0].isupper()
    assert field.doc.endswith(".")
    assert canonical(field.unit) == field.unit
    assert field.type in {"float", "integer", "boolean", "text", "choice", "integers"}
    assert (field.type == "choice") == bool(field.choices)
    if field.required:
        assert field.default is None
    elif field.type == "choice":
        assert str(field.default) in field.choices
    elif field.default is not None and field.type in ("float", "integer"):
        assert field.lower is None or field.default >= field.lower
        assert field.upper is None or field.default <= field.upper


@pytest.mark.parametrize("section", STRUCTS)
def test_every_section_has_settings(section):
    nested = {"options", "parameter", "reading", "corrections", "regions"}
    names = {field.name for field in fields_of(STRUCTS[section])}
    assert names == set(STRUCTS[section].__struct_fields__) - nested


class Settings(Struct, frozen=True, kw_only=True):
    length: Annotated[float, setting("Length", "How long.", "angstrom", gt=0, le=5)] = 1.0
    count: Annotated[int, setting("Count", "How many.", ge=1)]
    kind: Annotated[Literal["a", "b"], setting("Kind", "Which.")] = "a"
    limit: Annotated[
        Annotated[float, setting("", "", ge=0)] | None, setting("Limit", "At most.", "fs")
    ] = None


def test_a_declaration_becomes_a_form():
    length, count, kind, limit = fields_of(Settings)
    assert (length.lower, length.upper, length.unit, length.default) == (0, 5, "angstrom", 1.0)
    assert (count.required, count.default, count.lower) == (True, None, 1)
    assert (kind.type, kind.choices) == ("choice", ("a", "b"))
    assert (limit.label, limit.doc, limit.unit, limit.lower) == ("Limit", "At most.", "fs", 0)


def test_options_are_checked():
    made = options_from(Settings, {"count": 3, "length": 2}, "thing")
    assert made == Settings(count=3, length=2.0)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"count": 1, "lenght": 2.0}, ("thing", "lenght", "'length'")),
        ({"count": 0}, ("thing.count", "0", "at least 1")),
        ({"count": 1, "length": 6}, ("thing.length", "6", "at most 5", "angstrom")),
        ({"count": 1, "length": float("nan")}, ("thing.length", "nan")),
        ({"count": 1, "length": float("inf")}, ("thing.length", "inf")),
        ({"count": 1, "kind": "c"}, ("thing.kind", "'c'", "a, b")),
        ({"count": 1, "kind": 3}, ("thing.kind", "3", "a, b")),
        ({"count": 1, "limit": -1.0}, ("thing.limit", "-1", "at least 0", "fs")),
        ({"count": 1, "limit": "x"}, ("thing.limit", "'x'", "a number", "fs")),
        ({}, ("thing.count", "missing", "How many")),
    ],
)
def test_bad_options_are_refused_by_name(options, words):
    with pytest.raises(RecipeError) as caught:
        options_from(Settings, options, "thing")
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_registry_takes_a_name_once_and_names_the_nearest():
    registry: Registry[object] = Registry("colour")
    red = registry.add("red", object())
    assert registry.add("red", red) is registry.get("red")
    with pytest.raises(ValueError, match="colour 'red' is registered twice"):
        registry.add("red", object())
    with pytest.raises(RecipeError, match=r"no colour called 'rde'\. Did you mean 'red'"):
        registry.get("rde")
    assert ("red" in registry, len(registry), list(registry)) == (True, 1, ["red"])
    registry.remove("red")
    with pytest.raises(RecipeError, match="None is known"):
        registry.get("red")


def test_a_catalog_finds_its_entries():
    entry = Entry(section="potential", name="x", label="X", doc="An x.")
    found = Catalog((entry,))
    assert found.find("potential", "x") is entry
    assert found.find("potential", "y") is None
    assert found.section("potential") == (entry,)
    assert found.section("observable") == ()
