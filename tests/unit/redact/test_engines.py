"""Hyperscan and plain Python give the same answers."""

import sys
from pathlib import Path

import pytest
from corpus import texts
from hypothesis import given
from hypothesis import strategies as st

from sidecar.redact import PIIRedactor, databases
from sidecar.redact import engine as module
from sidecar.redact.engine import TooManyError, resolve
from sidecar.redact.rules import shipped
from tests.recorded import NAMES, payloads

MAIL = "[EMAIL_REDACTED]"

PIECES = st.sampled_from(
    [
        "password=",
        "token: ",
        '"api_key": "',
        "ghp_0123456789abcdefghijABCDEFGHIJ012345",
        "sk-",
        "AKIA",
        "eyJ",
        "\n",
        "\\n",
        "\u001b[32m",
        "user@",
        "example.com",
        "+1 415 555 2671",
        "4111 1111 1111 1111",
        "-----BEGIN PRIVATE KEY-----",
        "/home/",
        "jane",
        "/Users/",
        "://a:b@",
        "é",
        "キー",
        "GB29 NWBK 6016 1331 9268 19",
        "$",
        "{",
        "}",
        "'",
        '"',
        "=",
        " ",
        "0123456789",
        "a1b2c3d4e5f6g7h8i9",
        "_live_",
    ]
)


def test_names(redactor: PIIRedactor, slow_redactor: PIIRedactor) -> None:
    """The engine says which it is; without a wish the best is taken."""
    pytest.importorskip("hyperscan")
    assert (redactor.engine, slow_redactor.engine) == ("hyperscan", "python")


def test_same_on_the_corpus(redactor: PIIRedactor, slow_redactor: PIIRedactor) -> None:
    """Both engines find the same spans by the same rules in every text of the corpus."""
    differing = [text for text in texts() if redactor.findings(text) != slow_redactor.findings(text)]
    assert differing == []


@pytest.mark.parametrize("session", NAMES)
def test_same_on_recordings(redactor: PIIRedactor, slow_redactor: PIIRedactor, session: str) -> None:
    """Both engines make the same of every recorded payload."""
    for fast, slow in zip(payloads(session), payloads(session), strict=True):
        assert slow_redactor.redact(slow) == redactor.redact(fast)


@given(st.lists(PIECES | st.text(max_size=6), max_size=14).map("".join))
def test_same_on_random_text(text: str) -> None:
    """Both engines agree on text that is nothing but fragments of secrets, however they are glued."""
    fast, slow = ENGINES
    assert slow.findings(text) == fast.findings(text)


@given(st.lists(PIECES | st.text(max_size=20), max_size=14).map(" ".join) | st.text())
def test_idempotent_on_random_text(text: str) -> None:
    """What was redacted does not change when it is redacted again, whatever the text."""
    once = ENGINES[0].redact_text(text)
    assert once == ENGINES[0].redact_text(once)


ENGINES = (PIIRedactor(), PIIRedactor(engine="python"))


def test_without_hyperscan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where hyperscan is not installed, plain Python takes over; asking for it by name is an error."""
    monkeypatch.setitem(sys.modules, "hyperscan", None)
    assert PIIRedactor().engine == "python"
    with pytest.raises(ImportError):
        PIIRedactor(engine="hyperscan")


def test_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiled database is kept and used again; a damaged file or a folder that is none does no harm."""
    pytest.importorskip("hyperscan")
    assert PIIRedactor(cache=tmp_path).redact_text("a@example.com") == MAIL
    files = sorted(tmp_path.iterdir())
    assert len(files) == 1
    with monkeypatch.context() as patched:
        patched.setattr(databases, "_compiled", None)
        assert PIIRedactor(cache=tmp_path).redact_text("a@example.com") == MAIL
    files[0].write_bytes(b"damaged")
    assert PIIRedactor(cache=tmp_path).redact_text("a@example.com") == MAIL
    assert PIIRedactor(cache=files[0] / "no-folder").redact_text("a@example.com") == MAIL


def test_a_bounded_find_ends_with_its_character() -> None:
    """A name that is cut at its longest inside a character is taken to the end of that character, in both engines."""
    text = "/home/" + "a" * 63 + "é" * 3 + "/x"

    for engine in ENGINES:
        once = engine.redact_text(text)
        assert once.startswith("/home/[USER]")
        assert len(engine.findings(text)) >= 1


def test_a_crowd_of_digits_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs of digits have a budget of their own: a text of nothing else ends at it, and one within it does not."""
    monkeypatch.setattr(module, "FREE_CANDIDATES", 10)
    monkeypatch.setattr(module, "BYTES_PER_CANDIDATE", 1_000_000)
    for one in ENGINES:
        assert [] == one._engine.find(b"1234567 ; " * 8)
        with pytest.raises(TooManyError):
            one._engine.find(b"1234567 ; " * 15)


def test_the_more_exact_rule_names_what_two_find() -> None:
    """Of two that found a span of the same length in one place, the one with a form wins over the guess."""
    rules = {rule.finder: rule for rule in shipped()}
    guess, exact = rules["assignment"], rules["token"]

    assert [(0, 9, exact)] == resolve([(0, 9, guess), (0, 9, exact)]) == resolve([(0, 9, exact), (0, 9, guess)])
    assert [(0, 9, guess)] == resolve([(0, 9, guess), (2, 9, exact)])
