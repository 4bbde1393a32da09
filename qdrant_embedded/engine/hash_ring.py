"""Which shard a point belongs to: the server's own consistent hash ring, so that each can read the other's shards.

In another shard than the server expects, a point can be read and never be deleted. Source: hash_ring.rs and
stable_hash.rs at v1.18.3 (100 virtual nodes per shard, SipHash 2-4 with a zero key).
"""

from __future__ import annotations

import bisect
import struct
import uuid
from typing import Any

VIRTUAL_NODES_PER_SHARD = 100
MASK = (1 << 64) - 1
UUID_BYTES = 16


def rotate_left(word: int, bits: int) -> int:
    """Rotate 64 bits to the left."""
    return (word << bits | word >> 64 - bits) & MASK


def sip_round(v0: int, v1: int, v2: int, v3: int) -> tuple[int, int, int, int]:
    """Run one round of SipHash."""
    v0 = v0 + v1 & MASK
    v1 = rotate_left(v1, 13) ^ v0
    v2 = v2 + v3 & MASK
    v3 = rotate_left(v3, 16) ^ v2
    v0 = rotate_left(v0, 32) + v3 & MASK
    v3 = rotate_left(v3, 21) ^ v0
    v2 = v2 + v1 & MASK
    v1 = rotate_left(v1, 17) ^ v2
    return v0, v1, rotate_left(v2, 32), v3


def siphash(message: bytes) -> int:
    """Return SipHash 2-4 of a message, with the key 0."""
    state = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    padded = message + bytes(-(len(message) + 1) % 8) + bytes([len(message) & 0xFF])
    for word in struct.unpack(f"<{len(padded) // 8}Q", padded):
        v0, v1, v2, v3 = sip_round(*sip_round(state[0], state[1], state[2], state[3] ^ word))
        state = (v0 ^ word, v1, v2, v3)
    v0, v1, v2, v3 = sip_round(*sip_round(*sip_round(*sip_round(state[0], state[1], state[2] ^ 0xFF, state[3]))))
    return v0 ^ v1 ^ v2 ^ v3


class HashRing:
    """The consistent hash ring of shards that are numbered from 0."""

    def __init__(self, shards: int) -> None:
        nodes = sorted(
            (siphash(struct.pack("<II", shard, node)), shard)
            for shard in range(shards)
            for node in range(VIRTUAL_NODES_PER_SHARD)
        )
        self._keys = [key for key, _ in nodes]
        self._shards = [shard for _, shard in nodes]

    def get_shard(self, point_id: Any) -> int:  # noqa: ANN401 - int, UUID or its text
        """Return the shard of an id: the one whose virtual node comes next on the ring."""
        if isinstance(point_id, int):
            message = struct.pack("<QQ", 0, point_id)
        else:
            one = point_id if isinstance(point_id, uuid.UUID) else uuid.UUID(point_id)
            message = struct.pack("<QQ", 1, UUID_BYTES) + one.bytes
        return self._shards[bisect.bisect_left(self._keys, siphash(message)) % len(self._shards)]
