"""Which dihedral angle an improper of waves takes: the orders of its four atoms by their names."""

from __future__ import annotations

from typing import Literal

Order = Literal["trefoil", "first", "second", "third"]

ORDERS: dict[str, tuple[tuple[int, int, int, int], ...]] = {
    "trefoil": ((0, 1, 2, 3), (0, 2, 3, 1), (0, 3, 1, 2)),
    "first": ((2, 1, 0, 3),),
    "second": ((1, 2, 0, 3),),
    "third": ((1, 3, 0, 2),),
}
"""Chains of four atoms by name, as indices into the centre and its neighbours, which are sorted by
the names of their types and by their numbers. The centre ends all three chains of a trefoil; else
the first, second or third neighbour and the centre are the axis."""
