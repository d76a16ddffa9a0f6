"""Recorded payloads of the real client, and events as they are posted."""

import json
from typing import Any

import pytest

from sidecar.redact import PIIRedactor, decode, encode, leaves
from tests.recorded import NAMES, payloads, secrets

IDS = {
    "session_id",
    "prompt_id",
    "tool_use_id",
    "agent_id",
    "event_id",
    "turn_id",
    "message_id",
    "parent_tool_use_id",
}


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in (key, *strings(item))]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


def ids(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        here = [(key, item) for key, item in value.items() if key in IDS]
        return here + [found for item in value.values() for found in ids(item)]
    return [found for item in value for found in ids(item)] if isinstance(value, list) else []


def test_no_made_up_secret_survives(redactor: PIIRedactor) -> None:
    """Every personal datum and secret that the recording was seeded with is gone, nested JSON included."""
    texts = [text for body in payloads("pii") for text in strings(redactor.redact(body).value)]
    assert [secret for secret in secrets() if any(secret in text for text in texts)] == []


@pytest.mark.parametrize("session", NAMES)
def test_recordings(redactor: PIIRedactor, session: str) -> None:
    """Ids stay, the name of the home folder goes, nothing fails, and redacting again changes nothing."""
    for body in payloads(session):
        before = ids(body)
        redacted = redactor.redact(body)
        assert not redacted.failed
        assert before == ids(redacted.value)
        assert [text for text in strings(redacted.value) if "/home/jane/" in text or "-home-jane-" in text] == []
        again = redactor.redact(decode(encode(redacted.value)))
        assert encode(redacted.value) == encode(again.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("session_id", "test-session-123"),
        ("session_id", "02639198-5b19-43b8-be2b-d0421d0fd7a3"),
        ("tool_use_id", "toolu_01bmncNnz5BhgJjH3LZ7wM6G"),
        ("agent_id", "a4f2c81"),
        ("event_id", "0199a7b2-6c1e-7d3a-9f00-3b5c7d9e1f20"),
        ("prompt_id", "254b4d6f-f419-460c-9070-2b4962866e07"),
        ("message_id", "msg_01XFDUDYJgAACzvnptvVoYEL"),
        ("request_id", "req_011CSHoEeqs5C35K2UUqR7Fy"),
        ("session", "02639198-5b19-43b8-be2b-d0421d0fd7a3"),
        ("key", "02639198-5b19-43b8-be2b-d0421d0fd7a3"),
        ("commit", "9a038989604e8da62ecddbe2094b16ce1b778be1"),
        (
            "integrity",
            "sha512-Lq2qK2xDp9Zl0r0gMtYpQmG2n8mX6yQbS2tCwXhW8cZ1fEoYvU0sT5kR3jNaP7dLhG4iB6uKxM9zJwVeAqIrOQ==",
        ),
    ],
)
def test_ids_stay(redactor: PIIRedactor, field: str, value: str) -> None:
    """Ids, UUIDs, hashes and checksums are no secrets."""
    assert {field: value} == redactor.redact({field: value}).value


