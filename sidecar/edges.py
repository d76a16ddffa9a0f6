"""What can be told of a body that is too much to be read whole: the ids and names at its two ends."""

import re
from typing import Any

EDGE_BYTES = 16 * 1024

_IDS = re.compile(
    rb'"(session_id|prompt_id|hook_event_name|event_type|event_id|agent|agent_id|agent_type|tool_name|tool_use_id'
    rb'|cwd|timestamp)"\s{0,8}:\s{0,8}"([^"\\\x00-\x1f]{1,512})"'
)


def metadata_at(head: bytes, tail: bytes, size_bytes: int, reason: str) -> dict[str, Any]:
    """The ids and names at the two ends of a body, and a note in place of its content.

    The client writes its ids before the content and `tool_use_id` after it, so the first of each name in the head
    wins over the tail. The values are as unredacted as the body was.
    """
    found: dict[str, Any] = {}
    for edge in (head[:EDGE_BYTES], tail[-EDGE_BYTES:]):
        for name, value in _IDS.findall(edge):
            found.setdefault(name.decode(), value.decode("utf-8", "replace"))
    found.setdefault("session_id", "unknown")
    found["content_dropped"] = {"reason": reason, "size_bytes": size_bytes}
    return found
