"""The labelled corpus and the recorded payloads, as the tests read them."""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[2] / "data"
SETS = ("secrets_positive", "secrets_negative", "pii_positive", "pii_negative")


@cache
def rows(name: str) -> list[dict[str, Any]]:
    """The rows of one set: `text`, for positives `secret`, `debatable` where people disagree."""
    with gzip.open(DATA / "redaction" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def texts() -> list[str]:
    """Every text of the corpus."""
    return [row["text"] for name in SETS for row in rows(name)]


def payloads(session: str) -> list[dict[str, Any]]:
    """The bodies that the real client sent in a recorded session, fresh at each call."""
    with gzip.open(DATA / "sessions" / f"{session}.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line)["body"] for line in file]


def sessions() -> list[str]:
    """Names of the recorded sessions."""
    return sorted(file.name.removesuffix(".jsonl.gz") for file in (DATA / "sessions").glob("*.jsonl.gz"))
