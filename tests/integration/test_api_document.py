"""Laws of the API's document: it is complete, and every answer to a made-up request is one that it tells of."""

from typing import Any

import pytest

from sidecar.front.document import PATHS, document
from sidecar.front.receive.guards import access_policy, refusal_of
from tests.fuzz.api import attack, names, operations
from tests.integration.ingest import EVENT, GUIDE, NATIVE
from tests.sidecar_process import LIVE, Sidecar

CASES = 24
OPERATIONS = dict(operations(document()))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", names(document()))
def test_answers_are_in_the_document(sidecar: Sidecar, name: str) -> None:
    """Status, type, headers and body of every answer are documented, whatever is asked; none is a server error."""
    assert attack(sidecar, OPERATIONS[name], CASES)


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


@pytest.mark.parametrize("path", PATHS)
def test_it_says_who_may(path: str) -> None:
    """What the document says needs the token is what the guard refuses without."""
    policy = access_policy("127.0.0.1", [], "right")
    concrete = path.replace("{agent}", "claude-code").replace("{name}", "x.js")
    refused = refusal_of(policy, concrete, {b"host": b"localhost"})
    for operation in PATHS[path].values():
        assert bool(operation["security"]) == (refused is not None)
        assert ("401" in operation["responses"]) >= bool(operation["security"])


def test_other_agents_and_types_are_told_apart(sidecar: Sidecar) -> None:
    """An agent that nobody knows is a 404, a type that is no JSON a 415, on both routes that take events."""
    assert 404 == sidecar.post_native(EVENT, agent="nobody").status_code
    for route in (NATIVE, GUIDE):
        assert 415 == sidecar.post(route, b"{}", headers={"Content-Type": "text/plain"}).status_code
