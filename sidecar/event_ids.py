"""Ids of events: made here and by forwarders, so that a repeated delivery is recognised. Standard library only."""

import os
import uuid


def new_event_id(micros: int) -> str:
    """A UUIDv7 (RFC 9562, 5.7) of that moment: ids of later events sort after those of earlier milliseconds."""
    bits = (micros // 1000) << 80 | int.from_bytes(os.urandom(10))
    bits = bits & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62
    return str(uuid.UUID(int=bits))
