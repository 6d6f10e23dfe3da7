"""Sums over all pairs of one replica, and their entries for XLA: a template for `kernels`.

`kernels.load` runs this file once per variant, with the upper-case names, the radial form and the
functions of `interface` set beforehand. The inner loops run over the atom whose sums are stored, so
that they vectorise without reordering a sum.

Names: ``table`` [type, type, COUNT] the refinable numbers, ``fixed`` [CONSTANTS] the others, ``h``
the cell by rows over the lattice size [9], ``kinds`` the type of every atom, ``left_out`` the
excluded partners of all atoms: those of atom i are ``left_out[left_out[i] : left_out[i + 1]]``.
"""

# pyright: reportUndefinedVariable=false, reportAttributeAccessIssue=false
# pyright: reportPrivateImportUsage=false, reportCallIssue=false
from __future__ import annotations

import numpy as np
from numba import carray, cfunc, njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.unsafe.ndarray import to_fixed_tuple

FAR = 1e12  # squared angstrom, for pairs that do not count: every form is zero there


@njit(error_model="numpy", inline="always")
def vector(a, b, c, h):
    """Lattice steps to angstrom."""
    if ORTHORHOMBIC:
        return REAL(a) * h[0], REAL(b) * h[4], REAL(c) * h[8]
    u, v, w = REAL(a), REAL(b), REAL(c)
    return (
        u * h[0] + v * h[3] + w * h[6],
        u * h[1] + v * h[4] + w * h[7],
        u * h[2] + v * h[5] + w * h[8],
    )


@intrinsic
def column(typing_context, spread, j):
    """Read spread[0, j] ... spread[COUNT - 1, j] as a tuple, in a way that vectorises over j."""

    def code(context, builder, signature, arguments):
        kind = signature.args[0]
        array = context.make_array(kind)(context, builder, arguments[0])
        loads = []
        for k in range(COUNT):
            at = [context.get_constant(types.intp, k), arguments[1]]
            place = cgutils.get_item_pointer(context, builder, kind, array, at, wraparound=False)
            loads.append(builder.load(place))
        return context.make_tuple(builder, signature.return_type, loads)

    return types.UniTuple(spread.dtype, COUNT)(spread, types.intp), code


@njit(error_model="numpy", inline="always")
def pair_numbers(uniform, spread, j, fixed):
    """Return the numbers of a pair: all the same, or those of atom j with the row's type."""
    if UNIFORM:
        return uniform
    return column(spread, j) + fixed


@njit(error_model="numpy", cache=True)
@variant
def spread_out(table, kinds):
    """Lay the numbers of every type with every atom side by side [type, COUNT, atom]."""
    n = 0 if UNIFORM else kinds.shape[0]
    out = np.empty((table.shape[0], COUNT, n), REAL)
    for t in range(table.shape[0]):
        for k in range(COUNT):
            for j in range(n):
                out[t, k, j] = table[t, kinds[j], k]
    return out


@njit(error_model="numpy", cache=True)
@variant
def mark(away, left_out, i, value):
    """Set what is added to the squared distance of atom i from itself and from its excluded."""
    away[i] = value
    for at in range(left_out[i], left_out[i + 1]):
        away[left_out[at]] = value


@njit(error_model="numpy", cache=True)
@variant
def force(lattice, table, fixed, h, kinds, left_out, out):
    n = lattice.shape[0]
    s = np.empty((3, n), INTEGER)
    f = np.zeros((3, n), REAL)
    for k in range(3):
        for j in range(n):
            s[k, j] = lattice[j, k]
    x, y, z = s[0], s[1], s[2]
    fx, fy, fz = f[0], f[1], f[2]
    spread = spread_out(table, kinds)
    uniform = to_fixed_tuple(table[0, 0], COUNT) + fixed
    away = np.zeros(n, REAL)
    for i in range(n):
        xi, yi, zi = x[i], y[i], z[i]
        row = spread[kinds[i]]
        mark(away, left_out, i, REAL(FAR))
        for j in range(n):
            dx, dy, dz = vector(INTEGER(x[j] - xi), INTEGER(y[j] - yi), INTEGER(z[j] - zi), h)
            square = dx * dx + dy * dy + dz * dz + away[j]
            w = REAL(-2.0) * first(square, pair_numbers(uniform, row, j, fixed))
            fx[j] += w * dx
            fy[j] += w * dy
            fz[j] += w * dz
        mark(away, left_out, i, REAL(0.0))
    for k in range(3):
        for j in range(n):
            out[j, k] = f[k, j]


