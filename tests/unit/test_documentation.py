"""The documents say what is there: names and numbers that they give are those of the code."""

import re
from pathlib import Path

import pytest

from sidecar.settings import PREFIX, Settings

ROOT = Path(__file__).parent.parent.parent
PAGES = (*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md")
FILES = re.compile(r'^(?:\w*FILE(?:_NAME)?|\w*FOLDER|RECEIPTS) = "([^"]+)"', re.MULTILINE)
NAMED_AT_ONCE = re.compile(r'data_dir / "([^"]+)"')


def page(name: str) -> str:
    """One of the documents."""
    return (ROOT / "docs" / f"{name}.md").read_text()


def table(text: str, head: str) -> list[list[str]]:
    """The cells of each row of the table with this first line."""
    rows = text.partition(f"{head}\n")[2].partition("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def anchors(text: str) -> set[str]:
    """The fragments by which GitHub leads to the headings of a page."""
    heads = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    """Every link to another page of the project leads to a file that is there, and to one of its headings."""
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        file, _, heading = link.partition("#")
        target = path.parent / file if file else path
        if "://" not in link:
            assert target.exists(), link
            assert not heading or heading in anchors(target.read_text()), link


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


def test_architecture_names_modules_that_are_there() -> None:
    """Every module and package that architecture.md sends a reader to is there, below `sidecar` or at the top."""
    text = page("architecture")
    flow = text.partition("## The data directory")[0] + text.partition("## Decisions worth knowing")[2]
    named = re.findall(r"`((?:\w+/)+|(?:\w+/)*\w+\.(?:py|toml))`", flow)
    assert len(named) > 10
    assert [] == [path for path in named if not ((ROOT / "sidecar" / path).exists() or (ROOT / path).exists())]


def test_documented_defaults_are_the_settings() -> None:
    """The number that guide.md gives as a setting's default is the one in settings.py."""
    rows = table(page("guide"), "| the guide's setting | here | default |")
    told = {
        name.removeprefix(PREFIX).lower(): float(default.split()[0])
        for guides, here, default in rows
        for name in re.findall(rf"`({PREFIX}\w+)`", guides + here)
    }
    assert len(rows) == len(told)
    assert told == {name: Settings.model_fields[name].default for name in told}


def test_defaults_in_brackets_are_the_settings() -> None:
    """A setting that is followed by a number in brackets, anywhere in the documents, has that default."""
    text = "".join(path.read_text() for path in PAGES)
    told = {
        (name.lower(), float(number.replace(",", "")))
        for name, number in re.findall(rf"`(?:{PREFIX})?(\w+)` \((\d[\d,]*)(?=[;,) ])", text)
        if name.lower() in Settings.model_fields
    }
    assert told
    assert told == {(name, Settings.model_fields[name].default) for name, _ in told}
