"""Exponential and logarithm for the forms: a template for `kernels.load`, which sets ``REAL``.

By multiplications, additions and the bits of a number alone, without branches: they vectorise, and
give the same bits wherever they are compiled into, which library functions of vectors and of single
numbers do not. Accurate to a few units in the last place.

A number x is n log 2 + t or 2^n m; n is read off the last bits of x/log 2 + MAGIC, a number so
large that its last bit counts ones, or off the exponent.
"""

# pyright: reportUndefinedVariable=false, reportCallIssue=false, reportArgumentType=false
from __future__ import annotations

import math

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

DOUBLE = REAL is np.float64
WHOLE = np.int64 if DOUBLE else np.int32
PLACES = 52 if DOUBLE else 23  # binary places of a number
MAGIC = REAL(1.5 * 2.0**PLACES)
MAGIC_BITS = int(MAGIC.view(WHOLE))
ONE_BITS = int(REAL(1.0).view(WHOLE))
ROOT_BITS = int(REAL(math.sqrt(0.5)).view(WHOLE))
PER_LOG_2 = REAL(1.0 / math.log(2.0))
HIGH = REAL(0.693147180369123816490) if DOUBLE else REAL(0.693359375)  # multiples are exact
LOW = REAL(1.90821492927058770002e-10) if DOUBLE else REAL(-2.12194440e-4)
LEAST, MOST = (REAL(-708.0), REAL(709.0)) if DOUBLE else (REAL(-87.0), REAL(88.0))
SMALLEST = REAL(np.finfo(REAL).tiny)
POWER = tuple(REAL(1.0 / math.factorial(k)) for k in range(14 if DOUBLE else 8))
ODD = tuple(REAL(2.0 / (2 * k + 1)) for k in range(11 if DOUBLE else 5))


@intrinsic
def bits_of(typing_context, value):
    """Return the bits of a REAL as an integer."""

    def code(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(PLACES + (12 if DOUBLE else 9)))

    return (types.int64 if DOUBLE else types.int32)(
        types.float64 if DOUBLE else types.float32
    ), code


@intrinsic
def from_bits(typing_context, value):
    """Return the REAL that has the bits of an integer."""

    def code(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.DoubleType() if DOUBLE else ir.FloatType())

    return (types.float64 if DOUBLE else types.float32)(
        types.int64 if DOUBLE else types.int32
    ), code


@njit(error_model="numpy", inline="always", cache=True)
@variant
def exponential(x):
    """Return exp(x); beyond the range of the precision, that of its end."""
    x = x if x > LEAST else LEAST
    x = x if x < MOST else MOST
    shifted = x * PER_LOG_2 + MAGIC
    n = shifted - MAGIC
    t = (x - n * HIGH) - n * LOW
    if DOUBLE:
        p = ((POWER[13] * t + POWER[12]) * t + POWER[11]) * t + POWER[10]
        p = (((p * t + POWER[9]) * t + POWER[8]) * t + POWER[7]) * t + POWER[6]
    else:
        p = POWER[7] * t + POWER[6]
    p = (((p * t + POWER[5]) * t + POWER[4]) * t + POWER[3]) * t + POWER[2]
    p = (p * t + POWER[1]) * t + POWER[0]
    return p * from_bits(WHOLE(WHOLE(WHOLE(bits_of(shifted) << PLACES)) + ONE_BITS))


@njit(error_model="numpy", inline="always", cache=True)
@variant
def logarithm(x):
    """Return log(x) of a positive number; of the smallest one where it is none."""
    x = x if x > SMALLEST else SMALLEST
    whole = bits_of(x)
    n = WHOLE(WHOLE(whole - ROOT_BITS) >> PLACES)
    m = from_bits(WHOLE(whole - WHOLE(n << PLACES)))
    exponent = from_bits(WHOLE(n + MAGIC_BITS)) - MAGIC
    z = (m - POWER[0]) / (m + POWER[0])
    u = z * z
    if DOUBLE:
        p = ((ODD[10] * u + ODD[9]) * u + ODD[8]) * u + ODD[7]
        p = ((p * u + ODD[6]) * u + ODD[5]) * u + ODD[4]
    else:
        p = ODD[4]
    p = (((p * u + ODD[3]) * u + ODD[2]) * u + ODD[1]) * u + ODD[0]
    return exponent * HIGH + (exponent * LOW + p * z)
