"""Laws of the API's document: it is complete, and every answer to a made-up request is one that it tells of."""

import inspect
from collections.abc import Iterator
from typing import Any, cast

import pytest
from litestar.handlers import HTTPRouteHandler

from sidecar.agents import guide
from sidecar.agents.receipt import Receipt
from sidecar.events import FIELDS
from sidecar.front.document import PATHS, document
from sidecar.front.page.routes import access_routes
from sidecar.front.receive.guards import Refusal, access_policy, refusal_of
from sidecar.front.receive.read_routes import read_routes
from sidecar.front.status_routes import status_routes
from tests.fuzz.api import attack, names, operations
from tests.integration.ingest import EVENT, GUIDE, NATIVE
from tests.sidecar_process import API, LIVE, Sidecar

CASES = 24
OPEN_METRICS = "application/openmetrics-text"
OPERATIONS = dict(operations(document()))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", names(document()))
def test_answers_are_in_the_document(sidecar: Sidecar, name: str) -> None:
    """Status, type, headers and body of every answer are documented, whatever is asked; none is a server error."""
    assert attack(sidecar, OPERATIONS[name], CASES)


def test_an_event_is_described_whole() -> None:
    """The document names every field of an event, in the order of `FIELDS`, and allows no other."""
    event = document()["components"]["schemas"]["Event"]

    assert list(FIELDS) == list(event["properties"])
    assert sorted(FIELDS) == event["required"]
    assert event["additionalProperties"] is False


def test_it_is_served(sidecar: Sidecar) -> None:
    """Both addresses serve the document, to anyone on this machine, and it tells of the WebSocket."""
    for path in ("/schema", "/schema/openapi.json"):
        found: dict[str, Any] = sidecar.raw("GET", path).json()
        assert document() == found
        assert LIVE in found["info"]["description"]


def test_every_route_is_in_it(sidecar: Sidecar) -> None:
    """A path that is not documented is not served, by any method; and what is documented is."""
    for path, methods in PATHS.items():
        concrete = path.replace("{agent}", "claude-code").replace("{name}", "none.js")
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
            answer = sidecar.raw(method, concrete, b"{}", {**sidecar.bearer, "Content-Type": "application/json"})
            if method.lower() not in methods:
                assert 405 == answer.status_code, (method, path)
            else:
                assert str(answer.status_code) in methods[method.lower()]["responses"], (method, path)


def test_types_are_whole(sidecar: Sidecar) -> None:
    """No answer names its charset twice, and metrics name the version of their format."""
    for path in (path for path, methods in PATHS.items() if "get" in methods):
        kind = sidecar.raw("GET", path, headers=sidecar.bearer).headers.get("content-type", "")
        assert kind.count("charset") <= 1, path
    for accept, expected in (("", "text/plain; version="), (OPEN_METRICS, f"{OPEN_METRICS}; version=1.")):
        kind = sidecar.raw("GET", "/metrics", headers={"Accept": accept}).headers["content-type"]
        assert kind.startswith(expected)
        assert kind.endswith("; charset=utf-8")


def test_health_answers_head(sidecar: Sidecar) -> None:
    """A probe that wants no body gets the same status and headers without one."""
    asked, told = (sidecar.raw(method, f"{API}/health") for method in ("HEAD", "GET"))

    assert (told.status_code, b"") == (asked.status_code, asked.content)
    assert "application/json" == asked.headers["content-type"]


@pytest.mark.parametrize("path", PATHS)
def test_it_says_who_may(path: str) -> None:
    """What the document says needs a token is what the guard refuses without; `{}` is what settings may close."""
    always, at_times = refused(path, closed=False), refused(path, closed=True)
    for operation in PATHS[path].values():
        assert bool(operation["security"]) == (at_times is not None)
        assert ({} in operation["security"]) == (at_times is not None and always is None)
        assert ("401" in operation["responses"]) >= bool(operation["security"])


def refused(path: str, *, closed: bool) -> Refusal | None:
    """Why a request without a token is refused; `closed` where the settings ask for one wherever they can."""
    policy = access_policy("127.0.0.1", [], "right", "for ingest" if closed else None, closed=closed)
    concrete = path.replace("{agent}", "claude-code").replace("{name}", "x.js")
    return refusal_of(policy, concrete, {b"host": b"localhost"})


def handlers() -> Iterator[HTTPRouteHandler]:
    """Those that take filters; their parts are asked for nothing."""
    none = cast("Any", None)
    yield from read_routes(none, none, none, 1.0, 1)
    yield from status_routes(none, none, none, none, none)
    yield from access_routes(none, none, none)


def test_every_filter_is_in_it() -> None:
    """The parameters that the document names are those that the routes take."""
    for handler in handlers():
        taken = set(inspect.signature(handler.fn).parameters) - {"request", "data"}
        for path in handler.paths:
            (operation,) = PATHS[path].values()
            assert taken == {one["name"] for one in operation.get("parameters", ())}, path


class Watched(dict[str, Any]):
    """A payload that knows which of its fields were asked for."""

    def __init__(self, **given: Any) -> None:
        super().__init__(given)
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        """The field, noted."""
        self.asked.add(key)
        return super().get(key, default)


def test_every_field_of_an_event_is_in_it() -> None:
    """Each field that the guide's format reads is in its schema."""
    event = Watched(session_id="s")
    guide.normalise(event, Receipt(event_id="e", received_at=0, host="h", payload=b"{}"))
    described = document()["components"]["schemas"]["GuideEvent"]["properties"]
    content = {"parameters", "result"}  # views of the payload, read by SQL
    assert event.asked | {"event_id"} | content == set(described)


def test_other_agents_and_types_are_told_apart(sidecar: Sidecar) -> None:
    """An agent that nobody knows is a 404, a type that is no JSON a 415, on both routes that take events."""
    assert 404 == sidecar.post_native(EVENT, agent="nobody").status_code
    for route in (NATIVE, GUIDE):
        assert 415 == sidecar.post(route, b"{}", headers={"Content-Type": "text/plain"}).status_code
