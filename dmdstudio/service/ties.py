"""Ties of parameters: whether they can be kept, and what they are in internal units."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from dmdstudio.base.errors import RecipeError, nearest
from dmdstudio.base.units import dimension, from_internal, to_internal
from dmdstudio.engine.problem import AnySlot, Slot
from dmdstudio.plan.ties import Tie

SAME = 1e-6
"""Largest distance of a starting value from what its tie says, relative to the largest share."""


def with_ties(slots: Sequence[AnySlot]) -> tuple[AnySlot, ...]:
    """Check the ties, and let the bounds of what follows one other hold for that too.

    Args:
        slots: all of the problem; their ties as in the recipe.

    Returns:
        The slots, their ties in internal units.

    Raises:
        RecipeError: there is no such parameter, or none that can be followed, or the start is
            elsewhere.
    """
    found = {slot.key: slot for slot in slots if isinstance(slot, Slot)}
    for slot in tuple(found.values()):
        if slot.tie is None:
            continue
        tie = _resolved(slot, slot.tie, found)
        found[slot.key] = replace(slot, tie=tie)
        if len(tie.shares) != 1:
            continue  # the step is shortened where their sum would leave the bounds
        share, key = tie.shares[0]
        if share:
            limits = sorted((limit - tie.constant) / share for limit in (slot.lower, slot.upper))
            other = found[key]
            lower, upper = max(other.lower, limits[0]), min(other.upper, limits[1])
            found[key] = replace(other, lower=lower, upper=upper)
    return tuple(found.get(slot.key, slot) for slot in slots)


def _resolved(slot: Slot, tie: Tie, found: Mapping[str, Slot]) -> Tie:
    """Return a tie with its ratio, in internal units."""
    if math.isfinite(slot.prior):
        raise RecipeError(
            f"{slot.key} is tied to {_names(tie)} and has a prior of its own.",
            f"Give the prior to {_names(tie)}.",
        )
    for _, key in tie.shares:
        if key not in found:
            raise RecipeError(
                f"{slot.key} is tied to {key!r}, which is no number of the recipe.",
                nearest(key, list(found)),
            )
        _require_leader(slot, found[key])
    if tie.ratio:
        other = found[tie.shares[0][1]]
        if other.value == 0.0:
            raise RecipeError(
                f"{slot.key} is tied to {other.key}, which starts from 0: there is no ratio to "
                "keep.",
                f'Start it elsewhere, or write the factor: tie = "2 {other.key}".',
            )
        return Tie(((slot.value / other.value, other.key),))
    internal = tie._replace(constant=to_internal(tie.constant, slot.unit))
    parts = [internal.constant, *(factor * found[key].value for factor, key in tie.shares)]
    if abs(sum(parts) - slot.value) > SAME * max(map(abs, (*parts, slot.value))):
        said, has = (from_internal(value, slot.unit) for value in (sum(parts), slot.value))
        raise RecipeError(
            f"{slot.key} starts from {has:.9g} {slot.unit}, but what it is tied to comes to "
            f"{said:.9g}.",
            f"Set its value to {said:.9g}, or change what it is tied to.",
        )
    return internal


def _require_leader(slot: Slot, other: Slot) -> None:
    """Raise where a parameter cannot follow another."""
    if other.tie:
        own = [key for _, key in other.tie.shares]
        raise RecipeError(
            f"{slot.key} is tied to {other.key}, which is tied to {_names(other.tie)} itself.",
            "Leave out one of the two."
            if slot.key in own or other.key in own
            else f"Tie it to {_names(other.tie)} instead.",
        )
    if dimension(slot.unit) != dimension(other.unit):
        raise RecipeError(
            f"{slot.key} is a {dimension(slot.unit)}; {other.key}, which it is tied to, is a "
            f"{dimension(other.unit)}.",
            "Tie it to a parameter of its own sort.",
        )


def _names(tie: Tie) -> str:
    """Return what a tie names, in words."""
    return " and ".join(key for _, key in tie.shares)
