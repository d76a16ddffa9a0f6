"""Secrets that are written with escapes, or carried inside something else."""

import json
import random
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.redact import PIIRedactor

TOKEN = "ghp_0aB3dEfGh1JkLmN0pQrStUvWxYz123456789"
ENGINES = (PIIRedactor(), PIIRedactor(engine="python"))


def escaped(text: str, places: set[int]) -> str:
    return "".join(f"\\u{ord(sign):04x}" if place in places else sign for place, sign in enumerate(text))


@settings(deadline=None)  # the first call compiles patterns
@given(st.sets(st.integers(0, len(TOKEN) - 1), min_size=1), st.integers(0, 1))
def test_letters_as_json_escapes(places: set[int], engine: int) -> None:
    """Whichever letters of a token are escaped, none of it is left and what stands around it stays."""
    text = f'{{"green": "a {escaped(TOKEN, places)} b"}}'
    assert ENGINES[engine].redact_text(text) == '{"green": "a [API_KEY_REDACTED] b"}'


@pytest.mark.parametrize("sign", ["\u200b", "\u200c", "\u2060", "\ufeff", "\u00ad"])
def test_signs_without_width(sign: str) -> None:
    """A character without width inside a token or a name hides neither; in prose it stays."""
    for place in range(1, len(TOKEN)):
        assert TOKEN[place:] not in ENGINES[0].redact_text(f"a {TOKEN[:place]}{sign}{TOKEN[place:]} b")
    assert "hunter2x" not in ENGINES[0].redact_text(f"pass{sign}word=hunter2x")
    assert ENGINES[0].redact_text(f"soft{sign}hyphen") == f"soft{sign}hyphen"


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[01;31m\x1b[Kghp_\x1b[m\x1b[K" + TOKEN[4:],
        TOKEN.replace("_", "%5F"),
        '{"\\u0070assword": "Tr0ub4dor3xyz"}',
        "?next=" + quote("https://u:Tr0ub4dor3xyz@h/p", safe=""),
        json.dumps({"v": "redis://u:Tr0ub4dor3xyz@h/p"}).replace("/", "\\/"),
        'form-data; name=\\"password\\"\\r\\n\\r\\nTr0ub4dor3xyz\\r\\n',
    ],
)
def test_carriers(text: str) -> None:
    """Colours, percent signs, escaped slashes and forms hide no secret, in either engine, at once and for good."""
    for engine in ENGINES:
        once = engine.redact_text(text)
        assert TOKEN[8:] not in once
        assert "Tr0ub4dor3xyz" not in once
        assert engine.redact_text(once) == once


def test_many_escapes_are_done_or_dropped() -> None:
    """A text that is nothing but escapes is read in the budget of time, or dropped: it never comes back unread."""
    chance = random.Random(4)
    for unit in ("\\u0061", "a\u200bb", "%5F", "_\x1b[m", "\\\\u0061 "):
        text = unit * (30_000 // len(unit))
        place = chance.randint(0, len(text) // len(unit)) * len(unit)
        assert TOKEN not in ENGINES[0].redact_text(f"{text[:place]} {TOKEN} {text[place:]}")


@pytest.mark.parametrize("blank", ["\u00a0", "\u202f"])
def test_numbers_with_no_break_spaces(blank: str) -> None:
    """Numbers of people are read with the spaces of pages and letters too, each of several; thousands stay."""
    text = "PAN 4111 1111 1111 1111, tél. 06 12 34 56 78 ou +33 6 12 34 56 78.".replace(" ", blank)
    redacted = "PAN [CREDIT_CARD_REDACTED], tél. [PHONE_REDACTED] ou [PHONE_REDACTED].".replace(" ", blank)
    for engine in ENGINES:
        assert engine.redact_text(text) == redacted
        thousands = "12 345 678 901 lignes, 10 20 30, 2026 11 22".replace(" ", blank)
        assert engine.redact_text(thousands) == thousands
