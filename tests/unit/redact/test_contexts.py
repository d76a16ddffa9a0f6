"""A planted secret never survives, whatever stands around it and however it is wrapped."""

import json
import random
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.redact import PIIRedactor

CASES = json.loads((Path(__file__).parents[2] / "data" / "redaction" / "contexts.json").read_text("utf-8"))
"""Lists of cases, a line each: `{}` stands for the secret."""

TOKENS: list[str] = CASES["tokens"]
VALUES: list[str] = CASES["values"]


@pytest.mark.parametrize("wrapping", CASES["wrappings"])
def test_tokens_with_a_form(redactor: PIIRedactor, wrapping: str) -> None:
    """What is known by its form goes in any surrounding, and the surrounding stays."""
    for token in TOKENS:
        redacted = redactor.redact_text(wrapping.format(token))
        assert token[6:] not in redacted
        left, _, right = wrapping.format("\0").partition("\0")
        assert redacted.startswith(left.removesuffix("@").rstrip("#"))
        assert redacted.endswith(right.lstrip(".:"))


@pytest.mark.parametrize("context", CASES["behind_names"])
def test_values_behind_a_name(redactor: PIIRedactor, context: str) -> None:
    """What a name, flag or place gives away goes in the syntax of every language and tool."""
    left = [value for value in VALUES if value in redactor.redact_text(context.format(value))]
    assert left == []


@given(
    token=st.sampled_from(TOKENS[:7]),
    before=st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\\"), max_size=12),
    after=st.text(max_size=12),
    depth=st.integers(0, 3),
)
def test_any_depth_of_json(token: str, before: str, after: str, depth: int) -> None:
    """A token between any two texts goes, also inside JSON inside JSON."""
    text = f"{before} {token} {after}"
    for _ in range(depth):
        text = json.dumps({"v": text})
    assert token not in REDACTOR.redact_text(text)


REDACTOR = PIIRedactor()


