"""Runs a package that wants Python 3.12 on 3.11: its `type` statements and type parameters spelled the older way.

Nothing of what it does changes. Where an interpreter of 3.12 or newer runs the benchmarks, none of this is used.
"""

import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterable
from email import message_from_bytes
from pathlib import Path

_ALIAS = re.compile(r"^(\s*)type (\w+) = ", re.MULTILINE)
_PARAMETERS = re.compile(r"\b(?:def|class) \w+\[([^\]]+)\][(:]")
_FUNCTION = re.compile(r"(\bdef \w+)\[[^\]]+\]\(")
_CLASS = re.compile(r"(\bclass \w+)\[([^\]]+)\]:")
_FIRST_IMPORT = re.compile(r"^(?=(?:import \w+|from (?!__future__)[\w.]+ import))", re.MULTILINE)
_EXTRA = re.compile(r";\s*extra == '(\w+)'")


def for_older_python(requirement: str, package: str, folder: Path, home: Path, uv: Callable[..., None]) -> None:
    """Installs a pure package whose metadata refuses this Python, with what its extra needs.

    Args:
        requirement: `name[extra]`.
        package: the package inside.
        folder: for the download.
        home: the environment.
        uv: runs `uv` on the environment.

    Raises:
        RuntimeError: the wheel cannot be had.
    """
    name = requirement.partition("[")[0]
    uv("pip", "install", "pip")  # uv has no word for "whatever Python it wants"
    words = [str(home / "bin" / "python"), "-m", "pip", "download", "-q", "--no-deps", "--ignore-requires-python"]
    subprocess.run([*words, "-d", str(folder), name], capture_output=True, check=False, timeout=300)
    found = next(folder.glob("*.whl"), None)
    if found is None:
        raise RuntimeError(f"pip cannot download {name}")
    site = folder / "unpacked"
    with zipfile.ZipFile(found) as archive:
        archive.extractall(site)
    uv("pip", "install", *needs(site))
    for file in (site / package).rglob("*.py"):
        file.write_text(older(file.read_text()))
    into = next(home.glob("lib/python*/site-packages"))
    shutil.copytree(site / package, into / package, dirs_exist_ok=True)


def needs(site: Path) -> Iterable[str]:
    """The requirements in a wheel's metadata, extras included."""
    text = next(site.glob("*.dist-info/METADATA")).read_bytes()
    for one in message_from_bytes(text).get_all("Requires-Dist", []):
        yield _EXTRA.sub("", one)


def older(text: str) -> str:
    """One source in the spelling of 3.11."""
    text = _ALIAS.sub(r"\1\2 = ", text).replace(".__value__", "")
    names = {name.strip() for group in _PARAMETERS.findall(text) for name in group.split(",")}
    text = _CLASS.sub(r"\1(_typing.Generic[\2]):", _FUNCTION.sub(r"\1(", text))
    if not names:
        return text
    head = "import typing as _typing\n" + "".join(map(_variable, sorted(names)))
    return _FIRST_IMPORT.sub(lambda _: head, text, count=1)


def _variable(name: str) -> str:
    kind = "TypeVarTuple" if name.startswith("*") else "TypeVar"
    bare = name.lstrip("*")
    return f"{bare} = _typing.{kind}({bare!r})\n"
