"""Sums over all pairs of one replica, and their entries for XLA: a template for `kernels`.

`kernels.load` runs this file once per variant, with the upper-case names, ``first`` and ``second``
set beforehand. The inner loops run over the atom whose sums are stored, so that they vectorise
without reordering a sum.

XLA calls an entry through its C interface (xla/ffi/api/c_api.h, major version 0), whose call frame
is read here as 8-byte words.
"""

# pyright: reportUndefinedVariable=false, reportAttributeAccessIssue=false
# pyright: reportPrivateImportUsage=false, reportCallIssue=false
from __future__ import annotations

import numpy as np
from numba import carray, cfunc, njit, types
from numba.core import cgutils
from numba.extending import intrinsic


@njit(error_model="numpy", inline="always")
def vector(a, b, c, h):
    """Lattice steps to angstrom; h holds the cell by rows, divided by the lattice size."""
    if ORTHORHOMBIC:
        return REAL(a) * h[0], REAL(b) * h[4], REAL(c) * h[8]
    u, v, w = REAL(a), REAL(b), REAL(c)
    return (
        u * h[0] + v * h[3] + w * h[6],
        u * h[1] + v * h[4] + w * h[7],
        u * h[2] + v * h[5] + w * h[8],
    )


@njit(error_model="numpy", cache=True)
@variant
def force(lattice, q, h, out):
    n = lattice.shape[0]
    s = np.empty((3, n), INTEGER)
    f = np.zeros((3, n), REAL)
    for k in range(3):
        for j in range(n):
            s[k, j] = lattice[j, k]
    x, y, z = s[0], s[1], s[2]
    fx, fy, fz = f[0], f[1], f[2]
    for i in range(n):
        xi, yi, zi = x[i], y[i], z[i]
        for j in range(n):
            dx, dy, dz = vector(INTEGER(x[j] - xi), INTEGER(y[j] - yi), INTEGER(z[j] - zi), h)
            square = dx * dx + dy * dy + dz * dz
            square = square if square > REAL(1e-6) else REAL(1e12)
            w = REAL(-2.0) * first(square, q)
            fx[j] += w * dx
            fy[j] += w * dy
            fz[j] += w * dz
    for k in range(3):
        for j in range(n):
            out[j, k] = f[k, j]


@njit(error_model="numpy", cache=True)
@variant
def pull(lattice, direction, q, h, out, position, slopes):
    n = lattice.shape[0]
    s = np.empty((3, n), INTEGER)
    d = np.empty((3, n), REAL)
    f = np.zeros((6, n), REAL)
    g = np.zeros((COUNT, n), REAL)
    for k in range(3):
        for j in range(n):
            s[k, j] = lattice[j, k]
            d[k, j] = direction[j, k]
    x, y, z = s[0], s[1], s[2]
    a, b, c = d[0], d[1], d[2]
    fx, fy, fz, px, py, pz = f[0], f[1], f[2], f[3], f[4], f[5]
    for i in range(n):
        xi, yi, zi = x[i], y[i], z[i]
        ai, bi, ci = a[i], b[i], c[i]
        for j in range(n):
            dx, dy, dz = vector(INTEGER(x[j] - xi), INTEGER(y[j] - yi), INTEGER(z[j] - zi), h)
            square = dx * dx + dy * dy + dz * dz
            square = square if square > REAL(1e-6) else REAL(1e12)
            values = second(square, q)
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
                g[k, j] -= values[2 + k] * along
    for k in range(3):
        for j in range(n):
            out[j, k] = f[k, j]
            position[j, k] = f[3 + k, j]
    for k in range(COUNT):
        total = REAL(0.0)
        for j in range(n):
            total += g[k, j]
        slopes[k] = total


# ------------------------------------------------------------------------------ XLA's C interface


@intrinsic
def _pointer(typing_context, address):
    """Turn an integer into a pointer."""

    def code(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), code


@njit(cache=True)
@variant
def _words(address, count):
    return carray(_pointer(address), (count,), np.int64)


@njit(cache=True)
@variant
def _answer_metadata(frame):
    """Tell XLA the version of the interface; true where the call asked for nothing else."""
    if frame[1] == 0:
        return False
    extension = _words(frame[1], 4)
    if (extension[1] & 0xFFFFFFFF) != 1:  # XLA_FFI_Extension_Metadata
        return False
    metadata = _words(extension[3], 5)
    metadata[3] = np.int64(0) | (np.int64(MINOR_VERSION) << 32)  # api_version: major 0
    metadata[4] = 0  # traits
    return True


@njit(cache=True)
@variant
def _buffer(pointers, index):
    """Return the words of one argument: 3 the data, 4 the rank, 5 the dimensions."""
    return _words(pointers[index], 6)


@njit(cache=True)
@variant
def row(pointers, index, batch, length):
    data = carray(_pointer(_buffer(pointers, index)[3]), (batch, length), REAL)
    return data


@njit(cache=True)
@variant
def shape(pointers):
    words = _buffer(pointers, 0)
    rank = words[4]
    dims = _words(words[5], rank)
    batch = np.int64(1)
    for k in range(rank - 2):
        batch *= dims[k]
    return batch, dims[rank - 2]


@njit(cache=True)
@variant
def numbers(data, b):
    return (data[b, 0], data[b, 1], data[b, 2], data[b, 3], data[b, 4], data[b, 5],
            data[b, 6], data[b, 7])  # fmt: skip


@njit(cache=True)
@variant
def cell(data, b):
    return (data[b, 0], data[b, 1], data[b, 2], data[b, 3], data[b, 4], data[b, 5],
            data[b, 6], data[b, 7], data[b, 8])  # fmt: skip


@cfunc(types.intp(types.intp), cache=True)
@variant
def force_entry(address):
    frame = _words(address, 20)
    if _answer_metadata(frame):
        return 0
    inputs, outputs = _words(frame[9], 3), _words(frame[14], 1)
    batch, n = shape(inputs)
    lattice = carray(_pointer(_buffer(inputs, 0)[3]), (batch, n, 3), INTEGER)
    q, h = row(inputs, 1, batch, 8), row(inputs, 2, batch, 9)
    out = carray(_pointer(_buffer(outputs, 0)[3]), (batch, n, 3), REAL)
    for b in range(batch):
        force(lattice[b], numbers(q, b), cell(h, b), out[b])
    return 0


@cfunc(types.intp(types.intp), cache=True)
@variant
def pull_entry(address):
    frame = _words(address, 20)
    if _answer_metadata(frame):
        return 0
    inputs, outputs = _words(frame[9], 4), _words(frame[14], 3)
    batch, n = shape(inputs)
    lattice = carray(_pointer(_buffer(inputs, 0)[3]), (batch, n, 3), INTEGER)
    direction = carray(_pointer(_buffer(inputs, 3)[3]), (batch, n, 3), REAL)
    q, h = row(inputs, 1, batch, 8), row(inputs, 2, batch, 9)
    out = carray(_pointer(_buffer(outputs, 0)[3]), (batch, n, 3), REAL)
    position = carray(_pointer(_buffer(outputs, 1)[3]), (batch, n, 3), REAL)
    slopes = row(outputs, 2, batch, COUNT)
    for b in range(batch):
        pull(
            lattice[b], direction[b], numbers(q, b), cell(h, b),
            out[b], position[b], slopes[b],
        )  # fmt: skip
    return 0
