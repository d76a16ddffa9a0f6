"""What the name of a field says about its value, word by word."""

import re
import tomllib
from enum import StrEnum
from functools import cache, lru_cache

from sidecar import resources


class Field(StrEnum):
    """What a value is, going by its name; the order is the strength of the claim."""

    PASSWORD = "password"  # noqa: S105 - a kind, any value counts
    SECRET = "secret"  # noqa: S105 - a kind, any value but words of a program
    WEAK = "weak"  # only values that look random
    URL = "url"
    EMAIL = "email"
    PHONE = "phone"
    SSN = "ssn"
    CARD = "card"


_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_LONGEST_NAME = 96


@lru_cache(maxsize=4096)
def classify(name: str) -> Field | None:
    """The kind of value that a field of this name holds, None when the name says nothing.

    Names are read as words (`dbPassword`, `x-api-key`, `SECRET_KEY` alike), the last ones count, and a
    qualifier such as `public` or `max` in front, or `id` behind, takes the claim back.
    """
    if not name.isascii() and (kind := _table().phrases.get(name.strip().lower())):
        return kind  # of another script: the whole name, which has no words that end alike
    words = _WORD.findall(name[-_LONGEST_NAME:])
    return _by_words(tuple(word.lower() for word in words)) if words else None


def _by_words(words: tuple[str, ...]) -> Field | None:
    table = _table()
    while True:
        for length in (3, 2, 1):
            kind = table.phrases.get(" ".join(words[-length:])) if len(words) >= length else None
            if kind:
                return None if length < len(words) and _taken_back(words[:-length], kind) else kind
        if len(words) == 1 or not (words[-1] in table.qualifiers or words[-1].isdigit()):
            break
        words = words[:-1]
    if words[-1].endswith(table.endings):
        return Field.SECRET
    return Field.WEAK if words[-1].endswith(table.weak_endings) else None


def _taken_back(before: tuple[str, ...], kind: Field) -> bool:
    table = _table()
    if before[-2:] == ("public", "key"):  # PublicKeyToken: the hash of one
        return True
    return before[-1] in (table.harmless if kind is Field.WEAK else table.harmless_always)


class _Table:
    """The word lists of `config/redaction/fields.toml`."""

    def __init__(self) -> None:
        data = tomllib.loads(resources.path("config", "redaction", "fields.toml").read_text("utf-8"))
        self.phrases = {phrase: Field(kind) for kind, phrases in data["names"].items() for phrase in phrases}
        self.qualifiers = frozenset(data["qualifiers"])
        self.harmless_always = frozenset(data["harmless_always"])
        self.harmless = self.harmless_always | frozenset(data["harmless"])
        self.endings = tuple(data["endings"])
        self.weak_endings = tuple(data["weak_endings"])


@cache
def _table() -> _Table:
    return _Table()
