"""Radial form of `potentials.lennard_jones`; numbers: sigma, epsilon, switch start, 1/width.

A template for `kernels.load`, which sets ``REAL``. ``first(s, q)`` is g = du/ds of the squared
distance s; ``second(s, q)`` is (g, dg/ds, dg/dsigma, dg/depsilon). Both write g as the same
expression, without branches, and give 0 far away.
"""

# pyright: reportUndefinedVariable=false
from __future__ import annotations

import numpy as np
from numba import njit


@njit(error_model="numpy", inline="always", cache=True)
@variant
def parts(s, q):
    """What both forms are made of; one text, so that both give the same bits."""
    inverse = REAL(1.0) / s
    ratio = q[0] * q[0] * inverse
    power = ratio * ratio * ratio
    four = REAL(4.0) * q[1]
    u = four * (power * power - power)
    g = REAL(-3.0) * four * (power + power - REAL(1.0)) * power * inverse
    half_width = q[3] * REAL(0.5) / np.sqrt(s)  # dx/ds
    x = (np.sqrt(s) - q[2]) * q[3]
    x = x if x > REAL(0.0) else REAL(0.0)
    x = x if x < REAL(1.0) else REAL(1.0)
    y = REAL(1.0) - x
    switch = REAL(1.0) + x * x * x * (REAL(-10.0) + x * (REAL(15.0) - REAL(6.0) * x))
    slope = REAL(-30.0) * x * x * y * y * half_width
    return inverse, power, four, u, g, half_width, x, y, switch, slope


@njit(error_model="numpy", inline="always")
def first(s, q):
    _, _, _, u, g, _, _, _, switch, slope = parts(s, q)
    return g * switch + u * slope


@njit(error_model="numpy", inline="always")
def second(s, q):
    inverse, power, four, u, g, half_width, x, y, switch, slope = parts(s, q)
    total = g * switch + u * slope
    # d/ds of g, of the switch's slope, and of the whole
    g_s = (REAL(3.0) * four * power * inverse * inverse) * (REAL(14.0) * power - REAL(4.0))
    slope_s = REAL(-60.0) * x * y * (y - x) * half_width * half_width - slope * REAL(0.5) * inverse
    curvature = g_s * switch + REAL(2.0) * g * slope + u * slope_s
    # power = (sigma^2/s)^3, so d power/d sigma = 6 power / sigma
    per_sigma = REAL(1.0) / q[0]
    u_sigma = four * power * (REAL(12.0) * power - REAL(6.0)) * per_sigma
    g_sigma = REAL(-18.0) * four * (REAL(4.0) * power - REAL(1.0)) * power * inverse * per_sigma
    by_sigma = g_sigma * switch + u_sigma * slope
    by_epsilon = total / q[1]
    return total, curvature, by_sigma, by_epsilon
