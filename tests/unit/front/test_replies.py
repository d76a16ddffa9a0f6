"""What an error of ours is over HTTP."""

import pytest

from sidecar import errors
from sidecar.errors import IngestError, LeanvibeError
from sidecar.front.document import PATHS
from sidecar.front.receive.replies import refusal, status_of
from sidecar.paths import API


@pytest.mark.parametrize(
    ("operation", "kinds"),
    [
        (("events", "get"), ["QueryFailedError", "QueryLimitError", "AuditError", "WorkerUnavailableError"]),
        (
            ("sql", "post"),
            [
                "QueryFailedError",
                "QueryRefusedError",
                "QueryLimitError",
                "QueryMemoryError",
                "WorkerUnavailableError",
            ],
        ),
        (
            ("replay", "post"),
            ["ReplayError", "TransientExportError", "PermanentExportError", "QueryLimitError", "AuditError"],
        ),
    ],
)
def test_every_error_has_a_status_that_is_documented(operation: tuple[str, str], kinds: list[str]) -> None:
    """What a route may meet is answered with a status that the API's document gives for it; none is our own fault."""
    path, method = operation
    documented = PATHS[f"{API}/{path}"][method]["responses"].keys()
    found = {name: str(status_of(getattr(errors, name)("why"))) for name in kinds}
    assert {} == {name: status for name, status in found.items() if status not in documented or status == "500"}


def test_an_error_without_a_status_is_our_fault() -> None:
    """What nobody foresaw is a 500, an error of ingest has its own status; the answer says what and what to do."""
    answer = refusal(LeanvibeError("what", hint="do"))
    assert (500, b'{"error":"what","hint":"do"}') == (answer.status_code, answer.content)
    assert IngestError.status == refusal(IngestError("what")).status_code
    assert 503 == refusal(LeanvibeError("what"), 503).status_code
