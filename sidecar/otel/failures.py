"""`error.type` of what went wrong: few fixed words, never the text of an error.

Values are low-cardinality as the recording-errors convention asks; what we do not know is `_OTHER`.
"""

import re

from sidecar.otel import semconv

NONZERO_EXIT = "nonzero_exit"
TIMEOUT = "timeout"
INTERRUPTED = "interrupted"
ABANDONED = "abandoned"
PERMISSION_DENIED = "permission_denied"
TOOL_ERROR = "tool_error"
UNKNOWN_TOOL = "unknown_tool"
INVALID_INPUT = "invalid_input"

API_ERRORS = frozenset(
    {
        "authentication_failed",
        "oauth_org_not_allowed",
        "account_on_hold",
        "verification_required",
        "billing_error",
        "rate_limit",
        "overloaded",
        "invalid_request",
        "model_not_found",
        "server_error",
        "unknown",
        "max_output_tokens",
        "cloud_credential_error",
    }
)
"""What StopFailure names in its `error` (client 2.1.330), passed on as it is."""

_EXIT = re.compile(r"Exit code (-?\d{1,10})(?:\n|$)")
_TIMED_OUT = re.compile(r"timed? ?out", re.IGNORECASE)
_DENIED = re.compile(
    r"permission to use .{1,300}\bdenied|doesn't want to (?:proceed|take this action)|"
    r"requested permissions? to|\b(?:requires?|needs?) (?:approval|permission)|\b(?:has been|was) denied\b|"
    r"\bdenied by\b|blocked by|\b(?:was|is) blocked\b|\bwhile in plan mode\b|\bhas not run\b|"
    r"hook error|tool use was rejected|user rejected",
    re.IGNORECASE,
)
_USE_ERROR = "<tool_use_error>"
SHOWN = 400
"""Characters of a text that are looked at: the client puts its verdict first."""


def failure_of(error: str, *, interrupted: bool) -> tuple[str, int | None]:
    """`(error.type, exit code)` of a failed call, by the client's error text."""
    head = error[:SHOWN]
    code = _EXIT.match(head)
    if interrupted:
        return INTERRUPTED, None
    if code is None:
        return (TIMEOUT if _TIMED_OUT.search(head.partition("\n")[0]) else TOOL_ERROR), None
    timed_out = head[code.end() :].startswith("Command timed out")
    return TIMEOUT if timed_out else NONZERO_EXIT, int(code[1])


def verdict_of(shown: str) -> str | None:
    """`error.type` of a call by the text that the model was shown for it; None when it tells of no error."""
    head = shown[:SHOWN]
    if head.startswith(_USE_ERROR):
        return _use_error(head.removeprefix(_USE_ERROR))
    return PERMISSION_DENIED if _DENIED.search(head) else None


def api_error_of(error: str | None) -> str:
    """`error.type` of a turn that the model's API ended."""
    return error if error in API_ERRORS else semconv.OTHER_ERROR


def _use_error(text: str) -> str:
    if "No such tool available" in text:
        return UNKNOWN_TOOL
    return INVALID_INPUT if text.startswith("InputValidationError") else TOOL_ERROR
