"""Energy and derivatives of an EANN network for one replica: a template for `network_sums`.

One routine serves four sorts: ``force``; ``pull``, its derivatives along a displacement w as well;
``level``, energy, derivatives by all parameters and virial; ``strain``, the derivatives of the
virial by all parameters. Arithmetic that sorts share is the same statements in the same order, so
that a force has the same bits in all of them.

Three passes: over pairs, from distances to orbitals; over atoms, through the network and back; over
pairs again, from the derivatives by orbitals to forces. Sums are kept per radial function in
arrays, so that the innermost loops vectorise without being reordered.

Names: ``q`` all parameters, one array after the other, as `networks.Network.shapes` lists them;
``shape`` elements, hidden layers, and units of the features and of every layer; ``h`` the cell by
rows over the lattice size [9]. Indices: s element, k radial function, m component of an orbital, u
unit of a layer. A trailing ``d`` marks a derivative along the displacement, a leading ``b`` one of
the energy by what follows. RADIALS and MOMENTS are fixed when this is compiled.
"""

# pyright: reportUndefinedVariable=false, reportAttributeAccessIssue=false
# pyright: reportPrivateImportUsage=false, reportCallIssue=false, reportIndexIssue=false
from __future__ import annotations

import numpy as np
from numba import carray, cfunc, njit, types
from numba.np.unsafe.ndarray import to_fixed_tuple

FORCE, PULL, LEVEL, STRAIN = (sort == SORT for sort in ("force", "pull", "level", "strain"))
TANGENT, FORCES = PULL or STRAIN, FORCE or PULL
STRIDE = MOMENTS * RADIALS
ROWS, COLUMNS = (0, 1, 2, 1, 0, 0), (0, 1, 2, 2, 2, 1)  # xx, yy, zz, yz, xz, xy

ZERO, ONE, TWO = REAL(0.0), REAL(1.0), REAL(2.0)


# ------------------------------------------------------------------------------- the orbitals


@njit(error_model="numpy", cache=True)
@variant
def add_moments(o, base, x, y, z, r):
    """Add 1; x, y, z; xx, yy, zz, xy, xz, yz, each times r [k], to the orbitals of an atom."""
    xx, yy, zz, xy, xz, yz = x * x, y * y, z * z, x * y, x * z, y * z
    for k in range(RADIALS):
        o[base + k] += r[k]
        if MOMENTS > 1:
            o[base + RADIALS + k] += x * r[k]
            o[base + 2 * RADIALS + k] += y * r[k]
            o[base + 3 * RADIALS + k] += z * r[k]
        if MOMENTS > 4:
            o[base + 4 * RADIALS + k] += xx * r[k]
            o[base + 5 * RADIALS + k] += yy * r[k]
            o[base + 6 * RADIALS + k] += zz * r[k]
            o[base + 7 * RADIALS + k] += xy * r[k]
            o[base + 8 * RADIALS + k] += xz * r[k]
            o[base + 9 * RADIALS + k] += yz * r[k]


@njit(error_model="numpy", cache=True)
@variant
def add_moved(o, base, x, y, z, a, b, c, r):
    """Add the derivatives of the moments along (a, b, c), each times r [k], alike."""
    xx, yy, zz = TWO * x * a, TWO * y * b, TWO * z * c
    xy, xz, yz = x * b + y * a, x * c + z * a, y * c + z * b
    for k in range(RADIALS):
        if MOMENTS > 1:
            o[base + RADIALS + k] += a * r[k]
            o[base + 2 * RADIALS + k] += b * r[k]
            o[base + 3 * RADIALS + k] += c * r[k]
        if MOMENTS > 4:
            o[base + 4 * RADIALS + k] += xx * r[k]
            o[base + 5 * RADIALS + k] += yy * r[k]
            o[base + 6 * RADIALS + k] += zz * r[k]
            o[base + 7 * RADIALS + k] += xy * r[k]
            o[base + 8 * RADIALS + k] += xz * r[k]
            o[base + 9 * RADIALS + k] += yz * r[k]


@njit(error_model="numpy", cache=True)
@variant
def along(w, strain, x, y, z, i, j):
    """Return how the vector of a pair changes: by displacements or by a strain."""
    if STRAIN:
        return (
            (x * strain[0, 0] + y * strain[1, 0]) + z * strain[2, 0],
            (x * strain[0, 1] + y * strain[1, 1]) + z * strain[2, 1],
            (x * strain[0, 2] + y * strain[1, 2]) + z * strain[2, 2],
        )
    return w[j, 0] - w[i, 0], w[j, 1] - w[i, 1], w[j, 2] - w[i, 2]


