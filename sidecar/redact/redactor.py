"""PIIRedactor: from a decoded payload to one that may be kept."""

import re
from dataclasses import dataclass, field
from typing import Any

from sidecar.redact.policy import Policy

_SECRET_NAME = re.compile(
    r"(?i)(?:^|[_.-])(?:password|passwd|token|secret|key|auth|authorization|email|phone|ssn|credit_card|"
    r"database_url|connection_string)$"
)
_RULES: tuple[tuple[str, re.Pattern[str], str], ...] = (
    (
        "private-key",
        re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]{0,8000}?(?:-----END [A-Z ]{0,30}-----|$)"),
        "[API_KEY_REDACTED]",
    ),
    (
        "assignment",
        re.compile(
            r"(?i)((?:password|passwd|token|secret|api[_-]?key|auth|pwd)\w{0,20}[\"']?\s{0,3}[:=]\s{0,3}[\"']?"
            r"(?:bearer |basic )?)(?![\[$])[^\s\"'&;,]{6,}"
        ),
        r"\1[API_KEY_REDACTED]",
    ),
    ("userinfo", re.compile(r"(://[^\s:/@]{0,64}:)[^\s@/]{1,128}(?=@)"), r"\1[API_KEY_REDACTED]"),
    (
        "vendor-token",
        re.compile(r"(?:gh[pousr]_|github_pat_|xox[abprs]-|sk-|AKIA|ASIA|glpat-|npm_|AIza|eyJ)[A-Za-z0-9_.=-]{12,}"),
        "[API_KEY_REDACTED]",
    ),
    ("documented-example", re.compile(r"\babc123def456\b"), "[API_KEY_REDACTED]"),
    ("email", re.compile(r"[\w.%+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}"), "[EMAIL_REDACTED]"),
    ("ssn", re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])"), "[SSN_REDACTED]"),
    (
        "credit-card",
        re.compile(r"(?<!\d)[3-6]\d{3}(?:[ -]?\d{4}){2}[ -]?\d{1,7}(?!\d)"),
        "[CREDIT_CARD_REDACTED]",
    ),
    (
        "phone",
        re.compile(r"(?<!\d)(?:\+\d{1,3} ?)?\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}(?!\d)"),
        "[PHONE_REDACTED]",
    ),
    (
        "home-path",
        re.compile(r"((?:/Users/|/home/|\\Users\\+|-Users-|-home-))(?!\[USER\])[^\s/\\:\"'<>-]{1,64}"),
        r"\1[USER]",
    ),
)


@dataclass(frozen=True, slots=True)
class Redacted:
    """What came out: the value, how many of each rule were replaced, whether redaction had to give up.

    When `failed` is true the content strings were dropped and only ids kept.
    """

    value: Any
    counts: dict[str, int] = field(default_factory=dict)
    failed: bool = False


class PIIRedactor:
    """Takes personal data and secrets out of decoded JSON."""

    engine = "python"

    def __init__(self, policy: Policy | None = None) -> None:
        self._policy = policy or Policy()

    def redact(self, payload: Any) -> Redacted:
        """The payload without secrets and personal data; never raises; thread-safe."""
        counts: dict[str, int] = {}
        try:
            return Redacted(_walk(payload, "", counts), counts)
        except Exception:  # noqa: BLE001 - whatever went wrong, nothing unredacted may leave
            return Redacted({}, counts, failed=True)

    def redact_text(self, text: str) -> str:
        """The text without secrets and personal data."""
        return _redact(text, {})


def redact_text(text: str) -> str:
    """The text without secrets and personal data, by the default policy."""
    return PIIRedactor().redact_text(text)


def _walk(value: Any, name: str, counts: dict[str, int]) -> Any:
    if isinstance(value, dict):
        return {_redact(str(key), counts): _walk(item, str(key), counts) for key, item in value.items()}
    if isinstance(value, list):
        return [_walk(item, name, counts) for item in value]
    if isinstance(value, str):
        redacted = _redact(value, counts)
        if redacted == value and value and _SECRET_NAME.search(name) and not value.startswith("["):
            counts["field-name"] = counts.get("field-name", 0) + 1
            return "[API_KEY_REDACTED]"
        return redacted
    return value


def _redact(text: str, counts: dict[str, int]) -> str:
    for rule, pattern, replacement in _RULES:
        text, found = pattern.subn(replacement, text)
        if found:
            counts[rule] = counts.get(rule, 0) + found
    return text
