"""Terms at the numbers of a file, as free, bounded and fast as a recipe had them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from dmdstudio.base.units import factor
from dmdstudio.files.potentials.reading.force_field import Number
from dmdstudio.plan.recipe import ParameterPlan, PotentialPlan


def term_at(
    kind: str,
    options: Mapping[str, object],
    before: Iterable[PotentialPlan],
    numbers: Iterable[tuple[str, str, Number]] = (),
) -> PotentialPlan:
    """Return a term.

    Args:
        kind: of the term.
        options: its settings.
        before: terms, of which it takes the place of the first one of its kind.
        numbers: name and owner of parameters with their numbers.
    """
    old = next((plan for plan in before if plan.kind == kind), PotentialPlan(kind=kind))
    known = {(p.name, p.owner): p for p in old.parameter}
    parameters = (
        _parameter(name, owner, number, known.get((name, owner))) for name, owner, number in numbers
    )
    return msgspec.structs.replace(old, options=dict(options), parameter=tuple(parameters))


def _parameter(name: str, owner: str, number: Number, old: ParameterPlan | None) -> ParameterPlan:
    """Return a parameter at the file's number: fixed, or free and bounded as it was before."""
    value, unit = number.value, number.unit
    stays = name == "multiplicity" or (name == "epsilon" and value == 0.0)
    if old is None or not old.free or stays:
        return ParameterPlan(name=name, of=owner, value=value, unit=unit, free=False)
    scale = factor(old.unit or unit, unit)
    lower = None if old.lower is None else old.lower * scale
    upper = None if old.upper is None else old.upper * scale
    return msgspec.structs.replace(
        old,
        of=owner,
        value=value,
        unit=unit,
        tie="",  # whose parameters may be no more
        transform=old.transform if value > 0.0 else "none",
        lower=None if lower is None or lower > value else lower,
        upper=None if upper is None or upper < value else upper,
        prior=old.prior if old.prior_mean is None and value != 0.0 else None,
        prior_mean=None,
    )
