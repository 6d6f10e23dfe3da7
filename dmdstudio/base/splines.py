"""Cubic splines that end smoothly at a cutoff, by the energies at their knots."""

from __future__ import annotations

import numpy as np


def spline_matrix(knots: int) -> np.ndarray:
    """Return the matrix [coefficient, knot] that makes coefficients b_-1 ... b_(K+2) of energies.

    The knots are r_k = a + k h, k = 0 ... K - 1; u, u' and u'' are zero two steps beyond the last,
    and u'' is zero at the first. u(r) = sum_k b_k B((r - r_k)/h) with cubic B-splines B.

    Args:
        knots: their number K.

    Source: C. de Boor, A Practical Guide to Splines (2001), chapter IX.
    """
    count = knots + 1
    rows = np.zeros((count, count))
    rows[0, :3] = (1.0, -2.0, 1.0)[:count]  # no curvature at the first knot
    for k in range(1, count):
        rows[k, k - 1 : k + 2] = (np.array([1.0, 4.0, 1.0]) / 6.0)[: count - k + 1]
    return np.concatenate([np.linalg.inv(rows)[:, 1:], np.zeros((3, count - 1))])


def spline(
    energies: np.ndarray, start: float, cutoff: float, r: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return energy and its slope at distances; a straight line below the first knot.

    Args:
        energies: at the knots [knot].
        start: the first knot.
        cutoff: two steps beyond the last knot; zero from here on.
        r: distances.
    """
    knots = len(energies)
    b = np.append(spline_matrix(knots) @ np.asarray(energies, float), 0.0)
    step = (cutoff - start) / (knots + 1)
    x = (np.asarray(r, float) - start) / step
    y = np.clip(x, 0.0, knots + 1.0)
    i = y.astype(int)
    t, below = y - i, np.minimum(x, 0.0)
    near = [b[np.minimum(i + k, len(b) - 1)] for k in range(4)]
    weights = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    slopes = [-((1 - t) ** 2), 3 * t**2 - 4 * t, -3 * t**2 + 2 * t + 1, t**2]
    first = 0.5 * (b[2] - b[0])
    energy = sum(w * c for w, c in zip(weights, near, strict=True)) / 6.0 + below * first
    slope = sum(w * c for w, c in zip(slopes, near, strict=True)) / 2.0
    return np.where(x < knots + 1, energy, 0.0), np.where(x < knots + 1, slope, 0.0) / step
