"""Form of `third_neighbours.ThirdLennardJones`; numbers: sigma, epsilon.

A template for `kernels.load`; see `bonded` for what the forms are. With s = d.d and
p = (sigma^2/s)^3, F = m d on the second atom, m = 24 epsilon p (2 p - 1)/s.
"""

# pyright: reportUndefinedVariable=false
from __future__ import annotations

from numba import njit


@njit(error_model="numpy", inline="always", cache=True)
@variant
def parts(d, q):
    """What both forms are made of; one text, so that both give the same bits."""
    inverse = REAL(1.0) / (d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
    ratio = q[0] * q[0] * inverse
    p = ratio * ratio * ratio
    unit = REAL(24.0) * p * (p + p - REAL(1.0)) * inverse
    m = q[1] * unit
    return inverse, ratio, p, unit, m, (m * d[0], m * d[1], m * d[2])


@njit(error_model="numpy", inline="always")
def first(d, q):
    return parts(d, q)[5]


@njit(error_model="numpy", inline="always")
def second(d, e, q):
    inverse, ratio, p, unit, m, f = parts(d, q)
    along = d[0] * e[0] + d[1] * e[1] + d[2] * e[2]
    n = REAL(-48.0) * q[1] * p * (REAL(14.0) * p - REAL(4.0)) * inverse * inverse * along
    by_sigma = REAL(144.0) * q[0] * inverse * ratio * ratio * (REAL(4.0) * p - REAL(1.0)) * inverse
    moved = (n * d[0] + m * e[0], n * d[1] + m * e[1], n * d[2] + m * e[2])
    return f, moved, (q[1] * by_sigma * along, unit * along)
