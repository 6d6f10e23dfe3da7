"""Radial form of `potentials.lennard_jones`; numbers: sigma, epsilon, switch start, 1/width.

A template for `kernels.load`, which sets ``REAL`` and ``variant``; see `kernels` for what the
forms are. Sigma and epsilon may be zero: nothing is divided by them.
"""

# pyright: reportUndefinedVariable=false
from __future__ import annotations

import numpy as np
from numba import njit


@njit(error_model="numpy", inline="always", cache=True)
@variant
def parts(s, q):
    """What all forms are made of, for epsilon = 1; one text, so that all give the same bits."""
    inverse = REAL(1.0) / s
    r = np.sqrt(s)
    ratio = q[0] * q[0] * inverse
    power = ratio * ratio * ratio
    u = REAL(4.0) * power * (power - REAL(1.0))
    g = REAL(-12.0) * (power + power - REAL(1.0)) * power * inverse
    half_width = q[3] * REAL(0.5) * (r * inverse)  # dx/ds
    x = (r - q[2]) * q[3]
    x = x if x > REAL(0.0) else REAL(0.0)
    x = x if x < REAL(1.0) else REAL(1.0)
    y = REAL(1.0) - x
    switch = REAL(1.0) + x * x * x * (REAL(-10.0) + x * (REAL(15.0) - REAL(6.0) * x))
    slope = REAL(-30.0) * x * x * y * y * half_width
    total = g * switch + u * slope
    return inverse, ratio, power, u, g, half_width, x, y, switch, slope, total


@njit(error_model="numpy", inline="always")
def sigma_slopes(inverse, ratio, power, q):
    """Return d u/d sigma and d g/d sigma for epsilon = 1; power = (sigma^2/s)^3."""
    by_sigma = REAL(6.0) * q[0] * inverse * ratio * ratio
    u_sigma = REAL(4.0) * (power + power - REAL(1.0)) * by_sigma
    g_sigma = REAL(-12.0) * (REAL(4.0) * power - REAL(1.0)) * inverse * by_sigma
    return u_sigma, g_sigma


@njit(error_model="numpy", inline="always")
def energy(s, q):
    inverse, ratio, power, u, _, _, _, _, switch, _, total = parts(s, q)
    u_sigma, _ = sigma_slopes(inverse, ratio, power, q)
    return q[1] * u * switch, q[1] * total, q[1] * u_sigma * switch, u * switch


@njit(error_model="numpy", inline="always")
def first(s, q):
    return q[1] * parts(s, q)[10]


@njit(error_model="numpy", inline="always")
def second(s, q):
    inverse, ratio, power, u, g, half_width, x, y, switch, slope, total = parts(s, q)
    # d/ds of g, of the switch's slope, and of the whole
    g_s = (REAL(12.0) * power * inverse * inverse) * (REAL(14.0) * power - REAL(4.0))
    slope_s = REAL(-60.0) * x * y * (y - x) * half_width * half_width - slope * REAL(0.5) * inverse
    curvature = g_s * switch + REAL(2.0) * g * slope + u * slope_s
    u_sigma, g_sigma = sigma_slopes(inverse, ratio, power, q)
    by_sigma = q[1] * (g_sigma * switch + u_sigma * slope)
    return q[1] * total, q[1] * curvature, by_sigma, total
