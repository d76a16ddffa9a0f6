"""Redaction: secrets and personal data leave an event before anything else sees it."""

from sidecar.redact.codec import decode, encode
from sidecar.redact.policy import Policy
from sidecar.redact.redactor import PIIRedactor, Redacted, redact_text

__all__ = ["PIIRedactor", "Policy", "Redacted", "decode", "encode", "redact_text"]
