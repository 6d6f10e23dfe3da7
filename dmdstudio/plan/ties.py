"""Parameters that follow others: in a ratio, or by a linear constraint."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from dmdstudio.base.errors import RecipeError

_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_KEY = r"[^\W\d][^\s\[\]*+]*(?:\[[^\]]*\])?"
_SHARE = re.compile(rf"\s*([+-]?)\s*(?:({_NUMBER})\s*(?:\*\s*)?)?({_KEY})?\s*")
_PLAIN = re.compile(_KEY)


class Tie(NamedTuple):
    """What a parameter follows.

    Attributes:
        shares: by how much of which parameters, ``(-2.0, 'coulomb.charge[H]')``.
        constant: what is added, in the unit of the parameter that follows.
        ratio: whether the one factor is still to be found: the ratio of both starting values.
    """

    shares: tuple[tuple[float, str], ...]
    constant: float = 0.0
    ratio: bool = False


def is_sum(text: str) -> bool:
    """Whether a tie is written as a sum; it is the name of a parameter otherwise."""
    return _PLAIN.fullmatch(text.strip()) is None


def parse_tie(text: str, of: str) -> Tie:
    """Read what a parameter is tied to.

    Args:
        text: the name of a parameter as in reports (`parameter_key`), whose ratio is kept; or a sum
            such as ``-2 coulomb.charge[H]`` or ``0.5 - coulomb.charge[C] - 3 coulomb.charge[HC]``.
        of: the parameter that is tied, for errors.

    Raises:
        RecipeError: it is neither.
    """
    text = text.strip()
    if not is_sum(text):
        return Tie(((1.0, text),), ratio=True)
    factors: dict[str, float] = {}
    constant, at = 0.0, 0
    while at < len(text):
        found = _SHARE.match(text, at)
        sign, number, key = found.groups() if found else ("", None, None)
        if found is None or (number is None and key is None) or (at and not sign):
            raise RecipeError(
                f"{of}: the tie {text!r} is not understood from {text[at:]!r} on.",
                "Name one parameter to keep the ratio to it, or write a sum: "
                "-2 coulomb.charge[H], or 0.5 - coulomb.charge[C] - 3 coulomb.charge[HC].",
            )
        share = float(f"{sign}{number or 1}")
        if not math.isfinite(share):
            raise RecipeError(f"{of}: the tie {text!r} has a factor {number}, which is too large.")
        if key is None:
            constant += share
        else:
            factors[key] = factors.get(key, 0.0) + share
        at = found.end()
    if not factors:
        raise RecipeError(
            f"{of}: the tie {text!r} names no parameter.",
            "To hold a parameter at a value, set free = false.",
        )
    return Tie(tuple((factor, key) for key, factor in factors.items()), constant)


def renamed(text: str, before: str, after: str) -> str:
    """Return a tie whose parameters of one term are called by the term's new name."""

    def new(found: re.Match[str]) -> str:
        key = found[0]
        return f"{after}{key[len(before) :]}" if key.startswith(f"{before}.") else key

    return _PLAIN.sub(new, text)
