"""The entry for XLA of one of the sums in `dense` or `cells`: a template for `kernels.load`.

It is compiled as it is defined, so that only the one that ``SORT`` names is.
"""

# pyright: reportUndefinedVariable=false, reportCallIssue=false
# pyright: reportPrivateImportUsage=false
from __future__ import annotations

import numpy as np
from numba import carray, cfunc, njit, types
from numba.np.unsafe.ndarray import to_fixed_tuple

INPUTS = 7


@njit(cache=True)
@variant
def system_of(inputs, batch, n):
    """Return what every entry is handed, each with the replica first."""
    species, others = length(inputs, 1, 2), length(inputs, 6, 1)
    return (
        carray(data(inputs, 0), (batch, n, 3), INTEGER),
        carray(data(inputs, 1), (batch, species, species, COUNT), REAL),
        carray(data(inputs, 2), (batch, CONSTANTS), REAL),
        carray(data(inputs, 3), (batch, 9), REAL),
        carray(data(inputs, 4), (batch,), REAL),
        carray(data(inputs, 5), (batch, n), np.int32),
        carray(data(inputs, 6), (batch, others), np.int32),
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
        lattice, table, fixed, h, reach, kinds, left_out = system_of(inputs, batch, n)
        out = carray(data(outputs, 0), (batch, n, 3), REAL)
        for b in range(batch):
            force(
                lattice[b], table[b], to_fixed_tuple(fixed[b], CONSTANTS), to_fixed_tuple(h[b], 9),
                reach[b], kinds[b], left_out[b], out[b],
            )  # fmt: skip
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
        lattice, table, fixed, h, reach, kinds, left_out = system_of(inputs, batch, n)
        direction = carray(data(inputs, INPUTS), (batch, n, 3), REAL)
        out = carray(data(outputs, 0), (batch, n, 3), REAL)
        position = carray(data(outputs, 1), (batch, n, 3), REAL)
        slopes = carray(data(outputs, 2), table.shape, REAL)
        for b in range(batch):
            pull(
                lattice[b], table[b], to_fixed_tuple(fixed[b], CONSTANTS), to_fixed_tuple(h[b], 9),
                reach[b], kinds[b], left_out[b], direction[b], out[b], position[b], slopes[b],
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
        lattice, table, fixed, h, reach, kinds, left_out = system_of(inputs, batch, n)
        total = carray(data(outputs, 0), (batch, 7), REAL)
        slopes = carray(data(outputs, 1), table.shape, REAL)
        for b in range(batch):
            level(
                lattice[b], table[b], to_fixed_tuple(fixed[b], CONSTANTS), to_fixed_tuple(h[b], 9),
                reach[b], kinds[b], left_out[b], total[b], slopes[b],
            )  # fmt: skip
        return 0

elif SORT == "strain":

    @cfunc(types.intp(types.intp), cache=True)
    @variant
    def entry(address):
        frame = words(address, 20)
        if asks_metadata(frame):
            return 0
        inputs, outputs = words(frame[9], INPUTS), words(frame[14], 1)
        batch, n = batch_of(inputs, 2), length(inputs, 0, 2)
        lattice, table, fixed, h, reach, kinds, left_out = system_of(inputs, batch, n)
        species = table.shape[1]
        slopes = carray(data(outputs, 0), (batch, species, species, 6 * COUNT), REAL)
        for b in range(batch):
            strain(
                lattice[b], table[b], to_fixed_tuple(fixed[b], CONSTANTS), to_fixed_tuple(h[b], 9),
                reach[b], kinds[b], left_out[b], slopes[b],
            )  # fmt: skip
        return 0