@njit(error_model="numpy", cache=True)
@variant
def orbitals(q, count, kinds, begins, others, far, gauss, w, strain, o, od):
    """Sum radial functions times moments into orbitals [atom m k], and their derivatives."""
    o[:] = ZERO
    od[:] = ZERO
    radial, radiald = np.empty(RADIALS, REAL), np.empty(RADIALS, REAL)
    centre, width = count * RADIALS, 2 * count * RADIALS
    for i in range(kinds.shape[0]):
        for p in range(begins[i], begins[i + 1]):
            j = np.int64(others[p])
            r, f, f1 = far[p, 3], far[p, 4], far[p, 5]
            for side in range(2):
                at, end = (i, j) if side == 0 else (j, i)
                sign = ONE if side == 0 else -ONE
                x, y, z = sign * far[p, 0], sign * far[p, 1], sign * far[p, 2]
                base, own = kinds[end] * RADIALS, (2 * p + side) * RADIALS
                for k in range(RADIALS):
                    radial[k] = q[base + k] * (gauss[own + k] * f)
                add_moments(o, at * STRIDE, x, y, z, radial)
                if TANGENT:
                    a, b, c = along(w, strain, x, y, z, at, end)
                    moved = ((x * a + y * b) + z * c) / r
                    for k in range(RADIALS):
                        away = r - q[centre + base + k]
                        slope = f1 - TWO * q[width + base + k] * away * f
                        radiald[k] = q[base + k] * gauss[own + k] * slope * moved
                    add_moments(od, at * STRIDE, x, y, z, radiald)
                    add_moved(od, at * STRIDE, x, y, z, a, b, c, radial)


# ----------------------------------------------------------------------------- back to the pairs


@njit(error_model="numpy", cache=True)
@variant
def contracted(g, base, x, y, z, out):
    """Write sums over m of moments, and of their derivatives by x, y and z, times g [4 k]."""
    xx, yy, zz, xy, xz, yz = x * x, y * y, z * z, x * y, x * z, y * z
    for k in range(RADIALS):
        a, b, c, d = g[base + k], ZERO, ZERO, ZERO
        if MOMENTS > 1:
            b = g[base + RADIALS + k]
            c = g[base + 2 * RADIALS + k]
            d = g[base + 3 * RADIALS + k]
            a += (x * b + y * c) + z * d
        if MOMENTS > 4:
            g4, g5, g6 = (
                g[base + 4 * RADIALS + k],
                g[base + 5 * RADIALS + k],
                g[base + 6 * RADIALS + k],
            )
            g7, g8, g9 = (
                g[base + 7 * RADIALS + k],
                g[base + 8 * RADIALS + k],
                g[base + 9 * RADIALS + k],
            )
            a += ((xx * g4 + yy * g5) + zz * g6) + ((xy * g7 + xz * g8) + yz * g9)
            b += TWO * x * g4 + (y * g7 + z * g8)
            c += TWO * y * g5 + (x * g7 + z * g9)
            d += TWO * z * g6 + (x * g8 + y * g9)
        out[k] = a
        out[RADIALS + k] = b
        out[2 * RADIALS + k] = c
        out[3 * RADIALS + k] = d


@njit(error_model="numpy", cache=True)
@variant
def changed(g, base, a, b, c, flat, out):
    """Add what a displacement (a, b, c) changes of the sums to out [4 k]; ``flat`` are they."""
    for k in range(RADIALS):
        if MOMENTS > 1:
            out[k] += (a * flat[RADIALS + k] + b * flat[2 * RADIALS + k]) + c * flat[
                3 * RADIALS + k
            ]
        if MOMENTS > 4:
            g4, g5, g6 = (
                g[base + 4 * RADIALS + k],
                g[base + 5 * RADIALS + k],
                g[base + 6 * RADIALS + k],
            )
            g7, g8, g9 = (
                g[base + 7 * RADIALS + k],
                g[base + 8 * RADIALS + k],
                g[base + 9 * RADIALS + k],
            )
            out[RADIALS + k] += TWO * a * g4 + (b * g7 + c * g8)
            out[2 * RADIALS + k] += TWO * b * g5 + (a * g7 + c * g9)
            out[3 * RADIALS + k] += TWO * c * g6 + (a * g8 + b * g9)


