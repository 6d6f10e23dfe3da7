"""Radial form of `potentials.pair_spline`; numbers: COUNT coefficients of cubic B-splines.

A template for `kernels.load`, which sets ``REAL``, ``COUNT`` and ``variant``. Constants: the first
knot a and the inverse of the distance h between knots. At x = (r - a)/h, from 0 to COUNT - 3, four
coefficients count, those of the last knot and the two beyond it being zero; below 0 the energy goes
on as a straight line. `loops.spline_pairs` sums with `weights` alone; the three functions here are
what its sums are tried against.
"""

# pyright: reportUndefinedVariable=false
from __future__ import annotations

import numpy as np
from numba import njit


@njit(error_model="numpy", inline="always", cache=True)
@variant
def weights(s, a, per_h):
    """Return the place of the first coefficient, and the weights of four in u, u' and u''."""
    last = REAL(COUNT - 3)
    r = np.sqrt(s)
    x = (r - a) * per_h
    inside = REAL(1.0) if x < last else REAL(0.0)
    below = x if x < REAL(0.0) else REAL(0.0)
    x = x if x > REAL(0.0) else REAL(0.0)
    x = x if x < last else REAL(0.0)
    place = np.int64(x)
    t = x - REAL(place)
    y = REAL(1.0) - t
    half, sixth = REAL(0.5) * inside, REAL(1.0 / 6.0) * inside
    one, two, three, four = REAL(1.0), REAL(2.0), REAL(3.0), REAL(4.0)
    slope = (
        -half * y * y * per_h,
        half * t * (three * t - four) * per_h,
        half * (one + t * (two - three * t)) * per_h,
        half * t * t * per_h,
    )
    line = below / per_h
    value = (
        sixth * y * y * y + line * slope[0],
        sixth * (four + t * t * (three * t - REAL(6.0))) + line * slope[1],
        sixth * (one + three * t * (one + t * (one - t))) + line * slope[2],
        sixth * t * t * t + line * slope[3],
    )
    curved = inside * per_h * per_h if below == REAL(0.0) else REAL(0.0)
    curve = (curved * y, curved * (three * t - two), curved * (one - three * t), curved * t)
    return r, place, value, slope, curve


@njit(error_model="numpy", inline="always", cache=True)
@variant
def sloped(half, slope, p, q, v, w):
    """Return du/ds of four coefficients; half is 1/2r."""
    return half * (slope[0] * p + slope[1] * q + slope[2] * v + slope[3] * w)


def spread(place, four):
    """Return four numbers at their place among COUNT."""
    return tuple(four[k - place] if 0 <= k - place < 4 else REAL(0.0) for k in range(COUNT))


def energy(s, q):
    _, place, value, _, _ = weights(s, q[COUNT], q[COUNT + 1])
    u = sum(value[k] * q[place + k] for k in range(4))
    return u, first(s, q), *spread(place, value)


def first(s, q):
    r, place, _, slope, _ = weights(s, q[COUNT], q[COUNT + 1])
    return sloped(REAL(0.5) / r, slope, q[place], q[place + 1], q[place + 2], q[place + 3])


def second(s, q):
    r, place, _, slope, curve = weights(s, q[COUNT], q[COUNT + 1])
    g = first(s, q)
    bent = sum(curve[k] * q[place + k] for k in range(4))
    half = REAL(0.5) / r
    return g, half * half * (bent - REAL(2.0) * g), *spread(place, [half * w for w in slope])
