"""The documents say what is there: names and numbers that they give are those of the code."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FILES = re.compile(r'^(?:\w*FILE(?:_NAME)?|\w*FOLDER|RECEIPTS) = "([^"]+)"', re.MULTILINE)
NAMED_AT_ONCE = re.compile(r'data_dir / "([^"]+)"')


def page(name: str) -> str:
    """One of the documents."""
    return (ROOT / "docs" / f"{name}.md").read_text()


def table(text: str, head: str) -> list[list[str]]:
    """The cells of each row of the table with this first line."""
    rows = text.partition(f"{head}\n")[2].partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_the_data_directory_is_documented() -> None:
    """Every file and folder that the code names in the data directory is in architecture.md's table."""
    sources = "\n".join(path.read_text() for path in (ROOT / "sidecar").rglob("*.py"))
    named = {
        name.strip("`/")
        for row in table(page("architecture"), "| file | what it is |")
        for name in row[0].split(", ")
    }
    assert named
    assert set() == {*FILES.findall(sources), *NAMED_AT_ONCE.findall(sources)} - named
