"""Laws of `leanvibe config check`: everything that is wrong is told, with what would be right."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from sidecar.cli import leanvibe
from sidecar.settings import load
from sidecar.worker.sinks import sink_builders


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("LEANVIBE_PORT", "high", "LEANVIBE_PORT"),
        ("LEANVIBE_PROT", "1", "did you mean LEANVIBE_PORT?"),
        ("LEANVIBE_REDIS_URL", "http://x", "redis://"),
        ("LEANVIBE_POSTGRES_DSN", "hunter2", "postgresql://"),
        ("LEANVIBE_HOOK_TIMEOUT", "abc", "LEANVIBE_HOOK_TIMEOUT"),
        ("LEANVIBE_HOOK_TIMEOUT", "-1", "LEANVIBE_HOOK_TIMEOUT"),
        ("LEANVIBE_OTLP_ENDPOINT", "nope", "http://localhost:4318"),
        ("LEANVIBE_REDACTION_POLICY", "/nowhere.toml", "/nowhere.toml"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "nope", "http://localhost:4318"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier", "http/protobuf, grpc"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "nope", "http://localhost:4318"),
    ],
)
def test_what_is_wrong_is_told(monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str) -> None:
    """Each by itself ends with 1 and says what would be right; a value that may be a secret is not quoted."""
    monkeypatch.setenv(name, value)

    shown = CliRunner().invoke(leanvibe, ["config", "check"])

    assert (1, True) == (shown.exit_code, told in shown.output), shown.output
    assert "hunter2" not in shown.output


def test_all_of_it_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """File, environment and unknown names in one run."""
    file = tmp_path / "leanvibe.toml"
    file.write_text("prot = 1\nredis_maxlen = 0\n")
    monkeypatch.setenv("LEANVIBE_SQL_MAXROWS", "1")

    shown = CliRunner().invoke(leanvibe, ["config", "check", "--config", str(file)])

    assert 1 == shown.exit_code
    told = ("'prot'", "did you mean port?", "'redis_maxlen'", "did you mean LEANVIBE_SQL_MAX_ROWS?")
    assert [] == [words for words in told if words not in shown.output]


def test_what_is_right_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings, what commands and hooks read besides, and what is switched off are no fault."""
    given = {
        "LEANVIBE_PORT": "1", "LEANVIBE_TOKEN": "t", "LEANVIBE_ENABLE_HOOKS": "false", "LEANVIBE_AGENT_NAME": "n",
        "LEANVIBE_HOOK_TIMEOUT": "0.5", "LEANVIBE_REDIS_URL": "redis://127.0.0.1/0",
        "LEANVIBE_POSTGRES_DSN": "postgresql://me@127.0.0.1/db", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    shown = CliRunner().invoke(leanvibe, ["config", "check"])

    assert (0, "the settings are good\n") == (shown.exit_code, shown.output)


def test_a_variable_of_spaces_is_not_set() -> None:
    """It switches no sink on: one that could then not be built would be told as broken for ever."""
    blank = {"OTEL_EXPORTER_OTLP_ENDPOINT": "  ", "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "\t"}

    assert {} == sink_builders(load(), blank)
