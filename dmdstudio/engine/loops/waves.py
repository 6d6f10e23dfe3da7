"""Ewald's sum over waves of one replica: a template for `kernels.load`, which sets `wave_rows`.

Names beside those of `wave_rows`: ``charge`` [atom], e; ``cell`` by rows [9]; ``alpha`` the damping
and ``fixed`` all numbers of the radial form; ``members`` [pair, 2] the pairs that the waves hold
but the potential leaves out.
"""

# pyright: reportUndefinedVariable=false, reportCallIssue=false
from __future__ import annotations

import numpy as np
from numba import njit
from numba.np.unsafe.ndarray import to_fixed_tuple

ZERO, HALF, ONE = REAL(0.0), REAL(0.5), REAL(1.0)


# ----------------------------------------------------------------------- pairs that are left out


@njit(error_model="numpy", inline="always")
def left_out(lattice, cell, members, pair):
    """Return the vector between the atoms of a pair by the minimum image, and its square."""
    i, j = members[pair, 0], members[pair, 1]
    a = REAL(INTEGER(lattice[j, 0] - lattice[i, 0])) * REAL(FRACTION)
    b = REAL(INTEGER(lattice[j, 1] - lattice[i, 1])) * REAL(FRACTION)
    c = REAL(INTEGER(lattice[j, 2] - lattice[i, 2])) * REAL(FRACTION)
    x = a * cell[0] + b * cell[3] + c * cell[6]
    y = a * cell[1] + b * cell[4] + c * cell[7]
    z = a * cell[2] + b * cell[5] + c * cell[8]
    return i, j, (x, y, z), x * x + y * y + z * z


@njit(error_model="numpy", inline="always")
def slope_of(s, g):
    """Return by s the derivative of what the waves have too much, for strength -1: u - 1/r."""
    inverse = ONE / np.sqrt(s)
    return g + HALF * inverse * inverse * inverse


@njit(error_model="numpy", cache=True)
@variant
def take_out(lattice, charge, cell, fixed, members, out):
    q = (ONE, *to_fixed_tuple(fixed, CONSTANTS))
    for pair in range(members.shape[0]):
        i, j, d, s = left_out(lattice, cell, members, pair)
        w = REAL(-2.0 * COULOMB) * charge[i] * charge[j] * slope_of(s, first(s, q))
        for k in range(3):
            out[j, k] += w * d[k]
            out[i, k] -= w * d[k]


@njit(error_model="numpy", cache=True)
@variant
def take_out_pull(lattice, charge, cell, fixed, members, w, position, slopes):
    q = (ONE, *to_fixed_tuple(fixed, CONSTANTS))
    for pair in range(members.shape[0]):
        i, j, d, s = left_out(lattice, cell, members, pair)
        g, bend, _ = second(s, q)
        inverse = ONE / np.sqrt(s)
        bend -= REAL(0.75) * inverse * inverse * inverse * inverse * inverse
        v = REAL(-2.0 * COULOMB) * slope_of(s, g)
        e = (w[j, 0] - w[i, 0], w[j, 1] - w[i, 1], w[j, 2] - w[i, 2])
        along = d[0] * e[0] + d[1] * e[1] + d[2] * e[2]
        more = REAL(-4.0 * COULOMB) * bend * along
        for k in range(3):
            change = charge[i] * charge[j] * (more * d[k] + v * e[k])
            position[j, k] += change
            position[i, k] -= change
        slopes[i] += charge[j] * v * along
        slopes[j] += charge[i] * v * along


@njit(error_model="numpy", cache=True)
@variant
def take_out_level(lattice, charge, cell, fixed, members, total, slopes):
    q = (ONE, *to_fixed_tuple(fixed, CONSTANTS))
    for pair in range(members.shape[0]):
        i, j, d, s = left_out(lattice, cell, members, pair)
        u, g, _ = energy(s, q)
        u = REAL(COULOMB) * (u - ONE / np.sqrt(s))
        w = REAL(-2.0 * COULOMB) * charge[i] * charge[j] * slope_of(s, g)
        total[0] += charge[i] * charge[j] * u
        slopes[i] += charge[j] * u
        slopes[j] += charge[i] * u
        for k in range(3):
            total[1 + k] += w * d[k] * d[k]
            total[4 + k] += w * d[(k + 1) % 3] * d[(k + 2) % 3]


