"""Messages on the pipe between the window and its engine: four bytes of length, then msgpack.

msgpack rather than JSON, because it keeps NaN and infinity.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

import msgspec

from dmdstudio.plan.commands import Order
from dmdstudio.plan.events import Envelope

LONGEST = 256 * 2**20
"""Bytes of the longest message; a larger length means that the stream is not ours."""

HEARTBEAT_SECONDS = 1.0

_LENGTH = struct.Struct(">I")
_encoder = msgspec.msgpack.Encoder()
_orders = msgspec.msgpack.Decoder(Order)
_envelopes = msgspec.msgpack.Decoder(Envelope)


class StreamError(Exception):
    """What came through the pipe is not one of our messages."""


def frame(message: Order | Envelope) -> bytes:
    """Return a message as the bytes that go through the pipe."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


def read_order(stream: BinaryIO) -> Order | None:
    """Return the next order; None at the end of the stream."""
    body = _read_body(stream)
    return None if body is None else _decode(_orders, body)


def read_envelope(stream: BinaryIO) -> Envelope | None:
    """Return the next envelope; None at the end of the stream."""
    body = _read_body(stream)
    return None if body is None else _decode(_envelopes, body)


def _decode(decoder: msgspec.msgpack.Decoder, body: bytes):
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StreamError(f"a message of {len(body)} bytes cannot be read: {error}") from None


def _read_body(stream: BinaryIO) -> bytes | None:
    head = _read_exactly(stream, _LENGTH.size)
    if head is None:
        return None
    (length,) = _LENGTH.unpack(head)
    if length > LONGEST:
        raise StreamError(f"a message claims {length} bytes")
    return _read_exactly(stream, length)


def _read_exactly(stream: BinaryIO, length: int) -> bytes | None:
    """Return ``length`` bytes; None where the stream ends before."""
    parts = b""
    while len(parts) < length:
        piece = stream.read(length - len(parts))
        if not piece:
            return None
        parts += piece
    return parts
