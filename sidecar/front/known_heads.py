"""Heads of requests that were read before: an agent sends the same one with every hook, but for the body's length.

The same bytes mean the same request, so what a parser and the guards found once need not be found again. That is
two thirds of what HTTP costs. Head and body must come in one read, as clients send what is small.
"""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from sidecar.front.admission import FREE_BYTES
from sidecar.paths import HOOKS

Answer = Callable[[bytes], None]
"""Told a whole HTTP response, once, on the event loop; never before the call that it was given to returns."""

Take = Callable[[bytes, Answer], bool]
"""Takes a body that came under such a head; false when it cannot, and then nothing has happened."""

Scope = Any
"""Of one HTTP request, as ASGI has it."""

START = f"POST {HOOKS}/".encode()
MAX_HEAD_BYTES = 4096
MOST = 256
"""Heads; beyond them all are forgotten and learned anew."""
_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: ([1-9][0-9]{0,4})\r")
_SPECIAL = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"trailer"})
"""With these the body, or who reads it, is another matter."""


class Parts(NamedTuple):
    """A request in one piece."""

    key: bytes
    """Its head without the digits of the length: what is the same from one event to the next."""
    length: bytes
    body: bytes


def parts_of(data: bytes) -> Parts | None:
    """What one read brought, when it is one whole hook of a usual size; a guess that `learn` checks. Pure."""
    end = data.find(b"\r\n\r\n", 0, MAX_HEAD_BYTES)
    length = _LENGTH.search(data, 0, end + 1) if end > 0 and data.startswith(START) else None
    if length is None or len(data) != end + 4 + int(length[1]) or len(data) - end - 4 > FREE_BYTES:
        return None
    return Parts(data[: length.start(1)] + data[length.end(1) : end], length[1], data[end + 4 :])


class KnownHeads:
    """What to do with a body by the head that it came under.

    Args:
        examine: what takes the body of such a request; None when each one must be looked at.
    """

    def __init__(self, examine: Callable[[Scope], Take | None]) -> None:
        self._examine = examine
        self._known: dict[bytes, Take] = {}

    def get(self, key: bytes) -> Take | None:
        """What takes the bodies of that head, None for a new one."""
        return self._known.get(key)

    def learn(self, parts: Parts, scope: Scope) -> None:
        """Remembers a head that the parser has read as one whole request of a connection that stays open.

        Not one whose body ends by another rule than its length.
        """
        if not _frames_itself(parts, scope):
            return
        take = self._examine(scope)
        if take is not None:
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[parts.key] = take

    def forget(self) -> None:
        """Who may do what has changed."""
        self._known.clear()


def _frames_itself(parts: Parts, scope: Scope) -> bool:
    """Whether the length that we saw is the one that counts."""
    headers = dict(scope["headers"])
    named = Counter(name for name, _ in scope["headers"])
    is_named = named[b"content-length"] == 1 and headers[b"content-length"] == parts.length
    return is_named and _SPECIAL.isdisjoint(headers)
