"""PIIRedactor: from a decoded payload to one that may be kept."""

import threading
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from sidecar.redact import salvage
from sidecar.redact.boundary import SEPARATOR
from sidecar.redact.engine import Engine, Found
from sidecar.redact.leaves import Leaf, leaves, rename
from sidecar.redact.named import named
from sidecar.redact.policy import Policy
from sidecar.redact.rules import shipped


@dataclass(frozen=True, slots=True)
class Redacted:
    """What came out: the value, how many of each rule were replaced, whether redaction had to give up.

    When `failed` is true the content strings were dropped and only ids kept.
    """

    value: Any
    counts: dict[str, int] = field(default_factory=dict)
    failed: bool = False


class PIIRedactor:
    """Takes personal data and secrets out of decoded JSON; thread-safe.

    Args:
        policy: which rules act and how; all rules redact when not given.
        engine: "hyperscan" or "python"; the best there is when empty.
        cache: a folder where compiled rules may be kept for the next start.
    """

    def __init__(self, policy: Policy | None = None, *, engine: str = "", cache: Path | None = None) -> None:
        self._policy = policy or Policy()
        rules = [rule for rule in (*shipped(), *self._policy.rules) if self._policy.action(rule) != "off"]
        self._engine = Engine(rules, prefer=engine, cache=cache)
        self.engine = self._engine.name

    def redact(self, payload: Any) -> Redacted:
        """The payload without secrets and personal data; the payload itself is changed and given away."""
        counts: dict[str, int] = {}
        try:
            root = [payload]
            self._redact(leaves(root), counts)
            return Redacted(root[0], counts)
        except Exception:  # noqa: BLE001 - whatever went wrong, nothing unredacted may leave
            return Redacted(salvage.ids_of(payload), {}, failed=True)

    def redact_text(self, text: str) -> str:
        """The text without secrets and personal data; all of it is dropped when that cannot be had."""
        redacted = self.redact(text).value
        return redacted if isinstance(redacted, str) else salvage.DROPPED

    def findings(self, text: str) -> list[tuple[str, int, int, str]]:
        """(rule, start, end, what would stand there instead), offsets in bytes of the text in UTF-8."""
        data = text.encode("utf-8", "surrogatepass")
        return [
            (rule.id, start, end, self._policy.replacement(rule, data[start:end]).decode())
            for start, end, rule in self._engine.find(data)
            if data[start:end].decode("utf-8", "surrogatepass") not in self._policy.allow
        ]

    def _redact(self, found: list[Leaf], counts: dict[str, int]) -> None:
        texts = [leaf.text.encode("utf-8", "surrogatepass") for leaf in found]
        starts, at = [], 0
        for text in texts:
            starts.append(at)
            at += len(text) + 1
        spans = self._engine.find(SEPARATOR.join(texts))
        of_leaf: dict[int, list[Found]] = {}
        for span in spans:
            of_leaf.setdefault(bisect_right(starts, span[0]) - 1, []).append(span)
        keys = []
        for number, leaf in enumerate(found):
            inside = of_leaf.get(number)
            if inside is None and leaf.field is None:
                continue
            new = self._text(leaf, texts[number], inside or (), starts[number], counts)
            if new is None:
                continue
            if leaf.is_key:
                keys.append((leaf, new))
            else:
                leaf.container[leaf.key] = new
        if keys:
            rename(iter(keys))

    def _text(self, leaf: Leaf, text: bytes, spans: Sequence[Found], offset: int, counts: dict[str, int]) -> str | None:
        rule = named(leaf.field, text, spans, number=leaf.number) if leaf.field else None
        if rule is not None and self._policy.action(rule) != "off":
            spans = [(offset, offset + len(text), rule)]
        pieces, at = [], 0
        for start, end, by in spans:
            secret = text[start - offset : end - offset]
            if self._policy.allow and secret.decode("utf-8", "surrogatepass") in self._policy.allow:
                continue
            pieces += [text[at : start - offset], self._policy.replacement(by, secret)]
            at = end - offset
            counts[by.id] = counts.get(by.id, 0) + 1
        if not pieces:
            return None
        return b"".join((*pieces, text[at:])).decode("utf-8", "surrogatepass")


_building = threading.Lock()


@cache
def _default() -> PIIRedactor:
    return PIIRedactor()


def redact_text(text: str) -> str:
    """The text without secrets and personal data, by the default policy; the engine is built at the first call."""
    with _building:
        redactor = _default()
    return redactor.redact_text(text)
