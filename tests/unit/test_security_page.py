"""`docs/security.md` is true to its word: each attack that it names has its test."""

import re
from pathlib import Path

TESTS = Path(__file__).parent.parent
PAGE = TESTS.parent / "docs" / "security.md"
_NAMED = re.compile(r"`((?:[\w/]+\.py)?)::(test_\w+)`")


def test_every_test_that_it_names_is_there() -> None:
    """`path::test` is a test in that file below `tests`; `::test` is one in the file named before it."""
    missing, path = [], ""
    for given, name in _NAMED.findall(PAGE.read_text()):
        path = given.removeprefix("tests/") or path
        file = TESTS / path
        if not file.is_file() or f"def {name}(" not in file.read_text():
            missing.append(f"{path}::{name}")

    assert [] == missing
    assert PAGE.read_text().count("::test_") == len(_NAMED.findall(PAGE.read_text()))


def test_every_attack_has_one() -> None:
    """No row of a table of attacks is without a test, unless it says that it is looked at by hand."""
    tables = [part for part in PAGE.read_text().split("\n\n") if part.startswith("| attack | defence | test |")]
    rows = [row for table in tables for row in table.splitlines()[2:]]

    assert 20 < len(rows)
    proofs = [row.strip(" |").rpartition("|")[2] for row in rows]
    assert [] == [proof for proof in proofs if "test_" not in proof and "by hand" not in proof]
