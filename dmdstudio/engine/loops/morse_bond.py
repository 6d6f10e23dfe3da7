"""Form of `potentials.morse_bond`; numbers: depth, decay, length.

A template for `kernels.load`; see `bonded` for what the forms are. U = D (1 - e)^2,
e = exp(-a (r - r_0)); F = m d on the second atom, m = -2 D a e (1 - e)/r.
"""

# pyright: reportUndefinedVariable=false
from __future__ import annotations

import numpy as np
from numba import njit


@njit(error_model="numpy", inline="always", cache=True)
@variant
def parts(d, q):
    """What both forms are made of; one text, so that both give the same bits."""
    r = np.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
    inverse = REAL(1.0) / r
    away = r - q[2]
    e = exponential(-q[1] * away)
    slope = REAL(2.0) * q[0] * q[1] * e * (REAL(1.0) - e)
    m = -slope * inverse
    return inverse, away, e, slope, m, (m * d[0], m * d[1], m * d[2])


@njit(error_model="numpy", inline="always")
def first(d, q):
    return parts(d, q)[5]


@njit(error_model="numpy", inline="always")
def second(d, e, q):
    inverse, away, x, slope, m, f = parts(d, q)
    stretch = (d[0] * e[0] + d[1] * e[1] + d[2] * e[2]) * inverse  # of r, along e
    two, one = REAL(2.0), REAL(1.0)
    bend = x * (two * x - one)
    curvature = two * q[0] * q[1] * q[1] * bend
    n = (slope * inverse - curvature) * inverse * stretch  # of m
    moved = (n * d[0] + m * e[0], n * d[1] + m * e[1], n * d[2] + m * e[2])
    by = (
        -two * q[1] * x * (one - x) * stretch,
        -two * q[0] * (x * (one - x) + q[1] * away * bend) * stretch,
        curvature * stretch,
    )
    return f, moved, by
