"""JSON in and out, without content in an error and without a body that can crash the process."""

import json
import math
import re
from typing import Any

import msgspec
import orjson

MAX_DEPTH = 200
"""Levels of nesting that are read; a hook payload has fewer than ten."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_LONGEST_INTEGER = 4_000
_SHORT = 4_096
_decoder = msgspec.json.Decoder()


def decode(body: bytes) -> Any:
    """The JSON value of a request body.

    Takes what agents really send: integers beyond 64 bits, and lone surrogates (output cut inside an emoji),
    which fast decoders refuse.

    Raises:
        ValueError: not JSON, or nested deeper than `MAX_DEPTH`; the message holds nothing of the body.
    """
    value = _load(body)
    if _may_be_deep(body) and not _shallow(value):
        raise ValueError("nested too deeply")
    return value


def encode(value: Any) -> bytes:
    """Compact JSON in UTF-8, whatever strings and numbers the value holds.

    Lone surrogates become U+FFFD, integers keep all digits, NaN and infinities become null.

    Raises:
        TypeError: the value is no JSON value; the message names the type only.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(_encodable(value), ensure_ascii=False, separators=(",", ":")).encode()


def _load(body: bytes) -> Any:
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _load_slowly(body)


def _load_slowly(body: bytes) -> Any:
    try:
        text = body.decode("utf-8", "surrogatepass")
        return json.loads(text, parse_constant=_no_constant, parse_int=_integer)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError:
        raise ValueError("not JSON") from None


def _integer(digits: str) -> int | str:
    # Python refuses to convert longer ones; as text they keep every digit.
    return int(digits) if len(digits) <= _LONGEST_INTEGER else digits


def _no_constant(_: str) -> None:
    raise ValueError("not JSON")


def _may_be_deep(body: bytes) -> bool:
    # To count the brackets of a long text takes longer than to walk its few containers.
    return len(body) > _SHORT or body.count(b"[") + body.count(b"{") > MAX_DEPTH


def _shallow(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(v for v in item.values() if isinstance(v, (dict, list)))
            elif isinstance(item, list):
                below.extend(v for v in item if isinstance(v, (dict, list)))
        if not below:
            return True
        level = below
    return False


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_encodable(str(key)): _encodable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encodable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (bool, int, float)):
        return value
    raise TypeError(f"{type(value).__name__} is no JSON value")
