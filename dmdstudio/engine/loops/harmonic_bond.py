"""Form of `potentials.harmonic_bond`; numbers: length, stiffness.

A template for `kernels.load`, which sets ``REAL`` and ``variant``; see `bonded` for what the forms
are. F = m d on the second atom, m = -k (r - r_0)/r.
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
    m = -q[1] * (r - q[0]) * inverse
    return r, inverse, m, (m * d[0], m * d[1], m * d[2])


@njit(error_model="numpy", inline="always")
def first(d, q):
    return parts(d, q)[3]


@njit(error_model="numpy", inline="always")
def second(d, e, q):
    r, inverse, m, f = parts(d, q)
    stretch = (d[0] * e[0] + d[1] * e[1] + d[2] * e[2]) * inverse  # of r, along e
    n = -q[1] * q[0] * inverse * inverse * stretch  # of m
    moved = (n * d[0] + m * e[0], n * d[1] + m * e[1], n * d[2] + m * e[2])
    return f, moved, (q[1] * stretch, (q[0] - r) * stretch)
