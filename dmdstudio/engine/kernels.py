"""Compiled pair sums for the CPU, called from inside XLA.

XLA's CPU backend recomputes pair terms for every reduction. These loops, compiled by numba, visit
every pair once and hold everything of a row in the first-level cache: force and pull of 346 argon
atoms take 0.15 and 0.4 ms on one core.

The loops are *strict*: no contraction to fused multiply-add and no reordering of sums, and both use
the same expression for the force. So the force of the forward pass and the force inside the
backward pass are the same bits, which exact reversal needs. The inner loop runs over the atom whose
sums are stored, so that it vectorises without reordering.

XLA calls a kernel through its C interface (xla/ffi/api/c_api.h, ABI 0.x), whose call frame is read
here as 8-byte words.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numba import carray, cfunc, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from dmdstudio.engine.core import System


@dataclass(frozen=True)
class Radial:
    """The closed form of a pair potential for one atom type.

    Attributes:
        name: unique.
        parameters: names of the refinable numbers, which come first among the numbers.
        factory: for a float type gives ``(first, second)``; ``first(s, q)`` is g = du/ds of the
            squared distance s, ``second(s, q)`` is (g, dg/ds, dg/dq_0, ..., dg/dq_k). Both must
            write g as the same expression, use no branches, and give 0 for a far s.
    """

    name: str
    parameters: tuple[str, ...]
    factory: Callable[[Any], tuple[Any, Any]]


def lennard_jones(real: Any) -> tuple[Any, Any]:
    """Radial form of `potentials.lennard_jones`; numbers: sigma, epsilon, start, 1/width."""
    one, half = real(1.0), real(0.5)

    @njit(error_model="numpy", inline="always")
    def first(s, q):  # type: ignore[no-untyped-def]
        inverse = one / s
        ratio = q[0] * q[0] * inverse
        power = ratio * ratio * ratio
        four = real(4.0) * q[1]
        u = four * (power * power - power)
        g = real(-3.0) * four * (power + power - one) * power * inverse
        r = np.sqrt(s)
        x = (r - q[2]) * q[3]
        x = x if x > real(0.0) else real(0.0)
        x = x if x < one else one
        y = one - x
        switch = one + x * x * x * (real(-10.0) + x * (real(15.0) - real(6.0) * x))
        slope = real(-30.0) * x * x * y * y * q[3] * half / r
        return g * switch + u * slope

    @njit(error_model="numpy", inline="always")
    def second(s, q):  # type: ignore[no-untyped-def]
        inverse = one / s
        ratio = q[0] * q[0] * inverse
        power = ratio * ratio * ratio
        four = real(4.0) * q[1]
        u = four * (power * power - power)
        g = real(-3.0) * four * (power + power - one) * power * inverse
        r = np.sqrt(s)
        x = (r - q[2]) * q[3]
        x = x if x > real(0.0) else real(0.0)
        x = x if x < one else one
        y = one - x
        switch = one + x * x * x * (real(-10.0) + x * (real(15.0) - real(6.0) * x))
        slope = real(-30.0) * x * x * y * y * q[3] * half / r
        total = g * switch + u * slope
        # d/ds of g, of the switch's slope, and of the whole
        g_s = (real(3.0) * four * power * inverse * inverse) * (real(14.0) * power - real(4.0))
        half_width = q[3] * half / r
        slope_s = real(-60.0) * x * y * (y - x) * half_width * half_width - slope * half * inverse
        curvature = g_s * switch + real(2.0) * g * slope + u * slope_s
        # power = (sigma^2/s)^3, so d power/d sigma = 6 power / sigma
        per_sigma = one / q[0]
        u_sigma = four * power * (real(12.0) * power - real(6.0)) * per_sigma
        g_sigma = real(-18.0) * four * (real(4.0) * power - one) * power * inverse * per_sigma
        by_sigma = g_sigma * switch + u_sigma * slope
        by_epsilon = total / q[1]
        return total, curvature, by_sigma, by_epsilon

    return first, second


# ---------------------------------------------------------------------- the loops over all pairs


def _loops(radial: Radial, real: Any, integer: Any, orthorhombic: bool) -> tuple[Any, Any]:
    """Return the compiled loops ``force`` and ``pull`` over one replica."""
    first, second = radial.factory(real)
    count = len(radial.parameters)
    zero, near, far = real(0.0), real(1e-6), real(1e12)
    minus_two, minus_four = real(-2.0), real(-4.0)

    @njit(error_model="numpy", inline="always")
    def vector(a, b, c, h):  # type: ignore[no-untyped-def]
        """Lattice steps to angstrom; h holds the cell by rows, divided by the lattice size."""
        if orthorhombic:
            return real(a) * h[0], real(b) * h[4], real(c) * h[8]
        u, v, w = real(a), real(b), real(c)
        return (
            u * h[0] + v * h[3] + w * h[6],
            u * h[1] + v * h[4] + w * h[7],
            u * h[2] + v * h[5] + w * h[8],
        )

    @njit(error_model="numpy")
    def force(lattice, q, h, out):  # type: ignore[no-untyped-def]
        n = lattice.shape[0]
        s = np.empty((3, n), integer)
        f = np.zeros((3, n), real)
        for k in range(3):
            for j in range(n):
                s[k, j] = lattice[j, k]
        x, y, z = s[0], s[1], s[2]
        fx, fy, fz = f[0], f[1], f[2]
        for i in range(n):
            xi, yi, zi = x[i], y[i], z[i]
            for j in range(n):
                dx, dy, dz = vector(integer(x[j] - xi), integer(y[j] - yi), integer(z[j] - zi), h)
                square = dx * dx + dy * dy + dz * dz
                square = square if square > near else far
                w = minus_two * first(square, q)
                fx[j] += w * dx
                fy[j] += w * dy
                fz[j] += w * dz
        for k in range(3):
            for j in range(n):
                out[j, k] = f[k, j]

    @njit(error_model="numpy")
    def pull(lattice, direction, q, h, out, position, slopes):  # type: ignore[no-untyped-def]
        n = lattice.shape[0]
        s = np.empty((3, n), integer)
        d = np.empty((3, n), real)
        f = np.zeros((6, n), real)
        g = np.zeros((count, n), real)
        for k in range(3):
            for j in range(n):
                s[k, j] = lattice[j, k]
                d[k, j] = direction[j, k]
        x, y, z = s[0], s[1], s[2]
        a, b, c = d[0], d[1], d[2]
        fx, fy, fz, px, py, pz = f[0], f[1], f[2], f[3], f[4], f[5]
        for i in range(n):
            xi, yi, zi = x[i], y[i], z[i]
            ai, bi, ci = a[i], b[i], c[i]
            for j in range(n):
                dx, dy, dz = vector(integer(x[j] - xi), integer(y[j] - yi), integer(z[j] - zi), h)
                square = dx * dx + dy * dy + dz * dz
                square = square if square > near else far
                values = second(square, q)
                ex, ey, ez = a[j] - ai, b[j] - bi, c[j] - ci
                along = dx * ex + dy * ey + dz * ez
                w = minus_two * values[0]
                v = minus_four * values[1] * along
                fx[j] += w * dx
                fy[j] += w * dy
                fz[j] += w * dz
                px[j] += v * dx + w * ex
                py[j] += v * dy + w * ey
                pz[j] += v * dz + w * ez
                for k in range(count):  # each pair is met twice: half of -2 per sweep
                    g[k, j] -= values[2 + k] * along
        for k in range(3):
            for j in range(n):
                out[j, k] = f[k, j]
                position[j, k] = f[3 + k, j]
        for k in range(count):
            total = zero
            for j in range(n):
                total += g[k, j]
            slopes[k] = total

    return force, pull


# ------------------------------------------------------------------------------ XLA's C interface


@intrinsic
def _pointer(typing_context, address):  # type: ignore[no-untyped-def]
    """Turn an integer into a pointer."""

    def code(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return types.voidptr(types.int64), code


@njit
def _words(address, count):  # type: ignore[no-untyped-def]
    return carray(_pointer(address), (count,), np.int64)


@njit
def _answer_metadata(frame):  # type: ignore[no-untyped-def]
    """Tell XLA the version of the interface; true where the call asked for nothing else."""
    if frame[1] == 0:
        return False
    extension = _words(frame[1], 4)
    if (extension[1] & 0xFFFFFFFF) != 1:  # XLA_FFI_Extension_Metadata
        return False
    metadata = _words(extension[3], 5)
    metadata[3] = np.int64(0) | (np.int64(_MINOR) << 32)  # api_version: major 0
    metadata[4] = 0  # traits
    return True


@njit
def _buffer(pointers, index):  # type: ignore[no-untyped-def]
    """Return the words of one argument: 3 the data, 4 the rank, 5 the dimensions."""
    return _words(pointers[index], 6)


def _read_minor_version() -> int:
    """Return XLA_FFI_API_MINOR as this jaxlib's own header states it."""
    import re
    from pathlib import Path

    header = Path(jax.ffi.include_dir()) / "xla" / "ffi" / "api" / "c_api.h"
    found = re.search(r"#define XLA_FFI_API_MINOR (\d+)", header.read_text())
    return int(found.group(1)) if found else 0


