"""Whom the commands show the data directory's token: its own sidecar, and nobody else."""

import os
import socket
from pathlib import Path

import pytest

from sidecar.commands.client import NotAnsweringError, client_of
from sidecar.errors import LeanvibeError
from sidecar.front.data_dir import announce

ANNOUNCED = "http://127.0.0.1:8123"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEANVIBE_TOKEN", raising=False)


@pytest.fixture
def served(tmp_path: Path) -> Path:
    """The data directory of a sidecar that runs."""
    (tmp_path / "token").write_text("secret\n")
    announce(tmp_path, url=ANNOUNCED)
    return tmp_path


@pytest.mark.parametrize("url", [None, ANNOUNCED, f"{ANNOUNCED}/", "http://localhost:8123", "http://[::1]:8123"])
def test_its_own_sidecar_is_shown_the_token(served: Path, url: str | None) -> None:
    """With no URL, and by each name of what lies on this host alone."""
    assert "secret" == client_of(served, url).token


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8124",
        "https://127.0.0.1:8123",
        "http://build-host:8123",
        "http://127.0.0.1.evil.example:8123",
        "http://127.0.0.1:8123@evil.example",
        "unix:/nowhere/own.sock",
    ],
)
def test_nobody_else_is(served: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere goes what the environment says, and else nothing."""
    assert "" == client_of(served, url).token
    monkeypatch.setenv("LEANVIBE_TOKEN", "theirs")
    assert "theirs" == client_of(served, url).token


def test_without_a_sidecar_nobody_is(tmp_path: Path) -> None:
    """A directory that no sidecar serves says of no URL that it is its own."""
    (tmp_path / "token").write_text("secret\n")
    assert "" == client_of(tmp_path, ANNOUNCED).token


def test_a_socket_of_this_users_is(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Unix socket is trusted by its owner."""
    path = served / "own.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        assert "secret" == client_of(served, f"unix:{path}").token
        monkeypatch.setattr(os, "getuid", lambda: path.stat().st_uid + 1)
        assert "" == client_of(served, f"unix:{path}").token


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "http://host:port", "http://host:99999", "ftp://host"])
def test_what_is_no_url_is_told(served: Path, url: str) -> None:
    """It is said what would be one, before anything is sent."""
    with pytest.raises(LeanvibeError, match="is no URL"):
        client_of(served, url)


def test_one_that_hangs_is_told_from_none(tmp_path: Path) -> None:
    """Whoever listens and does not answer is not said to be gone: starting another would not help."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = client_of(tmp_path, f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(NotAnsweringError, match="does not answer") as told:
            client.get("/health", 0.05)
    assert "end it" in told.value.hint
