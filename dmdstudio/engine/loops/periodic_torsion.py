"""Form of `potentials.periodic_torsion`; numbers: barrier k, phase d, multiplicity n.

A template for `kernels.load`; see `bonded` for what the forms are. U = k (1 + cos(n phi - d)).
"""

# pyright: reportUndefinedVariable=false
from __future__ import annotations

import math

from numba import njit


@njit(error_model="numpy", inline="always", cache=True)
@variant
def parts(a, b, c, q):
    """What both forms are made of; one text, so that both give the same bits."""
    found = dihedral(a, b, c)
    turn = q[2] * found[0] - q[1]
    sine, cosine = REAL(math.sin(turn)), REAL(math.cos(turn))
    return found, sine, cosine, q[0] * q[2] * sine


@njit(error_model="numpy", inline="always")
def first(a, b, c, q):
    found, _, _, m = parts(a, b, c, q)
    return torques(found, m)


@njit(error_model="numpy", inline="always")
def second(a, b, c, ea, eb, ec, q):
    found, sine, cosine, m = parts(a, b, c, q)
    turn = turning(found, a, b, c, ea, eb, ec)
    along = turn[0]
    fa, fb, fc = torques(found, m)
    ga, gb, gc = turned_torques(found, turn, m, q[0] * q[2] * q[2] * cosine * along)
    by = (
        q[2] * sine * along,
        -q[0] * q[2] * cosine * along,
        q[0] * (sine + q[2] * found[0] * cosine) * along,
    )
    return fa, fb, fc, ga, gb, gc, by
