"""Redaction: secrets and personal data leave an event before anything else sees it."""

from sidecar.redact.account import Leak
from sidecar.redact.codec import decode, encode
from sidecar.redact.extent import values_in
from sidecar.redact.policy import Policy
from sidecar.redact.policy import load as load_policy
from sidecar.redact.redactor import PIIRedactor, Redacted, all_rules, redact_text

__all__ = [
    "Leak", "PIIRedactor", "Policy", "Redacted", "all_rules", "decode", "encode", "load_policy", "redact_text",
    "values_in",
]  # fmt: skip
