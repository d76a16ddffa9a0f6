"""Ids of events: made here and by forwarders, so that a repeated delivery is recognised. Standard library only."""

import os
import re

ID_FORM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
"""What an id may look like that a client or an agent chooses, such as a UUID."""
_RANDOM_BYTES = 10
_BOUGHT = 128
"""Ids for which random bytes are asked of the system at once: asking takes longer than all the rest."""
_pool: list[int] = []


def _random() -> int:
    """80 random bits. Threads may share them: each is taken out of the list by one step of the interpreter."""
    try:
        return _pool.pop()
    except IndexError:
        fresh = os.urandom(_RANDOM_BYTES * _BOUGHT)
        _pool.extend(int.from_bytes(fresh[i : i + _RANDOM_BYTES]) for i in range(0, len(fresh), _RANDOM_BYTES))
        return _pool.pop()


def new_event_id(micros: int) -> str:
    """A UUIDv7 (RFC 9562, 5.7) of that moment: ids of later events sort after those of earlier milliseconds."""
    bits = (micros // 1000) << 80 | _random()
    bits = bits & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62
    digits = f"{bits:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
