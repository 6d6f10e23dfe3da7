"""What exists: every potential, observable, gradient method and format, as plain data.

A registered thing declares its options as a `msgspec.Struct` whose fields carry `msgspec.Meta`
(bounds, title, description, ``extra_json_schema={"unit": ...}``). From that one declaration come
the check of a recipe, the forms of the window and ``dmdstudio catalog``.
"""

from __future__ import annotations

import datetime
import math
import re
import reprlib
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct, inspect

from dmdstudio.base.errors import RecipeError, nearest

S = TypeVar("S", bound=Struct)


class Field(Struct, frozen=True, kw_only=True):
    """One setting: what a form shows and what a recipe may hold.

    ``only_with`` names another setting of the same table and the choices of it that this one
    matters with; empty: always.
    """

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
    only_with: dict[str, tuple[str, ...]] = {}


BONDED = ("bond", "angle", "torsion", "improper")
"""What a parameter may be `per` that is there only where atoms are bonded."""


class ParameterField(Struct, frozen=True, kw_only=True):
    """One refinable parameter of a potential, one number for each of what it is ``per``.

    Attributes:
        typical: a number to start from where nothing is known, in ``unit``.
        spared_by: a setting of the same term that names the one owner which needs no number.
        zero_between_like: bonds whose ends are alike have none.
    """

    name: str
    unit: str
    label: str = ""
    doc: str = ""
    lower: float | None = None
    upper: float | None = None
    per: Literal[
        "type", "pair", "triplet", "directed pair", "directed triplet",
        "bond", "angle", "torsion", "improper", "none",
    ] = "type"  # fmt: skip
    typical: float | None = None
    spared_by: str = ""
    zero_between_like: bool = False


class Entry(Struct, frozen=True, kw_only=True):
    """One registered thing.

    Of a surface, ``gives`` names the property; of an observable, ``needs`` what it takes and
    ``ensembles`` those of the starts in which it can change at all.
    """

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
    needs: tuple[str, ...] = ()
    gives: str = ""
    ensembles: tuple[str, ...] = ()


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
        only_with=schema.get("only_with", {}),
        **extra,
    )


# ------------------------------------------------------------------------- values of a recipe


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
    """`msgspec.convert` with an error that names the place, what stands there and what must.

    Args:
        value: tables and lists, as from TOML.
        type_: what they describe.
        where: the place of ``value``; a file's name ends with a colon.

    Raises:
        RecipeError: a value is missing, of the wrong type or out of bounds.
    """
    require_plain(value, where)
    try:
        return msgspec.convert(value, type_, strict=True)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$")
        raise _explained(text, path.rstrip("`"), value, type_, where) from None


DEEPEST = 16
"""Tables and lists inside each other; a recipe has no use for more."""


def require_plain(value: Any, where: str) -> None:
    """Raise `RecipeError` where a value is nothing a recipe can hold and give back unchanged."""
    waiting: list[tuple[Any, str, int]] = [(value, "", 0)]
    while waiting:
        item, path, depth = waiting.pop()
        place = _place(where, path)
        if depth > DEEPEST:
            raise RecipeError(f"{place} is nested more than {DEEPEST} deep.")
        if isinstance(item, dict):
            waiting += [(v, f"{path}.{k}", depth + 1) for k, v in item.items()]
        elif isinstance(item, (list, tuple)):
            waiting += [(v, f"{path}[{n}]", depth + 1) for n, v in enumerate(item)]
        elif isinstance(item, float) and not math.isfinite(item):
            raise RecipeError(
                f"{place} = {item}: Must be a finite number.", "Leave it out where there is none."
            )
        elif isinstance(item, int) and abs(item) >= 2**63:
            raise RecipeError(f"{place} = {shown(item)}: Must be a number of less than 19 digits.")
        elif isinstance(item, str) and "\0" in item:
            raise RecipeError(f"{place} = {shown(item)}: Must be text without a null character.")
        elif isinstance(item, (datetime.date, datetime.time)):
            raise RecipeError(f"{place} = {item}: Must be a number or text, not a date or time.")


