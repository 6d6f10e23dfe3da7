"""Form of `potentials.cosine_angle`; numbers: angle, stiffness.

A template for `kernels.load`; see `bonded` for what the forms are. a and b point from the centre to
the ends; with c the cosine between them, the force on an end is m times c's slope,
m = -k (c - cos(angle_0)).
"""

# pyright: reportUndefinedVariable=false
from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(error_model="numpy", inline="always")
def dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(error_model="numpy", inline="always")
def blend(x, a, y, b):
    return x * a[0] + y * b[0], x * a[1] + y * b[1], x * a[2] + y * b[2]


@njit(error_model="numpy", inline="always", cache=True)
@variant
def parts(a, b, q):
    """What both forms are made of; one text, so that both give the same bits."""
    x, y = REAL(1.0) / np.sqrt(dot(a, a)), REAL(1.0) / np.sqrt(dot(b, b))
    c = dot(a, b) * x * y
    by_a, by_b = blend(x * y, b, -c * x * x, a), blend(x * y, a, -c * y * y, b)
    m = -q[1] * (c - REAL(math.cos(q[0])))
    return x, y, c, by_a, by_b, m


@njit(error_model="numpy", inline="always")
def first(a, b, q):
    _, _, _, by_a, by_b, m = parts(a, b, q)
    zero = REAL(0.0)
    return blend(m, by_a, zero, by_a), blend(m, by_b, zero, by_b)


@njit(error_model="numpy", inline="always")
def turned(x, y, dx, dy, c, dc, a, b, ea, eb):
    """Return how the slope by a changes along the direction."""
    one = blend(x * y, eb, dx * y + x * dy, b)
    other = blend(-c * x * x, ea, -dc * x * x - REAL(2.0) * c * x * dx, a)
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


@njit(error_model="numpy", inline="always")
def second(a, b, ea, eb, q):
    x, y, c, by_a, by_b, m = parts(a, b, q)
    zero = REAL(0.0)
    dx, dy = -x * x * x * dot(a, ea), -y * y * y * dot(b, eb)
    dc = dot(by_a, ea) + dot(by_b, eb)
    one = turned(x, y, dx, dy, c, dc, a, b, ea, eb)
    other = turned(y, x, dy, dx, c, dc, b, a, eb, ea)
    n = -q[1] * dc
    return (
        blend(m, by_a, zero, by_a),
        blend(m, by_b, zero, by_b),
        blend(n, by_a, m, one),
        blend(n, by_b, m, other),
        (-q[1] * REAL(math.sin(q[0])) * dc, (REAL(math.cos(q[0])) - c) * dc),
    )
