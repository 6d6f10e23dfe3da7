"""Core of `potentials.morse`: u = d e (e - 2), e = exp(-a (r - r_0)); numbers: d, a, r_0.

A template for `kernels.load`; see `loops.switched` for what a core is.
"""

# pyright: reportUndefinedVariable=false
from __future__ import annotations

import numpy as np
from numba import njit


@njit(error_model="numpy", inline="always", cache=True)
@variant
def parts(s, q):
    r = np.sqrt(s)
    half = REAL(0.5) / r
    away = r - q[2]
    e = exponential(-q[1] * away)
    well = e * (e - REAL(2.0))
    steep = e * (e - REAL(1.0))
    return q[0] * well, REAL(-2.0) * q[0] * q[1] * steep * half, half, away, e, well, steep


@njit(error_model="numpy", inline="always")
def curve(found, s, q):
    _, g, half, away, e, well, steep = found
    two, bent = REAL(2.0), e * (e + e - REAL(1.0))
    g_s = half * half * (two * q[0] * q[1] * q[1] * bent) - two * half * half * g
    by = (well, -two * q[0] * away * steep, two * q[0] * q[1] * steep)
    slope_by = (
        -two * q[1] * steep * half,
        two * q[0] * half * (q[1] * away * bent - steep),
        -two * q[0] * q[1] * q[1] * bent * half,
    )
    return g_s, by, slope_by
