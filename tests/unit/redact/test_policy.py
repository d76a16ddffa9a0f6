from pathlib import Path

import pytest

from sidecar.errors import SettingsError
from sidecar.redact import PIIRedactor, Policy
from sidecar.redact.policy import load

KEY = "0123456789abcdef0123456789abcdef"
MAIL = "write to jane@example.com and jane@example.com or bob@example.com"


def policy_of(tmp_path: Path, text: str) -> Policy:
    file = tmp_path / "policy.toml"
    file.write_text(text, "utf-8")
    return load(file)


def test_off_leaves_what_that_rule_finds(tmp_path: Path) -> None:
    """A rule that is off changes nothing; the others act on."""
    redactor = PIIRedactor(policy_of(tmp_path, 'actions.email = "off"'))
    assert redactor.redact_text("jane@example.com 123-45-6789") == "jane@example.com [SSN_REDACTED]"


def test_hash_gives_the_same_token_for_the_same_secret(tmp_path: Path) -> None:
    """Hashed values can be told apart and recognised, not read, and stay as they are when redacted again."""
    redactor = PIIRedactor(policy_of(tmp_path, f'hash_key = "{KEY}"\nactions.email = "hash"'))
    redacted = redactor.redact_text(MAIL)
    first, again, other = (word for word in redacted.split() if word.startswith("["))
    assert first == again != other
    assert "example.com" not in redacted
    assert redacted == redactor.redact_text(redacted)


def test_another_key_gives_other_tokens() -> None:
    """Tokens say nothing to who has not the key."""
    tokens = {
        PIIRedactor(Policy(actions={"email": "hash"}, hash_key=key)).redact_text("jane@example.com")
        for key in (b"a" * 32, b"b" * 32)
    }
    assert len(tokens) == 2


def test_allowed_strings_stay(tmp_path: Path) -> None:
    """An exact string of the allow-list stays, in text and as the value of a telling field."""
    redactor = PIIRedactor(policy_of(tmp_path, 'allow = ["support@example.com", "not-really-secret-1"]'))
    assert redactor.redact_text("support@example.com x@example.com") == "support@example.com [EMAIL_REDACTED]"
    assert redactor.redact({"password": "not-really-secret-1"}).value == {"password": "not-really-secret-1"}


def test_own_rules_act(tmp_path: Path) -> None:
    """A rule of the user's own is found like those that come with the sidecar."""
    own = """
    [[rule]]
    id = "badge"
    gate = ["BADGE-"]
    pattern = 'BADGE-[0-9]{6}'
    placeholder = "[BADGE_REDACTED]"
    """
    redactor = PIIRedactor(policy_of(tmp_path, own))
    redacted = redactor.redact({"text": "he wears BADGE-004711"})
    assert redacted.value == {"text": "he wears [BADGE_REDACTED]"}
    assert redacted.counts == {"badge": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("action = 1", "no setting is called 'action'"),
        ('actions.emial = "off"', "actions.emial: no rule is called that"),
        ('actions.email = "maybe"', "actions.email is 'maybe'"),
        ('actions.email = "hash"', "needs a hash_key"),
        ('leave_out = ["everything"]', "no kind of content is called 'everything'"),
        ("rule = [", "cannot be read as TOML"),
        ('[[rule]]\nid = "x"\npattern = "x"\ngate = []', "has no gate"),
        ('[[rule]]\nid = "x"\npattern = "("\ngate = ["x"]', "no regular expression"),
        ('[[rule]]\nid = "x"\nregex = "("\ngate = ["x"]', "unexpected keyword argument 'regex'"),
        ('[[rule]]\nid = "x"\npattern = "(x+)+y"\ngate = ["x"]', "a repeat inside a repeat"),
        ("[[rule]]\nid = 'x'\npattern = '(?:a|x*)*y'\ngate = ['x']", "a repeat inside a repeat"),
        ('[[rule]]\nid = "x"\npattern = "x.*y.*z"\ngate = ["x"]', "more than one repeat of over"),
        ("[[rule]]\nid = 'x'\npattern = '(x)\\1'\ngate = ['x']", "refers back"),
    ],
)
def test_what_cannot_be_done_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """A policy that is wrong is refused at once, and the file and the reason are named."""
    with pytest.raises(SettingsError, match=message) as caught:
        policy_of(tmp_path, text)
    assert "policy.toml" in str(caught.value)


def test_content_can_be_left_out() -> None:
    """Kinds of content that are not wanted are not kept, whatever they hold; the rest stays."""
    redactor = PIIRedactor(Policy(leave_out=frozenset({"prompts", "files"})))
    payload = {
        "session_id": "s-1",
        "prompt": "hello",
        "tool_input": {"file_path": "/srv/a", "content": "x = 1"},
    }
    expected = {
        "session_id": "s-1",
        "prompt": "[NOT_CAPTURED]",
        "tool_input": {"file_path": "/srv/a", "content": "[NOT_CAPTURED]"},
    }
    assert expected == redactor.redact(payload).value


@pytest.mark.parametrize("key", [b"", b"short"])
def test_no_key_of_a_file_is_too_short(tmp_path: Path, key: bytes) -> None:
    """Hashes by a key that was left empty could be tried out by anyone: the key is looked at wherever it is from."""
    file = tmp_path / "policy.toml"
    file.write_text('actions.email = "hash"')

    with pytest.raises(SettingsError, match="needs a hash_key"):
        load(file, lambda: key)