@pytest.mark.parametrize("size", [10, 1_000, 100_000])
def test_any_position(size: int) -> None:
    """A token goes wherever it stands in a text of any length."""
    chance = random.Random(size)
    for _ in range(20):
        words = ["".join(chance.choices(string.ascii_lowercase, k=chance.randint(1, 9))) for _ in range(size // 6)]
        words.insert(chance.randint(0, len(words)), TOKENS[0])
        redacted = REDACTOR.redact_text(" ".join(words))
        assert " ".join("[API_KEY_REDACTED]" if word == TOKENS[0] else word for word in words) == redacted


def test_prose_and_code_stay(redactor: PIIRedactor) -> None:
    """Words, and this package's own source, come back as they are."""
    chance = random.Random(3)
    for _ in range(200):
        text = " ".join("".join(chance.choices(string.ascii_letters, k=chance.randint(1, 12))) for _ in range(60))
        assert text == redactor.redact_text(text)
    for file in Path(__file__).parents[3].glob("sidecar/*.py"):
        assert file.read_text("utf-8") == redactor.redact_text(file.read_text("utf-8"))


@pytest.mark.parametrize("text", CASES["look_alikes"])
def test_look_alikes_stay(redactor: PIIRedactor, text: str) -> None:
    """References, placeholders, words of programs and plain numbers stay as they are."""
    assert text == redactor.redact_text(text)


@pytest.mark.parametrize("number", ["4012888888881881", "123-45-6789", "+14155552671", "DE75896784706512326307"])
@pytest.mark.parametrize("before", ["\\n", "\\t", "\x1b[31m", "\\u001b[0;1m", "\\\\u001b[31m", "\\x1b[32m"])
def test_numbers_behind_escapes(redactor: PIIRedactor, before: str, number: str) -> None:
    """The letter that ends an escaped line end or a terminal colour does not hide the number behind it."""
    assert number not in redactor.redact_text(f"first{before}{number}\\nlast")


def test_a_secret_ends_where_its_syntax_does(redactor: PIIRedactor) -> None:
    """What follows in a query, the host behind a long userinfo and a trailing backslash stay."""
    expected = {
        "https://x.example/get?token=Rps15JICmtUIxZkF_78bzalRks2kYD9M&V1": "https://x.example/get?token={}&V1",
        "https://x-access-token:sgp_local_3adFdF3C7cfE36a9E246fF9Aa18DD612DEAc9a27@git.example.org/r":
            "https://x-access-token:{}@git.example.org/r",
        "API_KEY=KvbACwHgKgxqHggrIoDaDN0C\\": "API_KEY={}\\",
        "https://user:pw!9@git.example.org/r": "https://user:{}@git.example.org/r",
    }  # fmt: skip

    assert [text.format("[API_KEY_REDACTED]") for text in expected.values()] == [
        redactor.redact_text(text) for text in expected
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"passwords": ["hunter2x", "sunflower"], "n": ["x"]', '"passwords": ["{}"], "n": ["x"]'),
        ('{\\"passwords\\": [\\"hunter2x\\", \\"b2\\"]}', '{{\\"passwords\\": [\\"{}\\"]}}'),
        ("passwords:\n  - hunter2x\n  - sunflower1\nname: x", "passwords:\n  - {}\nname: x"),
        ('passwords:\n  - "hunter2x"\n  - "b2"\nname: x', 'passwords:\n  - "{}"\nname: x'),
        ('api_keys = ["cdmtxqfs667", "q9w8"]', 'api_keys = ["{}"]'),
        ('~ password = "old12" -> "new12"', '~ password = "{}"'),
        ('"password": "ab\\"cd9", "x": "y"', '"password": "{}", "x": "y"'),
        ('"password": "(abc123x"', '"password": "{}"'),
    ],
)
def test_all_of_a_value_goes(redactor: PIIRedactor, text: str, expected: str) -> None:
    """A list of secrets goes as one, so does what a value is changed to, and what follows a quote inside it."""
    assert expected.format("[API_KEY_REDACTED]") == redactor.redact_text(text)


def test_an_escape_is_no_part_of_an_address(redactor: PIIRedactor) -> None:
    """A sign that is written as an escape in front of an e-mail address stays whole."""
    assert "a \\u003c[EMAIL_REDACTED]" == redactor.redact_text("a \\u003cjd@acme.org")


def test_a_card_behind_a_token(redactor: PIIRedactor) -> None:
    """Digits that end a longer token are no group of a row that the card's number could be part of."""
    assert "[API_KEY_REDACTED] [CREDIT_CARD_REDACTED]" == redactor.redact_text(f"{TOKENS[0]} 4111 1111 1111 1111")


def test_access_key_ids_need_no_digit(redactor: PIIRedactor) -> None:
    """One in thirty of Amazon's key ids has letters only."""
    assert "[API_KEY_REDACTED]" == redactor.redact_text("AKIA" + "JZILVMYRTNDDCLNH")


@pytest.mark.parametrize("context", CASES["behind_passwords"])
def test_passwords_that_people_type(redactor: PIIRedactor, context: str) -> None:
    """A password of words and figures goes as well, also one that begins like a variable."""
    left = [value for value in CASES["typed"] if value in redactor.redact_text(context.format(value))]
    assert left == []


def test_a_short_name_at_the_end_of_a_line(redactor: PIIRedactor) -> None:
    """`pass` and `pw` name a password where nothing follows it; a pass of a compiler is none."""
    assert (
        redactor.redact_text("user: m\npass: Winter2024\nport: 25") == "user: m\npass: [API_KEY_REDACTED]\nport: 25"
    )
    assert redactor.redact_text("pw: Winter2024") == "pw: [API_KEY_REDACTED]"


def test_a_column_of_its_own(redactor: PIIRedactor) -> None:
    """What looks random goes behind `password` and blanks, as `vault kv get` prints it."""
    printed = "Key         Value\n---         -----\npassword    {}\nusername    app\n"
    redacted = redactor.redact_text(printed.format("bmJGTqKIeLYOR6iAm"))
    assert redacted == printed.format("[API_KEY_REDACTED]")
    assert redactor.redact_text("password    bmJ9TqKIe") == "password    [API_KEY_REDACTED]"
