"""Texts that a pattern matches, made at random from its parts."""

import importlib
import random
import re
from collections.abc import Iterator
from typing import Any

_parser: Any = importlib.import_module("re._parser")
_REPEATS = {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}
_LOOKAROUNDS = {"ASSERT", "ASSERT_NOT", "AT"}
_BODY = {"SUBPATTERN": 3, "GROUPREF_EXISTS": 1}
"""Where in their arguments the body stands."""
_MORE = 4
"""Times that something is repeated beyond the fewest."""
_CATEGORIES = {
    "CATEGORY_SPACE": b" \t\n", "CATEGORY_DIGIT": b"0123456789", "CATEGORY_WORD": b"abcXYZ019_",
    "CATEGORY_NOT_SPACE": b"abcXYZ019-", "CATEGORY_NOT_WORD": b" -/",
}  # fmt: skip
_PRINTED = bytes(range(0x20, 0x7F))


def samples(pattern: re.Pattern[bytes], number: int) -> Iterator[bytes]:
    """So many texts, the same at each call; lookarounds are not heeded, so not every one of them need match."""
    chance = random.Random(pattern.pattern)
    # As text: what is parsed is the form, and its signs above 0x7f stand for bytes.
    parsed = _parser.parse(pattern.pattern.decode("latin-1"), pattern.flags)
    for _ in range(number):
        text = b"".join(_of(parsed, chance))
        yield text.swapcase() if pattern.flags & re.IGNORECASE and chance.random() < 1 / 2 else text


def leads_with_a_word(pattern: re.Pattern[bytes]) -> bool:
    """The pattern begins with any letters, and leaves it to the gates which words it stands behind."""
    return _leads(_parser.parse(pattern.pattern.decode("latin-1"), pattern.flags))


def _leads(items: Any) -> bool:
    operator, argument = items[0]
    if str(operator) == "SUBPATTERN":
        return _leads(argument[3])
    if str(operator) == "BRANCH":
        return any(_leads(alternative) for alternative in argument[1] if alternative)
    return str(operator) in _REPEATS and argument[0] > 1


def _of(items: Any, chance: random.Random) -> Iterator[bytes]:
    for operator, argument in items:
        name = str(operator)
        if name == "LITERAL":
            yield bytes((argument,))
        elif name == "IN":
            yield _one_of(argument, chance)
        elif name in {"ANY", "NOT_LITERAL"}:
            yield bytes((chance.choice(b"abcXYZ019"),))
        elif name in _REPEATS:
            least, most, body = argument
            for _ in range(chance.randint(least, min(int(most), least + _MORE))):
                yield from _of(body, chance)
        elif name not in _LOOKAROUNDS:
            yield from _of(_inside(name, argument, chance), chance)


def _inside(name: str, argument: Any, chance: random.Random) -> Any:
    """What stands in a group, or in one of its alternatives."""
    if name == "BRANCH":
        return chance.choice(argument[1])
    return argument if name == "ATOMIC_GROUP" else argument[_BODY[name]]


def _one_of(items: Any, chance: random.Random) -> bytes:
    members: set[int] = set()
    excluded = False
    for operator, argument in items:
        name = str(operator)
        if name == "NEGATE":
            excluded = True
        elif name == "LITERAL":
            members.add(argument)
        elif name == "RANGE":
            members.update(range(argument[0], argument[1] + 1))
        else:
            members.update(_CATEGORIES[str(argument)])
    return bytes((chance.choice(sorted(set(_PRINTED) - members if excluded else members)),))
