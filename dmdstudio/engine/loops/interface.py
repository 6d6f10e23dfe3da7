"""What a compiled entry reads of XLA's call frame: a template for `kernels.load`.

XLA calls an entry through its C interface (xla/ffi/api/c_api.h, major version 0), whose call frame
is read here as 8-byte words.
"""

# pyright: reportUndefinedVariable=false, reportAttributeAccessIssue=false
# pyright: reportPrivateImportUsage=false, reportCallIssue=false
from __future__ import annotations

import numpy as np
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic
def pointer(typing_context, address):
    """Turn an integer into a pointer."""

    def code(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), code


@njit(cache=True)
@variant
def words(address, count):
    return carray(pointer(address), (count,), np.int64)


@njit(cache=True)
@variant
def asks_metadata(frame):
    """Tell XLA the version of the interface; true where the call asked for nothing else."""
    if frame[1] == 0:
        return False
    extension = words(frame[1], 4)
    if (extension[1] & 0xFFFFFFFF) != 1:  # XLA_FFI_Extension_Metadata
        return False
    metadata = words(extension[3], 5)
    metadata[3] = np.int64(0) | (np.int64(MINOR_VERSION) << 32)  # api_version: major 0
    metadata[4] = 0  # traits
    return True


@njit(cache=True)
@variant
def data(pointers, index):
    """Return the address of the numbers of one argument."""
    return pointer(words(pointers[index], 6)[3])


@njit(cache=True)
@variant
def length(pointers, index, axis):
    """Return the length of an argument along an axis counted from the last, which is 1."""
    buffer = words(pointers[index], 6)
    return words(buffer[5], buffer[4])[buffer[4] - axis]


@njit(cache=True)
@variant
def batch_of(pointers, own):
    """Return the product of the lengths of the first argument before its ``own`` last axes."""
    buffer = words(pointers[0], 6)
    lengths = words(buffer[5], buffer[4])
    batch = np.int64(1)
    for k in range(buffer[4] - own):
        batch *= lengths[k]
    return batch
