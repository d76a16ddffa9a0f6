"""Requests made up from the OpenAPI document, sent to a real sidecar: every answer must be one that it tells of."""

from collections.abc import Iterator
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.sidecar_process import Sidecar

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
HONEST = {"/api/v1/observability/health": frozenset({503})}
"""A server error that is the true answer: that so many events could not be taken is what health tells."""
TIMEOUT = 60


def operations(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each operation of a document, under a name such as `GET /metrics`."""
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        operation = found.ok()
        yield f"{operation.method.upper()} {operation.path}", operation


def names(document: dict[str, Any]) -> list[str]:
    """The same names, without anything made for it."""
    return [f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods]


def attack(sidecar: Sidecar, operation: Any, cases: int, *, seeded: bool = True) -> int:
    """Sends so many made-up requests, half of them as documented and half not; how many were sent.

    Raises:
        AssertionError: an answer that the document does not tell of, or a 5xx; says how to send it again.
    """
    sent = 0
    with requests.Session() as session:
        session.trust_env = False
        for mode in MODES:
            sent += _attack(sidecar, operation, session, mode, max(1, cases // len(MODES)), seeded=seeded)
    return sent


def _attack(
    sidecar: Sidecar, operation: Any, session: requests.Session, mode: GenerationMode, cases: int, *, seeded: bool
) -> int:
    sent = 0
    honest = HONEST.get(operation.path, frozenset())

    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        derandomize=seeded,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def once(case: Any) -> None:
        nonlocal sent
        sent += 1
        answer = case.call(
            base_url=sidecar.url, session=session, headers=sidecar.bearer, timeout=TIMEOUT, allow_redirects=False
        )
        case.validate_response(answer, checks=CHECKS if answer.status_code not in honest else CHECKS[1:])

    try:
        once()
    except Exception as error:
        if "Unsatisfiable" in type(error).__name__ or "cannot be negated" in str(error).lower():
            return sent  # nothing can be said wrong of an operation without parameters
        raise
    return sent
