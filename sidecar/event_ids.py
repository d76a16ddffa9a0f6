"""Ids of events: made here and by forwarders, so that a repeated delivery is recognised. Standard library only."""

import os


def new_event_id(micros: int) -> str:
    """A UUIDv7 (RFC 9562, 5.7) of that moment: ids of later events sort after those of earlier milliseconds."""
    bits = (micros // 1000) << 80 | int.from_bytes(os.urandom(10))
    bits = bits & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62
    digits = f"{bits:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
