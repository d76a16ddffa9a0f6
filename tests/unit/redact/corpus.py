"""The labelled corpus, as the tests read it."""

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
