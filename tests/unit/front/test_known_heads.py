"""Heads that are remembered: only those that mean the same whenever they come."""

from typing import Any

import pytest

from sidecar.front.known_heads import MOST, KnownHeads, parts_of

HEAD = b"POST /api/v1/hooks/claude-code HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nX-One: 1\r\n\r\n"
HEADERS = [(b"host", b"localhost"), (b"content-length", b"2"), (b"x-one", b"1")]


def learned(*headers: tuple[bytes, bytes]) -> KnownHeads:
    """What is known after one request, which the parser read as having these headers."""
    known = KnownHeads(lambda _: lambda _body, _answer: True)
    parts = parts_of(HEAD + b"{}")
    assert parts
    known.learn(parts, {"headers": list(headers) or HEADERS})
    return known


def is_known(known: KnownHeads, data: bytes) -> bool:
    parts = parts_of(data)
    return parts is not None and known.get(parts.key) is not None


def test_bodies_of_any_length_share_a_head() -> None:
    """The digits of the length are no part of what is remembered; every other byte is."""
    known = learned()
    longer = HEAD.replace(b"Length: 2", b"Length: 12") + b"{}" * 6

    assert is_known(known, longer)
    assert b"{}" * 6 == getattr(parts_of(longer), "body")  # noqa: B009  never None here
    assert not is_known(known, HEAD.replace(b"X-One: 1", b"X-One: 2") + b"{}")
    assert not is_known(known, HEAD.replace(b"localhost", b"evil.host") + b"{}")


@pytest.mark.parametrize(
    "data",
    [
        HEAD,
        HEAD + b"{",
        HEAD + b"{}" + HEAD + b"{}",
        HEAD[:-2],
        HEAD.replace(b"POST", b"GET") + b"{}",
        HEAD.replace(b"/hooks/", b"/events/") + b"{}",
        HEAD.replace(b"Content-Length: 2\r\n", b"") + b"{}",
        HEAD.replace(b"Length: 2", b"Length: 0") + b"{}",
        HEAD.replace(b"Length: 2", b"Length: +2") + b"{}",
        HEAD.replace(b"Length: 2", b"Length: 20000") + b"x" * 20_000,
        HEAD.replace(b"X-One: 1", b"X-One: " + b"1" * 5_000) + b"{}",
        b"X" + HEAD + b"{}",
    ],
)  # fmt: skip
def test_what_is_not_one_whole_small_hook_is_left_to_the_parser(data: bytes) -> None:
    """Half a request, two of them, another route, no plain length, or more than never waits for room."""
    assert parts_of(data) is None


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-length", b"2"), (b"content-length", b"2")],
        [(b"content-length", b"3")],
        [(b"content-length", b"2"), (b"transfer-encoding", b"chunked")],
        [(b"content-length", b"2"), (b"expect", b"100-continue")],
        [(b"content-length", b"2"), (b"upgrade", b"websocket")],
        [(b"x-one", b"1")],
    ],
)
def test_a_head_whose_body_ends_otherwise_is_not_remembered(headers: list[tuple[bytes, bytes]]) -> None:
    """The length that was seen must be the one that the parser went by."""
    assert not is_known(learned(*headers), HEAD + b"{}")


def test_a_head_that_may_not_pass_is_not_remembered() -> None:
    """What nobody takes is looked at each time."""
    known = KnownHeads(lambda _: None)
    parts = parts_of(HEAD + b"{}")
    assert parts
    known.learn(parts, {"headers": HEADERS})

    assert known.get(parts.key) is None


def test_memory_is_bounded() -> None:
    """A client that sends another head each time has the others forgotten, not the process grown."""
    known = KnownHeads(lambda _: lambda _body, _answer: True)
    scope: dict[str, Any] = {"headers": HEADERS}
    for number in range(MOST + 10):
        parts = parts_of(HEAD.replace(b"X-One: 1", b"X-One: %d" % number) + b"{}")
        assert parts
        known.learn(parts, scope)

    assert 10 == len(known._known)
