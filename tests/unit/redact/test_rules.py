import re
from pathlib import Path

import pytest

from sidecar.errors import SettingsError
from sidecar.redact.engine import Engine
from sidecar.redact.linear import why_not_linear
from sidecar.redact.rules import Rule, read, shipped

RULES = {rule.id: rule for rule in shipped()}
FEWEST_VENDORS = 150


def found(rule: Rule, text: str) -> list[tuple[int, int]]:
    # What is written with escapes or in base64 is read by all rules, under the name of the one that saw it.
    rules = shipped() if rule.finder in {"escapes", "base64"} else [rule]
    return [(start, end) for start, end, by in Engine(rules, prefer="python").find(text.encode()) if by.id == rule.id]


@pytest.mark.parametrize("rule", shipped(), ids=lambda rule: rule.id)
def test_examples_hold(rule: Rule) -> None:
    """Every rule has an example that it finds and one that it must not find, and both hold."""
    assert rule.match
    assert rule.miss
    assert [text for text in rule.match if not found(rule, text)] == []
    assert [text for text in rule.miss if found(rule, text)] == []


def test_ids_are_unique() -> None:
    """A rule is named by its id in counts and policies, so no two share one."""
    assert len(RULES) == len(shipped())


def test_vendors() -> None:
    """The secrets of at least 150 vendors are known by their form."""
    vendors = [rule for rule in shipped() if rule.finder == "token" and rule.source.startswith("http")]
    assert len(vendors) >= FEWEST_VENDORS


@pytest.mark.parametrize("rule", shipped(), ids=lambda rule: rule.id)
def test_says_what_and_whence(rule: Rule) -> None:
    """Every rule says what it finds and where its format is documented."""
    assert rule.finds
    assert rule.source
    assert rule.kind in {"pii", "secret", "vendor"}
    assert re.fullmatch(r"\[[A-Z_]+\]", rule.placeholder)


@pytest.mark.parametrize("rule", shipped(), ids=lambda rule: rule.id)
def test_no_pattern_refers_back(rule: Rule) -> None:
    """No pattern holds a reference to a group, the one thing that no budget of characters can bound."""
    assert "refers back" not in why_not_linear(rule.pattern.replace("(?(q)", "(?:"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rule = 1 2", "cannot be read as TOML"),
        ('[[rule]]\nid = "x"', "missing"),
        ("[[rule]]\ntypo = 1", "typo"),
    ],
)
def test_wrong_files_are_named(tmp_path: Path, text: str, message: str) -> None:
    """A rule file that is wrong is refused with its name and the rule's."""
    file = tmp_path / "rules.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(SettingsError, match=message) as caught:
        read(file)
    assert str(file) in str(caught.value)
