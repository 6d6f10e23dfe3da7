"""Pairs, their Gaussians, and where arrays begin: what all sorts of `eann` share, a template.

Names as in `eann`.
"""

# pyright: reportUndefinedVariable=false, reportAttributeAccessIssue=false
# pyright: reportPrivateImportUsage=false, reportCallIssue=false
from __future__ import annotations

import math

import numpy as np
from numba import njit

ZERO, TWO, HALF = REAL(0.0), REAL(2.0), REAL(0.5)
PI = REAL(math.pi)
SINGLE = REAL is np.float32
WORD = np.int32 if SINGLE else np.int64
LOG2_E = REAL(1.4426950408889634)
LN2_HIGH = REAL(0.693359375) if SINGLE else REAL(6.93147180369123816490e-01)
LN2_LOW = REAL(-2.12194440e-4) if SINGLE else REAL(1.90821492927058770002e-10)
MAGIC = REAL(12582912.0) if SINGLE else REAL(6755399441055744.0)  # 1.5 times 2^(digits - 1)
MAGIC_BITS = WORD(0x4B400000) if SINGLE else WORD(0x4338000000000000)
BIAS, SHIFT = (WORD(127), WORD(23)) if SINGLE else (WORD(1023), WORD(52))
LARGEST = REAL(80.0) if SINGLE else REAL(700.0)
DEGREE = 7 if SINGLE else 13
TAYLOR = tuple(REAL(1.0 / math.factorial(DEGREE - n)) for n in range(DEGREE + 1))


@njit(error_model="numpy", cache=True)
@variant
def exponential(x, n, y, z):
    """Write exp(x) into y for the first n numbers; x within 80 (700 in double) of zero; z is room.

    x = n ln 2 + f: n by rounding through the last digits of a large number, exp(f) by Taylor.
    """
    bits = z.view(WORD)
    for t in range(n):
        x[t] = min(max(x[t], -LARGEST), LARGEST)
        z[t] = x[t] * LOG2_E + MAGIC
    for t in range(n):
        whole = z[t] - MAGIC
        f = (x[t] - whole * LN2_HIGH) - whole * LN2_LOW
        p = TAYLOR[0]
        for c in range(1, DEGREE + 1):
            p = p * f + TAYLOR[c]
        y[t] = p
    for t in range(n):
        bits[t] = (bits[t] - MAGIC_BITS + BIAS) << SHIFT
    for t in range(n):
        y[t] *= z[t]


# ------------------------------------------------------------------------------------- the pairs


@njit(error_model="numpy", cache=True)
@variant
def vector(lattice, i, j, h):
    """Return r_j - r_i by the minimum image, angstrom."""
    a = REAL(INTEGER(lattice[j, 0] - lattice[i, 0]))
    b = REAL(INTEGER(lattice[j, 1] - lattice[i, 1]))
    c = REAL(INTEGER(lattice[j, 2] - lattice[i, 2]))
    return (
        a * h[0] + b * h[3] + c * h[6],
        a * h[1] + b * h[4] + c * h[7],
        a * h[2] + b * h[5] + c * h[8],
    )


@njit(error_model="numpy", cache=True)
@variant
def within(lattice, h, reach):
    """Return where the pairs of an atom begin [atom + 1], and the second atom of every pair."""
    n, square = lattice.shape[0], reach * reach
    begins = np.zeros(n + 1, np.int64)
    for i in range(n):
        count = 0
        for j in range(i + 1, n):
            x, y, z = vector(lattice, i, j, h)
            count += (x * x + y * y) + z * z < square
        begins[i + 1] = begins[i] + count
    others, place = np.empty(begins[n], np.int32), 0
    for i in range(n):
        for j in range(i + 1, n):
            x, y, z = vector(lattice, i, j, h)
            if (x * x + y * y) + z * z < square:
                others[place] = j
                place += 1
    return begins, others


@njit(error_model="numpy", cache=True)
@variant
def distances(lattice, h, reach, begins, others):
    """Return vector, distance, and cutoff function with two derivatives [pair, 7]."""
    out = np.empty((others.shape[0], 7), REAL)
    wave = PI / reach
    for i in range(lattice.shape[0]):
        for p in range(begins[i], begins[i + 1]):
            x, y, z = vector(lattice, i, others[p], h)
            r = math.sqrt((x * x + y * y) + z * z)
            c, s = HALF * math.cos(wave * r), HALF * math.sin(wave * r)
            g, g1, g2 = c + HALF, -(wave * s), -(wave * wave * c)
            out[p, 0], out[p, 1], out[p, 2], out[p, 3] = x, y, z, r
            out[p, 4] = g * g
            out[p, 5] = TWO * g * g1
            out[p, 6] = TWO * (g1 * g1 + g * g2)
    return out


@njit(error_model="numpy", cache=True)
@variant
def gaussians(q, count, kinds, begins, others, far):
    """Return exp(-a (r - rs)^2) for the second atom of a pair and for the first [pair 2 k]."""
    flat = np.empty(others.shape[0] * 2 * RADIALS, REAL)
    x, z = np.empty(flat.size, REAL), np.empty(flat.size, REAL)
    centre, width = count * RADIALS, 2 * count * RADIALS
    for i in range(kinds.shape[0]):
        for p in range(begins[i], begins[i + 1]):
            r = far[p, 3]
            for side in range(2):
                s = kinds[others[p]] if side == 0 else kinds[i]
                for k in range(RADIALS):
                    away = r - q[centre + s * RADIALS + k]
                    x[(2 * p + side) * RADIALS + k] = -(q[width + s * RADIALS + k] * away * away)
    exponential(x, flat.size, flat, z)
    return flat


@njit(error_model="numpy", cache=True)
@variant
def layout(shape):
    """Return where arrays begin in q: [layer, 6] and of the output [2]; and the longest layer."""
    count, hidden = shape[0], shape[1]
    place = 3 * count * RADIALS
    begin = np.empty((hidden + 1, 6), np.int64)
    longest = shape[2]
    for n in range(hidden):
        inputs, units = shape[2 + n], shape[3 + n]
        longest = max(longest, units)
        begin[n, 0] = place
        place += count * inputs * units
        for a in range(1, 6):
            begin[n, a] = place
            place += count * units
    begin[hidden, 0] = place
    begin[hidden, 1] = place + count * shape[2 + hidden]
    begin[hidden, 2] = begin[hidden, 1] + count
    return begin, longest


@njit(error_model="numpy", cache=True)
@variant
def turned(q, shape, begin, longest):
    """Return all weights of hidden layers with inputs and units exchanged [layer, s, u, input]."""
    count, hidden = shape[0], shape[1]
    out = np.empty((hidden, count, longest, longest), REAL)
    for n in range(hidden):
        inputs, units = shape[2 + n], shape[3 + n]
        for s in range(count):
            place = begin[n, 0] + s * inputs * units
            for v in range(inputs):
                for u in range(units):
                    out[n, s, u, v] = q[place + v * units + u]
    return out
