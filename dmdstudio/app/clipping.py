"""Lines cut at the border of a rectangle, where a drawing cannot be clipped. No Qt."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

Range = tuple[float, float]


def runs(x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """Return the unbroken pieces of a line [point, 2]: what is not a number breaks it."""
    points = np.stack([x, y], axis=1)
    good = np.isfinite(points).all(axis=1)
    ends = np.flatnonzero(np.diff(np.concatenate([[0], good.astype(np.int8), [0]])))
    return [points[begin:end] for begin, end in zip(ends[::2], ends[1::2], strict=True)]


def clipped(points: np.ndarray, view: tuple[Range, Range]) -> list[np.ndarray]:
    """Return the parts of a line [point, 2] inside a rectangle, cut exactly at its border.

    Source: Y.-D. Liang and B. A. Barsky, ACM Trans. Graph. 3, 1 (1984).
    """
    parts: list[list[Sequence[float]]] = []
    if not np.isfinite(points).all():
        return []
    for begin, end in itertools.pairwise(points):
        shares = _inside(begin, end, view)
        if shares is None:
            continue
        first, last = (begin + share * (end - begin) for share in shares)
        if shares[0] > 0.0 or not parts or not np.array_equal(parts[-1][-1], first):
            parts.append([first])
        parts[-1].append(last)
    return [np.array(part) for part in parts]


def _inside(
    begin: np.ndarray, end: np.ndarray, view: tuple[Range, Range]
) -> tuple[float, float] | None:
    """Return from where to where, as shares, a segment is inside; None where nowhere."""
    first, last = 0.0, 1.0
    starts, steps = begin.tolist(), (end - begin).tolist()
    for start, step, (low, high) in zip(starts, steps, view, strict=True):
        for away, room in ((-step, start - low), (step, high - start)):
            if away == 0.0:
                if room < 0.0:
                    return None
            elif away < 0.0:
                first = max(first, room / away)
            else:
                last = min(last, room / away)
    return (first, last) if first < last else None
