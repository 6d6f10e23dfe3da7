"""Through the networks of the atoms and back: a template that `eann` stands on.

Names as in `eann`.
"""

# pyright: reportUndefinedVariable=false, reportAttributeAccessIssue=false
# pyright: reportPrivateImportUsage=false, reportCallIssue=false, reportIndexIssue=false
from __future__ import annotations

import math

import numpy as np
from numba import njit

LEVEL, TANGENT = SORT == "level", SORT in ("pull", "strain")
STRIDE = MOMENTS * RADIALS
ZERO, ONE, TWO, FOUR = REAL(0.0), REAL(1.0), REAL(2.0), REAL(4.0)
NORM = REAL(1e-5)


@njit(error_model="numpy", cache=True)
@variant
def mean_of(values, n):
    total = ZERO
    for u in range(n):
        total += values[u]
    return total / REAL(n)


@njit(error_model="numpy", cache=True)
@variant
def mean_product(a, b, n):
    total = ZERO
    for u in range(n):
        total += a[u] * b[u]
    return total / REAL(n)


@njit(error_model="numpy", cache=True)
@variant
def multiplied(x, inputs, matrix, place, units, out):
    """Add x W to out, unit by unit; W stands row by row from a place on."""
    for v in range(inputs):
        factor, row = x[v], place + v * units
        for u in range(units):
            out[u] += factor * matrix[row + u]


@njit(error_model="numpy", cache=True)
@variant
def forth(q, s, shape, begin, room, roomd):
    """Take the features in room[0, 0] through the network; return the output.

    Room of a layer n: x in, 1 normed, 2 normed and scaled, 3 logistic, 4 silu, 5 its slope, 6 the
    norm's 1/deviation.
    """
    x, argument, z = room[0, 7], room[1, 7], room[2, 7]
    for n in range(shape[1]):
        inputs, units, own = shape[2 + n], shape[3 + n], s * shape[3 + n]
        y, normed, scaled = room[n, 8], room[n, 1], room[n, 2]
        for u in range(units):
            y[u] = q[begin[n, 1] + own + u]
        multiplied(room[n, 0], inputs, q, begin[n, 0] + own * inputs, units, y)
        middle = mean_of(y, units)
        for u in range(units):
            y[u] -= middle
        inverse = ONE / math.sqrt(mean_product(y, y, units) + NORM)
        room[n, 6, 0] = inverse
        for u in range(units):
            normed[u] = y[u] * inverse
            scaled[u] = normed[u] * q[begin[n, 2] + own + u] + q[begin[n, 3] + own + u]
            argument[u] = -(q[begin[n, 5] + own + u] * scaled[u])
        exponential(argument, units, x, z)
        logistic, silu, slope = room[n, 3], room[n, 4], room[n, 5]
        for u in range(units):
            t = q[begin[n, 5] + own + u] * scaled[u]
            logistic[u] = ONE / (ONE + x[u])
            silu[u] = t * logistic[u]
            slope[u] = logistic[u] * (ONE + t * (ONE - logistic[u]))
            room[n + 1, 0, u] = q[begin[n, 4] + own + u] * silu[u]
        if TANGENT:
            yd, normedd, scaledd = roomd[n, 8], roomd[n, 1], roomd[n, 2]
            yd[:units] = ZERO
            multiplied(roomd[n, 0], inputs, q, begin[n, 0] + own * inputs, units, yd)
            first, second = mean_of(yd, units), mean_product(yd, normed, units)
            roomd[n, 6, 0] = -(inverse * inverse * second)
            for u in range(units):
                normedd[u] = inverse * (yd[u] - first - normed[u] * second)
                scaledd[u] = normedd[u] * q[begin[n, 2] + own + u]
                moved = slope[u] * (q[begin[n, 5] + own + u] * scaledd[u])
                roomd[n, 4, u] = moved
                roomd[n + 1, 0, u] = q[begin[n, 4] + own + u] * moved
    hidden, units = shape[1], shape[2 + shape[1]]
    total = q[begin[hidden, 1] + s] + q[begin[hidden, 2]]
    for u in range(units):
        total += room[hidden, 0, u] * q[begin[hidden, 0] + s * units + u]
    return total


