"""Core of `potentials.mie`: u = a r^-n - b r^-m; numbers: a, n, b, m.

A template for `kernels.load`; see `loops.switched` for what a core is.
"""

# pyright: reportUndefinedVariable=false
from __future__ import annotations

from numba import njit


@njit(error_model="numpy", inline="always", cache=True)
@variant
def parts(s, q):
    half = REAL(0.5)
    inverse = REAL(1.0) / s
    log = half * logarithm(s)  # of r
    p, t = exponential(-q[1] * log), exponential(-q[3] * log)
    g = half * inverse * (q[3] * q[2] * t - q[1] * q[0] * p)
    return q[0] * p - q[2] * t, g, inverse, log, p, t


@njit(error_model="numpy", inline="always")
def curve(found, s, q):
    _, _, inverse, log, p, t = found
    half, one = REAL(0.5), REAL(1.0)
    n, m = half * q[1], half * q[3]
    g_s = inverse * inverse * (n * (n + one) * q[0] * p - m * (m + one) * q[2] * t)
    by = (p, -q[0] * log * p, -t, q[2] * log * t)
    slope_by = (
        -n * inverse * p,
        q[0] * half * inverse * p * (q[1] * log - one),
        m * inverse * t,
        -q[2] * half * inverse * t * (q[3] * log - one),
    )
    return g_s, by, slope_by
