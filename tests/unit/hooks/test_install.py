"""Laws of installing hooks: nothing of others is touched, and what came goes again byte by byte."""

import json
import os
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sidecar.cli import leanvibe
from sidecar.errors import HooksError
from sidecar.hooks import files, merge
from sidecar.hooks.table import DEFAULT_EVENTS, dir_of
from sidecar.paths import CLAUDE_CODE

OTHERS = """{
  "hooks": {
    "PreToolUse": [
      {"matcher": "Bash", "hooks": [{"type": "command", "command": "./check.sh"}]}
    ],
    "Stop": []
  }
}
"""
OLDER = """{
  "hooks": {
    "PreToolUse": [
      {"hooks": [{"type": "http", "url": "http://localhost:9000/api/v1/hooks/claude-code"}]},
      {"hooks": [{"type": "command", "command": "./check.sh"}]}
    ],
    "SessionStart": [{"hooks": [{"type": "command", "command": "/old/bin/leanvibe hook SessionStart"}]}]
  },
  "model": "opus"
}
"""
WITHOUT_OLDER = """{
  "hooks": {
    "PreToolUse": [
      {"hooks": [{"type": "command", "command": "./check.sh"}]}
    ]
  },
  "model": "opus"
}
"""
UNUSUAL = """{"zeta": 1.0, "permissions" : {"deny":[ ] , "allow": ["Bash(ls:*)"]},
\t"hooks": { "Stop":[ {"hooks":[{"command":"say \\u00fc","type":"command"}]} ] }, "alpha": 1e3}"""
UNKNOWN = """{
    "someFutureKey": {"nested": [1, 2, {"deep": null}]},
    "hooks": {"SomeFutureEvent": [{"hooks": [{"type": "future"}], "when": "later"}], "Stop": [{"if": "x"}]}
}"""

STARTING_FILES = {
    "empty": "",
    "empty object": "{}",
    "others' hooks": OTHERS,
    "carriage returns": OTHERS.replace("\n", "\r\n"),
    "unusual order": UNUSUAL,
    "unknown keys": UNKNOWN,
    "no hooks, tabs": '{\n\t"model": "opus"\n}\n',
}


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CLAUDE_CONFIG_DIR", raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    path = tmp_path / ".claude" / "settings.json"
    path.parent.mkdir()
    return path


def run(*arguments: str, env: dict[str, str] | None = None) -> Result:
    result = CliRunner().invoke(leanvibe, ["hooks", *arguments], env=env)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert 0 == result.exit_code, result.output
    return result


def settings(path: Path) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(path.read_text())
    return decoded


@pytest.mark.parametrize("text", STARTING_FILES.values(), ids=STARTING_FILES)
def test_install_twice_and_uninstall_leave_no_trace(path: Path, text: str) -> None:
    """The second installation changes nothing, and uninstalling gives the file back byte by byte."""
    path.write_bytes(text.encode())

    run("install")
    once = path.read_bytes()
    assert set(DEFAULT_EVENTS) == set(merge.ours(settings(path)))
    run("install")
    assert once == path.read_bytes()
    run("uninstall")

    assert text.encode() == path.read_bytes()


def test_no_file_before_no_file_after(path: Path) -> None:
    """A file that the installation made goes with it."""
    run("install")
    run("install")
    assert 0o600 == path.stat().st_mode & 0o777
    run("uninstall")

    assert not path.exists()


def test_our_older_hooks_go(path: Path) -> None:
    """Hooks of an older version or another address are replaced, and do not come back."""
    path.write_text(OLDER)

    run("install")
    assert len(DEFAULT_EVENTS) == sum(map(len, merge.ours(settings(path)).values()))
    run("install", "--url", "http://127.0.0.1:9999")
    run("uninstall")

    assert WITHOUT_OLDER == path.read_text()


@pytest.mark.parametrize("text", STARTING_FILES.values(), ids=STARTING_FILES)
def test_a_directory_of_ones_own_leaves_no_trace_either(path: Path, tmp_path: Path, text: str) -> None:
    """Commands that name a data directory are known again by every command, and go byte by byte."""
    path.write_bytes(text.encode())
    own = ("--data-dir", str(tmp_path / "my da'ta"))

    first = run("install", *own)
    once = path.read_bytes()
    again = run("install", *own)
    assert (True, once) == ("nothing to do" in again.output, path.read_bytes())
    assert {"ours"} == {
        row["whose"] for row in json.loads(run("status", "--json").output) if "leanvibe" in str(row["target"])
    }
    undo = first.output.partition("undo with leanvibe hooks ")[2].partition("\n")[0]
    run(*shlex.split(undo))

    assert text.encode() == path.read_bytes()