@njit(error_model="numpy", cache=True)
@variant
def pull(lattice, table, fixed, h, kinds, left_out, direction, out, position, slopes):
    n = lattice.shape[0]
    s = np.empty((3, n), INTEGER)
    d = np.empty((3, n), REAL)
    f = np.zeros((6, n), REAL)
    g = np.zeros((table.shape[0], COUNT, n), REAL)
    for k in range(3):
        for j in range(n):
            s[k, j] = lattice[j, k]
            d[k, j] = direction[j, k]
    x, y, z = s[0], s[1], s[2]
    a, b, c = d[0], d[1], d[2]
    fx, fy, fz, px, py, pz = f[0], f[1], f[2], f[3], f[4], f[5]
    spread = spread_out(table, kinds)
    uniform = to_fixed_tuple(table[0, 0], COUNT) + fixed
    away = np.zeros(n, REAL)
    for i in range(n):
        xi, yi, zi = x[i], y[i], z[i]
        ai, bi, ci = a[i], b[i], c[i]
        row, gi = spread[kinds[i]], g[kinds[i]]
        mark(away, left_out, i, REAL(FAR))
        for j in range(n):
            dx, dy, dz = vector(INTEGER(x[j] - xi), INTEGER(y[j] - yi), INTEGER(z[j] - zi), h)
            square = dx * dx + dy * dy + dz * dz + away[j]
            values = second(square, pair_numbers(uniform, row, j, fixed))
            ex, ey, ez = a[j] - ai, b[j] - bi, c[j] - ci
            along = dx * ex + dy * ey + dz * ez
            w = REAL(-2.0) * values[0]
            v = REAL(-4.0) * values[1] * along
            fx[j] += w * dx
            fy[j] += w * dy
            fz[j] += w * dz
            px[j] += v * dx + w * ex
            py[j] += v * dy + w * ey
            pz[j] += v * dz + w * ez
            for k in range(COUNT):  # each pair is met twice: half of -2 per sweep
                gi[k, j] -= values[2 + k] * along
        mark(away, left_out, i, REAL(0.0))
    for k in range(3):
        for j in range(n):
            out[j, k] = f[k, j]
            position[j, k] = f[3 + k, j]
    gather_slopes(g, kinds, slopes)


@njit(error_model="numpy", cache=True)
@variant
def gather_slopes(g, kinds, slopes):
    """Sum the slopes [type, COUNT, atom] over atoms of a type."""
    slopes[:] = REAL(0.0)
    for t in range(g.shape[0]):
        for k in range(COUNT):
            for j in range(kinds.shape[0]):
                slopes[t, kinds[j], k] += g[t, k, j]


# --------------------------------------------------------------------------- entries for XLA


@njit(cache=True)
@variant
def system_of(inputs, batch, n):
    """Return what every entry is handed, each with the replica first."""
    species = length(inputs, 1, 2)
    others = length(inputs, 5, 1)
    return (
        carray(data(inputs, 0), (batch, n, 3), INTEGER),
        carray(data(inputs, 1), (batch, species, species, COUNT), REAL),
        carray(data(inputs, 2), (batch, CONSTANTS), REAL),
        carray(data(inputs, 3), (batch, 9), REAL),
        carray(data(inputs, 4), (batch, n), np.int32),
        carray(data(inputs, 5), (batch, others), np.int32),
    )


@cfunc(types.intp(types.intp), cache=True)
@variant
def force_entry(address):
    frame = words(address, 20)
    if asks_metadata(frame):
        return 0
    inputs, outputs = words(frame[9], 6), words(frame[14], 1)
    batch, n = batch_of(inputs, 2), length(inputs, 0, 2)
    lattice, table, fixed, h, kinds, left_out = system_of(inputs, batch, n)
    out = carray(data(outputs, 0), (batch, n, 3), REAL)
    for b in range(batch):
        force(
            lattice[b], table[b], to_fixed_tuple(fixed[b], CONSTANTS), to_fixed_tuple(h[b], 9),
            kinds[b], left_out[b], out[b],
        )  # fmt: skip
    return 0


@cfunc(types.intp(types.intp), cache=True)
@variant
def pull_entry(address):
    frame = words(address, 20)
    if asks_metadata(frame):
        return 0
    inputs, outputs = words(frame[9], 7), words(frame[14], 3)
    batch, n = batch_of(inputs, 2), length(inputs, 0, 2)
    lattice, table, fixed, h, kinds, left_out = system_of(inputs, batch, n)
    direction = carray(data(inputs, 6), (batch, n, 3), REAL)
    out = carray(data(outputs, 0), (batch, n, 3), REAL)
    position = carray(data(outputs, 1), (batch, n, 3), REAL)
    slopes = carray(data(outputs, 2), table.shape, REAL)
    for b in range(batch):
        pull(
            lattice[b], table[b], to_fixed_tuple(fixed[b], CONSTANTS), to_fixed_tuple(h[b], 9),
            kinds[b], left_out[b], direction[b], out[b], position[b], slopes[b],
        )  # fmt: skip
    return 0