@njit(error_model="numpy", cache=True)
@variant
def spread(q, count, kinds, begins, others, far, gauss, w, strain, g, gd, out, position, slopes):
    """Turn the derivatives by orbitals into forces, and into derivatives by radial parameters.

    ``out`` gets forces [atom, xyz], or minus the virial [6] of a level; ``position`` what a pull
    has of them. `slopes` begins with the radial parameters.
    """
    sums, sumsd = np.empty(4 * RADIALS, REAL), np.empty(4 * RADIALS, REAL)
    parts, partsd = np.empty(4 * RADIALS, REAL), np.empty(4 * RADIALS, REAL)
    centre, width = count * RADIALS, 2 * count * RADIALS
    for i in range(kinds.shape[0]):
        for p in range(begins[i], begins[i + 1]):
            j = np.int64(others[p])
            r, f, f1, f2 = far[p, 3], far[p, 4], far[p, 5], far[p, 6]
            for side in range(2):
                at, end = (i, j) if side == 0 else (j, i)
                sign = ONE if side == 0 else -ONE
                x, y, z = sign * far[p, 0], sign * far[p, 1], sign * far[p, 2]
                base, own = kinds[end] * RADIALS, (2 * p + side) * RADIALS
                contracted(g, at * STRIDE, x, y, z, sums)
                for k in range(RADIALS):
                    away, a = r - q[centre + base + k], q[width + base + k]
                    slope = f1 - TWO * a * away * f
                    size = q[base + k] * gauss[own + k]
                    parts[k] = size * slope * sums[k]
                    parts[RADIALS + k] = size * f * sums[RADIALS + k]
                    parts[2 * RADIALS + k] = size * f * sums[2 * RADIALS + k]
                    parts[3 * RADIALS + k] = size * f * sums[3 * RADIALS + k]
                stretch, bx, by, bz = ZERO, ZERO, ZERO, ZERO
                for k in range(RADIALS):
                    stretch += parts[k]
                    bx += parts[RADIALS + k]
                    by += parts[2 * RADIALS + k]
                    bz += parts[3 * RADIALS + k]
                stretch /= r
                bx += stretch * x
                by += stretch * y
                bz += stretch * z
                if FORCES:
                    out[end, 0] -= bx
                    out[end, 1] -= by
                    out[end, 2] -= bz
                    out[at, 0] += bx
                    out[at, 1] += by
                    out[at, 2] += bz
                if LEVEL:
                    out[0, 0] += bx * x
                    out[1, 0] += by * y
                    out[2, 0] += bz * z
                    out[3, 0] += by * z
                    out[4, 0] += bx * z
                    out[5, 0] += bx * y
                    for k in range(RADIALS):
                        away, a = r - q[centre + base + k], q[width + base + k]
                        plain = gauss[own + k] * f * sums[k]
                        strong = q[base + k] * plain
                        slopes[base + k] += plain
                        slopes[centre + base + k] += TWO * a * away * strong
                        slopes[width + base + k] -= away * away * strong
                if TANGENT:
                    da, db, dc = along(w, strain, x, y, z, at, end)
                    moved = ((x * da + y * db) + z * dc) / r
                    contracted(gd, at * STRIDE, x, y, z, sumsd)
                    changed(g, at * STRIDE, da, db, dc, sums, sumsd)
                    for k in range(RADIALS):
                        away, a = r - q[centre + base + k], q[width + base + k]
                        steep = TWO * a * away
                        t = gauss[own + k] * f
                        t1 = gauss[own + k] * (f1 - steep * f)
                        t2 = gauss[own + k] * (
                            f2 - TWO * steep * f1 + (steep * steep - TWO * a) * f
                        )
                        c, m = q[base + k], moved
                        partsd[k] = c * (t2 * m * sums[k] + t1 * sumsd[k])
                        partsd[RADIALS + k] = c * (
                            t1 * m * sums[RADIALS + k] + t * sumsd[RADIALS + k]
                        )
                        partsd[2 * RADIALS + k] = c * (
                            t1 * m * sums[2 * RADIALS + k] + t * sumsd[2 * RADIALS + k]
                        )
                        partsd[3 * RADIALS + k] = c * (
                            t1 * m * sums[3 * RADIALS + k] + t * sumsd[3 * RADIALS + k]
                        )
                        plain, pushed = sums[k] * m, sumsd[k]
                        slopes[base + k] += pushed * t + plain * t1
                        slopes[centre + base + k] += c * (
                            pushed * steep * t + plain * (TWO * a * t + steep * t1)
                        )
                        slopes[width + base + k] -= (
                            c * away * (pushed * away * t + plain * (TWO * t + away * t1))
                        )
                    if PULL:
                        stretchd, ex, ey, ez = ZERO, ZERO, ZERO, ZERO
                        for k in range(RADIALS):
                            stretchd += partsd[k]
                            ex += partsd[RADIALS + k]
                            ey += partsd[2 * RADIALS + k]
                            ez += partsd[3 * RADIALS + k]
                        longer = stretchd / r - stretch * moved / r
                        ex += longer * x + stretch * da
                        ey += longer * y + stretch * db
                        ez += longer * z + stretch * dc
                        position[end, 0] -= ex
                        position[end, 1] -= ey
                        position[end, 2] -= ez
                        position[at, 0] += ex
                        position[at, 1] += ey
                        position[at, 2] += ez


