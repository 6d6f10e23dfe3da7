"""Form of `potentials.improper`; numbers: stiffness k.

A template for `kernels.load`; see `bonded` for what the forms are. U = k/6 psi^2, three times for
an improper.
"""

# pyright: reportUndefinedVariable=false
from __future__ import annotations

from numba import njit

THIRD = REAL(1.0 / 3.0)


@njit(error_model="numpy", inline="always", cache=True)
@variant
def parts(a, b, c, q):
    """What both forms are made of; one text, so that both give the same bits."""
    found = dihedral(a, b, c)
    return found, -THIRD * q[0] * found[0]


@njit(error_model="numpy", inline="always")
def first(a, b, c, q):
    found, m = parts(a, b, c, q)
    return torques(found, m)


@njit(error_model="numpy", inline="always")
def second(a, b, c, ea, eb, ec, q):
    found, m = parts(a, b, c, q)
    turn = turning(found, a, b, c, ea, eb, ec)
    fa, fb, fc = torques(found, m)
    ga, gb, gc = turned_torques(found, turn, m, -THIRD * q[0] * turn[0])
    return fa, fb, fc, ga, gb, gc, (-THIRD * found[0] * turn[0],)
