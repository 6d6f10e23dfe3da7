"""What exists: every potential, observable, gradient method and format, as plain data.

A registered thing declares its options as a `msgspec.Struct` whose fields carry `msgspec.Meta`
(bounds, title, description, ``extra_json_schema={"unit": ...}``). From that one declaration come
the check of a recipe, the forms of the window and ``dmdstudio catalog``.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec import Struct, inspect

from dmdstudio.base.errors import RecipeError, nearest

S = TypeVar("S", bound=Struct)


class Field(Struct, frozen=True, kw_only=True):
    """One setting: what a form shows and what a recipe may hold."""

    name: str
    type: str  # float, integer, boolean, text, choice, integers (a fixed number of them)
    default: float | int | bool | str | None = None
    required: bool = False
    unit: str = ""
    lower: float | None = None
    upper: float | None = None
    choices: tuple[str, ...] = ()
    label: str = ""
    doc: str = ""


class ParameterField(Struct, frozen=True, kw_only=True):
    """One refinable parameter of a potential, per atom type where ``per_type``."""

    name: str
    unit: str
    label: str = ""
    doc: str = ""
    lower: float | None = None
    upper: float | None = None
    per_type: bool = True


class Entry(Struct, frozen=True, kw_only=True):
    """One registered thing."""

    section: str  # potential, observable, gradient, thermostat, optimizer, export format, ...
    name: str
    label: str
    doc: str
    fields: tuple[Field, ...] = ()
    parameters: tuple[ParameterField, ...] = ()
    unit: str = ""
    axis: str = ""
    axis_unit: str = ""
    source: str = ""


class Catalog(Struct, frozen=True):
    """All that is registered in this installation."""

    entries: tuple[Entry, ...] = ()

    def section(self, section: str) -> tuple[Entry, ...]:
        """Return the entries of one section."""
        return tuple(entry for entry in self.entries if entry.section == section)

    def find(self, section: str, name: str) -> Entry | None:
        """Return one entry, or None."""
        return next((e for e in self.entries if (e.section, e.name) == (section, name)), None)


_TYPES = {
    inspect.FloatType: "float",
    inspect.IntType: "integer",
    inspect.BoolType: "boolean",
    inspect.StrType: "text",
    inspect.LiteralType: "choice",
    inspect.TupleType: "integers",
}


def fields_of(struct: type[Struct]) -> tuple[Field, ...]:
    """Return the settings that a struct declares, in order; nested structs are left out."""
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    return tuple(field for f in info.fields if (field := _field(f)) is not None)


def _field(declared: inspect.Field) -> Field | None:
    type_, extra, schema = declared.type, {}, {}
    while isinstance(type_, inspect.Metadata):
        schema = {**(type_.extra_json_schema or {}), **schema}
        type_ = type_.type
    if isinstance(type_, inspect.UnionType):  # an optional number
        type_ = next(t for t in type_.types if not isinstance(t, inspect.NoneType))
        while isinstance(type_, inspect.Metadata):
            schema = {**(type_.extra_json_schema or {}), **schema}
            type_ = type_.type
    name = _TYPES.get(type(type_))
    if name is None:
        return None
    if isinstance(type_, inspect.LiteralType):
        extra["choices"] = tuple(str(v) for v in type_.values)
    if isinstance(type_, (inspect.FloatType, inspect.IntType)):
        lower = type_.ge if type_.ge is not None else type_.gt
        upper = type_.le if type_.le is not None else type_.lt
        extra |= {"lower": lower, "upper": upper}
    default = None if declared.default is msgspec.NODEFAULT else declared.default
    if isinstance(type_, inspect.TupleType):
        default = " ".join(map(str, default or ()))
    return Field(
        name=declared.name,
        type=name,
        default=default,
        required=declared.required,
        unit=schema.get("unit", ""),
        label=schema.get("title", declared.name.replace("_", " ")),
        doc=schema.get("description", ""),
        **extra,
    )


def options_from(struct: type[S], options: dict[str, Any], where: str) -> S:
    """Check the options of a registered thing and return them as its struct.

    Raises:
        RecipeError: an option is unknown, of the wrong type or out of bounds; says which and where.
    """
    known = [field.name for field in inspect.type_info(struct).fields]  # type: ignore[attr-defined]
    for name in options:
        if name not in known:
            raise RecipeError(f"{where} has no setting {name!r}.", nearest(name, known))
    return convert(options, struct, where)


def convert(value: Any, type_: type[S], where: str) -> S:
    """`msgspec.convert` with an error that names the place in the recipe's own words."""
    try:
        return msgspec.convert(value, type_, strict=True)
    except msgspec.ValidationError as error:
        text, _, place = str(error).partition(" - at `$")
        place = f"{where} {place.rstrip('`').lstrip('.')}".strip()
        raise RecipeError(f"{place}: {text}{_choices(type_, place)}.") from None


def _choices(type_: type[Struct], place: str) -> str:
    """Return the words that a choice may take, for an error about it."""
    name = place.rpartition(".")[2].rpartition(" ")[2]
    for struct in [type_, *(f.type.cls for f in _members(type_))]:
        for field in fields_of(struct):
            if field.name == name and field.choices:
                return f" (known: {', '.join(field.choices)})"
    return ""


def _members(struct: type[Struct]) -> list[inspect.Field]:
    info = inspect.type_info(struct)
    assert isinstance(info, inspect.StructType)
    return [field for field in info.fields if isinstance(field.type, inspect.StructType)]


def setting(title: str, description: str, unit: str = "", **bounds: float) -> msgspec.Meta:
    """Return the `msgspec.Meta` of a setting: label, doc, unit and bounds (gt, ge, lt, le)."""
    extra = {"unit": unit} if unit else {}
    return msgspec.Meta(title=title, description=description, extra_json_schema=extra, **bounds)
