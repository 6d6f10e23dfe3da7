"""Which mean the Lennard-Jones numbers of unlike types are, where they are one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations, combinations_with_replacement

from dmdstudio.files.potentials.lennard_jones import MIXING_RULES, SigmaEpsilon, mixed
from dmdstudio.files.potentials.reading.force_field import Number, Numbers

EXACT = 1e-6
"""Relative difference of numbers from a mean of which nothing is said."""

ROUNDED = 1e-3
"""That passes for rounding."""


def rule_of(
    like: Mapping[str, SigmaEpsilon],
    unlike: Mapping[tuple[str, str], SigmaEpsilon],
    declared: str,
) -> tuple[str, float]:
    """Return the rule that unlike types come closest to, and the largest relative difference.

    Infinite where a pair interacts that should not by any rule, or the other way round.

    Args:
        like: of types among themselves.
        unlike: of two types, sorted; what is missing follows the declared rule.
        declared: it.
    """
    off: dict[str, float] = {}
    for rule in sorted(MIXING_RULES, key=lambda name: name != declared):
        off[rule] = 0.0
        for i, j in combinations(sorted(like), 2):
            mean = mixed(rule, like[i], like[j])
            given = unlike.get((i, j), mixed(declared, like[i], like[j]))
            off[rule] = max(off[rule], _difference(given, mean))
    rule = min(off, key=lambda name: off[name])
    return rule, off[rule]


def explicit_pairs(
    like: Mapping[str, tuple[Number, Number]],
    unlike: Mapping[tuple[str, str], Numbers],
    declared: str,
) -> dict[tuple[str, str], Numbers]:
    """Return sigma and epsilon of all pairs of types, sorted; as of `rule_of`, with their units."""
    found: dict[tuple[str, str], Numbers] = {}
    for i, j in combinations_with_replacement(sorted(like), 2):
        (s1, e1), (s2, e2) = like[i], like[j]
        sigma, epsilon = mixed(declared, (s1.value, e1.value), (s2.value, e2.value))
        own: Numbers = {"sigma": Number(sigma, s1.unit), "epsilon": Number(epsilon, e1.unit)}
        if i == j:
            own = {"sigma": s1, "epsilon": e1}
        found[i, j] = unlike.get((i, j), own)
    return found


def _difference(one: SigmaEpsilon, mean: SigmaEpsilon) -> float:
    if one[1] == mean[1] == 0.0:
        return 0.0
    if not all((*one, *mean)):
        return math.inf
    return max(abs(a / b - 1.0) for a, b in zip(one, mean, strict=True))