@njit(error_model="numpy", cache=True)
@variant
def evaluate(lattice, q, shape, h, reach, kinds, w, strain, out, position, slopes):
    """Do all of it; return the energy. What is added to is set to zero before."""
    count, n = shape[0], lattice.shape[0]
    begins, others = within(lattice, h, reach)
    far = distances(lattice, h, reach, begins, others)
    gauss = gaussians(q, count, kinds, begins, others, far)
    o, od = np.empty(n * STRIDE, REAL), np.empty(n * STRIDE if TANGENT else 1, REAL)
    orbitals(q, count, kinds, begins, others, far, gauss, w, strain, o, od)
    energy = through(q, shape, kinds, o, od, slopes)
    spread(q, count, kinds, begins, others, far, gauss, w, strain, o, od, out, position, slopes)
    return energy


# --------------------------------------------------------------------------- the entry for XLA


@njit(cache=True)
@variant
def system_of(inputs, batch, n):
    """Return what every entry is handed, each with the replica first."""
    return (
        carray(data(inputs, 0), (batch, n, 3), INTEGER),
        carray(data(inputs, 1), (batch, length(inputs, 1, 1)), REAL),
        carray(data(inputs, 2), (batch, length(inputs, 2, 1)), np.int64),
        carray(data(inputs, 3), (batch, 9), REAL),
        carray(data(inputs, 4), (batch,), REAL),
        carray(data(inputs, 5), (batch, n), np.int32),
    )


@cfunc(types.intp(types.intp), cache=True)
@variant
def entry(address):
    frame = words(address, 20)
    if asks_metadata(frame):
        return 0
    inputs = words(frame[9], 7 if PULL else 6)
    outputs = words(frame[14], 3 if PULL else 2 if LEVEL else 1)
    batch, n = batch_of(inputs, 2), length(inputs, 0, 2)
    lattice, q, shape, h, reach, kinds = system_of(inputs, batch, n)
    none, nothing = np.zeros((6, 3), REAL), np.zeros(1, REAL)
    strain = np.zeros((3, 3), REAL)
    for b in range(batch):
        cell = to_fixed_tuple(h[b], 9)
        if FORCE:
            out = carray(data(outputs, 0), (batch, n, 3), REAL)[b]
            out[:] = ZERO
            evaluate(lattice[b], q[b], shape[b], cell, reach[b], kinds[b], none, strain, out, none,
                     nothing)  # fmt: skip
        elif PULL:
            w = carray(data(inputs, 6), (batch, n, 3), REAL)[b]
            out = carray(data(outputs, 0), (batch, n, 3), REAL)[b]
            position = carray(data(outputs, 1), (batch, n, 3), REAL)[b]
            slopes = carray(data(outputs, 2), q.shape, REAL)[b]
            out[:] = ZERO
            position[:] = ZERO
            slopes[:] = ZERO
            evaluate(lattice[b], q[b], shape[b], cell, reach[b], kinds[b], w, strain, out, position,
                     slopes)  # fmt: skip
            for t in range(slopes.shape[0]):
                slopes[t] = -slopes[t]
        elif LEVEL:
            total = carray(data(outputs, 0), (batch, 7), REAL)[b]
            slopes = carray(data(outputs, 1), q.shape, REAL)[b]
            none[:] = ZERO
            slopes[:] = ZERO
            total[0] = evaluate(lattice[b], q[b], shape[b], cell, reach[b], kinds[b], none, strain,
                                none, none, slopes)  # fmt: skip
            for c in range(6):
                total[1 + c] = -none[c, 0]
        else:
            slopes = carray(data(outputs, 0), (batch, 6, q.shape[1]), REAL)[b]
            slopes[:] = ZERO
            for c in range(6):
                strain[:] = ZERO
                strain[ROWS[c], COLUMNS[c]] = ONE
                evaluate(lattice[b], q[b], shape[b], cell, reach[b], kinds[b], none, strain, none,
                         none, slopes[c])  # fmt: skip
                for t in range(slopes.shape[1]):
                    slopes[c, t] = -slopes[c, t]
    return 0
