"""Made-up secrets of many kinds, each made once and never again, so that a leak tells where it was planted."""

import json
import random
import string
from collections.abc import Callable
from typing import Any

ALNUM = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + "234567"

PIECE = 10
"""Characters that are no chance."""
PREFIXES: set[str] = set()
"""How tokens begin, which tells nothing."""

DOMAIN = "@example.com"

Made = tuple[str, str]
"""The text to plant, and what in it must never be seen again."""


class Canaries:
    """Makes canaries and remembers them.

    Args:
        seed: the same seed makes the same ones.
    """

    def __init__(self, seed: int = 4) -> None:
        self._random = random.Random(seed)
        self.planted: dict[str, str] = {}

    def text(self, kind: str, where: str, encoding: str = "plain") -> str:
        """One more of that kind, as it is written in that encoding."""
        text, secret = KINDS[kind](self._random)
        self.planted[secret] = f"{kind} {encoding} in {where}"
        return ENCODINGS[encoding](text)

    def every(self, where: str) -> list[str]:
        """One of every kind in every encoding."""
        return [self.text(kind, where, encoding) for kind in KINDS for encoding in ENCODINGS]

    def found_in(self, places: dict[str, bytes]) -> list[tuple[str, str]]:
        """(what was planted where, where it was seen) of each that is seen in one of the places."""
        return [
            (planted, place)
            for place, content in places.items()
            for secret, planted in self.planted.items()
            if any(piece.encode() in content for piece in pieces(secret))
        ]


def pieces(secret: str) -> tuple[str, ...]:
    """What shows that a part of it was left: its random beginning and its end, or all of it where it is short."""
    prefix = next((start for start in PREFIXES if secret.startswith(start)), "")
    made = secret.removeprefix(prefix).removesuffix(DOMAIN)
    return (made[:PIECE], made[-PIECE:]) if len(made) >= PIECE else (secret,)


def _of(random: random.Random, count: int, alphabet: str = ALNUM) -> str:
    return "".join(random.choices(alphabet, k=count))


def _token(prefix: str, count: int, alphabet: str = ALNUM) -> Callable[[random.Random], Made]:
    PREFIXES.add(prefix)

    def make(random: random.Random) -> Made:
        token = prefix + _of(random, count, alphabet)
        return token, token

    return make


def _within(before: str, after: str, count: int, alphabet: str = ALNUM) -> Callable[[random.Random], Made]:
    def make(random: random.Random) -> Made:
        secret = _of(random, count, alphabet) + "7q"  # never a word
        return before + secret + after, secret

    return make


def _card(random: random.Random) -> Made:
    digits = "4" + _of(random, 14, string.digits)
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(digits)]
    number = digits + str(-sum(value - 9 if value > 9 else value for value in doubled) % 10)
    return number, number


def _iban(random: random.Random) -> Made:
    account = _of(random, 18, string.digits)
    number = f"DE{98 - int(account + '131400') % 97:02d}{account}"
    return number, number


def _ssn(random: random.Random) -> Made:
    number = f"{random.randint(100, 665)}-{random.randint(10, 99)}-{random.randint(1000, 9999)}"
    return number, number


def _email(random: random.Random) -> Made:
    address = _of(random, 12, string.ascii_lowercase) + DOMAIN
    return address, address


KINDS: dict[str, Callable[[random.Random], Made]] = {
    "github": _token("ghp_", 36),
    "anthropic": _token("sk-ant-api03-", 95),
    "aws": _token("AKIA4", 15, UPPER),  # one of letters alone may be a word
    "slack": _token("xoxb-123456789012-1234567890123-", 24),
    "stripe": _token("sk_live_", 24),
    "google": _token("AIza", 35),
    "token of a web service": _token("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.", 43),
    "header": _within("Authorization: Bearer ", "", 38),
    "connection": _within("postgres://app:", "@db.internal:5432/shop", 16),
    "assignment": _within("DB_PASSWORD=", "", 16),
    "flag": _within("mysqldump --password=", " shop", 16),
    "query": _within("https://api.example.com/v1?access_token=", "&page=2", 30),
    "private key": _within("-----BEGIN PRIVATE KEY-----\n", "\n-----END PRIVATE KEY-----", 62),
    "e-mail": _email,
    "card": _card,
    "account": _iban,
    "social security": _ssn,
    "phone": _token("+1415555", 4, string.digits),
    "home": _within("/Users/", "/shop/main.py", 10, string.ascii_lowercase),
}
"""How each kind is made."""

ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "JSON": lambda text: json.dumps({"note": text}),
    "JSON in JSON": lambda text: json.dumps({"note": json.dumps([text])}),
    "escaped lines": lambda text: f"first\\n{text}\\nlast",
    "colours": lambda text: f"\x1b[31m{text}\x1b[0m",
    "another script": lambda text: f"キー {text} です",
}
"""How a text may be written inside another."""


def native(canaries: Canaries) -> list[dict[str, Any]]:
    """Payloads of Claude Code with canaries in every part of them."""
    bodies = []
    for number, text in enumerate(canaries.every("a native tool call")):
        start = {"session_id": f"native-{number}", "hook_event_name": "PostToolUse", "tool_name": "Bash"}
        bodies.append({**start, "tool_input": {"command": text}, "tool_response": {"stdout": text, "lines": [text]}})
    for kind in KINDS:
        bodies += _in_odd_places(canaries, kind)
    number = int(canaries.text("card", "a number"))
    return [*bodies, {"session_id": "number", "hook_event_name": "Stop", "amount": number, "rows": [[number]]}]


def _in_odd_places(canaries: Canaries, kind: str) -> list[dict[str, Any]]:
    plant = canaries.text
    prompt = {"session_id": "odd", "hook_event_name": "UserPromptSubmit", "prompt": plant(kind, "a prompt")}
    return [
        {**prompt, "cwd": plant(kind, "cwd"), "transcript_path": plant(kind, "transcript_path")},
        {**prompt, "metadata": {plant(kind, "a key"): 1, "list": [{plant(kind, "an inner key"): ["x"]}]}},
        {**prompt, "hook_event_name": plant(kind, "hook_event_name"), "agent_type": plant(kind, "agent_type")},
        {**prompt, "hook_event_name": "PreToolUse", "tool_name": plant(kind, "tool_name"), "tool_use_id": "t-1"},
        {**prompt, "hook_event_name": "PostToolUse", "tool_name": "Bash", "tool_use_id": plant(kind, "tool_use_id")},
        {**prompt, "session_id": plant(kind, "session_id"), "prompt_id": plant(kind, "prompt_id")},
        {
            **prompt,
            "hook_event_name": "StopFailure",
            "error": plant(kind, "error"),
            "agent_id": plant(kind, "agent_id"),
        },
    ]


def guide(canaries: Canaries) -> list[dict[str, Any]]:
    """Events of the integration guide's format with canaries in them."""
    return [
        {
            "session_id": canaries.text(kind, "a session of the guide"),
            "agent_id": canaries.text(kind, "an agent of the guide"),
            "agent": canaries.text(kind, "agent"),
            "event_type": canaries.text(kind, "event_type") if number % 2 else "POST_TOOL_USE",
            "tool_name": canaries.text(kind, "a tool of the guide"),
            "parameters": {"text": canaries.text(kind, "parameters", "JSON"), canaries.text(kind, "a name"): True},
            "result": [canaries.text(kind, "result")],
            "error": canaries.text(kind, "an error of the guide"),
            "timestamp": canaries.text(kind, "timestamp"),
            "event_id": "evt-" + str(number),
        }
        for number, kind in enumerate(KINDS)
    ]