def shown(value: Any) -> str:
    """Return a value as an error prints it, short however long it is."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = 60
    short.maxlevel = 2
    return short.repr(value)


def _place(where: str, path: str) -> str:
    path = path.lstrip(".")
    separator = " " if where.endswith(":") else "" if path.startswith("[") else "."
    return f"{where}{separator}{path}" if path else where.rstrip(":")


_MISSING = re.compile(r"Object missing required field `(\w+)`")
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`")
_WRONG_TYPE = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_WRONG_LENGTH = re.compile(r"Expected `array` of length (\d+)")
_BOUND = re.compile(r"Expected `\w+(?: \| null)?` (>=|<=|>|<) (\S+)")
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text in quotes",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}
_SIGNS = {">=": "at least", "<=": "at most", ">": "above", "<": "below"}


def _explained(text: str, path: str, value: Any, type_: type[Struct], where: str) -> RecipeError:
    """Put an error of msgspec into a recipe's own words."""
    place = _place(where, path)
    if match := _MISSING.match(text):
        field = _declared(type_, f"{path}.{match[1]}")
        doc = f" ({field.doc.rstrip('.')})" if field is not None and field.doc else ""
        return RecipeError(f"{_place(where, f'{path}.{match[1]}')} is missing.", f"Add it{doc}.")
    if match := _UNKNOWN.match(text):
        known = [f.name for f in _fields_at(type_, path)]
        return RecipeError(f"{place} has no setting {shown(match[1])}.", nearest(match[1], known))
    field = _declared(type_, path)
    found = f"{place} = {shown(_inside(value, path))}"
    if field is not None and field.choices:
        return RecipeError(f"{found}: Must be one of {', '.join(field.choices)}.")
    unit = f" ({field.unit})" if field is not None and field.unit else ""
    if match := _BOUND.match(text):
        return RecipeError(f"{found}: Must be {_SIGNS[match[1]]} {float(match[2]):.12g}{unit}.")
    if match := _WRONG_LENGTH.match(text):
        return RecipeError(f"{found}: Must be a list of {match[1]}.")
    if match := _WRONG_TYPE.match(text):
        words = [_WORDS.get(word, word) for word in match[1].split(" | ") if word != "null"]
        return RecipeError(f"{found}: Must be {' or '.join(words)}{unit}.")
    return RecipeError(f"{found}: {text}.")


def _steps(path: str) -> list[str | int]:
    """Return ``['potential', 0, 'kind']`` from ``'.potential[0].kind'``."""
    found = re.findall(r"\.(\w+)|\[(\d+)\]", path)
    return [name or int(number) for name, number in found]


def _inside(value: Any, path: str) -> Any:
    for step in _steps(path):
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return value
    return value


def _declared(struct: type[Struct], path: str) -> Field | None:
    """Return the setting that a place holds, None where it is none."""
    parent, _, name = path.rpartition(".")
    return next((field for field in _fields_at(struct, parent) if field.name == name), None)


def _fields_at(struct: type[Struct], path: str) -> tuple[Field, ...]:
    """Return the settings of the table at a place."""
    inside: Any = inspect.type_info(struct)
    for name in (step for step in _steps(path) if isinstance(step, str)):
        member = next((f.type for f in inside.fields if f.name == name), None)
        inside = member.item_type if isinstance(member, inspect.VarTupleType) else member
        if not isinstance(inside, inspect.StructType):
            return ()
    return fields_of(inside.cls)


def setting(
    title: str,
    description: str,
    unit: str = "",
    only_with: dict[str, tuple[str, ...]] | None = None,
    **bounds: Any,
) -> msgspec.Meta:
    """Return the `msgspec.Meta` of a setting: label, doc, unit and bounds (gt, ge, lt, le).

    ``only_with`` as in `Field`.
    """
    extra: dict[str, Any] = {"unit": unit} if unit else {}
    if only_with:
        extra["only_with"] = only_with
    return msgspec.Meta(title=title, description=description, extra_json_schema=extra, **bounds)
