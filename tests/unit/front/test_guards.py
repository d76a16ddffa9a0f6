"""Laws of access: who may do what, as a table."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.front.document.paths import PATHS
from sidecar.front.page import cookie
from sidecar.front.receive.guards import AccessPolicy, access_policy, host_name, refusal_of
from sidecar.paths import API, ROTATE

TOKEN = "right"
EVENTS, SQL, LIVE = f"{API}/events", f"{API}/sql", "/api/v1/websocket/observability"
READING = (EVENTS, SQL, LIVE, "/unknown", f"{API}/hook-events/x", "/metrics/x")
OPEN = (
    f"{API}/hook-events", f"{API}/health", f"{API}/hook-performance", "/metrics", "/schema", "/schema/openapi.json",
    "/api/v1/hooks/claude-code",
)  # fmt: skip


def policy() -> AccessPolicy:
    return access_policy("127.0.0.1", ["Box.Example"], TOKEN)


def status(path: str, **headers: str) -> int | None:
    """The status of the refusal; None when the request may pass."""
    sent = {"host": "127.0.0.1:8000", **{name.replace("_", "-"): value for name, value in headers.items()}}
    refusal = refusal_of(policy(), path, {name.encode(): value.encode() for name, value in sent.items()})
    return refusal.status if refusal else None


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:8000", "[::1]", "box.example:8000"])
def test_our_own_names_are_served(host: str) -> None:
    """Loopback by any of its names, and names that were allowed, with any port."""
    assert None is status("/metrics", host=host)


@pytest.mark.parametrize(
    "host", ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", "[::2]"]
)
def test_other_names_are_refused(host: str) -> None:
    """A name that was pointed at us from outside is refused on every route, ingest and token or not."""
    for path in (*OPEN, *READING):
        assert 421 == status(path, host=host, authorization=f"Bearer {TOKEN}")


@pytest.mark.parametrize(
    ("bound", "host"), [("fd00::1", "[fd00::1]:8000"), ("FD00::1", "[fd00::1]"), ("192.0.2.7", "192.0.2.7:8000")]
)
def test_the_address_listened_on_is_served(bound: str, host: str) -> None:
    """Beyond loopback too, as clients write it."""
    served = access_policy(bound, [], TOKEN)
    assert None is refusal_of(
        served, "/metrics", {b"host": host.encode(), b"authorization": f"Bearer {TOKEN}".encode()}
    )


@pytest.mark.parametrize("path", OPEN)
def test_what_holds_no_content_is_open(path: str) -> None:
    """Sending events and answers without content need no token."""
    assert None is status(path)


@pytest.mark.parametrize(
    "path", ["/", "/api/v1/hook/claude-code", f"{API}/hook-event", f"{API}/hooks", "/hook-events"]
)
def test_an_event_that_went_astray_is_told_where_events_go(path: str) -> None:
    """A POST to a path that is none is a 404 with those that take events; a GET there still needs the token."""
    headers = {b"host": b"127.0.0.1:8000"}
    posted = refusal_of(policy(), path, headers, "POST")

    assert posted is None or (404, True) == (posted.status, f"{API}/hook-events" in posted.hint)
    assert ("/" == path) == (posted is None)
    assert path == "/" or 401 == status(path)


def test_every_path_that_is_posted_to_is_known() -> None:
    """Without the token each asks for it, or is open: none of them is told to be none."""
    posted = [path for path, methods in PATHS.items() if "post" in methods]
    found = {path: refusal_of(policy(), path, {b"host": b"localhost"}, "POST") for path in posted}

    assert len(posted) > 3
    assert [] == [path for path, refusal in found.items() if refusal and refusal.status == 404]


@pytest.mark.parametrize("path", READING)
def test_reading_needs_the_token(path: str) -> None:
    """Everything that is not named as open needs the right token."""
    assert 401 == status(path)
    assert None is status(path, authorization=f"Bearer {TOKEN}")
    assert None is status(path, authorization=f"bearer {TOKEN}")


@pytest.mark.parametrize(
    "given", ["Bearer wrong", "Bearer ", "Bearer righ", "Basic right", "right", "Bearer right right"]
)
def test_a_wrong_token_is_none(given: str) -> None:
    """Only the whole token under its scheme counts."""
    assert 401 == status(EVENTS, authorization=given)


@pytest.mark.parametrize("path", [f"{API}/hook-events", EVENTS, "/api/v1/hooks/claude-code", LIVE])
def test_other_pages_are_refused(path: str) -> None:
    """A browser's request for another origin is refused, by what it says of origin or of site."""
    right = f"Bearer {TOKEN}"

    assert 403 == status(path, origin="https://evil.example", authorization=right)
    assert 403 == status(path, origin="http://127.0.0.1:9999", authorization=right)
    assert 403 == status(path, origin="null", authorization=right)
    assert 403 == status(path, sec_fetch_site="cross-site", authorization=right)
    assert 403 == status(path, sec_fetch_site="same-site", authorization=right)


