"""What commands say: about what was typed, in its words, and no more than is true."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.core import UNSET  # type: ignore[attr-defined]
from click.testing import CliRunner, Result

from sidecar.audit.trail import AuditTrail
from sidecar.cli import leanvibe
from sidecar.commands import replay as replay_module
from sidecar.errors import LeanvibeError

WHO = {"actor": "test", "origin": "here"}


def run(*words: str) -> Result:
    return CliRunner().invoke(leanvibe, words)


def commands(group: click.Group, *above: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """The words of every command, and the command."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        yield (*above, name), command
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)


def options(command: click.Command) -> list[click.Option]:
    return [one for one in command.params if isinstance(one, click.Option) and not one.hidden]


def test_help_tells_defaults() -> None:
    """What an option is without a word of the user stands in its help."""
    untold = [
        (words, option.name)
        for words, command in commands(leanvibe)
        for option in options(command)
        if not option.is_flag and option.default and option.default != UNSET and "default" not in (option.help or "")
    ]

    assert [] == untold


def test_help_names_options_whole() -> None:
    """On a terminal of 80 columns every option can be read off and typed."""
    for words, command in commands(leanvibe):
        text = CliRunner(env={"COLUMNS": "80"}).invoke(leanvibe, [*words, "--help"]).output
        assert [] == [name for option in options(command) for name in option.opts if name not in text], words


@pytest.mark.parametrize("expect", ["garbage", "1", "1:abc", "0:" + "0" * 64, "1:" + "0" * 64 + "0"])
def test_no_record_id_is_a_usage_error(tmp_path: Path, expect: str) -> None:
    """What can be the id of no record says nothing of the trail: exit code 2, no word of tampering."""
    AuditTrail(tmp_path).append("test", WHO, {})

    found = run("audit", "verify", "--data-dir", str(tmp_path), "--expect", expect)

    assert (2, True, False) == (found.exit_code, "SEQ:HASH" in found.output, "replaced" in found.output)


def test_records_are_counted_in_words(tmp_path: Path) -> None:
    """One record is, two are in order; the head that was printed is expected to be there."""
    trail = AuditTrail(tmp_path)
    trail.append("test", WHO, {})
    one = run("audit", "verify", "--data-dir", str(tmp_path)).output
    trail.append("test", WHO, {})
    two = run("audit", "verify", "--data-dir", str(tmp_path), "--expect", one.split()[-1]).output

    assert one.startswith("1 record is in order; head 1:")
    assert two.startswith("2 records are in order; head 2:")


def test_a_mistyped_dsn_is_the_options() -> None:
    """`--dsn` is blamed when it was given."""
    found = run("db", "upgrade", "--dsn", "nonsense").exception

    assert isinstance(found, LeanvibeError)
    assert "--dsn" in str(found)
    assert "LEANVIBE_POSTGRES_DSN" not in str(found)


@pytest.mark.parametrize(("reached", "told"), [(0, False), (7, True)])
def test_a_replay_is_continued_where_it_got_to(monkeypatch: pytest.MonkeyPatch, reached: int, told: bool) -> None:
    """A failed replay says how to go on, unless that would be from the beginning."""

    def fail(_client: object, _wanted: object, totals: dict[str, int]) -> None:
        totals["after"] = reached
        raise LeanvibeError("it failed")

    monkeypatch.setattr(replay_module, "_run", fail)
    found = run("replay", "--sink", "redis", "--url", "http://127.0.0.1:1").exception

    assert isinstance(found, LeanvibeError)
    assert told == (f"--after {reached}" in found.hint)


@pytest.mark.parametrize("since", ["999999d", "999999999d", "0001-01-01", "0001-01-01T00:00:00+14:00"])
def test_a_span_longer_than_time_is_all_of_it(tmp_path: Path, since: str) -> None:
    """What begins before any event could begins with the first: no calendar is asked for a year below 1."""
    found = run("export", "--since", since, "-o", str(tmp_path / "all.parquet"), "--url", "http://127.0.0.1:1")

    assert isinstance(found.exception, LeanvibeError)
    assert "no sidecar answers" in str(found.exception)
