"""Laws of what a terminal gets of text that agents were made to read."""

import json
from collections.abc import Iterator

import pytest

from tests.commands import leanvibe
from tests.on_terminal import on_terminal
from tests.sidecar_process import Sidecar, running_sidecar

STEERING = "\x1b]0;title\x07 \x1b[2J \x9b31m \x7f \r \u202e \u2066 \u2028 \U000e0041"
LETTERS = "日本 é 👨\u200d👩 क\u200dष"
OF_OURS = {"\x1b[1m", "\x1b[0m"}
"""Colours of our own tables."""


@pytest.fixture(scope="module", name="sidecar")
def _sidecar() -> Iterator[Sidecar]:
    with running_sidecar() as sidecar:
        event = {"session_id": "s", "hook_event_name": "PostToolUseFailure", "tool_name": "Bash"}
        assert 204 == sidecar.post_native({**event, "error": f"{STEERING} {LETTERS}"}).status_code
        yield sidecar


def steering_in(shown: str) -> set[str]:
    """What is in it that no command of ours writes."""
    for own in OF_OURS:
        shown = shown.replace(own, "")
    shown = shown.replace("\r\n", "\n").replace("\r1 events ", "").replace("\n\r", "\n").removeprefix("\r")
    return {sign for sign in STEERING if sign in shown and not sign.isprintable()} - {" "}


@pytest.mark.parametrize(
    "words",
    [
        ("sql", "SELECT error FROM errors"),
        ("sql", "SELECT error FROM errors", "--format", "csv"),
        ("sql", "SELECT error FROM errors", "--format", "json"),
        ("sql", "SELECT error::INT FROM errors"),
        ("sql", "SELECT error(error) FROM errors"),
        ("sql", f'SELECT 1 AS "{STEERING}"'),
        ("export", "--format", "csv", "-o", "-"),
        ("export", "--format", "ndjson", "-o", "-"),
    ],
    ids=" ".join,
)
def test_no_text_of_others_steers_a_terminal(sidecar: Sidecar, words: tuple[str, ...]) -> None:
    """Whatever command shows it, in whatever form, also where an error quotes it: it is seen and does nothing."""
    shown = on_terminal(*words, "--data-dir", str(sidecar.data_dir))

    assert set() == steering_in(shown)
    assert "title" in shown


def test_json_on_a_terminal_is_json(sidecar: Sidecar) -> None:
    """What is made visible reads as what it was, and letters stay letters."""
    words = ("sql", "SELECT error FROM errors", "--format", "json", "--data-dir", str(sidecar.data_dir))
    shown = on_terminal(*words)

    assert [{"error": f"{STEERING} {LETTERS}"}] == json.loads(shown)
    assert LETTERS in shown


def test_programs_get_what_is_stored(sidecar: Sidecar) -> None:
    """A pipe gets every character as it is."""
    words = ("sql", "SELECT error FROM errors", "--format", "csv", "--data-dir", str(sidecar.data_dir))

    assert "\x1b]0;title\x07" in leanvibe(*words).stdout
