"""Ids that are born at the gateway: they sort by time, or follow from an idempotency key."""

import hashlib
import secrets
import time
import uuid


def new_id() -> str:
    """A UUID of version 7: 48 bits of milliseconds, then chance."""
    return str(_version_7((time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)))


def id_of_key(*parts: str) -> str:
    """The same id for the same idempotency key, on whichever gateway it arrives. A header may hold any bytes."""
    digest = hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).digest()
    return str(_version_7(int.from_bytes(digest[:16], "big")))


def _version_7(bits: int) -> uuid.UUID:
    bits &= ~(0xF << 76 | 0x3 << 62)
    return uuid.UUID(int=bits & ((1 << 128) - 1) | 0x7 << 76 | 0x2 << 62)
