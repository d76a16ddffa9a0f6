"""Laws of which hooks take the short way: those whose head says the same whenever it comes."""

from typing import Any, cast

import pytest
from litestar.types import HTTPScope

from sidecar.front.admission import FREE_BYTES
from sidecar.front.processor import HookEventProcessor
from sidecar.front.receive.native import NativeHooks, beside_of
from sidecar.paths import CLAUDE_CODE


class Processor:
    """Takes whatever comes."""

    def take_now(self, *_: Any) -> bool:
        """Takes it."""
        return True


def has_short_way(*, method: str = "POST", path: str = CLAUDE_CODE, limit: int = FREE_BYTES, **more: bytes) -> bool:
    """Whether bodies under such a head are taken without looking at the head again."""
    hooks = NativeHooks(cast("Any", None), cast("HookEventProcessor", Processor()), limit)
    headers = {"content-type": b"application/json", **{name.replace("_", "-"): value for name, value in more.items()}}
    sent = {name.encode(): value for name, value in headers.items()}
    return hooks.taker_of(cast("HTTPScope", {"method": method, "path": path}), sent) is not None


def test_an_ordinary_hook_has_it() -> None:
    """A plain POST of JSON to an agent's own path."""
    assert has_short_way()
    assert has_short_way(x_leanvibe_agent_id=b"a1")


@pytest.mark.parametrize("header", ["idempotency_key", "x_leanvibe_enable"])
def test_what_is_said_of_one_event_is_not_remembered(header: str) -> None:
    """A key of its own or a switch may be another for the next event: every such head is read anew."""
    assert not has_short_way(**{header: b"1"})


def test_the_limit_of_a_body_holds_on_the_short_way() -> None:
    """Where less than a small body may be sent at all, its size must be looked at each time."""
    assert not has_short_way(limit=FREE_BYTES - 1)


@pytest.mark.parametrize(
    "odd",
    [
        {"method": "GET"},
        {"path": "/api/v1/hooks/nobody"},
        {"path": "/api/v1/observability/hook-events"},
        {"content_type": b"text/html"},
        {"content_encoding": b"gzip"},
    ],
)
def test_what_will_be_refused_is_left_to_the_long_way(odd: dict[str, Any]) -> None:
    """There the client is told what is wrong and what to do."""
    assert not has_short_way(**odd)


@pytest.mark.parametrize("name", ["Zoë", "日本", "a" * 3000])
def test_what_headers_tell_is_read_whole(name: str) -> None:
    """A name of any script and length: whoever cuts it before it is redacted leaves the first part of a secret."""
    assert {"agent_name": name} == beside_of({b"x-leanvibe-agent-name": f" {name} ".encode()})


def test_a_header_in_another_encoding_is_read() -> None:
    """What is no UTF-8 is taken for Latin-1, as HTTP once had it."""
    assert {"agent_name": "Zoë"} == beside_of({b"x-leanvibe-agent-name": "Zoë".encode("latin-1")})
