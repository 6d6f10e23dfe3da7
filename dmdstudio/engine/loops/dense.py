"""Sums over all pairs of one replica: a template for `kernels.load`, which sets `pairs`.

``table`` [type, type, COUNT] holds the refinable numbers, ``kinds`` the type of every atom,
``left_out`` the excluded partners of all: those of atom i are
``left_out[left_out[i] : left_out[i + 1]]``. ``reach`` is not used here.
"""

# pyright: reportUndefinedVariable=false, reportCallIssue=false
from __future__ import annotations

import numpy as np
from numba import njit
from numba.np.unsafe.ndarray import to_fixed_tuple


@njit(error_model="numpy", cache=True)
@variant
def mark(away, left_out, i, value):
    """Set what is added to the squared distance of atom i from itself and from its excluded."""
    away[i] = value
    for at in range(left_out[i], left_out[i + 1]):
        away[left_out[at]] = value


@njit(error_model="numpy", cache=True)
@variant
def turned(rows, dtype):
    """Return rows [atom, 3] as columns [3, atom]."""
    out = np.empty((3, rows.shape[0]), dtype)
    for k in range(3):
        for j in range(rows.shape[0]):
            out[k, j] = rows[j, k]
    return out


@njit(error_model="numpy", cache=True)
@variant
def spread_of(table, kinds):
    n = kinds.shape[0]
    out = np.empty((table.shape[0], COUNT, 0 if UNIFORM else n), REAL)
    spread_out(table, n, kinds, out)
    return out


@njit(error_model="numpy", cache=True)
@variant
def force(lattice, table, fixed, h, reach, kinds, left_out, out):
    n = lattice.shape[0]
    s, f = turned(lattice, INTEGER), np.zeros((3, n), REAL)
    spread, away = spread_of(table, kinds), np.zeros(n, REAL)
    uniform = to_fixed_tuple(table[0, 0], COUNT) + fixed
    for i in range(n):
        mark(away, left_out, i, REAL(FAR))
        at = (s[0, i], s[1, i], s[2, i])
        force_row(at, n, s, away, spread[kinds[i]], uniform, fixed, h, f)
        mark(away, left_out, i, REAL(0.0))
    for k in range(3):
        for j in range(n):
            out[j, k] = f[k, j]


@njit(error_model="numpy", cache=True)
@variant
def pull(lattice, table, fixed, h, reach, kinds, left_out, direction, out, position, slopes):
    n = lattice.shape[0]
    s, d, f = turned(lattice, INTEGER), turned(direction, REAL), np.zeros((6, n), REAL)
    g = np.zeros((table.shape[0], COUNT, n), REAL)
    spread, away = spread_of(table, kinds), np.zeros(n, REAL)
    uniform = to_fixed_tuple(table[0, 0], COUNT) + fixed
    for i in range(n):
        mark(away, left_out, i, REAL(FAR))
        at, along = (s[0, i], s[1, i], s[2, i]), (d[0, i], d[1, i], d[2, i])
        kind = kinds[i]
        pull_row(at, n, s, away, spread[kind], uniform, fixed, h, along, d, f, g[kind])
        mark(away, left_out, i, REAL(0.0))
    for k in range(3):
        for j in range(n):
            out[j, k] = f[k, j]
            position[j, k] = f[3 + k, j]
    totals = np.zeros(table.shape, np.float64)
    add_by_kind(g, n, kinds, totals)
    slopes[:] = totals


@njit(error_model="numpy", cache=True)
@variant
def level(lattice, table, fixed, h, reach, kinds, left_out, total, slopes):
    n = lattice.shape[0]
    s, f = turned(lattice, INTEGER), np.zeros((7, n), REAL)
    g = np.zeros((table.shape[0], COUNT, n), REAL)
    spread, away = spread_of(table, kinds), np.zeros(n, REAL)
    uniform = to_fixed_tuple(table[0, 0], COUNT) + fixed
    for i in range(n):
        mark(away, left_out, i, REAL(FAR))
        at, kind = (s[0, i], s[1, i], s[2, i]), kinds[i]
        energy_row(at, n, s, away, spread[kind], uniform, fixed, h, f, g[kind])
        mark(away, left_out, i, REAL(0.0))
    for k in range(7):
        total[k] = np.sum(f[k])
    slopes[:] = REAL(0.0)
    add_by_kind(g, n, kinds, slopes)


@njit(error_model="numpy", cache=True)
@variant
def strain(lattice, table, fixed, h, reach, kinds, left_out, slopes):
    n = lattice.shape[0]
    s = turned(lattice, INTEGER)
    g = np.zeros((table.shape[0], 6 * COUNT, n), REAL)
    spread, away = spread_of(table, kinds), np.zeros(n, REAL)
    uniform = to_fixed_tuple(table[0, 0], COUNT) + fixed
    for i in range(n):
        mark(away, left_out, i, REAL(FAR))
        at, kind = (s[0, i], s[1, i], s[2, i]), kinds[i]
        strain_row(at, n, s, away, spread[kind], uniform, fixed, h, g[kind])
        mark(away, left_out, i, REAL(0.0))
    slopes[:] = REAL(0.0)
    add_by_kind(g, n, kinds, slopes)