@njit(error_model="numpy", cache=True)
@variant
def back(q, s, shape, begin, weights, room, roomd, bx, bxd, slopes):
    """Return the derivative of the output by the features in bx (and bxd, its derivative).

    Adds the derivatives by the parameters to the slopes, or their derivatives.
    """
    hidden, units = shape[1], shape[2 + shape[1]]
    place = begin[hidden, 0] + s * units
    for u in range(units):
        bx[u] = q[place + u]
        if TANGENT:
            bxd[u] = ZERO
            slopes[place + u] += roomd[hidden, 0, u]
        if LEVEL:
            slopes[place + u] += room[hidden, 0, u]
    if LEVEL:
        slopes[begin[hidden, 1] + s] += ONE
        slopes[begin[hidden, 2]] += ONE
    by, byd = room[0, 9], roomd[0, 9]
    for step in range(hidden):
        n = hidden - 1 - step
        inputs, units, own = shape[2 + n], shape[3 + n], s * shape[3 + n]
        normed, scaled, logistic = room[n, 1], room[n, 2], room[n, 3]
        silu, slope, inverse = room[n, 4], room[n, 5], room[n, 6, 0]
        normedd, scaledd, inversed = roomd[n, 1], roomd[n, 2], roomd[n, 6, 0]
        for u in range(units):
            bent = q[begin[n, 4] + own + u]
            steep = q[begin[n, 5] + own + u]
            bt = bx[u] * bent * slope[u]
            bz = bt * steep
            by[u] = bz * q[begin[n, 2] + own + u]
            if LEVEL:
                slopes[begin[n, 2] + own + u] += bz * normed[u]
                slopes[begin[n, 3] + own + u] += bz
                slopes[begin[n, 4] + own + u] += bx[u] * silu[u]
                slopes[begin[n, 5] + own + u] += bt * scaled[u]
            if TANGENT:
                t, sigma = steep * scaled[u], logistic[u]
                td = steep * scaledd[u]
                curve = sigma * (ONE - sigma) * (TWO + t * (ONE - TWO * sigma))
                btd = bxd[u] * bent * slope[u] + bx[u] * bent * curve * td
                bzd = btd * steep
                byd[u] = bzd * q[begin[n, 2] + own + u]
                slopes[begin[n, 2] + own + u] += bzd * normed[u] + bz * normedd[u]
                slopes[begin[n, 3] + own + u] += bzd
                slopes[begin[n, 4] + own + u] += bxd[u] * silu[u] + bx[u] * roomd[n, 4, u]
                slopes[begin[n, 5] + own + u] += btd * scaled[u] + bt * scaledd[u]
        first, second = mean_of(by, units), mean_product(by, normed, units)
        if TANGENT:
            firstd = mean_of(byd, units)
            secondd = mean_product(byd, normed, units) + mean_product(by, normedd, units)
        for u in range(units):
            plain = by[u] - first - normed[u] * second
            if TANGENT:
                change = byd[u] - firstd - normedd[u] * second - normed[u] * secondd
                byd[u] = inversed * plain + inverse * change
                slopes[begin[n, 1] + own + u] += byd[u]
            by[u] = inverse * plain
            if LEVEL:
                slopes[begin[n, 1] + own + u] += by[u]
        place = begin[n, 0] + own * inputs
        if TANGENT:
            for v in range(inputs):
                x, xd, row = room[n, 0, v], roomd[n, 0, v], place + v * units
                for u in range(units):
                    slopes[row + u] += xd * by[u] + x * byd[u]
        if LEVEL:
            for v in range(inputs):
                x, row = room[n, 0, v], place + v * units
                for u in range(units):
                    slopes[row + u] += x * by[u]
        bx[:inputs] = ZERO
        bxd[:inputs] = ZERO
        for u in range(units):
            factor, factord = by[u], byd[u]
            for v in range(inputs):
                bx[v] += factor * weights[n, s, u, v]
            if TANGENT:
                for v in range(inputs):
                    bxd[v] += factord * weights[n, s, u, v]


@njit(error_model="numpy", cache=True)
@variant
def through(q, shape, kinds, o, od, slopes):
    """Turn the orbitals into the derivatives of the energy by them; return the energy."""
    begin, longest = layout(shape)
    weights = turned(q, shape, begin, longest)
    layers = max(shape[1] + 1, 3)
    room = np.zeros((layers, 10, longest), REAL)
    roomd = np.zeros((layers, 10, longest), REAL)
    bx, bxd = np.zeros(longest, REAL), np.zeros(longest, REAL)
    energy = ZERO
    for i in range(kinds.shape[0]):
        x, xd = room[0, 0], roomd[0, 0]
        x[: shape[2]] = ZERO
        xd[: shape[2]] = ZERO
        for m in range(MOMENTS):
            base, place = RADIALS * ((m > 0) + (m > 3)), i * STRIDE + m * RADIALS
            twice = TWO if m > 6 else ONE
            for k in range(RADIALS):
                x[base + k] += twice * (o[place + k] * o[place + k])
                if TANGENT:
                    xd[base + k] += twice * TWO * (o[place + k] * od[place + k])
        energy += forth(q, kinds[i], shape, begin, room, roomd)
        back(q, kinds[i], shape, begin, weights, room, roomd, bx, bxd, slopes)
        for m in range(MOMENTS):
            base, place = RADIALS * ((m > 0) + (m > 3)), i * STRIDE + m * RADIALS
            twice = FOUR if m > 6 else TWO
            for k in range(RADIALS):
                if TANGENT:
                    bent = od[place + k] * bx[base + k] + o[place + k] * bxd[base + k]
                    od[place + k] = twice * bent
                o[place + k] = twice * (o[place + k] * bx[base + k])
    return energy
