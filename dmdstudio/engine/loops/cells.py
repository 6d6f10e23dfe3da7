"""Sums over near pairs of one replica by cell lists: a template for `kernels.load`.

Atoms are sorted by cells of at least half the reach (a counting sort, so that the order is a
function of the lattice alone). Groups of a few atoms, neighbours along the first lattice vector,
share one neighbourhood: all atoms within the reach of the sphere around the group, copied side by
side, so that the loops of `pairs` run over contiguous numbers. Nothing is kept between calls: there
is no list that could go stale, and no capacity that could overflow.

Arguments are those of `dense`; ``reach`` is the cutoff, angstrom.
"""

# pyright: reportUndefinedVariable=false, reportCallIssue=false
from __future__ import annotations

import numpy as np
from numba import njit
from numba.np.unsafe.ndarray import to_fixed_tuple

GROUP = 6  # atoms that one neighbourhood is gathered for, about
SIDES = 2  # cells on either side that the reach spans


@njit(error_model="numpy", cache=True)
@variant
def divide(h, reach, n):
    """Return cells along each vector, cells of a group, groups of a row, and half the width.

    Half the width is half the smallest perpendicular width, angstrom.
    """
    size = 2.0**BITS
    a = np.array([h[0], h[1], h[2]], np.float64) * size
    b = np.array([h[3], h[4], h[5]], np.float64) * size
    c = np.array([h[6], h[7], h[8]], np.float64) * size
    volume = abs(np.sum(a * np.cross(b, c)))
    wide = np.empty(3, np.float64)
    wide[0] = volume / np.sqrt(np.sum(np.cross(b, c) ** 2))
    wide[1] = volume / np.sqrt(np.sum(np.cross(c, a) ** 2))
    wide[2] = volume / np.sqrt(np.sum(np.cross(a, b) ** 2))
    counts = np.maximum((SIDES * wide / (1.00001 * reach)).astype(np.int64), 1)
    while counts.prod() > 4 * n + 64:  # a thin gas: empty cells cost time too
        widest = np.argmax(counts)
        counts[widest] = (counts[widest] + 1) // 2
    cells = min(counts[0], max(1, np.int64(round(GROUP * counts.prod() / n))))
    groups = (counts[0] + cells - 1) // cells
    return counts[0], counts[1], counts[2], cells, groups, REAL(0.4999 * wide.min())


@njit(error_model="numpy", cache=True)
@variant
def sort_atoms(lattice, grid):
    """Return where every cell begins [cell + 1] and the atoms in the order of cells."""
    n = lattice.shape[0]
    counts = (grid[0], grid[1], grid[2])
    cell = np.empty(n, np.int64)
    begins = np.zeros(counts[0] * counts[1] * counts[2] + 1, np.int64)
    for i in range(n):
        own = np.int64(0)
        for k in range(2, -1, -1):
            top = np.int64(lattice[i, k] >> (BITS - 32)) + np.int64(2**31)
            own = own * counts[k] + ((top * counts[k]) >> 32)
        cell[i] = own
        begins[own + 1] += 1
    for k in range(len(begins) - 1):
        begins[k + 1] += begins[k]
    order, at = np.empty(n, np.int64), begins.copy()
    for i in range(n):
        order[at[cell[i]]] = i
        at[cell[i]] += 1
    return begins, order


@njit(error_model="numpy", cache=True)
@variant
def most(begins, grid, n):
    """Return a number of atoms that no neighbourhood exceeds."""
    fullest = np.int64(0)
    for k in range(len(begins) - 1):
        fullest = max(fullest, begins[k + 1] - begins[k])
    span = 2 * SIDES + 1
    cells = min(grid[0], grid[3] + 2 * SIDES) * min(grid[1], span) * min(grid[2], span)
    return min(n, fullest * cells)


