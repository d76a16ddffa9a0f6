"""PIIRedactor: from a decoded payload to one that may be kept."""

import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from sidecar.redact import salvage
from sidecar.redact.account import Account, Leak
from sidecar.redact.capture import leave_out
from sidecar.redact.engine import Engine, Found, TooManyError, check
from sidecar.redact.fields import Field
from sidecar.redact.known import LONGEST_KNOWN, Known
from sidecar.redact.leaves import KEY, NUMBER, Leaves, Place, leaves, rename
from sidecar.redact.named import RULES, named
from sidecar.redact.policy import Policy
from sidecar.redact.rules import Rule, shipped

_SMALL = 64 * 1024
"""Up to here most texts have so few candidates that reading the clock is what costs."""
_NONE: list[Found] = []
_Renamed = list[tuple[Any, Any, str]]
"""Container, key, and the redacted key."""


class Redacted(NamedTuple):
    """What came out: the value, how many of each rule were replaced, whether it had to give up, what vendors' leaked.

    When `failed` is true, strings were dropped: those that hold too much to look at, or all but the ids.
    """

    value: Any
    counts: dict[str, int]
    failed: bool
    leaks: tuple[Leak, ...] = ()


class PIIRedactor:
    """Takes personal data and secrets out of decoded JSON; thread-safe.

    Args:
        policy: which rules act and how; all rules redact when not given.
        engine: "hyperscan" or "python"; the best there is when empty.
        cache: a folder where compiled rules may be kept for the next start.
    """

    def __init__(self, policy: Policy | None = None, *, engine: str = "", cache: Path | None = None) -> None:
        self._policy = policy or Policy()
        acting = [rule for rule in all_rules(self._policy) if self._policy.action(rule) != "off"]
        self._engine = Engine(acting, prefer=engine, cache=cache)
        self.engine = self._engine.name
        self._known = Known()

    def redact(self, payload: Any) -> Redacted:
        """The payload without secrets and personal data; the payload itself is changed and given away."""
        return self.redact_all([payload])[0]

    def redact_all(self, payloads: Sequence[Any]) -> list[Redacted]:
        """As `redact` of each, with one scan for all of them: most of what a short one costs is to begin it."""
        try:
            return self._redact([[payload] for payload in payloads])
        except Exception:  # noqa: BLE001 - whatever went wrong, nothing unredacted may leave
            if len(payloads) == 1:
                return [_given_up(payloads[0])]
        return [self.redact(payload) for payload in payloads]  # whichever it was fails alone

    def redact_text(self, text: str) -> str:
        """The text without secrets and personal data; all of it is dropped when that cannot be had."""
        redacted = self.redact(text).value
        return redacted if isinstance(redacted, str) else salvage.DROPPED

    def findings(self, text: str) -> list[tuple[str, int, int, str]]:
        """(rule, start, end, what would stand there instead) in order; offsets in characters.

        Raises:
            TooManyError, OutOfTimeError: the text is over the budget; nothing can be said about it.
        """
        data = text.encode("utf-8", "surrogatepass")
        spans = [span for span in self._engine.find(data) if not self._allowed(data[span[0] : span[1]])]
        found, at, characters = [], 0, 0
        for start, end, rule in spans:
            first = characters + len(data[at:start].decode("utf-8", "surrogatepass"))
            characters = first + len(data[start:end].decode("utf-8", "surrogatepass"))
            found.append((rule.id, first, characters, self._policy.replacement(rule, data[start:end]).decode()))
            at = end
        return found

    def _redact(self, roots: Sequence[list[Any]]) -> list[Redacted]:
        """Nothing is put in place before all was looked at: what fails until then has changed nothing."""
        found: list[Leaves] = []
        texts: list[str] = []
        for root in roots:
            if self._policy.leave_out:
                leave_out(root, self._policy.leave_out)
            found.append(leaves(root, self._known))
            texts += found[-1].texts
        data = [text.encode("utf-8", "surrogatepass") for text in texts]
        scanned = _Scanned(data, *self._find(data))
        redacted, begin = [], 0
        for root, its in zip(roots, found, strict=True):
            redacted.append(self._put_all(root, its, scanned, begin))
            begin += len(its.texts)
        return redacted

    def _put_all(self, root: list[Any], found: Leaves, scanned: "_Scanned", begin: int) -> Redacted:
        """One payload with everything in place; `begin` is the number of its first text in the scan."""
        account = Account()
        renamed: _Renamed = []
        try:
            for place, new, spans in found.known:
                account.add_all(spans, place)
                _put(place, new, renamed)
            complete = self._put_scanned(found, scanned, begin, account, renamed)
            if renamed:
                rename(renamed)
            return Redacted(root[0], account.counts, not complete, account.leaks(root))
        except Exception:  # noqa: BLE001 - as above
            return _given_up(root[0])

    def _put_scanned(
        self, found: Leaves, scanned: "_Scanned", begin: int, account: Account, renamed: _Renamed
    ) -> bool:
        """Puts the redacted forms of what was scanned in place; false when some of it had to be dropped."""
        complete = True
        for at, (text, place) in enumerate(zip(found.texts, found.places, strict=True), begin):
            if at in scanned.dropped:
                _put(place, salvage.DROPPED, renamed)
                complete = False
                continue
            data = scanned.data[at]
            spans = scanned.spans.get(at, _NONE)
            _, _, name, role = place
            if name is not None or (spans and self._policy.allow):
                spans = self._spans(data, spans, name, number=role == NUMBER)
            new = spliced(data, spans, self._policy) if spans else None
            if name is None and len(data) <= LONGEST_KNOWN:
                self._known.learn(text, new, spans)
            if new is not None:
                account.add_all(spans, place)
                _put(place, new, renamed)
        return complete

    def _find(self, data: list[bytes]) -> tuple[dict[int, list[Found]], set[int]]:
        """Spans by text, and the texts that hold too many candidates to be looked at."""
        size = sum(map(len, data))
        until = self._engine.deadline(size) if size > _SMALL else None  # one for all that follows
        try:
            return self._engine.find_all(data, until), set()
        except TooManyError:
            spans: dict[int, list[Found]] = {}
            dropped = set()
        until = until or self._engine.deadline(size)
        for number, text in enumerate(data):
            check(until)
            try:
                spans[number] = self._engine.find(text, until)
            except TooManyError:
                dropped.add(number)
        return spans, dropped

    def _spans(self, text: bytes, spans: list[Found], name: Field | None, *, number: bool) -> list[Found]:
        """What is to be taken out of one text, by what was found in it and by what its name says."""
        if name is not None:
            rule = named(name, text, spans, number=number)
            if rule is not None and self._policy.action(rule) != "off":
                spans = [(0, len(text), rule)]
        if self._policy.allow:
            spans = [span for span in spans if not self._allowed(text[span[0] : span[1]])]
        return spans

    def _allowed(self, secret: bytes) -> bool:
        return bool(self._policy.allow) and secret.decode("utf-8", "surrogatepass") in self._policy.allow


