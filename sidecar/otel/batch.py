"""What PostToolBatch lists: every call of a batch, with what the model was shown for it."""

from collections.abc import Iterator

import msgspec

from sidecar.otel import failures, loose

MAX_TOOL_NAME = 256


class Listed(msgspec.Struct, frozen=True, gc=False):
    """One call of a batch; `shown` is the beginning of the text that the model saw."""

    call_id: str
    tool: str
    shown: str

    @property
    def error_type(self) -> str | None:
        """The verdict in that text; None when it tells of no error."""
        return failures.verdict_of(self.shown)


class _Batch(msgspec.Struct):
    tool_calls: msgspec.Raw = loose.ABSENT


class _Item(msgspec.Struct):
    tool_use_id: str = ""
    tool_name: str = ""
    tool_response: msgspec.Raw = loose.ABSENT


def calls_of(payload: msgspec.Raw) -> Iterator[Listed]:
    """The calls with an id that a PostToolBatch lists, from its whole payload."""
    batch = loose.typed(payload, _Batch) or _Batch()
    return listed_in(batch.tool_calls)


def listed_in(tool_calls: msgspec.Raw) -> Iterator[Listed]:
    """The same from the field itself."""
    for one in loose.each(tool_calls, _Item):
        if one.tool_use_id:
            yield Listed(one.tool_use_id, one.tool_name[:MAX_TOOL_NAME], loose.head(one.tool_response))
