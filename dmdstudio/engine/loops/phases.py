"""Phase factors of waves and their weights: a template for `waves`.

By multiplications and additions alone, for library functions of vectors differ from those of
single numbers: the same bits wherever it is compiled into.
"""

# pyright: reportUndefinedVariable=false, reportCallIssue=false, reportArgumentType=false
from __future__ import annotations

import math

import numpy as np
from numba import njit

FRACTION = 2.0**-BITS
SINE = tuple((-1.0) ** k / math.factorial(2 * k + 1) for k in range(9))
COSINE = tuple((-1.0) ** k / math.factorial(2 * k) for k in range(9))
DECAY = tuple((-1.0) ** k / math.factorial(k) for k in range(16))
HALF_LIVES = 1.0 / math.log(2.0)
LOG_2 = (0.693147180369123816490, 1.90821492927058770002e-10)
"""Of which the first has so few digits that its multiples are exact."""


@njit(error_model="numpy", inline="always")
def circle(step):
    """Return cos and sin of 2 pi step/2^BITS."""
    turn = np.float64(step) * FRACTION
    quarter = np.floor(4.0 * turn + 0.5)
    t = 2.0 * np.pi * (turn - 0.25 * quarter)
    u = t * t
    s = ((SINE[8] * u + SINE[7]) * u + SINE[6]) * u + SINE[5]
    s = (((s * u + SINE[4]) * u + SINE[3]) * u + SINE[2]) * u + SINE[1]
    s = (s * u + SINE[0]) * t
    c = ((COSINE[8] * u + COSINE[7]) * u + COSINE[6]) * u + COSINE[5]
    c = (((c * u + COSINE[4]) * u + COSINE[3]) * u + COSINE[2]) * u + COSINE[1]
    c = c * u + COSINE[0]
    size = abs(quarter)  # 0, 1 or 2
    sign = 1.0 - size
    return (-quarter * s if size == 1.0 else sign * c), (quarter * c if size == 1.0 else sign * s)


@njit(error_model="numpy", cache=True)
@variant
def powers(lattice, axis, highest):
    """Return exp(2 pi i p s) of a lattice coordinate [2 (cos, sin), p up to the highest, atom]."""
    n = lattice.shape[0]
    out = np.empty((2, highest + 1, n), REAL)
    one, now = np.empty((2, n), np.float64), np.empty((2, n), np.float64)
    for a in range(n):
        one[0, a], one[1, a] = circle(lattice[a, axis])
        now[0, a], now[1, a] = 1.0, 0.0
    for p in range(highest + 1):
        for a in range(n):
            c, s = now[0, a], now[1, a]
            out[0, p, a], out[1, p, a] = REAL(c), REAL(s)
            now[0, a] = c * one[0, a] - s * one[1, a]
            now[1, a] = s * one[0, a] + c * one[1, a]
    return out


@njit(error_model="numpy", cache=True)
@variant
def decay(y):
    """Return exp(-y)."""
    n = np.floor(y * HALF_LIVES + 0.5)
    t = (y - n * LOG_2[0]) - n * LOG_2[1]
    p = 0.0
    for k in range(15, -1, -1):
        p = p * t + DECAY[k]
    return math.ldexp(p, -np.int64(n))


@njit(error_model="numpy", cache=True)
@variant
def reciprocal(cell):
    """Return 2 pi times the inverse of the cell [xyz, index], and the cell's volume."""
    out = np.empty((3, 3), np.float64)
    volume = 0.0
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        for index in range(3):
            b, c = 3 * ((index + 1) % 3), 3 * ((index + 2) % 3)
            one = np.float64(cell[b + i]) * np.float64(cell[c + j])
            out[k, index] = one - np.float64(cell[b + j]) * np.float64(cell[c + i])
        volume += np.float64(cell[k]) * out[k, 0]
    for k in range(3):
        for index in range(3):
            out[k, index] *= 2.0 * np.pi / volume
    return out, abs(volume)


@njit(error_model="numpy", cache=True)
@variant
def metric_of(turn):
    """Return the scalar products of the reciprocal vectors: k^2 = n.metric.n."""
    out = np.zeros((3, 3), np.float64)
    for i in range(3):
        for j in range(3):
            for k in range(3):
                out[i, j] += turn[k, i] * turn[k, j]
    return out


@njit(error_model="numpy", cache=True)
@variant
def weights(rows, highest, turn, volume, alpha):
    """Return B(k) = (8 pi/4 pi eps0 V) exp(-k^2/4 alpha^2)/k^2 [m, 2 (for m and -m), row].

    It is zero where there is no wave, or where it is another's, and half where both are the same.
    Along a row the exponent is a quadratic: its exponential follows from the one before.
    """
    metric = metric_of(turn)
    quarter = 0.25 / (alpha * alpha)
    out = np.zeros((highest + 1, 2, rows.shape[0]), np.float64)
    fall = decay(2.0 * quarter * metric[2, 2])
    for r in range(rows.shape[0]):
        h, k = np.float64(rows[r, 0]), np.float64(rows[r, 1])
        plane = h * h * metric[0, 0] + 2.0 * h * k * metric[0, 1] + k * k * metric[1, 1]
        cross = 2.0 * (h * metric[0, 2] + k * metric[1, 2])
        scale = 8.0 * np.pi * COULOMB / volume
        if plane == 0.0:
            scale *= 0.5
        for side in range(2):
            slope = -cross if side else cross
            value, ratio = decay(quarter * plane), decay(quarter * (metric[2, 2] + slope))
            for m in range(rows[r, 2] + 1):
                square = plane + (slope + m * metric[2, 2]) * m
                if square > 0.0 and (m > 0 or side == 0):
                    out[m, side, r] = scale * value / square
                value *= ratio
                ratio *= fall
    return out