class _Scanned(NamedTuple):
    """Texts of one scan; by their numbers what was found in them, and which hold too much to be looked at."""

    data: list[bytes]
    spans: dict[int, list[Found]]
    dropped: set[int]


def _given_up(payload: Any) -> Redacted:
    return Redacted(salvage.ids_of(payload), {}, failed=True)


def _put(place: Place, new: str, renamed: _Renamed) -> None:
    container, key, _, role = place
    if role == KEY:
        renamed.append((container, key, new))
    else:
        container[key] = new


def spliced(text: bytes, spans: list[Found], policy: Policy) -> str:
    """The text with what stands for each span in its place."""
    pieces: list[bytes] = []
    at = 0
    for start, end, rule in spans:
        pieces += (text[at:start], policy.replacement(rule, text[start:end]))
        at = end
    pieces.append(text[at:])
    return b"".join(pieces).decode("utf-8", "surrogatepass")


def all_rules(policy: Policy) -> tuple[Rule, ...]:
    """Every rule: those that come with the sidecar, the user's own, those that go by a field's name."""
    return (*shipped(), *policy.rules, *RULES.values())


_building = threading.Lock()


@cache
def _default() -> PIIRedactor:
    return PIIRedactor()


def redact_text(text: str) -> str:
    """The text without secrets and personal data, by the default policy; the first call builds the engine."""
    with _building:
        redactor = _default()
    return redactor.redact_text(text)
