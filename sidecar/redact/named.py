"""Values that the name of their field gives away."""

from collections.abc import Sequence

from sidecar.redact.engine import Found
from sidecar.redact.fields import Field
from sidecar.redact.rules import SECRET, Rule
from sidecar.redact.validators import digits, opaque
from sidecar.redact.values import is_field_secret, is_reference, is_secret, is_uuid

_FEWEST_DIGITS = 4
_PLACEHOLDERS = {
    Field.EMAIL: "[EMAIL_REDACTED]",
    Field.PHONE: "[PHONE_REDACTED]",
    Field.SSN: "[SSN_REDACTED]",
    Field.CARD: "[CREDIT_CARD_REDACTED]",
}


def _rule(kind: Field) -> Rule:
    return Rule(
        id=f"field-{kind.value}", finds=f"values of fields that are called {kind.value} or alike",
        source="config/redaction/fields.toml", kind="secret", gate=(), pattern="", finder="field",
        placeholder=_PLACEHOLDERS.get(kind, SECRET),
    )  # fmt: skip


RULES = {kind: _rule(kind) for kind in Field}
"""One rule for each kind of field; they have no pattern, the name is what they go by."""


def named(kind: Field, value: bytes, spans: Sequence[Found], *, number: bool = False) -> Rule | None:
    """The rule that takes the whole value of a field of that kind, None when only what was found in it."""
    if kind in _PLACEHOLDERS:
        return RULES[kind] if not spans and _personal(kind, value) else None
    if number:
        return RULES[kind] if kind is Field.PASSWORD else None
    if is_reference(value, quoted=True):
        return None
    if kind is Field.URL:
        return RULES[kind] if b"://" in value or b"=" in value else None
    if kind is Field.WEAK:
        return (
            RULES[kind]
            if opaque(value) and not is_uuid(value) and is_secret(kind, value, quoted=True, tight=True)
            else None
        )
    return RULES[kind] if kind is Field.PASSWORD or is_field_secret(value) else None


def _personal(kind: Field, value: bytes) -> bool:
    if is_reference(value):
        return False
    return b"@" in value if kind is Field.EMAIL else len(digits(value)) >= _FEWEST_DIGITS
