"""Radial form of `potentials.coulomb`; numbers: strength, then `Coulomb.kernel_constants`.

A template for `kernels.load`, which sets ``REAL`` and ``variant``; see `kernels` for what the
forms are. The constants: cutoff, its square, 2 / its square, the three shifts, the smooth part at
the middle, and the coefficients of its slope.

erfc(alpha r)/r is 1/r less a smooth function of s = r^2, whose slope is a polynomial in
x = 2 s/cutoff^2 - 1: multiplications and additions only, so that it vectorises.
"""

# pyright: reportUndefinedVariable=false
from __future__ import annotations

import numpy as np
from numba import njit

FIRST = 8  # where the coefficients begin
TERMS = 27 if REAL is np.float64 else 15


@njit(error_model="numpy", inline="always", cache=True)
@variant
def parts(s, q):
    """What all forms are made of, for strength = 1; one text, so that all give the same bits."""
    inside = REAL(1.0) if s < q[2] else REAL(0.0)
    near = s if s < q[2] else q[2]
    r = np.sqrt(near)
    inverse = REAL(1.0) / r
    x = near * q[3] - REAL(1.0)
    slope = q[FIRST + TERMS - 1]
    for k in range(TERMS - 1):
        slope = slope * x + q[FIRST + TERMS - 2 - k]
    shift = q[5] + q[6] * (r - q[1])
    half = REAL(0.5) * inverse
    g = inside * (-half * (inverse * inverse + shift) - slope)
    return inside, r, inverse, x, shift, half, g


@njit(error_model="numpy", inline="always")
def energy(s, q):
    inside, r, inverse, x, _, _, g = parts(s, q)
    smooth = REAL(0.0)
    for k in range(TERMS):
        at = TERMS - 1 - k
        smooth = (smooth + q[FIRST + at] * REAL(1.0 / (at + 1))) * x
    smooth = q[7] + smooth / q[3]
    away = r - q[1]
    u = inside * (inverse - smooth - q[4] - (q[5] + REAL(0.5) * q[6] * away) * away)
    return q[0] * u, q[0] * g, u


@njit(error_model="numpy", inline="always")
def first(s, q):
    return q[0] * parts(s, q)[6]


@njit(error_model="numpy", inline="always")
def second(s, q):
    inside, _, inverse, x, shift, half, g = parts(s, q)
    bend = q[FIRST + TERMS - 1] * REAL(TERMS - 1)
    for k in range(TERMS - 2):
        at = TERMS - 2 - k
        bend = bend * x + q[FIRST + at] * REAL(at)
    square = half * half
    curve = inverse * (REAL(3.0) * inverse * inverse + shift) - q[6]
    return q[0] * g, q[0] * inside * (square * curve - bend * q[3]), g
