"""Who may import whom, and how large things may grow."""

import ast
import gzip
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar import errors

ROOT = Path(__file__).parent.parent
PACKAGES = ("sidecar", "exporters")
MAX_FILE_LINES = 300
MAX_SCRIPT_BYTES = 300_000
MAX_FUNCTION_LINES = 60


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def test_imports_flow_one_way() -> None:
    """The import contracts of pyproject.toml hold."""
    run = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert run.returncode == 0, run.stdout + run.stderr


def test_files_stay_small() -> None:
    """No source file is longer than one reads in a sitting."""
    long = {str(path.relative_to(ROOT)): n for path in sources() if (n := lines(path)) > MAX_FILE_LINES}

    assert {} == long


def test_page_sources_stay_small() -> None:
    """Nor is a source file of the page."""
    page = ROOT / "sidecar" / "dashboard"
    found = [path for folder in ("src", "tests") for path in (page / folder).rglob("*.*")]
    long = {str(path.relative_to(ROOT)): n for path in found if (n := lines(path)) > MAX_FILE_LINES}

    assert found
    assert {} == long


def test_page_is_small_and_names_no_host() -> None:
    """The page's scripts are at most 300 KB compressed, and its lock file names no registry."""
    page = ROOT / "sidecar" / "dashboard"
    scripts = b"".join(path.read_bytes() for path in sorted((page / "dist" / "assets").glob("*.js")))

    assert MAX_SCRIPT_BYTES >= len(gzip.compress(scripts))
    assert '"resolved"' not in (page / "package-lock.json").read_text()


def test_functions_stay_small() -> None:
    """No function is longer than one screen."""
    long = {
        f"{path.relative_to(ROOT)}:{node.name}": length
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > MAX_FUNCTION_LINES
    }

    assert {} == long


def test_the_tree_of_errors_is_whole() -> None:
    """The tree at the top of `errors.py` draws each error below its parent, with its module where that is another."""
    defined = {
        (node.name, ast.unparse(node.bases[0]), str(path.relative_to(ROOT).with_suffix("")).replace("/", "."))
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef) and node.bases
    }
    below = {"LeanvibeError"}
    while more := {name for name, parent, _ in defined if parent in below} - below:
        below |= more

    assert {one for one in defined if one[1] in below} == set(drawn_errors())


def drawn_errors() -> Iterator[tuple[str, str, str]]:
    """Name, parent and module of each error in the tree; four characters of a line are one level."""
    above = ["LeanvibeError"]
    for line in (errors.__doc__ or "").splitlines():
        if found := re.fullmatch(r"([│ ]*[├└]── )(\w+) .*?(?:\[([\w.]+)\])?", line):
            depth = len(found[1]) // 4
            above[depth:] = [found[2]]
            yield found[2], above[depth - 1], f"sidecar.{found[3] or 'errors'}"


def test_every_module_says_what_it_is_for() -> None:
    """Every module has a docstring."""
    silent = [str(path) for path in sources() if ast.get_docstring(ast.parse(path.read_text())) is None]

    assert [] == silent


@pytest.mark.parametrize("package", ["front", "otel", "redact"])
def test_large_packages_say_what_is_where(package: str) -> None:
    """The docstring of a package of many modules names each of them, and none that is not there."""
    folder = ROOT / "sidecar" / package
    told = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    there = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}

    assert there - {"__init__"} == set(re.findall(r"`(\w+)`", told))


def lines(path: Path) -> int:
    return len(path.read_text().splitlines())
