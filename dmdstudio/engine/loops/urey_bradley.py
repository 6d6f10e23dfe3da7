"""Form of `potentials.urey_bradley`; numbers: distance, stiffness.

A template for `kernels.load`; see `bonded` for what the forms are. With d = b - a from one end to
the other, the force on the other is m d, m = -k (|d| - d_0)/|d|.
"""

# pyright: reportUndefinedVariable=false
from __future__ import annotations

import numpy as np
from numba import njit


@njit(error_model="numpy", inline="always", cache=True)
@variant
def parts(a, b, q):
    """What both forms are made of; one text, so that both give the same bits."""
    d = (b[0] - a[0], b[1] - a[1], b[2] - a[2])
    r = np.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
    inverse = REAL(1.0) / r
    m = -q[1] * (r - q[0]) * inverse
    return d, r, inverse, m, (m * d[0], m * d[1], m * d[2])


@njit(error_model="numpy", inline="always")
def opposite(f):
    return -f[0], -f[1], -f[2]


@njit(error_model="numpy", inline="always")
def first(a, b, q):
    f = parts(a, b, q)[4]
    return opposite(f), f


@njit(error_model="numpy", inline="always")
def second(a, b, ea, eb, q):
    d, r, inverse, m, f = parts(a, b, q)
    e = (eb[0] - ea[0], eb[1] - ea[1], eb[2] - ea[2])
    stretch = (d[0] * e[0] + d[1] * e[1] + d[2] * e[2]) * inverse  # of r, along e
    n = -q[1] * q[0] * inverse * inverse * stretch  # of m
    moved = (n * d[0] + m * e[0], n * d[1] + m * e[1], n * d[2] + m * e[2])
    return opposite(f), f, opposite(moved), moved, (q[1] * stretch, (q[0] - r) * stretch)
