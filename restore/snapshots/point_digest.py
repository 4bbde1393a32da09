"""The digest of one point: equal before a snapshot and after its restore, different for other points.

Numbers in payloads are rounded to float32's 24 bits because the server's optimiser rewrote doubles by one unit
in the last place (1,994 of 3,000 points); vectors are compared as float32 because their texts differ.
"""

import hashlib
import math
import struct
from collections.abc import Iterator, Mapping
from typing import Any

_BITS = 24


def digest_point(payload: Mapping[str, Any] | None, vector: object) -> str:
    """Return the first 32 hex digits of SHA-256 over a point's payload and vectors, as Qdrant's JSON shows them.

    `vector` is a list (dense), a list of lists (multi), a mapping of names to either or to
    `{"indices", "values"}` (sparse), or None.
    """
    running = hashlib.sha256()
    for part in _walk(payload or {}):
        running.update(part)
    running.update(b"|vectors|")
    for part in _walk_vector(vector):
        running.update(part)
    return running.hexdigest()[:32]


def _walk(value: object) -> Iterator[bytes]:
    match value:
        case None | bool() | int():
            yield f"{value!r},".encode()
        case float():
            yield _round(value)
        case str():
            text = value.encode("utf-8", "surrogatepass")
            yield b"s%d:" % len(text) + text
        case dict():
            yield b"{%d" % len(value)
            for key in sorted(value):
                yield from _walk(key)
                yield from _walk(value[key])
        case list():
            yield b"[%d" % len(value)
            for item in value:
                yield from _walk(item)
        case _:
            raise TypeError(f"not a JSON value: {type(value).__name__}")


def _round(number: float) -> bytes:
    """Round to 24 bits of mantissa whatever the exponent, so that no double overflows."""
    if not math.isfinite(number) or number == 0:
        return f"f{number!r},".replace("-0.0", "0.0").encode()
    mantissa, exponent = math.frexp(number)
    scaled = round(mantissa * (1 << _BITS))
    if abs(scaled) == 1 << _BITS:
        scaled, exponent = scaled // 2, exponent + 1
    return b"f%d^%d," % (scaled, exponent)


def _walk_vector(vector: object) -> Iterator[bytes]:
    match vector:
        case None:
            yield b"none"
        case {"indices": list() as indices, "values": list() as values, **rest} if not rest:
            yield b"sparse"
            for index, value in sorted(zip(indices, values, strict=True)):
                yield struct.pack("<If", index, value)
        case dict():
            for name in sorted(vector):
                yield from _walk(name)
                yield from _walk_vector(vector[name])
        case [list(), *_]:
            yield b"multi%d" % len(vector)
            for row in vector:
                yield from _walk_vector(row)
        case list():
            numbers = (math.nan if number is None else number for number in vector)
            yield b"dense" + struct.pack(f"<{len(vector)}f", *numbers)
        case _:
            raise TypeError(f"not a vector: {type(vector).__name__}")
