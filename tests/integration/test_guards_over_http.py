"""Who is let in, over real HTTP and WebSocket connections."""

import pytest
from websockets.exceptions import InvalidStatus

from tests.integration.ingest import GUIDE, NATIVE
from tests.sidecar_process import API, JSON, LIVE, Sidecar

EVENT = b'{"session_id":"s","hook_event_name":"PreToolUse","event_type":"PRE_TOOL_USE"}'
OPEN = [f"{API}/health", f"{API}/hook-performance", "/metrics", "/schema/openapi.json", "/"]
CLOSED = [f"{API}/events", f"{API}/sql", LIVE, "/nothing"]


@pytest.mark.parametrize("path", [NATIVE, GUIDE, *OPEN])
@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "[::1]"])
@pytest.mark.parametrize("port", ["", ":1", ":8000"])
def test_names_of_this_machine_are_served(sidecar: Sidecar, path: str, host: str, port: str) -> None:
    """Any port behind a local name is served, without a token, where no content is read."""
    posted = path in {NATIVE, GUIDE}
    headers = {**(JSON if posted else {}), "Host": host + port}
    answer = sidecar.raw("POST" if posted else "GET", path, EVENT if posted else None, headers)
    assert answer.status_code in {200, 204}


@pytest.mark.parametrize("path", [NATIVE, GUIDE, *OPEN, *CLOSED])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost@evil", ""]
)
def test_other_names_are_refused(sidecar: Sidecar, path: str, host: str) -> None:
    """A name that was pointed at this machine is refused on every route, with the right token too."""
    headers = {**JSON, **sidecar.bearer, "Host": host}
    assert 421 == sidecar.raw("POST", path, EVENT, headers).status_code


@pytest.mark.parametrize("path", [NATIVE, GUIDE, *OPEN, *CLOSED])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
        ("Origin", ""),
        ("Origin", "http://["),
        ("Origin", "http://localhost:1"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ],
)
def test_other_pages_are_refused(sidecar: Sidecar, path: str, name: str, value: str) -> None:
    """What a browser sends for another page is refused on every route, with the right token too."""
    headers = {**JSON, **sidecar.bearer, name: value}
    assert 403 == sidecar.raw("POST", path, EVENT, headers).status_code


def test_our_own_page_is_let_in(sidecar: Sidecar) -> None:
    """A request of our own origin passes."""
    headers = {"Origin": f"http://127.0.0.1:{sidecar.port}", "Sec-Fetch-Site": "same-origin"}
    assert 200 == sidecar.raw("GET", f"{API}/health", headers=headers).status_code


@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize("value", [None, "Bearer", "Bearer wrong", "Bearer \xff", "Basic {token}", "{token}"])
def test_reading_needs_the_token(sidecar: Sidecar, path: str, value: str | None) -> None:
    """Without the token, or with it said wrong, everything that is not open is a 401 in JSON."""
    headers = {} if value is None else {"Authorization": value.format(token=sidecar.token)}
    answer = sidecar.raw("GET", path, headers=headers)
    assert (401, "Bearer") == (answer.status_code, answer.headers["www-authenticate"])
    assert "token" in answer.json()["hint"]


@pytest.mark.parametrize("path", [f"/schema/..{API}/events", f"{NATIVE}/../../observability/events", "/schemata"])
def test_no_way_leads_out_of_an_open_path(sidecar: Sidecar, path: str) -> None:
    """A path that climbs out of an open one is not walked."""
    assert sidecar.raw("GET", path).status_code in {401, 404, 405}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_the_token_opens(sidecar: Sidecar, scheme: str) -> None:
    """With the token events are read."""
    headers = {"Authorization": f"{scheme} {sidecar.token}"}
    assert 200 == sidecar.raw("GET", f"{API}/events", headers=headers).status_code


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer {token}", "Origin": "http://evil.example"},
        {"Authorization": "Bearer {token}", "Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
def test_the_tap_is_guarded_before_the_handshake(sidecar: Sidecar, headers: dict[str, str]) -> None:
    """A WebSocket without the token, or of another page, is never opened."""
    sent = {name: value.format(token=sidecar.token) for name, value in headers.items()}
    with pytest.raises(InvalidStatus, match="403"), sidecar.live(additional_headers=sent):
        pass


def test_nothing_of_it_is_a_traceback(sidecar: Sidecar) -> None:
    """Refusing is no error."""
    assert "Traceback" not in sidecar.output()
