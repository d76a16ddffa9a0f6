"""The labelled corpus: how much is found, how little else is touched."""

import pytest
from corpus import SETS, rows

from sidecar.redact import PIIRedactor


def share(passed: list[bool]) -> float:
    return sum(passed) / len(passed)


@pytest.mark.parametrize(("name", "least"), [("secrets_positive", 0.95), ("pii_positive", 0.97)])
def test_recall(redactor: PIIRedactor, name: str, least: float) -> None:
    """Of what is plainly a secret or personal, at least that share is gone from the text."""
    core = [row for row in rows(name) if not row.get("hard") and not row.get("debatable")]
    assert share([row["secret"] not in redactor.redact_text(row["text"]) for row in core]) >= least


@pytest.mark.parametrize(("name", "least"), [("secrets_negative", 0.985), ("pii_negative", 0.98)])
def test_look_alikes_stay(redactor: PIIRedactor, name: str, least: float) -> None:
    """Of what only looks like a secret, at least that share comes back byte by byte."""
    core = [row for row in rows(name) if not row.get("debatable")]
    assert share([row["text"] == redactor.redact_text(row["text"]) for row in core]) >= least


@pytest.mark.parametrize("name", SETS)
def test_idempotent(redactor: PIIRedactor, name: str) -> None:
    """What was redacted does not change when it is redacted again."""
    once = [redactor.redact_text(row["text"]) for row in rows(name)]
    assert once == [redactor.redact_text(text) for text in once]
