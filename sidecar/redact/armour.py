"""The end of a private key whose head is cut off: `tail`, a page of a file, output that lost its start."""

import re

Span = tuple[int, int]

_REACH = 16_384
_LINE_END = re.compile(rb"\A|\n|\\{1,8}n")
_BASE64 = re.compile(rb"[A-Za-z0-9+/=]+")
_FULL_LINE = 40
"""Characters of base64 in a line of a key at least; its last line may have fewer."""
_SIGNS = 2
"""Signs that stand between lines of code: `" +`."""
_BELOW = 2
"""Lines below the last full one: the rest of the key, and what stands before the foot in its own line."""


def end_of_key(data: bytes, foot: int) -> Span | None:
    """The lines of base64 above the foot at that place, None where there are none."""
    above = data[max(0, foot - _REACH) : foot].rpartition(b"-----")[2]
    first = foot - len(above)
    begin, stop, below = foot, len(above), 0
    for line_end in reversed(list(_LINE_END.finditer(above))):
        text = above[line_end.end() : stop]
        stop = line_end.start()
        run = max(_BASE64.findall(text), key=len, default=b"")
        if len(run) >= _FULL_LINE:
            begin = first + line_end.end() + text.index(run)
        elif len(run) > _SIGNS:
            below += 1
            if begin < foot or below > _BELOW:
                break
    return (begin, foot) if begin < foot else None
