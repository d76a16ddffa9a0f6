"""Laws of other web pages, in a real browser that has been let in: they write nothing and read nothing."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState

from tests.browser import running_browser
from tests.e2e.foreign_page import ELEMENTS, EVIL, FETCHES, foreign_server
from tests.integration.ingest import GUIDE, NATIVE
from tests.sidecar_process import API, LIVE, Sidecar

MARK = "xyzzy-mark"
EVENT = json.dumps({"session_id": "attack", "event_type": "PRE_TOOL_USE", "hook_event_name": "PreToolUse"})
SQL = json.dumps({"query": "SELECT * FROM events"})
REFUSED = {403, 421}
HOSTS = (EVIL, "127.0.0.1", "localhost")
TARGETS = {
    NATIVE: EVENT,
    GUIDE: EVENT,
    f"{API}/sql": SQL,
    f"{API}/events": "",
    f"{API}/health": "",
    "/api/v1/access/codes": "{}",
    "/api/v1/access/session": '{"token":"x"}',
    "/metrics": "",
}


@pytest.fixture(scope="module", name="browser")
def _browser() -> Iterator[Browser]:
    """A browser for which the attacker's name leads to this host."""
    with running_browser(f"--host-resolver-rules=MAP {EVIL} 127.0.0.1") as browser:
        yield browser


@pytest.fixture(scope="module", name="stored")
def _stored(sidecar: Sidecar) -> int:
    """How many events there are: one, with the mark."""
    sidecar.post_native({"session_id": "s", "hook_event_name": "PostToolUse", "tool_response": MARK})
    return sidecar.count()


@pytest.fixture(scope="module", name="foreign_port")
def _foreign_port() -> Iterator[int]:
    with foreign_server() as port:
        yield port


Foreign = Callable[[str], Page]


class Watch:
    """What the sidecar answered to a browser, and what the browser told it."""

    def __init__(self, context: BrowserContext, sidecar: Sidecar) -> None:
        self.statuses: set[int] = set()
        self.cookies: list[str] = []
        self._port = f":{sidecar.port}/"
        context.on("response", self._note)
        context.on("request", self._look)

    def _note(self, response: Any) -> None:
        if self._port in response.url:
            self.statuses.add(response.status)

    def _look(self, request: Any) -> None:
        if self._port in request.url and (cookie := request.headers.get("cookie")):
            self.cookies.append(cookie)


@pytest.fixture(name="foreign")
def _foreign(context: BrowserContext, foreign_port: int) -> Foreign:
    """Opens a page of another origin, under this host name, in a browser that the sidecar has let in."""
    return lambda host: opened(context, host, foreign_port)


@pytest.fixture(name="watch")
def _watch(context: BrowserContext, sidecar: Sidecar) -> Watch:
    return Watch(context, sidecar)


def opened(context: BrowserContext, host: str, port: int) -> Page:
    page = context.new_page()
    page.goto(f"http://{host}:{port}/")
    return page


def is_untouched(sidecar: Sidecar, stored: int, loot: list[str]) -> bool:
    """Nothing was written, and the page got hold of no content, token or figure of ours."""
    text = "\n".join(loot)
    assert stored == sidecar.count()
    assert MARK not in text
    assert sidecar.token not in text
    return "leanvibe" not in text


@pytest.mark.parametrize(
    ("host", "path"), [*((EVIL, path) for path in TARGETS), ("127.0.0.1", GUIDE), ("localhost", f"{API}/events")]
)
def test_no_fetch_reads_or_writes(
    foreign: Foreign, sidecar: Sidecar, watch: Watch, stored: int, host: str, path: str
) -> None:
    """In every mode, with every method and type, a page of another site or only another port gets nothing."""
    loot = foreign(host).evaluate(FETCHES, [sidecar.url + path, TARGETS[path] or None])
    assert {"failed", "opaque 0 "} >= set(loot)
    assert is_untouched(sidecar, stored, loot)
    assert watch.statuses <= REFUSED
    assert watch.statuses  # something came through to be refused
    assert host != EVIL or not watch.cookies


@pytest.mark.parametrize(
    ("host", "path"), [(EVIL, NATIVE), (EVIL, "/"), ("127.0.0.1", GUIDE), ("localhost", f"{API}/events")]
)
def test_no_element_reads_or_writes(
    foreign: Foreign, sidecar: Sidecar, watch: Watch, stored: int, host: str, path: str
) -> None:
    """Nor by images, scripts, frames, forms, beacons, prefetches, event sources, WebSockets or service workers."""
    page = foreign(host)
    socket = sidecar.url.replace("http", "ws", 1) + LIVE
    loot = page.evaluate(ELEMENTS, [sidecar.url + path, socket, EVENT])
    assert "websocket: closed" in loot
    assert not [one for one in loot if "read" in one or "open" in one]
    assert is_untouched(sidecar, stored, loot)
    assert watch.statuses <= REFUSED
    assert host != EVIL or not watch.cookies


def test_a_rebound_name_reaches_nothing(context: BrowserContext, sidecar: Sidecar, watch: Watch, stored: int) -> None:
    """A page whose name was pointed at this host after it was loaded is of the sidecar's origin, but not its host."""
    page = opened(context, EVIL, sidecar.port)
    for path, body in {NATIVE: EVENT, f"{API}/sql": SQL, "/": ""}.items():
        loot = page.evaluate(FETCHES, [f"http://{EVIL}:{sidecar.port}{path}", body or None])
        assert {one.split(" ", 2)[1] for one in loot if one != "failed"} == {"421"}
        assert is_untouched(sidecar, stored, [])
    loot = page.evaluate(
        "url => new Promise(done => { const tap = new WebSocket(url); tap.onopen = () => done('open');"
        " tap.onclose = () => done('closed'); })",
        f"ws://{EVIL}:{sidecar.port}{LIVE}",
    )
    assert "closed" == loot
    assert {421} == watch.statuses


@pytest.mark.parametrize("host", HOSTS)
def test_it_cannot_be_framed(foreign: Foreign, sidecar: Sidecar, host: str, pass_: StorageState) -> None:
    """A page that puts ours into a frame, to have it clicked on, frames nothing, though the browser was let in."""
    assert pass_["cookies"]
    page = foreign(host)
    for tag, name in (("iframe", "src"), ("embed", "src"), ("object", "data")):
        page.evaluate(
            "([tag, name, url]) => document.body.append(Object.assign(document.createElement(tag), {[name]: url}))",
            [tag, name, sidecar.url],
        )
    page.wait_for_load_state("networkidle")
    shown = [frame.content() for frame in page.frames[1:]]
    assert not [one for one in shown if 'id="app"' in one or "data-testid" in one]


def test_a_link_leads_in_but_not_back(context: BrowserContext, foreign: Foreign, sidecar: Sidecar) -> None:
    """Who follows a link from elsewhere sees the page; the page that linked gets no hold of it."""
    page = foreign(EVIL)
    with context.expect_page() as coming:
        page.evaluate("url => { window.other = window.open(url) }", sidecar.url + "/")
    coming.value.wait_for_load_state()
    assert page.evaluate("() => { try { return !window.other.document } catch { return true } }")
    assert page.evaluate("window.other.closed")  # Cross-Origin-Opener-Policy has cut it off
