"""Gates let through whatever the pattern behind them takes."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import repeat

import pytest
from samples import leads_with_a_word, samples

from sidecar.redact import finders
from sidecar.redact.engine import Engine
from sidecar.redact.rules import Rule, shipped

TEXTS = 60
READ_BY_CODE = {"assignment", "numbers", "escapes", "base64", "email"}
"""Their patterns are none, or only a part of what they find."""


def sampled() -> list[Rule]:
    rules = [rule for rule in shipped() if rule.finder not in READ_BY_CODE]
    return [rule for rule in rules if not leads_with_a_word(rule.compiled())]


@cache
def accepted(rule: Rule) -> tuple[bytes, ...]:
    """Texts that the rule takes something out of when its finder is shown their start."""
    find = finders.build(rule, lambda _: ())
    pairs = zip(_before(rule), samples(rule.compiled(), TEXTS), strict=False)
    return tuple(before + text for before, text in pairs if find(before + text, len(before), len(before)) is not None)


def _before(rule: Rule) -> Iterator[bytes]:
    """What may stand before the literal of a rule that takes something on its left as well."""
    if not rule.before:
        return repeat(b"")
    return samples(re.compile(f"[{rule.before}]{{{max(rule.minimum // 2, 8)},{rule.maximum}}}".encode()), TEXTS)


@pytest.mark.parametrize("rule", sampled(), ids=lambda rule: rule.id)
def test_no_gate_is_narrower_than_its_pattern(rule: Rule) -> None:
    """What a rule would take, both engines come upon: some gate of the rule fires where it begins, and they agree."""
    fast, slow = Engine([rule]), Engine([rule], prefer="python")

    assert [text for text in accepted(rule) if not fast.find(text)] == []
    assert [text for text in accepted(rule) if fast.find(text) != slow.find(text)] == []


def test_most_patterns_can_be_sampled() -> None:
    """The law above is no empty one: of nine in ten rules there are texts to try."""
    rules = sampled()
    assert 10 * sum(bool(accepted(rule)) for rule in rules) >= 9 * len(rules)
