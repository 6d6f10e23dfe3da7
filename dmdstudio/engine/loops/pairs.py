"""One row of pairs, an atom against many: what `dense` and `cells` are made of.

A template for `kernels.load`, with the upper-case names and the radial form set beforehand. The
loops run over the atom whose sums are stored, so that they vectorise without reordering a sum.

Names used in all of them: ``x``, ``y``, ``z`` the lattice coordinates of the many, ``away`` what is
added to the squared distance of those that do not count, ``numbers`` the refinable numbers of the
row [COUNT, atom] and ``uniform`` all numbers where there is one type, ``fixed`` the constants,
``h`` the cell by rows over the lattice size.
"""

# pyright: reportUndefinedVariable=false, reportCallIssue=false
from __future__ import annotations

from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

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
def column(typing_context, numbers, j):
    """Read numbers[0, j] ... numbers[COUNT - 1, j] as a tuple, in a way that vectorises over j."""

    def code(context, builder, signature, arguments):
        kind = signature.args[0]
        array = context.make_array(kind)(context, builder, arguments[0])
        loads = []
        for k in range(COUNT):
            at = [context.get_constant(types.intp, k), arguments[1]]
            place = cgutils.get_item_pointer(context, builder, kind, array, at, wraparound=False)
            loads.append(builder.load(place))
        return context.make_tuple(builder, signature.return_type, loads)

    return types.UniTuple(numbers.dtype, COUNT)(numbers, types.intp), code


@njit(error_model="numpy", inline="always")
def pair_numbers(uniform, numbers, j, fixed):
    """Return the numbers of a pair: all the same, or those of atom j with the row's type."""
    if UNIFORM:
        return uniform
    return column(numbers, j) + fixed


@njit(error_model="numpy", cache=True)
@variant
def force_row(at, n, s, away, numbers, uniform, fixed, h, f):
    """Add the forces by an atom to f [3, atom].

    ``at`` is where the atom is, ``s`` [3, atom] where the n others are.
    """
    xi, yi, zi = at
    x, y, z = s[0], s[1], s[2]
    fx, fy, fz = f[0], f[1], f[2]
    for j in range(n):
        dx, dy, dz = vector(INTEGER(x[j] - xi), INTEGER(y[j] - yi), INTEGER(z[j] - zi), h)
        square = dx * dx + dy * dy + dz * dz + away[j]
        w = REAL(-2.0) * first(square, pair_numbers(uniform, numbers, j, fixed))
        fx[j] += w * dx
        fy[j] += w * dy
        fz[j] += w * dz


@njit(error_model="numpy", cache=True)
@variant
def pull_row(at, n, s, away, numbers, uniform, fixed, h, along_i, d, f, g):
    """Add the forces by an atom, and what the pull wants, to f [6, atom] and g [COUNT, atom].

    ``along_i`` is the cotangent of the atom's force, ``d`` [3, atom] those of the others.
    """
    xi, yi, zi = at
    ai, bi, ci = along_i
    x, y, z = s[0], s[1], s[2]
    a, b, c = d[0], d[1], d[2]
    fx, fy, fz, px, py, pz = f[0], f[1], f[2], f[3], f[4], f[5]
    for j in range(n):
        dx, dy, dz = vector(INTEGER(x[j] - xi), INTEGER(y[j] - yi), INTEGER(z[j] - zi), h)
        square = dx * dx + dy * dy + dz * dz + away[j]
        values = second(square, pair_numbers(uniform, numbers, j, fixed))
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


@njit(error_model="numpy", cache=True)
@variant
def energy_row(at, n, s, away, numbers, uniform, fixed, h, f, g):
    """Add half the energy of every pair and its virial to f [7, atom], its slopes to g.

    f holds u/2 and the virial -g(s) d d (xx, yy, zz, yz, xz, xy); each pair is met twice.
    """
    xi, yi, zi = at
    x, y, z = s[0], s[1], s[2]
    u, xx, yy, zz, yz, xz, xy = f[0], f[1], f[2], f[3], f[4], f[5], f[6]
    for j in range(n):
        dx, dy, dz = vector(INTEGER(x[j] - xi), INTEGER(y[j] - yi), INTEGER(z[j] - zi), h)
        square = dx * dx + dy * dy + dz * dz + away[j]
        values = energy(square, pair_numbers(uniform, numbers, j, fixed))
        u[j] += REAL(0.5) * values[0]
        w = -values[1]
        xx[j] += w * dx * dx
        yy[j] += w * dy * dy
        zz[j] += w * dz * dz
        yz[j] += w * dy * dz
        xz[j] += w * dx * dz
        xy[j] += w * dx * dy
        for k in range(COUNT):
            g[k, j] += REAL(0.5) * values[2 + k]


@njit(error_model="numpy", cache=True)
@variant
def strain_row(at, n, s, away, numbers, uniform, fixed, h, g):
    """Add the slopes of the virial by the numbers to g [6 COUNT, atom], as in `energy_row`."""
    xi, yi, zi = at
    x, y, z = s[0], s[1], s[2]
    for j in range(n):
        dx, dy, dz = vector(INTEGER(x[j] - xi), INTEGER(y[j] - yi), INTEGER(z[j] - zi), h)
        square = dx * dx + dy * dy + dz * dz + away[j]
        values = second(square, pair_numbers(uniform, numbers, j, fixed))
        for k in range(COUNT):
            w = -values[2 + k]
            g[6 * k, j] += w * dx * dx
            g[6 * k + 1, j] += w * dy * dy
            g[6 * k + 2, j] += w * dz * dz
            g[6 * k + 3, j] += w * dy * dz
            g[6 * k + 4, j] += w * dx * dz
            g[6 * k + 5, j] += w * dx * dy


@njit(error_model="numpy", cache=True)
@variant
def add_by_kind(g, n, kinds, totals):
    """Add sums of the atoms [row type, number, atom] to the totals [type, type, number]."""
    for t in range(g.shape[0]):
        for k in range(g.shape[1]):
            for j in range(n):
                totals[t, kinds[j], k] += g[t, k, j]


@njit(error_model="numpy", cache=True)
@variant
def spread_out(table, n, kinds, out):
    """Lay the numbers of every type with each of n atoms side by side [type, COUNT, atom]."""
    if not UNIFORM:
        for t in range(table.shape[0]):
            for k in range(COUNT):
                for j in range(n):
                    out[t, k, j] = table[t, kinds[j], k]
