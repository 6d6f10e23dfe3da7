"""Sums over waves by rows of them: what `waves` is made of; a template for `kernels.load`.

A wave exp(2 pi i (h s_1 + k s_2 + m s_3)) is the product of x, which the two indices of a *row*
make, and of z. So all is a sum over rows of x times a sum over m of z:

* `project` adds an atom to S = sum_a q_a x_a z_a, for all rows side by side;
* `gather` adds c_l z_l, for all atoms side by side.

Both take the waves with m and -m together, whose z are conjugate. No sum is reordered: the loops
are strict, as all are here, and vectorise all the same. Force and pull call the same functions.

Names: ``rows`` [row, 3] h, k and the largest m, by which they fall; ``tops`` [m] how many rows have
an m; ``x`` the first factors of some atoms [2, row, TILE], flat; ``z`` the others [2, m, atom];
``p`` the products of parts that S is made of [tile of rows, m, 4 TILE], flat; ``b`` the weights
[m, 2, row]; ``omega`` [3, atom] the cotangent w of the forces, so that n.omega = k.w.
"""

# pyright: reportUndefinedVariable=false, reportCallIssue=false
from __future__ import annotations

import numpy as np
from numba import njit

TILE = 208  # atoms or rows side by side; a constant, so that sums are known not to overlap
ZERO, ONE = REAL(0.0), REAL(1.0)


@njit(error_model="numpy", inline="always")
def project(count, line, first, other, zr, zi, p, base):
    """Add x z to the four products of parts, of rows from ``first`` on."""
    for r in range(count):
        xr, xi = line[np.uintp(first + r)], line[np.uintp(other + r)]
        p[np.uintp(base + r)] += xr * zr
        p[np.uintp(base + TILE + r)] += xi * zi
        p[np.uintp(base + 2 * TILE + r)] += xr * zi
        p[np.uintp(base + 3 * TILE + r)] += xi * zr


@njit(error_model="numpy", inline="always")
def gather(count, z, real, imaginary, c, acc, at):
    """Add (zr c_0 - zi c_1) + i (zr c_2 + zi c_3) to a complex sum over m of all atoms."""
    for j in range(count):
        zr, zi = z[np.uintp(real + j)], z[np.uintp(imaginary + j)]
        acc[np.uintp(at + j)] += zr * c[0] - zi * c[1]
        acc[np.uintp(at + TILE + j)] += zr * c[2] + zi * c[3]


@njit(error_model="numpy", cache=True)
@variant
def fill(rows, u, v, start, count, x):
    """Set the first factors of some atoms [2, row, TILE], flat."""
    n = rows.shape[0]
    for r in range(n):
        h, k = rows[r, 0], abs(rows[r, 1])
        sign = -ONE if rows[r, 1] < 0 else ONE
        ur, ui, vr, vi = u[0, h], u[1, h], v[0, k], v[1, k]
        real, imaginary = x[r * TILE : (r + 1) * TILE], x[(n + r) * TILE : (n + r + 1) * TILE]
        for j in range(count):
            a = np.uintp(start + j)
            b = sign * vi[a]
            real[j] = ur[a] * vr[a] - ui[a] * b
            imaginary[j] = ui[a] * vr[a] + ur[a] * b