@njit(error_model="numpy", cache=True)
@variant
def middle_of(x, first, last):
    """Return the middle of coordinates first..last; on the lattice, across its border too."""
    low = high = INTEGER(0)
    for i in range(first, last):
        off = INTEGER(x[i] - x[first])
        low, high = min(low, off), max(high, off)
    return INTEGER(x[first] + INTEGER(low // 2 + high // 2))


@njit(error_model="numpy", cache=True)
@variant
def sphere(s, first, last, h):
    """Return the middle of atoms on the lattice and the distance of the furthest of them."""
    x, y, z = s[0], s[1], s[2]
    middle = middle_of(x, first, last), middle_of(y, first, last), middle_of(z, first, last)
    square = REAL(0.0)
    for i in range(first, last):
        dx, dy, dz = vector(
            INTEGER(x[i] - middle[0]),
            INTEGER(y[i] - middle[1]),
            INTEGER(z[i] - middle[2]),
            h,
        )
        square = max(square, dx * dx + dy * dy + dz * dz)
    return middle, np.sqrt(square)


@njit(error_model="numpy", cache=True)
@variant
def near_in(first, last, s, middle, limit, h, inside, near, m):
    """Append the sorted atoms first..last within a sphere to ``near``; return their number."""
    x, y, z = s[0], s[1], s[2]
    xi, yi, zi = middle
    for j in range(first, last):
        dx, dy, dz = vector(INTEGER(x[j] - xi), INTEGER(y[j] - yi), INTEGER(z[j] - zi), h)
        inside[j] = 1 if dx * dx + dy * dy + dz * dz < limit else 0
    for j in range(first, last):  # a loop of its own: without branches, which nobody foresees
        near[m] = j
        m += inside[j]
    return m


@njit(error_model="numpy", inline="always")
def wrapped(index, count):
    """Return a cell's index, out of bounds by less than a period, inside them."""
    return index + count if index < 0 else (index - count if index >= count else index)


@njit(error_model="numpy", cache=True)
@variant
def neighbourhood(g, grid, work, h, reach):
    """Find the atoms around a group, in ``near``.

    Returns:
        first and last (exclusive) atom of the group in the order of cells, the number of atoms
        near, and where among them the group begins.
    """
    nx, ny, nz, cells, groups, half_width = grid
    begins, _, s, inside, near = work
    gx, cy, cz = (g % groups) * cells, g // groups % ny, g // groups // ny
    end = min(gx + cells, nx)
    row = (cz * ny + cy) * nx
    first, last = begins[row + gx], begins[row + end]
    m = own = np.int64(0)
    if first == last:
        return first, last, m, own
    middle, radius = sphere(s, first, last, h)
    within = (reach + radius) * REAL(1.0001)
    limit = within * within
    if not ORTHORHOMBIC and within > half_width:
        limit = REAL(FAR)  # the nearest image by fractions need not be the nearest in space
    span = 2 * SIDES + 1
    low, high = gx - SIDES, end + SIDES
    whole = high - low >= nx
    for k in range(min(nz, span)):
        z = k if nz <= span else wrapped(cz + k - SIDES, nz)
        for j in range(min(ny, span)):
            y = j if ny <= span else wrapped(cy + j - SIDES, ny)
            row = (z * ny + y) * nx
            a, b = begins[row + max(low, 0)], begins[row + min(high, nx)]
            if whole:
                a, b = begins[row], begins[row + nx]
            elif low < 0:
                c, d = begins[row + low + nx], begins[row + nx]
                m = near_in(c, d, s, middle, limit, h, inside, near, m)
            elif high > nx:
                c, d = begins[row], begins[row + high - nx]
                m = near_in(c, d, s, middle, limit, h, inside, near, m)
            before = m
            m = near_in(a, b, s, middle, limit, h, inside, near, m)
            if a <= first < b:  # all of the group are near: they stand in a row
                own = before
                while near[own] != first:
                    own += 1
    return first, last, m, own


@njit(error_model="numpy", cache=True)
@variant
def prepare(lattice, h, reach):
    """Sort the atoms; return the grid, what `neighbourhood` works with, and its largest number."""
    n = lattice.shape[0]
    grid = divide(h, reach, n)
    begins, order = sort_atoms(lattice, grid)
    size = most(begins, grid, n)
    s = np.empty((3, n), INTEGER)
    for k in range(3):
        for j in range(n):
            s[k, j] = lattice[order[j], k]
    return grid, (begins, order, s, np.empty(n, np.int32), np.empty(size + 1, np.int32)), size


@njit(error_model="numpy", cache=True)
@variant
def places(size, table, n):
    """Return room for one neighbourhood.

    Coordinates [3, atom], owners, types, what is added to squared distances, the numbers of pairs
    [type, COUNT, atom], and where every atom of the system went.
    """
    return (
        np.empty((3, size), INTEGER),
        np.empty(size, np.int32),
        np.zeros(size, np.int32),
        np.zeros(size, REAL),
        np.empty((table.shape[0], COUNT, 0 if UNIFORM else size), REAL),
        np.zeros(n, np.int32),
    )


@njit(error_model="numpy", cache=True)
@variant
def gather(work, m, kinds, table, left_out, place):
    """Copy the atoms of a neighbourhood side by side, and note where every atom went."""
    _, order, s, _, near = work
    around, owner, kind, _, spread, slot = place
    for c in range(m):
        owner[c] = order[near[c]]
    for k in range(3):
        for c in range(m):
            around[k, c] = s[k, near[c]]
    if not UNIFORM:
        for c in range(m):
            kind[c] = kinds[owner[c]]
        spread_out(table, m, kind, spread)
    if left_out.shape[0] > kinds.shape[0] + 1:
        for c in range(m):
            slot[owner[c]] = c


@njit(error_model="numpy", cache=True)
@variant
def mark(place, m, left_out, c, value):
    """Set what is added to the squared distance of one atom from itself and its excluded."""
    _, owner, _, away, _, slot = place
    away[c] = value
    i = owner[c]
    for at in range(left_out[i], left_out[i + 1]):
        other = slot[left_out[at]]
        if other < m and owner[other] == left_out[at]:  # it is in this neighbourhood
            away[other] = value


@njit(error_model="numpy", cache=True)
@variant
def force(lattice, table, fixed, h, reach, kinds, left_out, out):
    grid, work, size = prepare(lattice, h, reach)
    place = places(size, table, lattice.shape[0])
    around, owner, _, away, spread, _ = place
    uniform = to_fixed_tuple(table[0, 0], COUNT) + fixed
    f = np.empty((3, size), REAL)
    out[:] = REAL(0.0)
    for group in range(grid[4] * grid[1] * grid[2]):
        first, last, m, own = neighbourhood(group, grid, work, h, reach)
        gather(work, m, kinds, table, left_out, place)
        f[:, :m] = REAL(0.0)
        for c in range(own, own + last - first):
            mark(place, m, left_out, c, REAL(FAR))
            at, t = (around[0, c], around[1, c], around[2, c]), kinds[owner[c]]
            force_row(at, m, around, away, spread[t], uniform, fixed, h, f)
            mark(place, m, left_out, c, REAL(0.0))
        for c in range(m):
            for k in range(3):
                out[owner[c], k] += f[k, c]


@njit(error_model="numpy", cache=True)
@variant
def pull(lattice, table, fixed, h, reach, kinds, left_out, direction, out, position, slopes):
    grid, work, size = prepare(lattice, h, reach)
    place = places(size, table, lattice.shape[0])
    around, owner, kind, away, spread, _ = place
    uniform = to_fixed_tuple(table[0, 0], COUNT) + fixed
    f, d = np.empty((6, size), REAL), np.empty((3, size), REAL)
    g = np.empty((table.shape[0], COUNT, size), REAL)
    totals = np.zeros(table.shape, np.float64)
    out[:] = REAL(0.0)
    position[:] = REAL(0.0)
    for group in range(grid[4] * grid[1] * grid[2]):
        first, last, m, own = neighbourhood(group, grid, work, h, reach)
        gather(work, m, kinds, table, left_out, place)
        f[:, :m] = REAL(0.0)
        g[:, :, :m] = REAL(0.0)
        for c in range(m):
            for k in range(3):
                d[k, c] = direction[owner[c], k]
        for c in range(own, own + last - first):
            mark(place, m, left_out, c, REAL(FAR))
            at, t = (around[0, c], around[1, c], around[2, c]), kinds[owner[c]]
            along = (d[0, c], d[1, c], d[2, c])
            pull_row(at, m, around, away, spread[t], uniform, fixed, h, along, d, f, g[t])
            mark(place, m, left_out, c, REAL(0.0))
        for c in range(m):
            for k in range(3):
                out[owner[c], k] += f[k, c]
                position[owner[c], k] += f[3 + k, c]
        add_by_kind(g, m, kind, totals)
    slopes[:] = totals


@njit(error_model="numpy", cache=True)
@variant
def level(lattice, table, fixed, h, reach, kinds, left_out, total, slopes):
    grid, work, size = prepare(lattice, h, reach)
    place = places(size, table, lattice.shape[0])
    around, owner, kind, away, spread, _ = place
    uniform = to_fixed_tuple(table[0, 0], COUNT) + fixed
    f, g = np.empty((7, size), REAL), np.empty((table.shape[0], COUNT, size), REAL)
    total[:] = REAL(0.0)
    slopes[:] = REAL(0.0)
    for group in range(grid[4] * grid[1] * grid[2]):
        first, last, m, own = neighbourhood(group, grid, work, h, reach)
        gather(work, m, kinds, table, left_out, place)
        f[:, :m] = REAL(0.0)
        g[:, :, :m] = REAL(0.0)
        for c in range(own, own + last - first):
            mark(place, m, left_out, c, REAL(FAR))
            at, t = (around[0, c], around[1, c], around[2, c]), kinds[owner[c]]
            energy_row(at, m, around, away, spread[t], uniform, fixed, h, f, g[t])
            mark(place, m, left_out, c, REAL(0.0))
        for k in range(7):
            total[k] += np.sum(f[k, :m])
        add_by_kind(g, m, kind, slopes)


@njit(error_model="numpy", cache=True)
@variant
def strain(lattice, table, fixed, h, reach, kinds, left_out, slopes):
    grid, work, size = prepare(lattice, h, reach)
    place = places(size, table, lattice.shape[0])
    around, owner, kind, away, spread, _ = place
    uniform = to_fixed_tuple(table[0, 0], COUNT) + fixed
    g = np.empty((table.shape[0], 6 * COUNT, size), REAL)
    slopes[:] = REAL(0.0)
    for group in range(grid[4] * grid[1] * grid[2]):
        first, last, m, own = neighbourhood(group, grid, work, h, reach)
        gather(work, m, kinds, table, left_out, place)
        g[:, :, :m] = REAL(0.0)
        for c in range(own, own + last - first):
            mark(place, m, left_out, c, REAL(FAR))
            at, t = (around[0, c], around[1, c], around[2, c]), kinds[owner[c]]
            strain_row(at, m, around, away, spread[t], uniform, fixed, h, g[t])
            mark(place, m, left_out, c, REAL(0.0))
        add_by_kind(g, m, kind, slopes)