COMMANDS = (
    "leanvibe hook SessionStart",
    "leanvibe hook SessionStart 2>/dev/null || true",
    "'/my bin/leanvibe' hook SessionStart 2>/dev/null || true",
    "/bin/leanvibe hook SessionStart --url http://127.0.0.1:9000 2>/dev/null || true",
    "leanvibe hook SessionStart --url http://127.0.0.1:8000 --data-dir '/it'\"'\"'s' 2>/dev/null || true",
    "/repository/claude_hooks/forward.sh SessionStart",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_every_version_are_known(path: Path, tmp_path: Path, command: str) -> None:
    """What any version wrote is ours: it is replaced by an installation, for whatever directory, and goes with it."""
    entry = {"hooks": [{"type": "command", "command": command}]}
    path.write_text(json.dumps({"model": "opus", "hooks": {"SessionStart": [entry]}}))

    assert {"ours"} == {row["whose"] for row in json.loads(run("status", "--json").output)}
    run("install", "--data-dir", str(tmp_path / "x"))
    assert 1 == len(merge.ours(settings(path))["SessionStart"])
    run("uninstall", "--data-dir", str(tmp_path / "x"))

    assert {"model": "opus"} == settings(path)


def test_the_directory_is_named_where_it_is_not_the_default(path: Path, tmp_path: Path) -> None:
    """Commands name the data directory that was chosen, however it was; the default one they find themselves."""
    told = []
    for environment in ({}, {"LEANVIBE_DATA_DIR": str(tmp_path / "own")}):
        run("install", env=environment)
        commands = [
            merge.ours(settings(path))[event][0]["hooks"][0]["command"] for event in ("Setup", "SessionStart")
        ]
        told += [dir_of(command) for command in commands]

    assert [None, None, tmp_path / "own", tmp_path / "own"] == told


def test_shared_settings_name_no_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project's settings name no path of this machine, and what to set instead is said."""
    monkeypatch.chdir(tmp_path)

    said = run("install", "--scope", "project", "--data-dir", str(tmp_path / "own")).output

    assert str(tmp_path) not in (tmp_path / ".claude" / "settings.json").read_text()
    assert f"LEANVIBE_DATA_DIR={tmp_path / 'own'}" in said


@pytest.mark.parametrize(
    "text", ['{\n  // mine\n  "model": "opus"\n}', '{"a": 1,}', '{"a": 1', "[]", '{"hooks": []}']
)
def test_what_is_not_understood_is_refused(path: Path, text: str) -> None:
    """Comments, broken JSON and foreign shapes are refused, and the file stays as it is."""
    path.write_text(text)

    for command in ("install", "uninstall"):
        with pytest.raises(HooksError, match=r"settings\.json"):
            run(command)

    assert text == path.read_text()


@pytest.mark.parametrize(("encoding", "said"), [("utf-8-sig", "byte order mark"), ("utf-16", "UTF-8")])
def test_another_encoding_is_refused_by_name(path: Path, encoding: str, said: str) -> None:
    """A file as some editors and shells of Windows write it is refused with what is wrong with it, and left alone."""
    path.write_bytes(content := '{"model": "x"}'.encode(encoding))

    with pytest.raises(HooksError, match=said) as refused:
        run("install")

    assert "save it as UTF-8" in refused.value.hint
    assert content == path.read_bytes()


def test_the_line_of_a_comment_is_named(path: Path) -> None:
    """A refusal says where."""
    path.write_text('{\n  "model": "opus",\n  // mine\n  "a": 1\n}')

    with pytest.raises(HooksError, match="line 3"):
        run("install")


def test_a_symbolic_link_stays_one(path: Path, tmp_path: Path) -> None:
    """The file behind a link changes, the link does not."""
    target = tmp_path / "dotfiles" / "claude.json"
    target.parent.mkdir()
    target.write_text(OTHERS)
    target.chmod(0o640)
    path.symlink_to(target)

    run("install")
    assert path.is_symlink()
    assert set(DEFAULT_EVENTS) == set(merge.ours(settings(target)))
    assert 0o640 == target.stat().st_mode & 0o777
    run("uninstall")

    assert (True, OTHERS) == (path.is_symlink(), target.read_text())


def test_a_read_only_file_is_left_alone(path: Path) -> None:
    """What its owner made read-only is not replaced."""
    path.write_text(OTHERS)
    path.chmod(0o444)

    with pytest.raises(HooksError, match="read-only"):
        run("install")

    assert OTHERS == path.read_text()


def test_edits_after_the_installation_survive(path: Path) -> None:
    """After the user's own edits exactly our hooks go; their spelling and what they added stay."""
    path.write_text(UNUSUAL)
    run("install")
    edited = path.read_text().replace('"alpha": 1e3', '"alpha": 1e3, "beta": 2.50')
    other = {"type": "command", "command": "mine"}
    place = edited.index('"hooks": [', edited.index('"SessionEnd"')) + len('"hooks": [')
    path.write_text(f"{edited[:place]}{json.dumps(other)}, {edited[place:]}")

    run("uninstall")

    left = settings(path)
    assert {} == merge.ours(left)
    assert [{"hooks": [other]}] == left["hooks"]["SessionEnd"]
    assert {"Stop", "SessionEnd"} == left["hooks"].keys()
    assert '"zeta": 1.0, "permissions" : {"deny":[ ] ,' in path.read_text()
    assert '"alpha": 1e3, "beta": 2.50' in path.read_text()


def test_dry_run_shows_and_writes_nothing(path: Path) -> None:
    """The diff adds lines and takes none; the file and the data directory stay as they are."""
    path.write_text(OTHERS)

    lines = run("install", "--dry-run").output.splitlines()

    assert any(CLAUDE_CODE in line for line in lines if line.startswith("+"))
    assert OTHERS == path.read_text()
    assert [path.parent] == list(path.parent.parent.iterdir())


def test_the_file_before_is_kept(path: Path, tmp_path: Path) -> None:
    """The first installation keeps a private copy, which later ones do not overwrite."""
    path.write_text(OTHERS)
    run("install")
    run("install", "--events", "Stop")

    (backup,) = (tmp_path / ".local" / "state" / "leanvibe").rglob("backup.json")

    assert (OTHERS, 0o600) == (backup.read_text(), backup.stat().st_mode & 0o777)


def test_where_nothing_was_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No backup is named where there was no file; the folder that was made goes with the file."""
    monkeypatch.chdir(tmp_path)
    first = run("install", "--scope", "project")
    again = run("install", "--scope", "project", "--events", "Stop")
    run("uninstall", "--scope", "project")

    assert ["no such file before" in result.output for result in (first, again)] == [True, True]
    assert "backup.json" not in first.output + again.output
    assert not (tmp_path / ".claude").exists()


@pytest.mark.parametrize("content", [(), ("commands.md",)])
def test_a_folder_of_others_stays(path: Path, content: tuple[str, ...]) -> None:
    """A folder that was there before, or holds something else by now, is left alone."""
    if content:
        path.parent.rmdir()
    run("install")
    for name in content:
        (path.parent / name).write_text("")
    run("uninstall")

    assert list(content) == [file.name for file in path.parent.iterdir()]


def test_scopes_are_files_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project's shared settings name no path of this machine."""
    monkeypatch.chdir(tmp_path)
    run("install", "--scope", "project")
    run("install", "--scope", "local", "--events", "Stop")

    shared = settings(tmp_path / ".claude" / "settings.json")
    assert str(tmp_path) not in json.dumps(shared)
    assert "leanvibe hook Setup" in shared["hooks"]["Setup"][0]["hooks"][0]["command"]
    assert ["Stop"] == list(merge.ours(settings(tmp_path / ".claude" / "settings.local.json")))


def test_status_tells_ours_from_others(path: Path) -> None:
    """Every handler is listed with its owner."""
    path.write_text(OTHERS)
    run("install", "--events", "Stop")

    rows = json.loads(run("status", "--json").output)

    assert [("PreToolUse", "other"), ("Stop", "ours")] == [(row["event"], row["whose"]) for row in rows]


@pytest.mark.parametrize("url", ["http://[::1/x", "http://127.0.0.1:x/y", "//", ""])
def test_a_url_that_is_none_is_that_of_others(path: Path, url: str) -> None:
    """Whatever others wrote: installing, looking and uninstalling leave it as it was."""
    text = json.dumps({"hooks": {"Stop": [{"hooks": [{"type": "http", "url": url}]}]}}, indent=2) + "\n"
    path.write_text(text)
    run("install", "--events", "Stop")

    rows = json.loads(run("status", "--json").output)
    assert ["other", "ours"] == sorted(row["whose"] for row in rows)
    run("uninstall")
    assert text == path.read_text()


def test_a_proxy_is_noted(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the agent would send hooks to a proxy, installing says so, also when the settings set it."""
    assert "NO_PROXY" not in run("install").output
    path.unlink()
    path.write_text('{"env": {"HTTP_PROXY": "http://proxy:3128"}}')
    assert "HTTP_PROXY" in run("install").output
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert "HTTP_PROXY" not in run("install").output


def test_a_write_that_fails_leaves_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the new file cannot be synced the old one stays, and no draft beside it."""
    path.write_text(OTHERS)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(HooksError, match="No space"):
        files.write(files.Change(path, OTHERS, "{}"))

    assert [(path, OTHERS)] == [(one, one.read_text()) for one in path.parent.iterdir()]