@pytest.mark.parametrize(
    "value",
    ["ghp_0123456789abcdefghijABCDEFGHIJ012345", "jane@example.com", "sk-ant-api03-" + "FAKEfake1" * 6],
)
def test_a_secret_in_an_id_goes(redactor: PIIRedactor, value: str) -> None:
    """A field that is called an id protects nothing that has not the form of one."""
    assert value not in str(redactor.redact({"session_id": value}).value)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"jane@example.com": 1}, {"[EMAIL_REDACTED]": 1}),
        ({"a@b.io": 1, "z": 2, "c@d.io": 3}, {"[EMAIL_REDACTED]": 1, "z": 2, "[EMAIL_REDACTED] (2)": 3}),
        ({"card": 4532015112830366}, {"card": "[CREDIT_CARD_REDACTED]"}),
        ({"ssn": 513670732}, {"ssn": "[SSN_REDACTED]"}),
        ({"password": 12345678}, {"password": "[API_KEY_REDACTED]"}),
        ({"dbPassword": {"value": "plain"}}, {"dbPassword": {"value": "[API_KEY_REDACTED]"}}),
        (
            {"tokens": ["a1b2c3d4e5f6a7b8", "x"], "max_tokens": 5},
            {"tokens": ["a1b2c3d4e5f6a7b8", "x"], "max_tokens": 5},
        ),
        ({"client_secret": "mysecret"}, {"client_secret": "[API_KEY_REDACTED]"}),
        ({"credentials": "include", "token": "none"}, {"credentials": "include", "token": "none"}),
        (["login", "--password", "plain", "x"], ["login", "--password", "[API_KEY_REDACTED]", "x"]),
        ({"passwords": ["sunflower", "$PW"]}, {"passwords": ["[API_KEY_REDACTED]", "$PW"]}),
        ({"password": "@bcd1234"}, {"password": "[API_KEY_REDACTED]"}),
        (
            {"ParameterKey": "DBPassword", "ParameterValue": "sunflower"},
            {"ParameterKey": "DBPassword", "ParameterValue": "[API_KEY_REDACTED]"},
        ),
        ({"id": "api_key", "value": "q9w8e7r6t5y4"}, {"id": "api_key", "value": "[API_KEY_REDACTED]"}),
        ({"name": "API_KEY", "value": "q9w8e7r6t5y4"}, {"name": "API_KEY", "value": "[API_KEY_REDACTED]"}),
        (
            {"element": "Password textbox", "ref": "e14", "text": "sunflower"},
            {"element": "Password textbox", "ref": "e14", "text": "[API_KEY_REDACTED]"},
        ),
        (
            {
                "fields": [
                    {"name": "Password", "type": "textbox", "value": "sunflower"},
                    {"name": "City", "value": "Bonn"},
                ]
            },
            {
                "fields": [
                    {"name": "Password", "type": "textbox", "value": "[API_KEY_REDACTED]"},
                    {"name": "City", "value": "Bonn"},
                ]
            },
        ),
        (
            {"name": "sessionid", "value": "q9w8e7r6t5y4u3i2o1p0", "domain": "a.example", "httpOnly": True},
            {"name": "sessionid", "value": "[API_KEY_REDACTED]", "domain": "a.example", "httpOnly": True},
        ),
        (
            {"element": "Search field", "text": "Bonn"},
            {"element": "Search field", "text": "Bonn"},
        ),
        (
            {"auth": False, "key": "ArrowDown", "author": "x"},
            {"auth": False, "key": "ArrowDown", "author": "x"},
        ),
        (
            {"password": "$DB_PASSWORD", "token": "${{ secrets.X }}"},
            {"password": "$DB_PASSWORD", "token": "${{ secrets.X }}"},
        ),
        ("plain", "plain"),
        (None, None),
        ([], []),
        ({"n": float("nan"), "i": 2**80}, {"n": float("nan"), "i": 2**80}),
    ],
)
def test_places(redactor: PIIRedactor, payload: Any, expected: Any) -> None:
    """Keys, numbers and values that only their field's name gives away are redacted where they stand."""
    assert json.dumps(expected) == json.dumps(redactor.redact(payload).value)


def test_counts_name_rules_only(redactor: PIIRedactor) -> None:
    """The account of a redaction says which rule acted how often, and nothing of what was found."""
    redacted = redactor.redact({"a": "x@example.com y@example.com", "b": "123-45-6789"})
    assert redacted.counts == {"email": 2, "ssn": 1}


def test_the_folder_of_a_shell_stays(redactor: PIIRedactor) -> None:
    """`PWD` among the variables of a shell is no password, `MYSQL_PWD` is one."""
    shell = redactor.redact({"env": {"PWD": "/srv/app", "MYSQL_PWD": "hunter2x", "pw": "Winter2024!"}}).value
    assert shell == {"env": {"PWD": "/srv/app", "MYSQL_PWD": "[API_KEY_REDACTED]", "pw": "[API_KEY_REDACTED]"}}


def test_names_that_clients_choose_are_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends other names in each event makes the process grow to a bound, and names mean the same after it."""
    monkeypatch.setattr(leaves, "_MOST_NAMES", 10)
    monkeypatch.setattr(leaves, "_facts", leaves._Facts())
    redactor = PIIRedactor(engine="python")
    for number in range(50):
        redacted = redactor.redact({f"name_{number}": 1, "password": "correct horse"}).value
        assert "correct horse" not in str(redacted)
        assert len(leaves._facts) <= 10
