"""Form of `potentials.harmonic_angle`; numbers: angle, stiffness.

A template for `kernels.load`, which sets ``REAL`` and ``variant``; see `bonded` for what the forms
are. a and b point from the centre to the ends; with c = a.b and s = |a x b|, the angle is
atan2(s, c), its slope by a is (c a/|a|^2 - b)/s, and the force on that end is m times the slope,
m = -k (angle - angle_0).
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
    x = a[1] * b[2] - a[2] * b[1]
    y = a[2] * b[0] - a[0] * b[2]
    z = a[0] * b[1] - a[1] * b[0]
    s = np.sqrt(x * x + y * y + z * z)
    s = s if s > REAL(1e-12) else REAL(1e-12)  # three atoms in a row
    c = dot(a, b)
    angle = REAL(math.atan2(s, c))
    inverse = REAL(1.0) / s
    by_a = blend(c / dot(a, a) * inverse, a, -inverse, b)
    by_b = blend(c / dot(b, b) * inverse, b, -inverse, a)
    m = -q[1] * (angle - q[0])
    return c, angle, inverse, by_a, by_b, m


@njit(error_model="numpy", inline="always")
def first(a, b, q):
    _, _, _, by_a, by_b, m = parts(a, b, q)
    zero = REAL(0.0)
    return blend(m, by_a, zero, by_a), blend(m, by_b, zero, by_b)


@njit(error_model="numpy", inline="always")
def turned(c, c_along, square, square_along, a, a_along, b_along, by_a, inverse, s_along):
    """Return how the slope by a changes along the direction."""
    ratio = c / square
    of_ratio = (c_along - ratio * square_along) / square
    x = blend(of_ratio * inverse, a, ratio * inverse, a_along)
    y = blend(-inverse, b_along, -s_along * inverse, by_a)
    return x[0] + y[0], x[1] + y[1], x[2] + y[2]


@njit(error_model="numpy", inline="always")
def second(a, b, a_along, b_along, q):
    c, angle, inverse, by_a, by_b, m = parts(a, b, q)
    zero = REAL(0.0)
    aa, bb = dot(a, a), dot(b, b)
    aa_along, bb_along = REAL(2.0) * dot(a, a_along), REAL(2.0) * dot(b, b_along)
    c_along = dot(a, b_along) + dot(b, a_along)
    half = REAL(0.5) * inverse  # s^2 = |a|^2 |b|^2 - c^2
    s_along = half * (aa_along * bb + aa * bb_along - REAL(2.0) * c * c_along)
    one = turned(c, c_along, aa, aa_along, a, a_along, b_along, by_a, inverse, s_along)
    other = turned(c, c_along, bb, bb_along, b, b_along, a_along, by_b, inverse, s_along)
    opening = dot(by_a, a_along) + dot(by_b, b_along)
    n = -q[1] * opening
    return (
        blend(m, by_a, zero, by_a),
        blend(m, by_b, zero, by_b),
        blend(n, by_a, m, one),
        blend(n, by_b, m, other),
        (q[1] * opening, (q[0] - angle) * opening),
    )
