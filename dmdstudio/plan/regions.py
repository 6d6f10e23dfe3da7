"""Regions of a target's axis that count more than the rest, less, or not at all."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Struct

from dmdstudio.base.errors import RecipeError, UnitError
from dmdstudio.base.units import dimension, spectral
from dmdstudio.plan.catalog import setting


class RegionPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One region, both ends of which belong to it; all that lies in none weighs 1."""

    low: Annotated[float, setting("From", "Where the region begins.")]
    high: Annotated[float, setting("To", "Where the region ends.")]
    weight: Annotated[
        float,
        setting(
            "Weight",
            "How much a point of the region counts beside one that lies in none; 0 leaves it out.",
            ge=0,
        ),
    ] = 0.0
    unit: Annotated[
        str, setting("Unit", "The unit of both ends; empty for that of the prediction's axis.")
    ] = ""

    @property
    def words(self) -> str:
        """The region as an error prints it."""
        return f"{self.low:g} to {self.high:g} {self.unit}".rstrip()


Regions = tuple[RegionPlan, ...]


def check_regions(regions: Sequence[RegionPlan], where: str) -> None:
    """Check what can be told of regions before the axis is known.

    Raises:
        RecipeError: an end is not below the other, a unit is unknown, or two of one unit overlap.
    """
    for region in regions:
        if not region.low < region.high:
            raise RecipeError(
                f"{where}: the region {region.words} ends before it begins.",
                "Give low and high in ascending order.",
            )
        if region.unit:
            try:
                dimension(region.unit)
            except UnitError as error:
                raise RecipeError(
                    f"{where}: the region {region.words}: {error.message}", error.advice
                ) from None
    for unit in {region.unit for region in regions}:
        _refuse_overlap([region for region in regions if region.unit == unit], where)


def regions_in(regions: Sequence[RegionPlan], unit: str, where: str) -> Regions:
    """Return regions in the unit of an axis, in ascending order.

    Raises:
        RecipeError: a unit is none of that axis, or two regions overlap.
    """
    found = []
    for region in regions:
        if not region.unit:
            found.append(msgspec.structs.replace(region, unit=unit))
            continue
        try:
            with np.errstate(divide="ignore"):
                ends = [float(spectral(np.float64(x), region.unit, unit)) for x in _ends(region)]
        except UnitError as error:
            raise RecipeError(
                f"{where}: the region {region.words}: {error.message}", error.advice
            ) from None
        found.append(
            msgspec.structs.replace(region, low=min(ends), high=max(ends), unit=unit)
        )  # wavelengths run the other way
    found.sort(key=_ends)
    _refuse_overlap(found, where)
    return tuple(found)


def check_within(regions: Sequence[RegionPlan], axis: np.ndarray, where: str) -> None:
    """Check that every region holds a part of the data.

    Args:
        regions: in the unit of the axis.
        axis: of the experiment [point].
        where: the target.

    Raises:
        RecipeError: a region lies outside of the data.
    """
    low, high = float(np.min(axis)), float(np.max(axis))
    for region in regions:
        if region.high < low or region.low > high:
            raise RecipeError(
                f"{where}: the region {region.words} lies outside of the data, {low:g} to {high:g} "
                f"{region.unit}".rstrip()
                + ".",
                "Move it, or remove it.",
            )


def weights_at(axis: np.ndarray, regions: Sequence[RegionPlan]) -> np.ndarray:
    """Return the weights of points [point]; where two regions touch, the upper one's.

    Args:
        axis: [point].
        regions: in the unit of the axis, ascending.
    """
    weight = np.ones(len(axis))
    for region in regions:
        weight[(axis >= region.low) & (axis <= region.high)] = region.weight
    return weight


def _ends(region: RegionPlan) -> tuple[float, float]:
    return region.low, region.high


def _refuse_overlap(regions: Sequence[RegionPlan], where: str) -> None:
    for one, other in itertools.pairwise(sorted(regions, key=_ends)):
        if other.low < one.high:
            raise RecipeError(
                f"{where}: the regions {one.words} and {other.words} overlap.",
                "Let one end where the other begins.",
            )


# ------------------------------------------------------------------------------ older recipes

_NUMBER = r"([0-9.]+(?:[eE][-+]?[0-9]+)?)"
_RANGE = re.compile(rf"{_NUMBER}\s*(?:-|to)\s*{_NUMBER}")


def regions_from_text(text: str, where: str) -> list[dict[str, float]]:
    """Return the tables of regions that do not count from ``'0-50, 2000 to 2700'``.

    It is how earlier recipes say it, as ``leave_out``, and short to write. Ranges that overlap
    become one.

    Raises:
        RecipeError: a word of it is no range.
    """
    ranges: list[tuple[float, float]] = []
    for word in filter(None, map(str.strip, text.split(","))):
        match = _RANGE.fullmatch(word)
        low, high = (_finite(match[1]), _finite(match[2])) if match else (0.0, 0.0)
        if not low < high:
            raise RecipeError(
                f"{where}: leave_out = {text!r}: {word!r} is no range.",
                "Write from-to, such as 2000-2700, with commas between ranges.",
            )
        ranges.append((low, high))
    merged: list[tuple[float, float]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(high, merged[-1][1])
        else:
            merged.append((low, high))
    return [{"low": low, "high": high, "weight": 0.0} for low, high in merged]


def _finite(word: str) -> float:
    """Return a number; nan, which nothing is below, where the word is none, such as ``1.2.3``."""
    try:
        number = float(word)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan
