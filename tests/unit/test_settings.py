"""Laws of the settings: one declaration, clear precedence, complaints that name key and source."""

import subprocess
import sys
from pathlib import Path

import pytest

from sidecar import resources
from sidecar.errors import SettingsError
from sidecar.settings import PREFIX, Settings, load
from sidecar.settings_file import defaults_toml
from sidecar.state_dir import unless_default
from sidecar.worker.given import settings_of


def test_runs_without_configuration() -> None:
    """Every setting has a default."""
    assert 8000 == load().port
    assert "127.0.0.1" == load().host


def test_flag_beats_environment_beats_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flags win over the environment, the environment over the file, the file over the default."""
    file = tmp_path / "leanvibe.toml"
    file.write_text("port = 1\nredis_maxlen = 7\nredis_stream = 'file'\n")
    monkeypatch.setenv("LEANVIBE_PORT", "2")
    monkeypatch.setenv("LEANVIBE_REDIS_STREAM", "environment")

    settings = load(file, port=3)

    assert (3, "environment", 7) == (settings.port, settings.redis_stream, settings.redis_maxlen)


def test_file_may_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LEANVIBE_CONFIG names the file when no flag does."""
    file = tmp_path / "leanvibe.toml"
    file.write_text("port = 4\n")
    monkeypatch.setenv("LEANVIBE_CONFIG", str(file))

    assert 4 == load().port


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("prot = 1", "'prot'"),
        ("port = 'high'", "'port'"),
        ("port = 70000", "'port'"),
        ("log_level = 'LOUD'", "'log_level'"),
        ("port =", "not valid TOML"),
    ],
)
def test_wrong_file_is_refused_with_its_key(tmp_path: Path, text: str, named: str) -> None:
    """A complaint names the key and the file."""
    file = tmp_path / "leanvibe.toml"
    file.write_text(text)

    with pytest.raises(SettingsError, match=named) as refused:
        load(file)

    assert str(file) in str(refused.value)


def test_wrong_variable_is_refused_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A complaint about the environment names the variable, and never quotes the value: it may be a secret."""
    monkeypatch.setenv("LEANVIBE_PORT", "hunter2")

    with pytest.raises(SettingsError, match="LEANVIBE_PORT") as refused:
        load()

    assert "hunter2" not in str(refused.value)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """A file that cannot be read is named."""
    with pytest.raises(SettingsError, match=r"absent\.toml"):
        load(tmp_path / "absent.toml")


def test_data_dir_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a setting the data lies in the state directory of the user."""
    monkeypatch.setenv("XDG_STATE_HOME", "/elsewhere")

    assert Path("/elsewhere/leanvibe") == load().data_dir


def test_a_relative_state_directory_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands and hooks of every folder mean one data directory: the XDG specification ignores relative paths."""
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    monkeypatch.setenv("HOME", "/home/one")

    assert Path("/home/one/.local/state/leanvibe") == load().data_dir


def test_settings_survive_the_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker gets exactly the front's settings, whatever its environment says, and of the same types."""
    settings = load(port=5, allowed_hosts=["a", "b"])
    monkeypatch.setenv("LEANVIBE_PORT", "6")

    assert dict(settings) == vars(settings_of(settings.as_json().encode()))


def test_the_worker_does_without_what_checks_settings() -> None:
    """They are checked once, and the worker is the larger process already."""
    words = "import sys, sidecar.worker.main; sys.exit('pydantic' in sys.modules)"

    assert 0 == subprocess.run([sys.executable, "-c", words], check=False).returncode


def test_every_setting_is_explained() -> None:
    """Each field has a help text, and its variable can be told from its name."""
    assert [] == [name for name, field in Settings.model_fields.items() if not field.description]
    assert "LEANVIBE_" == PREFIX


def test_defaults_file_is_the_declaration() -> None:
    """config/defaults.toml is what the settings say: regenerate it with `leanvibe config show --toml`."""
    assert defaults_toml() == resources.path("config", "defaults.toml").read_text(encoding="utf-8")


def test_without_a_home_it_says_what_to_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user whom the system does not know, as in a container, is told in one line; a named directory is enough."""

    def homeless(_: type[Path]) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", classmethod(homeless))

    with pytest.raises(SettingsError, match=r"home directory \(set HOME, or name .* LEANVIBE_DATA_DIR"):
        load()
    assert tmp_path == load(data_dir=tmp_path).data_dir == unless_default(tmp_path)
