"""Form of `third_neighbours.ThirdCharges`; numbers: strength.

A template for `kernels.load`; see `bonded` for what the forms are. F = m d on the second atom,
m = strength/r^3.
"""

# pyright: reportUndefinedVariable=false
from __future__ import annotations

import numpy as np
from numba import njit


@njit(error_model="numpy", inline="always", cache=True)
@variant
def parts(d, q):
    """What both forms are made of; one text, so that both give the same bits."""
    inverse = REAL(1.0) / (d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
    unit = inverse * np.sqrt(inverse)
    m = q[0] * unit
    return inverse, unit, m, (m * d[0], m * d[1], m * d[2])


@njit(error_model="numpy", inline="always")
def first(d, q):
    return parts(d, q)[3]


@njit(error_model="numpy", inline="always")
def second(d, e, q):
    inverse, unit, m, f = parts(d, q)
    along = d[0] * e[0] + d[1] * e[1] + d[2] * e[2]
    n = REAL(-3.0) * m * inverse * along
    moved = (n * d[0] + m * e[0], n * d[1] + m * e[1], n * d[2] + m * e[2])
    return f, moved, (unit * along,)
