"""Core of `potentials.buckingham` and `born_mayer_huggins`: u = a exp(-b r) - c/r^6 - d/r^8.

A template for `kernels.load`; see `loops.switched` for what a core is. Numbers: a, b, c, d, then
start and inverse width of the switch, and the square i of the inner distance, below which 1/r^6 and
1/r^8 go on as the parabolas in s = r^2 that touch them there to second order.
"""

# pyright: reportUndefinedVariable=false
from __future__ import annotations

import numpy as np
from numba import njit


@njit(error_model="numpy", inline="always", cache=True)
@variant
def parts(s, q):
    near = s if s > q[6] else q[6]
    below = s if s < q[6] else q[6]
    inverse = REAL(1.0) / near
    x = (below - q[6]) / q[6]  # zero outside
    cube = inverse * inverse * inverse
    six = cube * (REAL(1.0) + x * (REAL(6.0) * x - REAL(3.0)))
    six_s = cube * inverse * (REAL(12.0) * x - REAL(3.0))
    eight = cube * inverse * (REAL(1.0) + x * (REAL(10.0) * x - REAL(4.0)))
    eight_s = cube * inverse * inverse * (REAL(20.0) * x - REAL(4.0))
    r = np.sqrt(s)
    e = exponential(-q[1] * r)
    half = REAL(0.5) / r
    u = q[0] * e - q[2] * six - q[3] * eight
    g = -q[0] * q[1] * e * half - q[2] * six_s - q[3] * eight_s
    return u, g, r, e, half, inverse, cube, six, six_s, eight, eight_s


@njit(error_model="numpy", inline="always")
def curve(found, s, q):
    _, _, r, e, half, inverse, cube, six, six_s, eight, eight_s = found
    g_s = q[0] * q[1] * e * half * half * (q[1] + REAL(2.0) * half)
    g_s = g_s - cube * inverse * inverse * (REAL(12.0) * q[2] + REAL(20.0) * q[3] * inverse)
    by = (e, -q[0] * r * e, -six, -eight)
    return g_s, by, (-q[1] * e * half, q[0] * e * half * (q[1] * r - REAL(1.0)), -six_s, -eight_s)
