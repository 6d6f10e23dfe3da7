"""The dihedral angle of three vectors in a chain, for forms: a template for `kernels.load`.

With m = a x b and n = b x c, the angle is phi = atan2(|b| a.n, m.n), and

    dphi/da = |b| m/m^2,  dphi/dc = |b| n/n^2,
    dphi/db = -(a.b/b^2) dphi/da - (c.b/b^2) dphi/dc

(H. Bekker, PhD thesis, Groningen (1996)). Bends of three atoms in a row have no dihedral angle;
m^2 and n^2 are held above a tiny number.
"""

# pyright: reportUndefinedVariable=false
from __future__ import annotations

import math

import numpy as np
from numba import njit

TINY = REAL(1e-12)


@njit(error_model="numpy", inline="always")
def dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(error_model="numpy", inline="always")
def blend(x, a, y, b):
    return x * a[0] + y * b[0], x * a[1] + y * b[1], x * a[2] + y * b[2]


@njit(error_model="numpy", inline="always")
def cross(a, b):
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@njit(error_model="numpy", inline="always", cache=True)
@variant
def dihedral(a, b, c):
    """Return the angle, and what its slopes are made of: those by a, b and c come first."""
    m, n = cross(a, b), cross(b, c)
    mm, nn, bb = dot(m, m), dot(n, n), dot(b, b)
    mm = mm if mm > TINY else TINY
    nn = nn if nn > TINY else TINY
    size = np.sqrt(bb)
    angle = REAL(math.atan2(size * dot(a, n), dot(m, n)))
    x, z = size / mm, size / nn
    by_a, by_c = blend(x, m, REAL(0.0), m), blend(z, n, REAL(0.0), n)
    p, q = dot(a, b) / bb, dot(c, b) / bb
    by_b = blend(-p, by_a, -q, by_c)
    return angle, by_a, by_b, by_c, m, n, mm, nn, bb, size, x, z, p, q


@njit(error_model="numpy", inline="always", cache=True)
@variant
def turning(found, a, b, c, ea, eb, ec):
    """Return how the angle, and its slopes by a, b and c, change along displacements of them."""
    _, by_a, by_b, by_c, m, n, mm, nn, bb, size, x, z, p, q = found
    one, two = REAL(1.0), REAL(2.0)
    dm = blend(one, cross(ea, b), one, cross(a, eb))
    dn = blend(one, cross(eb, c), one, cross(b, ec))
    longer = dot(b, eb) / size
    dx = longer / mm - x * two * dot(m, dm) / mm
    dz = longer / nn - z * two * dot(n, dn) / nn
    da, dc = blend(dx, m, x, dm), blend(dz, n, z, dn)
    dp = (dot(ea, b) + dot(a, eb)) / bb - p * two * longer / size
    dq = (dot(ec, b) + dot(c, eb)) / bb - q * two * longer / size
    one_side, other = blend(-dp, by_a, -p, da), blend(-dq, by_c, -q, dc)
    along = dot(by_a, ea) + dot(by_b, eb) + dot(by_c, ec)
    return along, da, blend(one, one_side, one, other), dc


@njit(error_model="numpy", inline="always")
def torques(found, m):
    """Return m times the slopes of the angle: the forces, where m is minus the energy's slope."""
    by_a, by_b, by_c = found[1], found[2], found[3]
    zero = REAL(0.0)
    return blend(m, by_a, zero, by_a), blend(m, by_b, zero, by_b), blend(m, by_c, zero, by_c)


@njit(error_model="numpy", inline="always")
def turned_torques(found, turn, m, n):
    """Return how `torques` change, with n the change of m."""
    by_a, by_b, by_c = found[1], found[2], found[3]
    _, da, db, dc = turn
    return blend(n, by_a, m, da), blend(n, by_b, m, db), blend(n, by_c, m, dc)