_MINOR = _read_minor_version()


def _register(radial: Radial, system: System) -> tuple[str, str]:
    """Compile and register both kernels; return their names."""
    key = (radial, system.precision, system.lattice_bits, system.orthorhombic)
    return _compile(*key)


@functools.cache
def _compile(radial: Radial, precision: str, bits: int, orthorhombic: bool) -> tuple[str, str]:
    real = np.dtype(precision).type
    integer = np.dtype(f"int{bits}").type
    force, pull = _loops(radial, real, integer, orthorhombic)
    fixed = 2 + len(radial.parameters)

    @njit
    def row(pointers, index, batch, length):  # type: ignore[no-untyped-def]
        data = carray(_pointer(_buffer(pointers, index)[3]), (batch, length), real)
        return data

    @njit
    def shape(pointers):  # type: ignore[no-untyped-def]
        words = _buffer(pointers, 0)
        rank = words[4]
        dims = _words(words[5], rank)
        batch = np.int64(1)
        for k in range(rank - 2):
            batch *= dims[k]
        return batch, dims[rank - 2]

    @njit
    def numbers(data, b):  # type: ignore[no-untyped-def]
        return (data[b, 0], data[b, 1], data[b, 2], data[b, 3], data[b, 4], data[b, 5],
                data[b, 6], data[b, 7])  # fmt: skip

    @njit
    def cell(data, b):  # type: ignore[no-untyped-def]
        return (data[b, 0], data[b, 1], data[b, 2], data[b, 3], data[b, 4], data[b, 5],
                data[b, 6], data[b, 7], data[b, 8])  # fmt: skip

    @cfunc(types.intp(types.intp))
    def force_entry(address):  # type: ignore[no-untyped-def]
        frame = _words(address, 20)
        if _answer_metadata(frame):
            return 0
        inputs, outputs = _words(frame[9], 3), _words(frame[14], 1)
        batch, n = shape(inputs)
        lattice = carray(_pointer(_buffer(inputs, 0)[3]), (batch, n, 3), integer)
        q, h = row(inputs, 1, batch, 8), row(inputs, 2, batch, 9)
        out = carray(_pointer(_buffer(outputs, 0)[3]), (batch, n, 3), real)
        for b in range(batch):
            force(lattice[b], numbers(q, b), cell(h, b), out[b])
        return 0

    @cfunc(types.intp(types.intp))
    def pull_entry(address):  # type: ignore[no-untyped-def]
        frame = _words(address, 20)
        if _answer_metadata(frame):
            return 0
        inputs, outputs = _words(frame[9], 4), _words(frame[14], 3)
        batch, n = shape(inputs)
        lattice = carray(_pointer(_buffer(inputs, 0)[3]), (batch, n, 3), integer)
        direction = carray(_pointer(_buffer(inputs, 3)[3]), (batch, n, 3), real)
        q, h = row(inputs, 1, batch, 8), row(inputs, 2, batch, 9)
        out = carray(_pointer(_buffer(outputs, 0)[3]), (batch, n, 3), real)
        position = carray(_pointer(_buffer(outputs, 1)[3]), (batch, n, 3), real)
        slopes = row(outputs, 2, batch, fixed - 2)
        for b in range(batch):
            pull(
                lattice[b], direction[b], numbers(q, b), cell(h, b),
                out[b], position[b], slopes[b],
            )  # fmt: skip
        return 0

    names = []
    for sort, entry in (("force", force_entry), ("pull", pull_entry)):
        shape_name = "orthorhombic" if orthorhombic else "triclinic"
        name = f"dmdstudio_{radial.name}_{sort}_{precision}_{bits}_{shape_name}"
        jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(entry.ctypes), platform="cpu")
        _alive.append(entry)
        names.append(name)
    return names[0], names[1]


