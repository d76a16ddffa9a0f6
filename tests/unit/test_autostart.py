"""Laws of where a sidecar listens that a hook starts: as configured, else as the hooks, else as the last one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from sidecar.commands.autostart import address, placed
from sidecar.front import data_dir as directory
from sidecar.front.listen import address_of
from sidecar.settings import Settings, load
from tests.contract.test_otlp_tls import certificate

LAST: dict[str, Any] = {"url": "http://127.0.0.1:18320", "host": "localhost", "port": 18320, "tcp": True, "uds": "/s"}
SETTINGS = {name: value for name, value in LAST.items() if name != "url"}
ANYONE = {"url": "http://127.0.0.1:18320", "host": "0.0.0.0", "port": 18320, "tcp": True}


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*Settings.model_fields, "config"):
        monkeypatch.delenv(f"LEANVIBE_{name.upper()}", raising=False)


@pytest.mark.parametrize(
    ("note", "hooks_url", "expected"),
    [
        ({}, "", {}),
        (LAST, "", SETTINGS),
        (LAST, "http://127.0.0.1:18320", SETTINGS),
        (LAST, "http://127.0.0.1:9000", {"host": "127.0.0.1", "port": 9000}),
        ({}, "http://[::1]:9000", {"host": "::1", "port": 9000}),
        ({}, "http://127.0.0.1", {"host": "127.0.0.1", "port": 80}),
        (LAST, "https://sidecar.example:9000", SETTINGS),
        (LAST, "nonsense", SETTINGS),
        ({"url": "http://127.0.0.1:1", "data_dir": "/elsewhere", "port": 1}, "", {"port": 1}),
    ],
)
def test_the_hooks_win_over_the_last_one(note: Mapping[str, Any], hooks_url: str, expected: dict[str, Any]) -> None:
    """Where http hooks of this machine go is where it must listen; else all that the last one listened by counts."""
    assert expected == address(note, hooks_url)


def started(data_dir: Path, note: Mapping[str, Any], hooks_url: str = "", **flags: Any) -> Settings:
    """The settings of a sidecar that a hook starts."""
    data_dir.mkdir(exist_ok=True)
    directory.note_address(data_dir, **note)
    flags = {"data_dir": data_dir, **flags}
    return placed(load(**flags), hooks_url, lambda more: load(**{**flags, **more}))


@pytest.mark.parametrize("hooks_url", ["", "http://127.0.0.1:18320", "http://127.0.0.1:9000"])
def test_what_is_configured_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hooks_url: str) -> None:
    """Environment and configuration file win over note and hooks, each setting by itself."""
    config = tmp_path / "settings.toml"
    config.write_text('host = "127.0.0.2"\n')
    monkeypatch.setenv("LEANVIBE_CONFIG", str(config))
    monkeypatch.setenv("LEANVIBE_PORT", "18999")

    found = started(tmp_path / "data", LAST, hooks_url)

    assert ("127.0.0.2", 18999) == (found.host, found.port)
    assert ("" if "9000" in hooks_url else "/s") == found.uds


def test_a_note_opens_nothing_to_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address beyond loopback is taken from the note only where `serve` would take it: with tokens and TLS."""
    cert, key = certificate(tmp_path, "sidecar")
    secured = {**ANYONE, "tls_cert": cert, "tls_key": key}

    alone = started(tmp_path / "data", ANYONE)
    assert ("127.0.0.1", 18320) == (alone.host, alone.port)
    assert "127.0.0.1" == started(tmp_path / "data", secured).host
    monkeypatch.setenv("LEANVIBE_INGEST", "token")
    assert "127.0.0.1" == started(tmp_path / "data", ANYONE).host
    guarded = started(tmp_path / "data", secured)
    assert (ANYONE["host"], cert) == (guarded.host, guarded.tls_cert)


def test_what_is_noted_leads_to_the_same_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The port that was got stands for one that was chosen, and paths mean the same from anywhere."""
    monkeypatch.chdir(tmp_path)
    served = load(data_dir=tmp_path, port=0, host="::1", uds="sidecar.sock")
    note = address_of(served, "http://[::1]:40123")
    monkeypatch.chdir("/")

    found = started(tmp_path, note)

    assert ("::1", 40123, str(tmp_path / "sidecar.sock")) == (found.host, found.port, found.uds)
    socket_only = address_of(load(tcp=False, uds="/s"), "unix:/s")
    assert (False, "/s") == (started(tmp_path, socket_only).tcp, socket_only["uds"])


def test_a_damaged_note_is_none(tmp_path: Path) -> None:
    """What cannot be read says nothing: the sidecar listens as it would without."""
    (tmp_path / "address").write_text("{")

    assert 8000 == placed(load(data_dir=tmp_path), "", lambda more: load(data_dir=tmp_path, **more)).port
