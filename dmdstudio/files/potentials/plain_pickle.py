"""Arrays out of a pickle, without unpickling it.

A pickle is a program, and to load one is to run it. This is no loader: it follows the program with
a stack of its own, on which a function is a name and a call is a note of the name and its
arguments. Names other than those with which NumPy and JAX say "an array" are refused, and so is
every instruction that arrays do not need. Nothing is imported, nothing is called.

Source: CPython, Lib/pickletools.py, which describes every instruction.
"""

from __future__ import annotations

import math
import pickletools
import re
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dmdstudio.base.errors import FileError

MOST_INSTRUCTIONS = 50_000
"""A network of some ten layers takes about a thousand."""

DEEPEST = 8
"""Tables and lists inside each other."""

MOST_VALUES = 20_000
"""Values in all tables and lists, each counted as often as it is named."""

_RECONSTRUCT = "_reconstruct"
_JAX_ARRAYS = {
    ("jax._src.array", "_reconstruct_array"),
    ("jax._src.device_array", "reconstruct_device_array"),
    ("jax.interpreters.xla", "_reconstruct_device_array"),
}
_NUMPY = [f"numpy.{core}.{module}" for core in ("core", "_core") for module in ("multiarray",)]
_ALLOWED = {
    *_JAX_ARRAYS,
    *((module, name) for module in _NUMPY for name in (_RECONSTRUCT, "scalar")),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = {
    "BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "BINFLOAT", "FLOAT",
    "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE",
    "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8",
}  # fmt: skip
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_DAMAGE = (
    ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, struct.error,
    UnicodeError, MemoryError,
)  # fmt: skip


@dataclass(frozen=True)
class _Name:
    """A function that is named; it is never looked up."""

    module: str
    name: str


@dataclass(eq=False)
class _Call:
    """A call that is noted; it is never made."""

    function: _Name
    arguments: tuple[Any, ...]
    state: Any = field(default=None)


class _Mark:
    """Where a group of values begins on the stack."""


def arrays_of(content: bytes, name: str) -> Any:
    """Return the tables, lists, arrays, numbers and texts that a pickle describes.

    Args:
        content: all bytes of the file.
        name: how an error calls it.

    Raises:
        FileError: it is damaged, too large or too deep, or it asks for anything but arrays.
    """
    try:
        found = _followed(content, name)
        return _Plain(name).value(found, 0)
    except FileError:
        raise
    except _DAMAGE as error:
        raise FileError(
            f"{name} begins like a pickle but is damaged ({type(error).__name__}: "
            f"{str(error)[:120]}).",
            "Save it again, or copy it anew.",
        ) from None


def _followed(content: bytes, name: str) -> Any:
    """Return what is on the stack when the program stops."""
    stack: list[Any] = []
    memo: dict[Any, Any] = {}
    for count, (operation, argument, place) in enumerate(pickletools.genops(content)):
        if count > MOST_INSTRUCTIONS:
            raise FileError(
                f"{name} is a pickle of more than {MOST_INSTRUCTIONS:,} instructions; a file of "
                "arrays needs a thousand."
            )
        code = operation.name
        if code == "STOP":
            break
        if code in _VALUES:
            stack.append(bytes(argument) if isinstance(argument, bytearray) else argument)
        elif code in _CONSTANTS:
            stack.append(_CONSTANTS[code])
        elif code == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif code in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif code in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif code not in ("PROTO", "FRAME"):
            _step(code, argument, stack, name, place or 0)
    (found,) = stack
    return found


def _step(code: str, argument: Any, stack: list[Any], name: str, position: int) -> None:
    """Do one instruction that builds something from what is on the stack."""
    if code == "MARK":
        stack.append(_Mark())
    elif code in _TUPLES:
        stack.append(tuple(_last(stack, _TUPLES[code])))
    elif code == "TUPLE":
        stack.append(tuple(_group(stack)))
    elif code == "EMPTY_LIST":
        stack.append([])
    elif code == "EMPTY_DICT":
        stack.append({})
    elif code in ("APPEND", "APPENDS"):
        items = _last(stack, 1) if code == "APPEND" else _group(stack)
        list.extend(stack[-1], items)
    elif code in ("SETITEM", "SETITEMS"):
        items = _last(stack, 2) if code == "SETITEM" else _group(stack)
        dict.update(stack[-1], zip(items[::2], items[1::2], strict=True))
    elif code == "GLOBAL":
        module, _, function = argument.partition(" ")
        stack.append(_named(module, function, name))
    elif code == "STACK_GLOBAL":
        module, function = _last(stack, 2)
        stack.append(_named(module, function, name))
    elif code == "REDUCE":
        function, arguments = _last(stack, 2)
        if not isinstance(function, _Name) or not isinstance(arguments, tuple):
            raise ValueError(f"a call of {type(function).__name__} at byte {position}")
        stack.append(_Call(function, arguments))
    elif code == "BUILD":
        (state,) = _last(stack, 1)
        if not isinstance(stack[-1], _Call) or stack[-1].state is not None:
            raise ValueError(f"a state for {type(stack[-1]).__name__} at byte {position}")
        stack[-1].state = state
    else:
        raise FileError(
            f"{name} is a pickle with the instruction {code} at byte {position}; arrays do not "
            "need it, and a pickle can run any program.",
            "Save the arrays as plain NumPy arrays in a table, or as .npz.",
        )


def _last(stack: list[Any], count: int) -> list[Any]:
    """Take values off the stack."""
    if len(stack) < count or any(isinstance(item, _Mark) for item in stack[len(stack) - count :]):
        raise ValueError("the stack is too short")
    found = stack[len(stack) - count :]
    del stack[len(stack) - count :]
    return found


def _group(stack: list[Any]) -> list[Any]:
    """Take values off the stack, down to the last mark."""
    found: list[Any] = []
    while not isinstance(item := stack.pop(), _Mark):
        found.append(item)
    return found[::-1]


def _named(module: Any, function: Any, name: str) -> _Name:
    if (module, function) not in _ALLOWED:
        raise FileError(
            f"{name} is a pickle that asks for {str(module)[:60]}.{str(function)[:60]}, which is "
            "no array. A pickle can run any program, so only arrays are read from one.",
            "Save the arrays as plain NumPy arrays in a table, or as .npz; do not load a pickle "
            "that you do not trust.",
        )
    return _Name(module, function)


class _Plain:
    """Turns noted calls into arrays, and counts what it returns."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.left = MOST_VALUES

    def value(self, found: Any, depth: int) -> Any:
        """Return a value with plain arrays in the place of calls."""
        self.left -= 1
        if self.left < 0 or depth > DEEPEST:
            what = "holds more values" if self.left < 0 else "is nested deeper"
            raise FileError(f"{self.name} {what} than a file of arrays can.")
        if isinstance(found, dict):
            return {self._key(k): self.value(v, depth + 1) for k, v in found.items()}
        if isinstance(found, (list, tuple)):
            return [self.value(item, depth + 1) for item in found]
        if isinstance(found, _Call):
            return self._called(found)
        if isinstance(found, (_Name, _Mark)):
            raise ValueError(f"{type(found).__name__} in the place of a value")
        return found

    @staticmethod
    def _key(key: Any) -> str | int:
        if not isinstance(key, (str, int)):
            raise ValueError(f"a key of type {type(key).__name__}")
        return key

    def _called(self, call: _Call) -> Any:
        """Return the array, or the bytes, that a call stands for."""
        function = (call.function.module, call.function.name)
        if function in _JAX_ARRAYS:
            inner, arguments, state, *_ = call.arguments
            return self._called(_Call(inner, arguments, state))
        if function[1] == _RECONSTRUCT:
            _, shape, kind, fortran, data = call.state
            return _array(self._dtype(kind), shape, bool(fortran), self._bytes(data))
        if function[1] == "_frombuffer":
            data, kind, shape, order = call.arguments
            return _array(self._dtype(kind), shape, order == "F", self._bytes(data))
        if function[1] == "scalar":
            kind, data = call.arguments
            return _array(self._dtype(kind), (), False, self._bytes(data))
        if function[1] == "encode":
            return self._bytes(call)
        raise ValueError(f"{call.function.name} in the place of a value")

    @staticmethod
    def _bytes(data: Any) -> bytes:
        """Return bytes, which old pickles hold as encoded text."""
        if isinstance(data, _Call) and data.function == _Name("_codecs", "encode"):
            text, encoding = data.arguments
            if encoding != "latin1":
                raise ValueError("bytes in an encoding other than latin1")
            return str.encode(text, "latin1")
        if not isinstance(data, bytes):
            raise ValueError(f"{type(data).__name__} in the place of bytes")
        return data

    def _dtype(self, kind: Any) -> np.dtype:
        """Return the type of plain numbers that a call stands for."""
        if not isinstance(kind, _Call) or kind.function != _Name("numpy", "dtype"):
            raise ValueError("an array without a type")
        code, order = kind.arguments[0], kind.state[1] if kind.state else "="
        if not isinstance(code, str) or not re.fullmatch(r"f[248]|[iu][1248]|b1", code):
            raise FileError(
                f"{self.name} holds an array of type {str(code)[:40]!r}, which is no plain number."
            )
        if order not in ("<", ">", "=", "|"):
            raise ValueError(f"byte order {order!r}")
        return np.dtype(code if order == "|" else order + code)


def _array(dtype: np.dtype, shape: Any, fortran: bool, data: bytes) -> np.ndarray:
    """Return an array of its own from bytes; raise `ValueError` where they do not fit its shape."""
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("a shape that is none")
    if len(shape) > DEEPEST or math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"{len(data)} bytes for the shape {shape}"[:100])
    flat = np.frombuffer(data, dtype)
    return flat.reshape(shape, order="F" if fortran else "C").copy()


def pickle_of(tree: dict[str, Any]) -> bytes:
    """Return a pickle (protocol 2) of tables and lists of arrays, as every NumPy can load it.

    NumPy's own pickles name a module that NumPy before 1.26 does not have.

    Args:
        tree: of str keys, lists and arrays of plain numbers.
    """
    return b"\x80\x02" + _written(tree) + b"."


def _written(value: Any) -> bytes:
    if isinstance(value, dict):
        items = b"".join(_text(key) + _written(item) for key, item in value.items())
        return b"}(" + items + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(_written(item) for item in value) + b"e"
    array = np.ascontiguousarray(value, np.dtype("<f8"))
    shape = b"(" + b"".join(b"J" + struct.pack("<i", n) for n in np.shape(value)) + b"t"
    kind = (
        b"cnumpy\ndtype\n(" + _text("f8") + b"\x89\x88tR"
        b"(K\x03" + _text("<") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    empty = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t" + _bytes(b"b") + b"tR"
    )
    return empty + b"(K\x01" + shape + kind + b"\x89" + _bytes(array.tobytes()) + b"tb"


def _text(text: str) -> bytes:
    content = text.encode()
    return b"X" + struct.pack("<I", len(content)) + content


def _bytes(content: bytes) -> bytes:
    """Return bytes as protocol 2 has them: text of latin1, and a call that encodes it."""
    return b"c_codecs\nencode\n(" + _text(content.decode("latin1")) + _text("latin1") + b"tR"
