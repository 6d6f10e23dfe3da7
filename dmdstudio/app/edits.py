"""Terms, surfaces and targets that come and go, as edits of a recipe's tables. No Qt.

Every function returns other tables and leaves those it was given as they are.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

from dmdstudio.app.matter import Matter
from dmdstudio.app.presets import Preset
from dmdstudio.app.wanted import owners_of
from dmdstudio.base.units import dimension, factor
from dmdstudio.plan.catalog import Catalog, Entry, ParameterField, convert
from dmdstudio.plan.recipe import DynamicsPlan, chain
from dmdstudio.plan.ties import renamed

Table = dict[str, Any]

CUTOFF_SHARE = 0.94
"""Largest share of half the cell that a chosen cutoff takes: at constant pressure cells shrink."""

_SWITCH = 1.0
"""Width of a chosen switch to zero, angstrom."""

_GEOMETRY = {"bond": "length", "angle": "angle"}
"""Dimension of a number that the geometry of the structure is a start for."""


def add_term(table: Table, entry: Entry, matter: Matter | None) -> Table:
    """Return the tables with one more term of the potential."""
    return _with(table, "potential", _term(entry, matter, _numbers(table)))


def add_surface(table: Table, entry: Entry, matter: Matter | None) -> Table:
    """Return the tables with one more surface; all of its numbers fixed, as they stand.

    Of a spectrum that is compared up to a factor they could not all be refined.
    """
    surface = _term(entry, matter, _numbers(table))
    for number in surface.get("parameter", []):
        number["free"] = False
    return _with(table, "surface", surface)


def add_preset(table: Table, preset: Preset, matter: Matter | None) -> Table:
    """Return the tables with a published force field in place of all terms of the potential."""
    table = {**table, "potential": []}
    for term in preset.terms:
        table = _with(table, "potential", copy.deepcopy({**term, **_fitted(term, matter)}))
    return table


def add_target(table: Table, entry: Entry, matter: Matter | None) -> Table:
    """Return the tables with one more target, which only watches until it has data."""
    return _with(table, "target", target_of(table, entry, matter))


def target_of(table: Table, entry: Entry, matter: Matter | None) -> Table:
    """Return a target of an observable, cut to what trajectories, frames and cell hold."""
    target: Table = {"observable": entry.name}
    most = {"window": segment_ps(table), "high": 10.0 * (nyquist_per_cm(table) // 10.0)}
    if matter is not None:
        most["largest_distance"] = math.floor(10.0 * matter.half_width) / 10.0
    for field in entry.fields:
        limit = most.get(field.name)
        if limit is not None and isinstance(field.default, float) and field.default > limit:
            target[field.name] = limit
    return target


def segment_ps(table: Table) -> float:
    """Return the length of a piece of a trajectory, the longest window there can be, ps."""
    plan = convert(table.get("dynamics", {}), DynamicsPlan, "dynamics")
    return round(plan.timestep * plan.steps / plan.segments * 1e-3, 9)


def nyquist_per_cm(table: Table) -> float:
    """Return the highest wavenumber that the recorded frames resolve, 1/cm."""
    plan = convert(table.get("dynamics", {}), DynamicsPlan, "dynamics")
    return math.pi / (plan.timestep * plan.record_every) * factor("rad/fs", "1/cm")


def remove(table: Table, section: str, index: int) -> Table:
    """Return the tables without one term, surface or target."""
    items = table.get(section, [])
    return {**table, section: [item for place, item in enumerate(items) if place != index]}


def duplicate(table: Table, section: str, index: int) -> Table:
    """Return the tables with the same once more right after it, under a name of its own."""
    items = list(table[section])
    double = copy.deepcopy(items[index])
    double["name"] = _free_name(items, key_of(double))
    return {**table, section: [*items[: index + 1], double, *items[index + 1 :]]}


def rename(table: Table, section: str, index: int, name: str) -> Table:
    """Return the tables with a term of another name; surfaces and ties that refer to it follow."""
    table = copy.deepcopy(table)
    items = table[section]
    before = key_of(items[index])
    items[index]["name"] = name
    after = key_of(items[index])
    if section == "target":
        return table
    for item in (*table.get("potential", []), *table.get("surface", [])):
        for parameter in item.get("parameter", []):
            if "tie" in parameter:
                parameter["tie"] = renamed(parameter["tie"], before, after)
    if section == "potential":
        table["surface"] = [
            {**s, "term": after} if s.get("term") == before else s for s in table.get("surface", [])
        ]
    return table


def _with(table: Table, section: str, item: Table) -> Table:
    """Return the tables with one more item, under a name that is free."""
    items = list(table.get(section, []))
    others = [*items, *(table.get("surface" if section == "potential" else "potential", []))]
    if section == "target":
        others = items
    if key_of(item) in {key_of(other) for other in others}:
        item = {**item, "name": _free_name(others, key_of(item))}
    return {**table, section: [*items, item]}


def key_of(item: Table) -> str:
    """Return the name by which a recipe refers to a term, surface or target."""
    return item.get("name") or item.get("kind") or item.get("observable") or ""


def _free_name(items: Sequence[Table], name: str) -> str:
    taken, stem, number = {key_of(item) for item in items}, name.rstrip("0123456789 "), 2
    while f"{stem} {number}" in taken:
        number += 1
    return f"{stem} {number}"


Numbers = Mapping[tuple[str, str], tuple[float, str]]
"""Value and unit of numbers by their name and owner."""


def _numbers(table: Table) -> Numbers:
    """Return the numbers that the terms of the potential have."""
    return {
        (number["name"], chain(number.get("of", "").split("-"))): (
            number["value"],
            number.get("unit", ""),
        )
        for term in table.get("potential", [])
        for number in term.get("parameter", [])
    }


def _term(entry: Entry, matter: Matter | None, known: Numbers) -> Table:
    """Return a term with all numbers that can be told, see `_start`; the others are missing."""
    term: Table = {"kind": entry.name}
    if matter is None:
        return term
    defaults = {field.name: field.default for field in entry.fields}
    fitted = _fitted(defaults, matter)
    term |= {name: value for name, value in fitted.items() if value != defaults[name]}
    if "balance" in defaults and len(matter.counts) > 1:
        term["balance"] = max(matter.counts, key=lambda name: (matter.counts[name], name))
    numbers = [
        {"name": field.name, "of": owner, **start}
        for field in entry.parameters
        for owner in owners_of(field, term, matter)
        if (start := _start(field, owner, matter, known))
    ]
    return {**term, "parameter": numbers} if numbers else term


def _start(field: ParameterField, owner: str, matter: Matter, known: Numbers) -> Table:
    """Return value and unit of a number: typical, the potential's, or the structure's geometry."""
    if field.typical is not None:
        return {"value": round(field.typical, 4), "unit": field.unit}
    if dimension(field.unit) != _GEOMETRY.get(field.per):
        return {}
    if (field.name, owner) in known:
        value, unit = known[field.name, owner]
        return {"value": value, "unit": unit}
    measured = matter.at_rest(field.per, owner)
    unit = "angstrom" if field.per == "bond" else "degree"
    return {} if measured is None else {"value": round(measured, 4), "unit": unit}


def _fitted(settings: Mapping[str, Any], matter: Matter | None) -> Table:
    """Return cutoff and start of the switch as the cell allows, those of ``settings`` if it does.

    Args:
        settings: of a term; those that are not a number stay as they are.
        matter: None where the cell is not known.
    """
    cutoff, start = settings.get("cutoff"), settings.get("switch_start")
    if not isinstance(cutoff, float) or matter is None:
        return {}
    largest = math.floor(10.0 * CUTOFF_SHARE * matter.half_width) / 10.0
    fitted: Table = {"cutoff": min(cutoff, largest)}
    if isinstance(start, float):
        fitted["switch_start"] = round(min(start, max(fitted["cutoff"] - _SWITCH, 0.1)), 6)
    return fitted


# --------------------------------------------------------------------------- what targets need


def missing_surface(table: Table, catalog: Catalog) -> Entry | None:
    """Return the plainest surface of a property that a target wants and no surface gives."""
    having = {
        entry.gives
        for surface in table.get("surface", [])
        if (entry := catalog.find("surface", surface["kind"]))
    }
    for target in table.get("target", []):
        entry = catalog.find("observable", target["observable"])
        needs = {need.removesuffix("_velocity") for need in entry.needs} if entry else set()
        for need in sorted(needs & set(_PLAINEST)):
            if need not in having:
                return catalog.find("surface", _PLAINEST[need])
    return None


_PLAINEST = {"dipole": "potential_charges", "polarisability": "bond_polarisability"}


def with_needs(table: Table, catalog: Catalog, matter: Matter | None) -> Table:
    """Return the tables with what their targets want, as far as it can be had.

    Surfaces: charges of the potential are there only once it has some, polarisabilities of bonds
    only where there are bonds. And the ensemble in which all targets can change.
    """
    table = _with_ensemble(table, catalog)
    while (entry := missing_surface(table, catalog)) is not None:
        if any(field.per == "bond" for field in entry.parameters):
            possible = matter is not None and bool(matter.bonds)
        else:
            possible = any(name == "charge" for name, _ in _numbers(table))
        if not possible:
            break
        table = add_surface(table, entry, matter)
    return table


def _with_ensemble(table: Table, catalog: Catalog) -> Table:
    plan = table.get("sampling", {})
    ensemble = plan.get("ensemble", "nvt")
    for target in table.get("target", []):
        entry = catalog.find("observable", target["observable"])
        if entry and entry.ensembles and ensemble not in entry.ensembles:
            ensemble = entry.ensembles[0]
    same = ensemble == plan.get("ensemble", "nvt")
    return table if same else {**table, "sampling": {**plan, "ensemble": ensemble}}
