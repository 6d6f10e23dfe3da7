"""The few settings that decide a refinement, and what each of them means for the recipe. No Qt."""

from __future__ import annotations

import copy
import math
from typing import Any

from dmdstudio.app.edits import segment_ps
from dmdstudio.plan.catalog import Catalog, Field, fields_of
from dmdstudio.plan.recipe import (
    DynamicsPlan,
    ExecutionPlan,
    RefinementPlan,
    SamplingPlan,
    sections,
)

Table = dict[str, Any]

_PLAIN = {
    "temperature": ("sampling", SamplingPlan),
    "ensemble": ("sampling", SamplingPlan),
    "pressure": ("sampling", SamplingPlan),
    "replicas": ("sampling", SamplingPlan),
    "iterations": ("refinement", RefinementPlan),
    "precision": ("execution", ExecutionPlan),
}
"""Settings that are one of the recipe's, and the section that has them."""

_BY_HORIZON = ("window", "damping")
"""Truncations that have a horizon."""

_AUTOMATIC = Field(
    name="automatic",
    type="boolean",
    default=False,
    label="Automatic horizon",
    doc="Measure how far back the gradient can be trusted, and cut it there.",
)
_HORIZON = Field(
    name="horizon",
    type="float",
    unit="ps",
    lower=0.0,
    label="Horizon",
    doc="How far back a frame feels the parameters; empty for all of its window. A short horizon "
    "is less noisy and biased.",
    only_with={"automatic": ("false",)},
)
_WINDOW = Field(
    name="window",
    type="float",
    unit="ps",
    lower=0.0,
    required=True,
    label="Window",
    doc="Longest time of the correlations of all targets that have one; 1 ps resolves 17/cm. "
    "Trajectories are made longer where they do not hold it.",
)


def guided_fields(table: Table, catalog: Catalog) -> tuple[Field, ...]:
    """Return the settings that matter for a recipe as it stands."""
    plain = {name: _declared(name) for name in _PLAIN}
    fields = [plain[name] for name in ("temperature", "ensemble", "pressure")]
    if _windows(table, catalog):
        fields.append(_WINDOW)
    if _truncates(table, catalog):
        fields += [_AUTOMATIC, _HORIZON]
    return (*fields, plain["replicas"], plain["iterations"], plain["precision"])


def guided_values(table: Table, catalog: Catalog) -> Table:
    """Return the values of `guided_fields`."""
    values: Table = {name: table.get(s, {}).get(name) for name, (s, _) in _PLAIN.items()}
    values = {name: value for name, value in values.items() if value is not None}
    gradient = table.get("gradient", {})
    truncation = gradient.get("truncation", "none")
    values["automatic"] = truncation == "auto"
    values["horizon"] = gradient.get("horizon") if truncation in _BY_HORIZON else None
    if windows := _windows(table, catalog):
        values["window"] = max(windows.values())
    return values


def with_guided(table: Table, name: str, value: Any, catalog: Catalog) -> Table:
    """Return the tables with a guided setting, and all that follows from it."""
    table = copy.deepcopy(table)
    if name in _PLAIN:
        section = table.setdefault(_PLAIN[name][0], {})
        section[name] = value
        if value is None:
            del section[name]
    elif name == "window":
        for index in _windows(table, catalog):
            table["target"][index]["window"] = value
        _hold(table, value)
    else:
        _truncate(table.setdefault("gradient", {}), name, value)
    return table


def _declared(name: str) -> Field:
    return next(field for field in fields_of(_PLAIN[name][1]) if field.name == name)


def _windows(table: Table, catalog: Catalog) -> dict[int, float]:
    """Return the windows of the targets that have one, ps, by the target's number."""
    found = {}
    for index, target in enumerate(table.get("target", [])):
        entry = catalog.find("observable", target["observable"])
        for field in entry.fields if entry else ():
            if field.name == "window" and isinstance(field.default, float):
                found[index] = float(target.get("window", field.default))
    return found


def _truncates(table: Table, catalog: Catalog) -> bool:
    """Whether the gradient method cuts its adjoint at a horizon."""
    default = next(f.default for f in fields_of(sections()["gradient"]) if f.name == "method")
    method = catalog.find("gradient", table.get("gradient", {}).get("method", default))
    return method is not None and any(field.name == "truncation" for field in method.fields)


def _hold(table: Table, window: float) -> None:
    """Make the trajectories long enough that every piece of them holds a window, ps."""
    if segment_ps(table) >= window:
        return
    plan = table.setdefault("dynamics", {})
    every = plan.get("record_every", DynamicsPlan().record_every)
    frames = math.ceil(round(window * 1e3 / (plan.get("timestep", 1.0) * every), 9))
    plan["steps"] = plan.get("segments", 1) * frames * every


def _truncate(gradient: Table, name: str, value: Any) -> None:
    """Set how the adjoint is cut: by a measured horizon, by a given one, or not at all."""
    before = gradient.get("truncation", "none")
    gradient.pop("horizon", None)
    if name == "automatic":
        gradient["truncation"] = "auto" if value else "none"
    elif value is None:
        gradient["truncation"] = "none"
    else:
        gradient["truncation"] = before if before in _BY_HORIZON else "window"
        gradient["horizon"] = value
