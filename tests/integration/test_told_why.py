"""Laws of what is told of events that cannot be taken: wherever the processor is called unwell, the reason stands."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import leanvibe
from tests.integration.ingest import EVENT, NATIVE
from tests.sidecar_process import API, Sidecar

REFUSED, TAKEN = 40, 3
REASON = "93.02 % of events could not be processed (critical: over 5 %)"


@pytest.fixture(scope="module", name="sidecar")
def _sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    with contextlib.closing(Sidecar(tmp_path_factory.mktemp("unwell")).start()) as sidecar:
        yield sidecar


@pytest.fixture(autouse=True)
def _much_is_refused(sidecar: Sidecar) -> None:
    if sidecar.health()["components"]["hook_processor"]["status"] == "healthy":
        for _ in range(REFUSED):
            sidecar.post(NATIVE, EVENT, headers={"Content-Type": "text/plain"})
        for _ in range(TAKEN):
            sidecar.post_native(EVENT)


def test_health_tells_why(sidecar: Sidecar) -> None:
    """The component has the very words of `/hook-performance`."""
    issues = sidecar.get(f"{API}/hook-performance").json()["degradation"]["issues"]

    assert [REASON] == issues
    assert {"status": "unhealthy", "error": REASON} == sidecar.health()["components"]["hook_processor"]


def test_status_tells_why(sidecar: Sidecar) -> None:
    """The reason is the component's note."""
    shown = leanvibe("status", "--data-dir", str(sidecar.data_dir))

    assert 1 == shown.returncode
    (line,) = [line for line in shown.stdout.splitlines() if "hook_processor" in line]
    assert REASON in line


def test_doctor_tells_why(sidecar: Sidecar, tmp_path: Path) -> None:
    """The reason is the finding, with what to do."""
    shown = leanvibe("doctor", "--data-dir", str(sidecar.data_dir), HOME=str(tmp_path))

    assert f"unhealthy: {REASON}" in shown.stdout
    assert "?" not in shown.stdout.partition(REASON)[0].rpartition("\n")[2]
    assert "told why in the answer" in shown.stdout