@njit(error_model="numpy", cache=True)
@variant
def amplitudes(x, z, charge, start, count, rows, tops, p):
    """Add some atoms to the products that S is made of [tile of rows, m, 4 TILE], flat."""
    n, levels = rows.shape[0], tops.shape[0]
    line, flat, atoms = np.empty(2 * n, REAL), z.reshape(-1), z.shape[2]
    for j in range(count):
        q = charge[start + j]
        for r in range(2 * n):
            line[r] = q * x[np.uintp(r * TILE + j)]
        for first in range(0, n, TILE):
            for m in range(levels):
                zr, zi = flat[m * atoms + start + j], flat[(levels + m) * atoms + start + j]
                base = (first // TILE * levels + m) * 4 * TILE
                project(min(tops[m] - first, TILE), line, first, n + first, zr, zi, p, base)


@njit(error_model="numpy", cache=True)
@variant
def turned(x, z, charge, omega, start, count, rows, tops, p):
    """Add some atoms to T, which is S with k.w of an atom as a factor, as `amplitudes` does.

    The part of k.w by m changes sign with m: that of (-i x)(i z), where the conjugate of z is.
    """
    n, levels = rows.shape[0], tops.shape[0]
    flat, atoms = z.reshape(-1), z.shape[2]
    line, along = np.empty(2 * n, REAL), np.empty(2 * n, REAL)
    for j in range(count):
        at = start + j
        q, a, b, c = charge[at], omega[0, at], omega[1, at], omega[2, at]
        for r in range(n):
            k = REAL(rows[r, 0]) * a + REAL(rows[r, 1]) * b
            xr, xi = q * x[np.uintp(r * TILE + j)], q * x[np.uintp((n + r) * TILE + j)]
            line[r], line[n + r] = xi, -xr
            along[r], along[n + r] = k * xr, k * xi
        for first in range(0, n, TILE):
            for m in range(levels):
                zr, zi = flat[m * atoms + at], flat[(levels + m) * atoms + at]
                base, many = (first // TILE * levels + m) * 4 * TILE, min(tops[m] - first, TILE)
                project(many, along, first, n + first, zr, zi, p, base)
                k = REAL(m) * c
                project(many, line, first, n + first, -k * zi, k * zr, p, base)


@njit(error_model="numpy", inline="always")
def coefficient(p, b, m, r):
    """Return sums and differences of B S*(m) and B S*(-m) as `gather` takes them."""
    base = (r // TILE * b.shape[0] + m) * 4 * TILE + r % TILE
    one, two, three, four = p[base], p[base + TILE], p[base + 2 * TILE], p[base + 3 * TILE]
    up, down = REAL(b[m, 0, r]), REAL(b[m, 1, r])
    ur, ui = up * (one - two), -up * (four + three)
    dr, di = down * (one + two), down * (three - four)
    return ur + dr, ui - di, ui + di, ur - dr


@njit(error_model="numpy", inline="always")
def times(m, c):
    """Return the coefficients with the factor m, which changes its sign with that of m."""
    return m * c[3], m * c[2], m * c[1], m * c[0]


@njit(error_model="numpy", inline="always")
def collect(count, x, real, imaginary, h, k, acc, e):
    """Add a row to sum B n Im(S* x z) [3, TILE], flat."""
    for j in range(count):
        xr, xi = x[np.uintp(real + j)], x[np.uintp(imaginary + j)]
        plane = xr * acc[TILE + j] + xi * acc[j]
        e[j] += h * plane
        e[TILE + j] += k * plane
        e[2 * TILE + j] += xr * acc[3 * TILE + j] + xi * acc[2 * TILE + j]


@njit(error_model="numpy", inline="always")
def respond(count, x, real, imaginary, h, k, acc, omega, start, e):
    """Add a row to sum B n [k.w Re(S* x z) - Re(T* x z)] and -sum B Im(T* x z) [4, TILE], flat."""
    a, b, c = omega[0], omega[1], omega[2]
    for j in range(count):
        xr, xi = x[np.uintp(real + j)], x[np.uintp(imaginary + j)]
        at = np.uintp(start + j)
        k_w = h * a[at] + k * b[at]
        none = xr * acc[j] - xi * acc[TILE + j]
        once = xr * acc[2 * TILE + j] - xi * acc[3 * TILE + j]
        twice = xr * acc[4 * TILE + j] - xi * acc[5 * TILE + j]
        tr, ti = acc[6 * TILE + j], acc[7 * TILE + j]
        plane = k_w * none + c[at] * once - (xr * tr - xi * ti)
        e[j] += h * plane
        e[TILE + j] += k * plane
        third = xr * acc[8 * TILE + j] - xi * acc[9 * TILE + j]
        e[2 * TILE + j] += k_w * once + c[at] * twice - third
        e[3 * TILE + j] -= xr * ti + xi * tr


@njit(error_model="numpy", inline="always")
def levels_of(count, flat, atoms, start, p, b, m, r, acc, at):
    """Add one m of a row to the sums over m with factors 1 and m."""
    real, imaginary = m * atoms + start, (b.shape[0] + m) * atoms + start
    c = coefficient(p, b, m, r)
    d = times(REAL(m), c)
    gather(count, flat, real, imaginary, c, acc, at)
    gather(count, flat, real, imaginary, d, acc, at + 2 * TILE)
    return real, imaginary, d


@njit(error_model="numpy", cache=True)
@variant
def sweep(count, x, z, start, rows, b, p, acc, e):
    """Set e [3, TILE] to sum B n Im(S* x z) of some atoms."""
    n, flat, atoms = rows.shape[0], z.reshape(-1), z.shape[2]
    e[:] = ZERO
    for r in range(n):
        acc[:] = ZERO
        for m in range(rows[r, 2] + 1):
            levels_of(count, flat, atoms, start, p, b, m, r, acc, 0)
        h, k = REAL(rows[r, 0]), REAL(rows[r, 1])
        collect(count, x, r * TILE, (n + r) * TILE, h, k, acc, e)


@njit(error_model="numpy", cache=True)
@variant
def answer(count, x, z, start, rows, b, p, turned_p, omega, acc, e, g):
    """Set e as `sweep` does and g [4, TILE] to what `respond` adds up."""
    n, flat, atoms = rows.shape[0], z.reshape(-1), z.shape[2]
    e[:] = ZERO
    g[:] = ZERO
    for r in range(n):
        acc[:] = ZERO
        for m in range(rows[r, 2] + 1):
            real, imaginary, d = levels_of(count, flat, atoms, start, p, b, m, r, acc, 0)
            gather(count, flat, real, imaginary, times(REAL(m), d), acc, 4 * TILE)
            levels_of(count, flat, atoms, start, turned_p, b, m, r, acc, 6 * TILE)
        h, k = REAL(rows[r, 0]), REAL(rows[r, 1])
        collect(count, x, r * TILE, (n + r) * TILE, h, k, acc, e)
        respond(count, x, r * TILE, (n + r) * TILE, h, k, acc, omega, start, g)
