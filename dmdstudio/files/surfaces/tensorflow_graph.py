"""Frozen TensorFlow graphs as plain data: names, operations and constants. Nothing is run.

Only the few fields that matter are declared. Messages that a file can repeat at will are declared
as bytes, so that what a file claims is counted before it takes memory. Source: graph.proto,
node_def.proto, attr_value.proto and tensor.proto of TensorFlow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from dmdstudio.base.errors import FileError

MOST_NODES = 200_000
MOST_ATTRIBUTES = 200
MOST_NUMBERS = 8 * 2**20
"""Of one constant."""

_DAMAGED = "The file is damaged or cut off; freeze the model again."
_TYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 10: "?", 19: "<f2"}
_VALUES = {1: "float_val", 2: "double_val", 3: "int_val", 9: "int64_val", 10: "bool_val"}
_STRING = 7

_MESSAGES = {
    "Graph": "node:1:bytes*",
    "Node": "name:1:string op:2:string input:3:string* attr:5:bytes*",
    "Entry": "key:1:string value:2:bytes",
    "Value": "list:1:bytes s:2:bytes i:3:int64 f:4:float b:5:bool type:6:int32 tensor:8:bytes",
    "List": "i:3:int64*",
    "Tensor": "dtype:1:int32 shape:2:bytes content:4:bytes float_val:5:float* double_val:6:double* "
    "int_val:7:int32* string_val:8:bytes* int64_val:10:int64* bool_val:11:bool*",
    "Shape": "dim:2:bytes*",
    "Size": "size:1:int64",
}
"""``field:number:type`` of each message; a star where the field repeats."""


@cache
def _messages() -> dict[str, Any]:
    kind = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="graph", package="graph", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for told in fields.split():
            field, number, type_ = told.split(":")
            message.field.add(
                name=field,
                number=int(number),
                type=getattr(kind, f"TYPE_{type_.rstrip('*').upper()}"),
                label=kind.LABEL_REPEATED if type_.endswith("*") else kind.LABEL_OPTIONAL,
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    find = pool.FindMessageTypeByName
    return {name: message_factory.GetMessageClass(find(f"graph.{name}")) for name in _MESSAGES}


class Graph:
    """The nodes of a frozen graph by name; constants are decoded as they are asked for."""

    def __init__(self, content: bytes, file: str) -> None:
        """Read the bytes of a file, which errors call ``file``.

        Raises:
            FileError: they are damaged, or no frozen graph.
        """
        self.file = file
        nodes = self._parse("Graph", content, "the graph").node
        if not 0 < len(nodes) <= MOST_NODES:
            raise FileError(
                f"{file} is no frozen TensorFlow graph: it has {len(nodes)} nodes.",
                "Name the .pb file that `dp freeze` wrote.",
            )
        parsed = (self._parse("Node", node, f"node {n}") for n, node in enumerate(nodes))
        self._nodes = {node.name: node for node in parsed}

    def __contains__(self, name: str) -> bool:
        return name in self._nodes

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def operation(self, name: str) -> str:
        """Return what a node does, such as ``'MatMul'``."""
        return self._nodes[name].op

    def number(self, name: str, attribute: str) -> float:
        """Return a float attribute of a node; raise `FileError` where it has none."""
        return float(self._attribute(name, attribute).f)

    def integers(self, name: str, attribute: str) -> tuple[int, ...]:
        """Return an attribute that is a list of whole numbers."""
        content = self._attribute(name, attribute).list
        return tuple(self._parse("List", content, f"{name}.{attribute}").i)

    def text(self, name: str) -> str:
        """Return a constant text."""
        tensor = self._tensor(name)
        if tensor.dtype != _STRING or len(tensor.string_val) != 1:
            raise FileError(f"{self.file}: {name} is not a text.", _DAMAGED)
        return tensor.string_val[0].decode("utf-8", "replace")

    def array(self, name: str) -> np.ndarray:
        """Return a constant array in its own type."""
        tensor = self._tensor(name)
        shape, count = self._shape(tensor, name)
        if tensor.dtype not in _TYPES:
            raise FileError(f"{self.file}: {name} holds no numbers (type {tensor.dtype}).")
        kind = np.dtype(_TYPES[tensor.dtype])
        if tensor.content:
            if len(tensor.content) != count * kind.itemsize:
                raise FileError(
                    f"{self.file}: {name} should have {count} numbers in {count * kind.itemsize} "
                    f"bytes, but has {len(tensor.content)} bytes.",
                    _DAMAGED,
                )
            return np.frombuffer(tensor.content, kind).reshape(shape)
        given = np.array(getattr(tensor, _VALUES.get(tensor.dtype, "float_val")), kind)
        if len(given) > count or (count and not len(given)):
            raise FileError(
                f"{self.file}: {name} should have {count} numbers, but has {len(given)}.", _DAMAGED
            )
        # The last number stands for all that follow.
        return np.pad(given, (0, count - len(given)), "edge" if count else "empty").reshape(shape)

    def _shape(self, tensor: Any, name: str) -> tuple[tuple[int, ...], int]:
        dims = self._parse("Shape", tensor.shape, f"the shape of {name}").dim
        shape = tuple(self._parse("Size", dim, name).size for dim in dims[:9])
        count = math.prod(shape)
        if len(dims) > 8 or min(shape, default=0) < 0 or count > MOST_NUMBERS:
            raise FileError(f"{self.file}: {name} claims the shape {shape}.", _DAMAGED)
        return shape, count

    def _tensor(self, name: str) -> Any:
        if name not in self._nodes:
            raise FileError(
                f"{self.file} has no constant {name!r} ({len(self._nodes)} nodes).",
                "Name a frozen DeePMD-kit model; checkpoints and compressed models do not do.",
            )
        return self._parse("Tensor", self._attribute(name, "value").tensor, name)

    def _attribute(self, name: str, attribute: str) -> Any:
        entries = self._nodes[name].attr
        for entry in entries[:MOST_ATTRIBUTES]:
            found = self._parse("Entry", entry, name)
            if found.key == attribute:
                return self._parse("Value", found.value, f"{name}.{attribute}")
        raise FileError(f"{self.file}: node {name!r} has no {attribute!r}.", _DAMAGED)

    def _parse(self, message: str, content: bytes, what: str) -> Any:
        try:
            return _messages()[message].FromString(content)
        except DecodeError:
            raise FileError(
                f"{self.file} cannot be read as a frozen TensorFlow graph: {what} is damaged "
                f"({len(content)} bytes).",
                "Name the .pb file that `dp freeze` wrote.",
            ) from None
