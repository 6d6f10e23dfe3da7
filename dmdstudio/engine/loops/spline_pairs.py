"""One row of pairs of a spline, of whose many numbers four count at a time: in place of `pairs`.

Names and arguments are those of `pairs`; ``weights`` and ``sloped`` are of `loops.spline`. The
numbers of the row [COUNT, atom] are read, and their slopes written, at the place of the pair.
"""

# pyright: reportUndefinedVariable=false, reportCallIssue=false
from __future__ import annotations

from numba import njit


@njit(error_model="numpy", cache=True)
@variant
def force_row(at, n, s, away, numbers, uniform, fixed, h, f):
    """See `pairs.force_row`."""
    x, y, z = s[0], s[1], s[2]
    for j in range(n):
        d = vector(INTEGER(x[j] - at[0]), INTEGER(y[j] - at[1]), INTEGER(z[j] - at[2]), h)
        square = d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + away[j]
        r, k, _, slope, _ = weights(square, fixed[0], fixed[1])
        half = REAL(0.5) / r
        g = sloped(
            half, slope, numbers[k, j], numbers[k + 1, j], numbers[k + 2, j], numbers[k + 3, j]
        )
        w = REAL(-2.0) * g
        f[0, j] += w * d[0]
        f[1, j] += w * d[1]
        f[2, j] += w * d[2]


@njit(error_model="numpy", cache=True)
@variant
def pull_row(at, n, s, away, numbers, uniform, fixed, h, along_i, d, f, g):
    """See `pairs.pull_row`."""
    x, y, z = s[0], s[1], s[2]
    for j in range(n):
        v = vector(INTEGER(x[j] - at[0]), INTEGER(y[j] - at[1]), INTEGER(z[j] - at[2]), h)
        square = v[0] * v[0] + v[1] * v[1] + v[2] * v[2] + away[j]
        r, k, _, slope, curve = weights(square, fixed[0], fixed[1])
        half = REAL(0.5) / r
        first = sloped(
            half, slope, numbers[k, j], numbers[k + 1, j], numbers[k + 2, j], numbers[k + 3, j]
        )
        bent = curve[0] * numbers[k, j] + curve[1] * numbers[k + 1, j]
        bent = bent + curve[2] * numbers[k + 2, j] + curve[3] * numbers[k + 3, j]
        second = half * half * (bent - REAL(2.0) * first)
        e = d[0, j] - along_i[0], d[1, j] - along_i[1], d[2, j] - along_i[2]
        along = v[0] * e[0] + v[1] * e[1] + v[2] * e[2]
        w = REAL(-2.0) * first
        turn = REAL(-4.0) * second * along
        for c in range(3):
            f[c, j] += w * v[c]
            f[c + 3, j] += turn * v[c] + w * e[c]
        for c in range(4):  # each pair is met twice: half of -2 per sweep
            g[k + c, j] -= half * slope[c] * along


@njit(error_model="numpy", cache=True)
@variant
def energy_row(at, n, s, away, numbers, uniform, fixed, h, f, g):
    """See `pairs.energy_row`."""
    x, y, z = s[0], s[1], s[2]
    for j in range(n):
        d = vector(INTEGER(x[j] - at[0]), INTEGER(y[j] - at[1]), INTEGER(z[j] - at[2]), h)
        square = d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + away[j]
        r, k, value, slope, _ = weights(square, fixed[0], fixed[1])
        half = REAL(0.5) / r
        w = -sloped(
            half, slope, numbers[k, j], numbers[k + 1, j], numbers[k + 2, j], numbers[k + 3, j]
        )
        for c in range(4):
            f[0, j] += REAL(0.5) * value[c] * numbers[k + c, j]
            g[k + c, j] += REAL(0.5) * value[c]
        f[1, j] += w * d[0] * d[0]
        f[2, j] += w * d[1] * d[1]
        f[3, j] += w * d[2] * d[2]
        f[4, j] += w * d[1] * d[2]
        f[5, j] += w * d[0] * d[2]
        f[6, j] += w * d[0] * d[1]


@njit(error_model="numpy", cache=True)
@variant
def strain_row(at, n, s, away, numbers, uniform, fixed, h, g):
    """See `pairs.strain_row`."""
    x, y, z = s[0], s[1], s[2]
    for j in range(n):
        d = vector(INTEGER(x[j] - at[0]), INTEGER(y[j] - at[1]), INTEGER(z[j] - at[2]), h)
        square = d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + away[j]
        r, k, _, slope, _ = weights(square, fixed[0], fixed[1])
        half = REAL(0.5) / r
        for c in range(4):
            w = -half * slope[c]
            g[6 * (k + c), j] += w * d[0] * d[0]
            g[6 * (k + c) + 1, j] += w * d[1] * d[1]
            g[6 * (k + c) + 2, j] += w * d[2] * d[2]
            g[6 * (k + c) + 3, j] += w * d[1] * d[2]
            g[6 * (k + c) + 4, j] += w * d[0] * d[2]
            g[6 * (k + c) + 5, j] += w * d[0] * d[1]