# ------------------------------------------------------------------------------------- the sums


@njit(error_model="numpy", cache=True)
@variant
def prepare(lattice, cell, alpha, rows, tops):
    """Return all factors of the phases by index, the weights and the reciprocal vectors."""
    turn, volume = reciprocal(cell)
    high, wide = 0, 0
    for r in range(rows.shape[0]):
        high, wide = max(high, rows[r, 0]), max(wide, abs(rows[r, 1]))
    u, v = powers(lattice, 0, high), powers(lattice, 1, wide)
    z = powers(lattice, 2, tops.shape[0] - 1)
    return u, v, z, weights(rows, tops.shape[0] - 1, turn, volume, alpha), turn


@njit(error_model="numpy", cache=True)
@variant
def room(n, rows, tops):
    """Return room for the factors of some atoms and for the products of all of them."""
    count, tiles = rows.shape[0], -(-rows.shape[0] // TILE)
    return np.empty(2 * count * TILE, REAL), np.zeros(tiles * tops.shape[0] * 4 * TILE, REAL)


@njit(error_model="numpy", cache=True)
@variant
def spread(turn, e, j):
    """Return a sum over indices as a vector."""
    x, y, z = e[j], e[TILE + j], e[2 * TILE + j]
    return (
        REAL(turn[0, 0]) * x + REAL(turn[0, 1]) * y + REAL(turn[0, 2]) * z,
        REAL(turn[1, 0]) * x + REAL(turn[1, 1]) * y + REAL(turn[1, 2]) * z,
        REAL(turn[2, 0]) * x + REAL(turn[2, 1]) * y + REAL(turn[2, 2]) * z,
    )


@njit(error_model="numpy", cache=True)
@variant
def force(lattice, charge, cell, alpha, fixed, rows, tops, members, out):
    n = lattice.shape[0]
    u, v, z, b, turn = prepare(lattice, cell, alpha, rows, tops)
    x, p = room(n, rows, tops)
    for start in range(0, n, TILE):
        count = min(TILE, n - start)
        fill(rows, u, v, start, count, x)
        amplitudes(x, z, charge, start, count, rows, tops, p)
    acc, e = np.empty(4 * TILE, REAL), np.empty(3 * TILE, REAL)
    for start in range(0, n, TILE):
        count = min(TILE, n - start)
        if n > TILE:
            fill(rows, u, v, start, count, x)
        sweep(count, x, z, start, rows, b, p, acc, e)
        for j in range(count):
            f, q = spread(turn, e, j), charge[start + j]
            for k in range(3):
                out[start + j, k] = q * f[k]
    take_out(lattice, charge, cell, fixed, members, out)


@njit(error_model="numpy", cache=True)
@variant
def pull(lattice, charge, cell, alpha, fixed, rows, tops, members, w, out, position, slopes):
    n = lattice.shape[0]
    u, v, z, b, turn = prepare(lattice, cell, alpha, rows, tops)
    x, p = room(n, rows, tops)
    other = np.zeros_like(p)
    omega = np.empty((3, n), REAL)
    for k in range(3):
        for a in range(n):
            one, two = w[a, 0] * REAL(turn[0, k]), w[a, 1] * REAL(turn[1, k])
            omega[k, a] = one + two + w[a, 2] * REAL(turn[2, k])
    for start in range(0, n, TILE):
        count = min(TILE, n - start)
        fill(rows, u, v, start, count, x)
        amplitudes(x, z, charge, start, count, rows, tops, p)
        turned(x, z, charge, omega, start, count, rows, tops, other)
    acc, e, g = np.empty(10 * TILE, REAL), np.empty(3 * TILE, REAL), np.empty(4 * TILE, REAL)
    for start in range(0, n, TILE):
        count = min(TILE, n - start)
        if n > TILE:
            fill(rows, u, v, start, count, x)
        answer(count, x, z, start, rows, b, p, other, omega, acc, e, g)
        for j in range(count):
            at = start + j
            f, moved, q = spread(turn, e, j), spread(turn, g, j), charge[at]
            for k in range(3):
                out[at, k] = q * f[k]
                position[at, k] = q * moved[k]
            along = omega[0, at] * e[j] + omega[1, at] * e[TILE + j]
            slopes[at] = g[3 * TILE + j] + along + omega[2, at] * e[2 * TILE + j]
    take_out(lattice, charge, cell, fixed, members, out)
    take_out_pull(lattice, charge, cell, fixed, members, w, position, slopes)


@njit(error_model="numpy", cache=True)
@variant
def add_levels(rows, b, p, turn, alpha, total):
    """Add the energies and virials of all waves."""
    quarter = 0.25 / (alpha * alpha)
    for r in range(rows.shape[0]):
        for m in range(rows[r, 2] + 1):
            base = (r // TILE * b.shape[0] + m) * 4 * TILE + r % TILE
            one, two, three, four = p[base], p[base + TILE], p[base + 2 * TILE], p[base + 3 * TILE]
            for side in range(2):
                if b[m, side, r] == 0.0:
                    continue
                sign = -1.0 if side else 1.0
                real, imaginary = one - sign * two, four + sign * three
                energy = 0.5 * b[m, side, r] * (real * real + imaginary * imaginary)
                k = np.empty(3, np.float64)
                for i in range(3):
                    k[i] = turn[i, 0] * rows[r, 0] + turn[i, 1] * rows[r, 1] + turn[i, 2] * sign * m
                share = 2.0 * (1.0 / (k[0] * k[0] + k[1] * k[1] + k[2] * k[2]) + quarter)
                total[0] += energy
                for i in range(3):
                    total[1 + i] += energy * (1.0 - share * k[i] * k[i])
                    total[4 + i] -= energy * share * k[(i + 1) % 3] * k[(i + 2) % 3]


@njit(error_model="numpy", cache=True)
@variant
def level(lattice, charge, cell, alpha, fixed, rows, tops, members, total, slopes):
    """Set energy and virial (xx, yy, zz, yz, xz, xy), and the energy's slopes by the charges."""
    n, levels = lattice.shape[0], tops.shape[0]
    u, v, z, b, turn = prepare(lattice, cell, alpha, rows, tops)
    x, p = room(n, rows, tops)
    for start in range(0, n, TILE):
        count = min(TILE, n - start)
        fill(rows, u, v, start, count, x)
        amplitudes(x, z, charge, start, count, rows, tops, p)
    total[:] = ZERO
    add_levels(rows, b, p, turn, alpha, total)
    acc = np.empty(2 * TILE, REAL)
    slopes[:] = ZERO
    for start in range(0, n, TILE):
        count = min(TILE, n - start)
        if n > TILE:
            fill(rows, u, v, start, count, x)
        for r in range(rows.shape[0]):
            acc[:] = ZERO
            for m in range(rows[r, 2] + 1):
                at = m * n + start
                c = coefficient(p, b, m, r)
                gather(count, z.reshape(-1), at, levels * n + at, c, acc, 0)
            for j in range(count):
                real, imaginary = x[r * TILE + j], x[(rows.shape[0] + r) * TILE + j]
                slopes[start + j] += real * acc[j] - imaginary * acc[TILE + j]
    own = REAL(COULOMB / np.sqrt(np.pi)) * REAL(alpha)
    for a in range(n):
        total[0] -= own * charge[a] * charge[a]
        slopes[a] -= REAL(2.0) * own * charge[a]
    take_out_level(lattice, charge, cell, fixed, members, total, slopes)
