"""What the sidecar itself knows of an event, beside its payload."""

import msgspec


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope of one received event.

    Args:
        event_id: given by the client or made at receipt (UUIDv7).
        received_at: microseconds since the epoch.
        host: name of this host.
        payload: the redacted body as JSON bytes.
        size_bytes: length of the body as it arrived.
        redactions: rule id → number of replacements.
        redaction_failed: content was dropped because redaction could not finish.
    """

    event_id: str
    received_at: int
    host: str
    payload: bytes
    size_bytes: int = 0
    redactions: dict[str, int] = {}
    redaction_failed: bool = False

    @property
    def raw(self) -> msgspec.Raw:
        """The payload as it is embedded into the journal's JSON."""
        return msgspec.Raw(self.payload)
