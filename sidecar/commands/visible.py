"""Text of others on a terminal: what would steer the terminal, or turn the order of what is read, is made visible.

As escapes of JSON, so that JSON stays what it is. Other characters, line ends and tabs stay.
"""

import io
import json
import sys
import unicodedata
from typing import Any, BinaryIO, cast

_STEERING = frozenset({"Cc", "Cf", "Zl", "Zp", "Cs"})
"""Controls of both ranges, direction of text and characters that are not seen, line separators, halves of pairs."""
_KEPT = frozenset("\n\t\u200c\u200d")
"""The last two join letters, of Persian and of emojis."""


class _Signs(dict[int, int | str]):
    """Code point → what is shown for it; looked up once for each."""

    def __missing__(self, code: int) -> int | str:
        sign = chr(code)
        is_seen = sign in _KEPT or unicodedata.category(sign) not in _STEERING
        self[code] = shown = code if is_seen else json.dumps(sign)[1:-1]
        return shown


_signs = _Signs()
_DELETE = 0x7F  # json.dumps takes it for a letter
_signs[_DELETE] = "\\u007f"


def visible(text: str) -> str:
    """The text as a terminal may get it. Pure."""
    return text.translate(_signs)


def standard_output() -> BinaryIO:
    """Where a command writes data as bytes of UTF-8: what a terminal gets of it is made visible."""
    return cast("BinaryIO", _Terminal()) if sys.stdout.isatty() else sys.stdout.buffer


class _Terminal(io.BufferedIOBase):
    """Takes whole characters of UTF-8 and shows them."""

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        given = bytes(data)
        sys.stdout.write(visible(given.decode("utf-8", "backslashreplace")))
        return len(given)

    def flush(self) -> None:
        sys.stdout.flush()
