"""The client's own transcripts: where a session's are, and which tool calls they hold.

JSON lines, written by the client with some delay; their format is its own affair, so what is not understood is left
out. The main one is `projects/<folder>/<session>.jsonl`, those of subagents lie in `<session>/subagents/`.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

_SESSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


def is_session_id(text: str) -> bool:
    """Whether the text has the form of a session's id: it becomes a part of paths and of SQL."""
    return bool(_SESSION.fullmatch(text))


def transcripts(config_dir: Path, session: str) -> list[Path]:
    """The transcripts of a session below the client's directory, the main one first."""
    main = sorted(config_dir.glob(f"projects/*/{session}.jsonl"))
    return main + sorted(config_dir.glob(f"projects/*/{session}/subagents/*.jsonl"))


def tool_calls(lines: Iterable[str]) -> dict[str, str]:
    """Id → tool of every call in a transcript, in its order."""
    return {block["id"]: str(block.get("name")) for line in lines for block in _blocks(line) if _is_call(block)}


def _blocks(line: str) -> Iterator[Any]:
    try:
        message = json.loads(line)["message"]
        content = message["content"]
    except (ValueError, KeyError, TypeError):
        return
    if isinstance(content, list) and message.get("role") == "assistant":
        yield from content


def _is_call(block: Any) -> bool:
    return isinstance(block, Mapping) and block.get("type") == "tool_use" and isinstance(block.get("id"), str)
