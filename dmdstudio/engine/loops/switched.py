"""A radial form switched to zero at its cutoff, of a form that is not: a template for `kernels`.

The core, set beforehand, gives of the squared distance s and the numbers q of a pair

* ``parts(s, q)``: u, g = du/ds, and whatever `curve` wants besides;
* ``curve(parts, s, q)``: dg/ds, the tuple of du/dq, and the tuple of dg/dq.

Constants: q[COUNT] is the start of the switch, q[COUNT + 1] the inverse of its width; others, of
the core, come after them. The switch is S(x) = 1 - 10 x^3 + 15 x^4 - 6 x^5.
"""

# pyright: reportUndefinedVariable=false, reportRedeclaration=false
from __future__ import annotations

import numpy as np
from numba import njit


@njit(error_model="numpy", inline="always", cache=True)
@variant
def switched(s, q):
    """What all forms are made of; one text, so that all give the same bits."""
    found = parts(s, q)
    r = np.sqrt(s)
    half_width = q[COUNT + 1] * REAL(0.5) / r  # dx/ds
    x = (r - q[COUNT]) * q[COUNT + 1]
    x = x if x > REAL(0.0) else REAL(0.0)
    x = x if x < REAL(1.0) else REAL(1.0)
    y = REAL(1.0) - x
    switch = REAL(1.0) + x * x * x * (REAL(-10.0) + x * (REAL(15.0) - REAL(6.0) * x))
    slope = REAL(-30.0) * x * x * y * y * half_width
    return found, half_width, x, y, switch, slope, found[1] * switch + found[0] * slope


if COUNT == 3:

    @njit(error_model="numpy", inline="always")
    def blend(a, x, b, y):
        """Return x a + y b of two tuples."""
        return x * a[0] + y * b[0], x * a[1] + y * b[1], x * a[2] + y * b[2]

elif COUNT == 4:

    @njit(error_model="numpy", inline="always")
    def blend(a, x, b, y):
        """Return x a + y b of two tuples."""
        return (
            x * a[0] + y * b[0],
            x * a[1] + y * b[1],
            x * a[2] + y * b[2],
            x * a[3] + y * b[3],
        )


@njit(error_model="numpy", inline="always")
def energy(s, q):
    found, _, _, _, switch, _, total = switched(s, q)
    _, by, _ = curve(found, s, q)
    return (found[0] * switch, total, *blend(by, switch, by, REAL(0.0)))


@njit(error_model="numpy", inline="always")
def first(s, q):
    return switched(s, q)[6]


@njit(error_model="numpy", inline="always")
def second(s, q):
    found, half_width, x, y, switch, slope, total = switched(s, q)
    bend = REAL(-60.0) * x * y * (y - x) * half_width * half_width - slope * REAL(0.5) / s
    bent, by, slope_by = curve(found, s, q)
    curvature = bent * switch + REAL(2.0) * found[1] * slope + found[0] * bend
    return (total, curvature, *blend(slope_by, switch, by, slope))
