"""Can a pattern be matched in time that grows with the text only?

Python's `re` tries alternatives one after the other. What makes it slow without bound are repeats inside
repeats, several unbounded repeats in a row, and references back to a group.
"""

import importlib
import re
from typing import Any

_parser: Any = importlib.import_module("re._parser")
_MANY = 512
_REPEATS = {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}


def why_not_linear(pattern: str) -> str:
    """What keeps the pattern from linear time, an empty string when nothing does."""
    return _of_sequence(_parser.parse(pattern, re.VERBOSE), inside=False)


def _of_sequence(items: Any, *, inside: bool) -> str:
    long = 0
    for operator, argument in items:
        name = str(operator)
        if name in {"GROUPREF", "GROUPREF_EXISTS"}:
            return "it refers back to a group"
        if name in _REPEATS:
            least, most, body = argument
            variable = least != most
            if inside and variable and most > 1:
                return "it has a repeat inside a repeat"
            long += variable and most > _MANY
            if long > 1:
                return f"it has more than one repeat of over {_MANY}"
            reason = _of_sequence(body, inside=inside or most > 1)
        else:
            reason = next(
                (found for found in (_of_sequence(part, inside=inside) for part in _parts(argument)) if found),
                "",
            )
        if reason:
            return reason
    return ""


def _parts(argument: Any) -> list[Any]:
    """The sequences inside an operator's argument: alternatives, groups, lookarounds."""
    if isinstance(argument, _parser.SubPattern):
        return [argument]
    if isinstance(argument, (tuple, list)):
        return [part for item in argument for part in _parts(item)]
    return []
