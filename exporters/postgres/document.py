r"""Events as one JSON document that PostgreSQL can take apart into `text` and `jsonb`.

Neither holds a NUL character, nor half of a UTF-16 surrogate pair; JSON can say both
(https://www.postgresql.org/docs/current/datatype-json.html):

    \u0000                    becomes  \u2400, the symbol for NUL
    half of a surrogate pair  becomes  \ufffd, the replacement character

What else `jsonb` refuses (a number beyond `numeric`, thousands of levels, a container over 256 MB) is rare,
and only PostgreSQL knows its limits: see `payload_as_text`.
"""

import re
from collections.abc import Sequence

import msgspec

from sidecar.events import HookEvent

SUSPECTS = (rb"\u0000", rb"\ud", rb"\uD")
"""A document without any of them passes untouched; three memory searches tell."""

ESCAPE = re.compile(
    rb"""\\(?:
        u0000
      | u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}   # a whole pair
      | u[dD][89a-fA-F][0-9a-fA-F]{2}                              # half of one
      | .                                                          # any other, an escaped backslash above all
    )""",
    re.VERBOSE,
)

PAIR_LENGTH = len(rb"\ud83d\ude00")


def document(events: Sequence[HookEvent]) -> bytes:
    """The events as a JSON array without any character that PostgreSQL refuses."""
    return without_refused_characters(msgspec.json.encode(events))


def without_refused_characters(text: bytes) -> bytes:
    """The same JSON, with replacements for NUL and halves of surrogate pairs, in keys as in values.

    Two keys of an object that differ in nothing else become one, of which `jsonb` keeps the last value.
    """
    if not any(suspect in text for suspect in SUSPECTS):
        return text
    return ESCAPE.sub(_replacement, text)


def payload_as_text(event: HookEvent) -> HookEvent:
    """The event with its payload as one JSON string that holds the payload's text.

    For a payload that `jsonb` cannot hold as a document: nothing of it is lost, and
    `jsonb_typeof(payload) = 'string'` finds it.
    """
    text = bytes(event.payload).decode(errors="replace")
    return msgspec.structs.replace(event, payload=msgspec.Raw(msgspec.json.encode(text)))


def _replacement(match: re.Match[bytes]) -> bytes:
    escape = match[0]
    if escape == rb"\u0000":
        return rb"\u2400"
    is_half = escape[1:3].lower() == b"ud" and len(escape) < PAIR_LENGTH
    return rb"\ufffd" if is_half else escape
