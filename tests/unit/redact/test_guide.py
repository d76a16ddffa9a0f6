"""The integration guide's own examples."""

import pytest

from sidecar.redact import PIIRedactor, redact_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("user@example.com", "[EMAIL_REDACTED]"),
        ("555-123-4567", "[PHONE_REDACTED]"),
        ("123-45-6789", "[SSN_REDACTED]"),
        ("4532015112830366", "[CREDIT_CARD_REDACTED]"),
        ("/Users/john/file.txt", "/Users/[USER]/file.txt"),
        ("/home/jane/file.txt", "/home/[USER]/file.txt"),
        ("C:\\Users\\john\\file.txt", "C:\\Users\\[USER]\\file.txt"),
        ("C:\\\\Users\\\\john\\\\file.txt", "C:\\\\Users\\\\[USER]\\\\file.txt"),
        ("/x/.claude/projects/-Users-john-shop/a.jsonl", "/x/.claude/projects/-Users-[USER]-shop/a.jsonl"),
        ("/x/.claude/projects/-home-jane-shop/a.jsonl", "/x/.claude/projects/-home-[USER]-shop/a.jsonl"),
        ("api_key=abc123def456", "api_key=[API_KEY_REDACTED]"),
        ("Authorization: Bearer abc123def456", "Authorization: Bearer [API_KEY_REDACTED]"),
    ],
)
def test_examples(text: str, expected: str) -> None:
    """What the guide shows as redacted is redacted, to the letter."""
    assert expected == redact_text(text)


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "token",
        "secret",
        "key",
        "auth",
        "email",
        "phone",
        "ssn",
        "credit_card",
        "database_url",
        "connection_string",
    ],
)
def test_sensitive_field_names(name: str) -> None:
    """The value of every field that the guide names is gone."""
    redacted = PIIRedactor().redact({"parameters": {name: "abc123def456"}})
    assert "abc123def456" not in str(redacted.value)
    assert sum(redacted.counts.values()) == 1
