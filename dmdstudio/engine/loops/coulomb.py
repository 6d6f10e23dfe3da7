"""Radial form of `potentials.coulomb`; numbers: strength, then `Coulomb.kernel_constants`.

A template for `kernels.load`, which sets ``REAL`` and ``variant``; see `kernels` for what the
forms are. The constants: cutoff, its square, 2 / its square, the three shifts, the smooth part at
the middle, and 25 coefficients of its slope (the upper 12 are zero in single precision).

erfc(alpha r)/r is 1/r less a smooth function of s = r^2, whose slope is a polynomial in
x = 2 s/cutoff^2 - 1: multiplications and additions only, so that it vectorises. For the same end
the sums are written out: an index that runs over the constants would not.
"""

# pyright: reportUndefinedVariable=false
from __future__ import annotations

import numpy as np
from numba import njit

DOUBLE = REAL is np.float64
K = tuple(REAL(k) for k in range(26))


@njit(error_model="numpy", inline="always", cache=True)
@variant
def slope_of(x, q):
    """The smooth part's slope by s."""
    p = q[20]
    if DOUBLE:
        p = (((q[32] * x + q[31]) * x + q[30]) * x + q[29]) * x + q[28]
        p = (((p * x + q[27]) * x + q[26]) * x + q[25]) * x + q[24]
        p = (((p * x + q[23]) * x + q[22]) * x + q[21]) * x + q[20]
    p = (((p * x + q[19]) * x + q[18]) * x + q[17]) * x + q[16]
    p = (((p * x + q[15]) * x + q[14]) * x + q[13]) * x + q[12]
    return (((p * x + q[11]) * x + q[10]) * x + q[9]) * x + q[8]


@njit(error_model="numpy", inline="always", cache=True)
@variant
def bend_of(x, q):
    """The derivative of `slope_of` by x."""
    p = K[12] * q[20]
    if DOUBLE:
        p = ((K[24] * q[32] * x + K[23] * q[31]) * x + K[22] * q[30]) * x + K[21] * q[29]
        p = ((p * x + K[20] * q[28]) * x + K[19] * q[27]) * x + K[18] * q[26]
        p = ((p * x + K[17] * q[25]) * x + K[16] * q[24]) * x + K[15] * q[23]
        p = ((p * x + K[14] * q[22]) * x + K[13] * q[21]) * x + K[12] * q[20]
    p = ((p * x + K[11] * q[19]) * x + K[10] * q[18]) * x + K[9] * q[17]
    p = ((p * x + K[8] * q[16]) * x + K[7] * q[15]) * x + K[6] * q[14]
    p = ((p * x + K[5] * q[13]) * x + K[4] * q[12]) * x + K[3] * q[11]
    return (p * x + K[2] * q[10]) * x + q[9]


@njit(error_model="numpy", inline="always", cache=True)
@variant
def area_of(x, q):
    """The integral of `slope_of` over x from 0."""
    p = q[20] / K[13]
    if DOUBLE:
        p = ((q[32] / K[25] * x + q[31] / K[24]) * x + q[30] / K[23]) * x + q[29] / K[22]
        p = ((p * x + q[28] / K[21]) * x + q[27] / K[20]) * x + q[26] / K[19]
        p = ((p * x + q[25] / K[18]) * x + q[24] / K[17]) * x + q[23] / K[16]
        p = ((p * x + q[22] / K[15]) * x + q[21] / K[14]) * x + q[20] / K[13]
    p = ((p * x + q[19] / K[12]) * x + q[18] / K[11]) * x + q[17] / K[10]
    p = ((p * x + q[16] / K[9]) * x + q[15] / K[8]) * x + q[14] / K[7]
    p = ((p * x + q[13] / K[6]) * x + q[12] / K[5]) * x + q[11] / K[4]
    return (((p * x + q[10] / K[3]) * x + q[9] / K[2]) * x + q[8]) * x


@njit(error_model="numpy", inline="always", cache=True)
@variant
def parts(s, q):
    """What all forms are made of, for strength = 1; one text, so that all give the same bits."""
    inside = REAL(1.0) if s < q[2] else REAL(0.0)
    near = s if s < q[2] else q[2]
    r = np.sqrt(near)
    inverse = REAL(1.0) / r
    x = near * q[3] - REAL(1.0)
    shift = q[5] + q[6] * (r - q[1])
    half = REAL(0.5) * inverse
    g = inside * (-half * (inverse * inverse + shift) - slope_of(x, q))
    return inside, r, inverse, x, shift, half, g


@njit(error_model="numpy", inline="always")
def energy(s, q):
    inside, r, inverse, x, _, _, g = parts(s, q)
    away = r - q[1]
    shifts = q[4] + (q[5] + REAL(0.5) * q[6] * away) * away
    u = inside * (inverse - (q[7] + area_of(x, q) / q[3]) - shifts)
    return q[0] * u, q[0] * g, u


@njit(error_model="numpy", inline="always")
def first(s, q):
    return q[0] * parts(s, q)[6]


@njit(error_model="numpy", inline="always")
def second(s, q):
    inside, _, inverse, x, shift, half, g = parts(s, q)
    curve = inverse * (REAL(3.0) * inverse * inverse + shift) - q[6]
    return q[0] * g, q[0] * inside * (half * half * curve - bend_of(x, q) * q[3]), g