_alive: list[Any] = []  # a compiled function must outlive every program that calls it


def _operands(system: System, numbers: Array) -> tuple[Array, Array]:
    padded = jnp.zeros(8, system.dtype).at[: len(numbers)].set(numbers)
    cell = jnp.asarray((system.cell / system.lattice_size).reshape(9), system.dtype)
    return padded, cell


def pair_force(radial: Radial, system: System, lattice: Array, numbers: Array) -> Array:
    """Return the forces [atom, xyz] of one replica, eV/angstrom."""
    name, _ = _register(radial, system)
    call = jax.ffi.ffi_call(
        name, jax.ShapeDtypeStruct(lattice.shape, system.dtype), vmap_method="broadcast_all"
    )
    return call(lattice, *_operands(system, numbers))  # type: ignore[return-value]


def pair_pull(
    radial: Radial, system: System, lattice: Array, numbers: Array, w: Array
) -> tuple[Array, Array, Array]:
    """Return force, (dF/dx)^T w [atom, xyz] and (dF/dq)^T w [refinable] of one replica."""
    _, name = _register(radial, system)
    vectors = jax.ShapeDtypeStruct(lattice.shape, system.dtype)
    slopes = jax.ShapeDtypeStruct((len(radial.parameters),), system.dtype)
    call = jax.ffi.ffi_call(name, (vectors, vectors, slopes), vmap_method="broadcast_all")
    force, position, by_number = call(lattice, *_operands(system, numbers), w)
    return force, position, by_number


