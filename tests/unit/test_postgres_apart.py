import pytest

from exporters.postgres import apart
from sidecar.errors import TransientExportError


def test_a_migration_that_fails_says_what_it_would_have_said_here() -> None:
    """Message and hint come through from the other process, without credentials."""
    with pytest.raises(TransientExportError) as raised:
        apart.upgrade_apart("postgresql://u:hunter2@127.0.0.1:1/d", 60.0)
    assert "PostgreSQL at 127.0.0.1:1, database d: it refuses connections" == raised.value.message
    assert "is PostgreSQL running there?" == raised.value.hint


@pytest.mark.parametrize(
    ("program", "timeout", "expected"),
    [
        pytest.param("raise SystemExit(3)", 60.0, apart.CRASH, id="crash"),
        pytest.param("import time; time.sleep(60)", 0.1, apart.TOO_SLOW, id="hang"),
    ],
)
def test_a_migration_that_crashes_or_hangs_is_transient(
    monkeypatch: pytest.MonkeyPatch, program: str, timeout: float, expected: apart.Failure
) -> None:
    """Whatever becomes of the other process, the sink gets one line and a hint, in bounded time."""
    monkeypatch.setattr(apart, "PROGRAM", program)
    with pytest.raises(TransientExportError) as raised:
        apart.upgrade_apart("postgresql://u:hunter2@127.0.0.1:1/d", timeout)
    assert expected == apart.Failure(raised.value.message, raised.value.hint)
