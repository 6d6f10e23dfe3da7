"""Sums over the bonds, angles or torsions of a replica, and their entries: a template for `bonded`.

The form, set beforehand, gives ``first`` and ``second``; ATOMS is 2 for bonds, 3 for angles, 4 for
torsions and impropers.

Names: ``table`` [kind, COUNT] the refinable numbers, ``h`` the cell by rows over the lattice size
[9], ``members`` [term, ATOMS + 1] atoms (of an angle the centre in the middle) and kind.
"""

# pyright: reportUndefinedVariable=false, reportAttributeAccessIssue=false
# pyright: reportPrivateImportUsage=false, reportCallIssue=false
from __future__ import annotations

import numpy as np
from numba import carray, cfunc, njit, types
from numba.np.unsafe.ndarray import to_fixed_tuple


@njit(error_model="numpy", inline="always")
def vector(lattice, i, j, h):
    """Return r_j - r_i by the minimum image, angstrom."""
    a = REAL(INTEGER(lattice[j, 0] - lattice[i, 0]))
    b = REAL(INTEGER(lattice[j, 1] - lattice[i, 1]))
    c = REAL(INTEGER(lattice[j, 2] - lattice[i, 2]))
    return (
        a * h[0] + b * h[3] + c * h[6],
        a * h[1] + b * h[4] + c * h[7],
        a * h[2] + b * h[5] + c * h[8],
    )


@njit(error_model="numpy", inline="always")
def difference(w, i, j):
    return w[j, 0] - w[i, 0], w[j, 1] - w[i, 1], w[j, 2] - w[i, 2]


@njit(error_model="numpy", inline="always")
def push(out, end, other, f):
    """Add a force to an end and take it from the atom that it is held by."""
    for k in range(3):
        out[end, k] += f[k]
        out[other, k] -= f[k]


@njit(error_model="numpy", cache=True)
@variant
def force(lattice, table, h, members, out):
    out[:] = REAL(0.0)
    for m in range(members.shape[0]):
        i, j = members[m, 0], members[m, 1]
        q = to_fixed_tuple(table[members[m, ATOMS]], COUNT)
        if ATOMS == 2:
            push(out, j, i, first(vector(lattice, i, j, h), q))
        elif ATOMS == 4:
            k, l = members[m, 2], members[m, 3]  # noqa: E741
            a, b, c = vector(lattice, i, j, h), vector(lattice, j, k, h), vector(lattice, k, l, h)
            fa, fb, fc = first(a, b, c, q)
            push(out, j, i, fa)
            push(out, k, j, fb)
            push(out, l, k, fc)
        else:
            k = members[m, 2]
            one, other = first(vector(lattice, j, i, h), vector(lattice, j, k, h), q)
            push(out, i, j, one)
            push(out, k, j, other)


@njit(error_model="numpy", cache=True)
@variant
def pull(lattice, table, h, members, w, out, position, slopes):
    out[:] = REAL(0.0)
    position[:] = REAL(0.0)
    slopes[:] = REAL(0.0)
    for m in range(members.shape[0]):
        i, j, kind = members[m, 0], members[m, 1], members[m, ATOMS]
        q = to_fixed_tuple(table[kind], COUNT)
        if ATOMS == 2:
            f, g, by = second(vector(lattice, i, j, h), difference(w, i, j), q)
            push(out, j, i, f)
            push(position, j, i, g)
        elif ATOMS == 4:
            k, l = members[m, 2], members[m, 3]  # noqa: E741
            fa, fb, fc, ga, gb, gc, by = second(
                vector(lattice, i, j, h), vector(lattice, j, k, h), vector(lattice, k, l, h),
                difference(w, i, j), difference(w, j, k), difference(w, k, l), q,
            )  # fmt: skip
            push(out, j, i, fa)
            push(out, k, j, fb)
            push(out, l, k, fc)
            push(position, j, i, ga)
            push(position, k, j, gb)
            push(position, l, k, gc)
        else:
            k = members[m, 2]
            one, other, g, g_other, by = second(
                vector(lattice, j, i, h), vector(lattice, j, k, h),
                difference(w, j, i), difference(w, j, k), q,
            )  # fmt: skip
            push(out, i, j, one)
            push(out, k, j, other)
            push(position, i, j, g)
            push(position, k, j, g_other)
        for c in range(COUNT):
            slopes[kind, c] += by[c]


# --------------------------------------------------------------------------- entries for XLA


@njit(cache=True)
@variant
def system_of(inputs, batch, n):
    """Return what every entry is handed, each with the replica first."""
    return (
        carray(data(inputs, 0), (batch, n, 3), INTEGER),
        carray(data(inputs, 1), (batch, length(inputs, 1, 2), COUNT), REAL),
        carray(data(inputs, 2), (batch, 9), REAL),
        carray(data(inputs, 3), (batch, length(inputs, 3, 2), ATOMS + 1), np.int32),
    )


@cfunc(types.intp(types.intp), cache=True)
@variant
def force_entry(address):
    frame = words(address, 20)
    if asks_metadata(frame):
        return 0
    inputs, outputs = words(frame[9], 4), words(frame[14], 1)
    batch, n = batch_of(inputs, 2), length(inputs, 0, 2)
    lattice, table, h, members = system_of(inputs, batch, n)
    out = carray(data(outputs, 0), (batch, n, 3), REAL)
    for b in range(batch):
        force(lattice[b], table[b], to_fixed_tuple(h[b], 9), members[b], out[b])
    return 0


@cfunc(types.intp(types.intp), cache=True)
@variant
def pull_entry(address):
    frame = words(address, 20)
    if asks_metadata(frame):
        return 0
    inputs, outputs = words(frame[9], 5), words(frame[14], 3)
    batch, n = batch_of(inputs, 2), length(inputs, 0, 2)
    lattice, table, h, members = system_of(inputs, batch, n)
    w = carray(data(inputs, 4), (batch, n, 3), REAL)
    out = carray(data(outputs, 0), (batch, n, 3), REAL)
    position = carray(data(outputs, 1), (batch, n, 3), REAL)
    slopes = carray(data(outputs, 2), table.shape, REAL)
    for b in range(batch):
        pull(
            lattice[b], table[b], to_fixed_tuple(h[b], 9), members[b], w[b],
            out[b], position[b], slopes[b],
        )  # fmt: skip
    return 0
