"""Rules as data: reading `config/redaction/*.toml`."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sidecar import resources
from sidecar.errors import SettingsError
from sidecar.redact.validators import VALIDATORS

LONGEST = 8192
"""Characters that a secret has at most, so that no run of them is read again and again to its end."""

_OPEN_REPEAT = re.compile(r"\{([0-9]+),\}")
_TAIL_PART = re.compile(r"\[[^\]]+\]\{([0-9]{1,2})\}|[^\[\]{}]")
VENDOR = "vendor"
"""The kind of rules that know whose secret it is; the others are "secret", known by syntax, and "pii"."""
SECRET = "[API_KEY_REDACTED]"  # noqa: S105 - what stands where a secret was


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of secret or personal data, and how to find it.

    `kind` is "pii", "vendor" (a secret whose issuer is known) or "secret" (one that the syntax gives away).
    `gate` are literals, one of which every occurrence begins with or is found by, and `tail` what must
    follow a short one: characters, or classes with a count such as `[0-9a-f]{8}`. `pattern` is matched (not
    searched) where a literal was seen; what is replaced is its group `s`, else the whole match, together with
    up to `maximum` characters of the set `before` on the left, `minimum` bytes in all. `finder` names code
    where a pattern is not enough: assignments, numbers, e-mail addresses. `label` is what must stand shortly
    before a number.
    """

    id: str
    finds: str
    source: str
    kind: str
    gate: tuple[str, ...]
    pattern: str
    finder: str = "token"
    validator: str = "random"
    left: str = "token"
    nocase: bool = False
    label: str = ""
    before: str = ""
    maximum: int = 64
    minimum: int = 0
    tail: str = ""
    placeholder: str = SECRET
    match: tuple[str, ...] = ()
    miss: tuple[str, ...] = ()

    def compiled(self) -> re.Pattern[bytes]:
        """The pattern over UTF-8 bytes; ASCII classes, so that other scripts are no word characters.

        A repeat without an upper bound ends at `LONGEST`.
        """
        flags = re.VERBOSE | (re.IGNORECASE if self.nocase else 0)
        return re.compile(_OPEN_REPEAT.sub(rf"{{\1,{LONGEST}}}", self.pattern).encode(), flags)

    def tail_length(self) -> int:
        """How many characters the tail takes."""
        return sum(int(part[1] or 1) for part in _TAIL_PART.finditer(self.tail))


@cache
def shipped() -> tuple[Rule, ...]:
    """All rules that come with the sidecar, in the order of their files."""
    files = sorted(resources.path("config", "redaction", "rules").glob("*.toml"))
    return tuple(rule for file in files for rule in read(file))


def read(file: Path) -> list[Rule]:
    """The rules of one TOML file.

    Raises:
        SettingsError: the file cannot be read, or a rule has wrong or missing keys; says which.
    """
    try:
        tables = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{file}: cannot be read as TOML: {error}") from None
    return parse(tables.get("rule", []), str(file))


def parse(tables: Iterable[Mapping[str, Any]], origin: str) -> list[Rule]:
    """Rules from decoded tables; `origin` is named in errors.

    Raises:
        SettingsError: a rule has wrong or missing keys, or a pattern that is no regular expression.
    """
    return [_rule(table, f"{origin}: rule {table.get('id', number)!r}") for number, table in enumerate(tables, 1)]


def _rule(table: Mapping[str, Any], where: str) -> Rule:
    fields: dict[str, Any] = {
        key: tuple(_text(item) for item in value) if isinstance(value, list) else value
        for key, value in table.items()
    }
    try:
        rule = Rule(**fields)
        rule.compiled()
    except TypeError as error:
        raise SettingsError(f"{where}: {str(error).removeprefix('Rule.__init__() ')}") from None
    except re.error as error:
        raise SettingsError(f"{where}: the pattern is no regular expression: {error}") from None
    if rule.validator not in VALIDATORS:
        raise SettingsError(f"{where}: no validator is called {rule.validator!r}", hint=", ".join(VALIDATORS))
    return rule


def _text(item: Any) -> str:
    # Examples are given in pieces, so that no scanner takes the rule file itself for a leak.
    return "".join(item) if isinstance(item, list) else item