@functools.cache
def available() -> bool:
    """Whether the compiled kernels give, on this machine, what XLA gives."""
    return _trial() < 1e-12


def _trial() -> float:
    """Return the largest relative difference from plain numpy on three atoms."""
    system = System(("X",), np.zeros(3, int), np.ones(3), np.eye(3) * 40.0, "float64", 64)
    positions = np.array([[0.0, 0, 0], [3.9, 0.3, 0], [0.2, 4.1, 39.0]])
    numbers = np.array([3.4, 0.01, 6.0, 0.25])
    radial = Radial("lennard_jones", ("sigma", "epsilon"), lennard_jones)
    try:
        with jax.ensure_compile_time_eval():
            lattice = system.to_lattice(jnp.asarray(positions))
            force = pair_force(radial, system, lattice, jnp.asarray(numbers))
    except Exception as error:  # a new interface: say so once, and let XLA do the sums
        import warnings

        warnings.warn(f"CPU kernels are off: {error}", stacklevel=2)
        return np.inf
    first, _ = lennard_jones(np.float64)
    expected = np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            d = positions[j] - positions[i]
            d -= 40.0 * np.round(d / 40.0)
            if i != j:
                expected[j] -= 2 * first(d @ d, tuple(numbers)) * d
    return float(np.abs(np.asarray(force) - expected).max() / np.abs(expected).max())