def test_our_own_page_passes() -> None:
    """A request of the sidecar's own page passes with the token."""
    assert None is status(
        EVENTS, origin="http://127.0.0.1:8000", sec_fetch_site="same-origin", authorization=f"Bearer {TOKEN}"
    )


def test_a_link_to_the_page_may_be_followed() -> None:
    """From anywhere, by a person: a visit to the page itself. A form that another page posts to it is no visit."""
    visit = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}

    assert None is status("/", **visit)
    assert 403 == status("/", **visit, origin="https://evil.example")
    assert 403 == status("/", **{**visit, "sec_fetch_dest": "iframe"})
    assert 403 == status("/", **{**visit, "sec_fetch_mode": "no-cors"})
    assert 403 == status(EVENTS, **visit, authorization=f"Bearer {TOKEN}")


@given(st.text(), st.text())
def test_no_header_makes_it_fail(host: str, origin: str) -> None:
    """Whatever a header holds, there is an answer; and no text but our names opens the door."""
    headers = {b"host": host.encode("utf-8", "replace"), b"origin": origin.encode("utf-8", "replace")}

    refusal = refusal_of(policy(), EVENTS, headers)

    assert refusal is not None


@pytest.mark.parametrize(
    ("host", "expected"),
    [("A.b:80", "a.b"), ("[::1]:80", "[::1]"), ("[::1]", "[::1]"), ("a", "a"), ("a:b", "a:b"), ("", "")],
)
def test_the_port_is_no_part_of_the_name(host: str, expected: str) -> None:
    """A Host header is its name in lower case, IPv6 in brackets."""
    assert expected == host_name(host)


SENDING = (f"{API}/hook-events", f"{API}/hook-events/", "/api/v1/hooks/claude-code", "/api/v1/hooks")
STATUS = (f"{API}/hook-performance", "/metrics", "/schema", "/schema/openapi.json")


def closed_status(path: str, token: str = "", **more: str) -> int | None:
    """The status of the refusal by a sidecar that is closed wherever it can be."""
    closed = access_policy("127.0.0.1", [], TOKEN, "send", closed=True)
    sent = {b"host": b"127.0.0.1", **({b"authorization": f"Bearer {token}".encode()} if token else {})}
    refusal = refusal_of(closed, path, {**sent, **{name.encode(): text.encode() for name, text in more.items()}})
    return refusal.status if refusal else None


@pytest.mark.parametrize("path", SENDING)
def test_sending_may_need_a_token(path: str) -> None:
    """Where it does, the ingest token sends, and so does the owner's; the page's cookie does not."""
    assert [401, 401, None, None] == [closed_status(path, token) for token in ("", "wrong", "send", TOKEN)]
    assert 401 == closed_status(path, cookie=cookie.set_cookie(TOKEN, 0))


@pytest.mark.parametrize("path", [*READING, *STATUS, ROTATE])
def test_the_ingest_token_only_sends(path: str) -> None:
    """What a hook holds opens nothing."""
    assert [401, None] == [closed_status(path, token) for token in ("send", TOKEN)]


@pytest.mark.parametrize("path", STATUS)
def test_the_status_may_need_the_token(path: str) -> None:
    """Where it does, only health still answers anyone."""
    assert [401, None] == [closed_status(path, token) for token in ("", TOKEN)]
    assert None is closed_status(f"{API}/health")


def test_a_cookie_makes_no_new_token() -> None:
    """Who took over the page cannot lock out the owner."""
    page = {"cookie": cookie.set_cookie(TOKEN, time.time()).partition(";")[0]}

    assert [None, 401] == [closed_status(path, **page) for path in (EVENTS, ROTATE)]
