"""The entry for XLA of one of the sums in `waves`: a template for `kernels.load`.

It is compiled as it is defined, so that only the one that ``SORT`` names is.
"""

# pyright: reportUndefinedVariable=false, reportCallIssue=false
# pyright: reportPrivateImportUsage=false
from __future__ import annotations

import numpy as np
from numba import carray, cfunc, njit, types

INPUTS = 8


@njit(cache=True)
@variant
def system_of(inputs, batch, n):
    """Return what every entry is handed, each with the replica first."""
    return (
        carray(data(inputs, 0), (batch, n, 3), INTEGER),
        carray(data(inputs, 1), (batch, n), REAL),
        carray(data(inputs, 2), (batch, 9), REAL),
        carray(data(inputs, 3), (batch,), np.float64),
        carray(data(inputs, 4), (batch, CONSTANTS), REAL),
        carray(data(inputs, 5), (batch, length(inputs, 5, 2), 3), np.int32),
        carray(data(inputs, 6), (batch, length(inputs, 6, 1)), np.int32),
        carray(data(inputs, 7), (batch, length(inputs, 7, 2), 2), np.int32),
    )


if SORT == "force":

    @cfunc(types.intp(types.intp), cache=True)
    @variant
    def entry(address):
        frame = words(address, 20)
        if asks_metadata(frame):
            return 0
        inputs, outputs = words(frame[9], INPUTS), words(frame[14], 1)
        batch, n = batch_of(inputs, 2), length(inputs, 0, 2)
        lattice, charge, cell, alpha, fixed, rows, tops, members = system_of(inputs, batch, n)
        out = carray(data(outputs, 0), (batch, n, 3), REAL)
        for b in range(batch):
            force(
                lattice[b],
                charge[b],
                cell[b],
                alpha[b],
                fixed[b],
                rows[b],
                tops[b],
                members[b],
                out[b],
            )
        return 0

elif SORT == "pull":

    @cfunc(types.intp(types.intp), cache=True)
    @variant
    def entry(address):
        frame = words(address, 20)
        if asks_metadata(frame):
            return 0
        inputs, outputs = words(frame[9], INPUTS + 1), words(frame[14], 3)
        batch, n = batch_of(inputs, 2), length(inputs, 0, 2)
        lattice, charge, cell, alpha, fixed, rows, tops, members = system_of(inputs, batch, n)
        w = carray(data(inputs, INPUTS), (batch, n, 3), REAL)
        out = carray(data(outputs, 0), (batch, n, 3), REAL)
        position = carray(data(outputs, 1), (batch, n, 3), REAL)
        slopes = carray(data(outputs, 2), (batch, n), REAL)
        for b in range(batch):
            pull(
                lattice[b], charge[b], cell[b], alpha[b], fixed[b], rows[b], tops[b], members[b],
                w[b], out[b], position[b], slopes[b],
            )  # fmt: skip
        return 0

elif SORT == "level":

    @cfunc(types.intp(types.intp), cache=True)
    @variant
    def entry(address):
        frame = words(address, 20)
        if asks_metadata(frame):
            return 0
        inputs, outputs = words(frame[9], INPUTS), words(frame[14], 2)
        batch, n = batch_of(inputs, 2), length(inputs, 0, 2)
        lattice, charge, cell, alpha, fixed, rows, tops, members = system_of(inputs, batch, n)
        total = carray(data(outputs, 0), (batch, 7), REAL)
        slopes = carray(data(outputs, 1), (batch, n), REAL)
        for b in range(batch):
            level(
                lattice[b], charge[b], cell[b], alpha[b], fixed[b], rows[b], tops[b], members[b],
                total[b], slopes[b],
            )  # fmt: skip
        return 0
