"""Compiled hyperscan databases, kept in a cache folder when there is one."""

import contextlib
import hashlib
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sidecar.redact.scanners import Gate, HyperscanScanner, PythonScanner, Scanner

_MOST_KEPT = 2
"""That of the rules at hand, and that of the version or policy before."""


def scanner_for(gates: Sequence[Gate], *, prefer: str = "", cache: Path | None = None) -> Scanner:
    """The best scanner there is, or the one of that name.

    Raises:
        ImportError: hyperscan was asked for by name and is not installed.
    """
    if prefer == PythonScanner.name:
        return PythonScanner(gates)
    try:
        import hyperscan
    except ImportError:
        if prefer:
            raise
        return PythonScanner(gates)
    return HyperscanScanner(_loaded(hyperscan, gates, cache) if cache else _compiled(hyperscan, gates))


def _compiled(hyperscan: Any, gates: Sequence[Gate]) -> Any:
    expressions = [gate.pattern.encode() or _quoted(gate.literal) + gate.tail.encode() for gate in gates]
    flags = [hyperscan.HS_FLAG_CASELESS if gate.nocase else 0 for gate in gates]
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(expressions=expressions, ids=list(range(len(gates))), flags=flags)
    return database


def _quoted(literal: bytes) -> bytes:
    return b"".join(b"\\x%02x" % byte for byte in literal)


def _loaded(hyperscan: Any, gates: Sequence[Gate], cache: Path) -> Any:
    file = cache / f"redaction-{_key(hyperscan, gates)}.hsdb"
    try:
        return hyperscan.loadb(file.read_bytes(), hyperscan.HS_MODE_BLOCK)
    except (OSError, ValueError, hyperscan.HyperscanError):
        database = _compiled(hyperscan, gates)
        _keep(file, hyperscan.dumpb(database))
        return database


def _key(hyperscan: Any, gates: Sequence[Gate]) -> str:
    parts = (hyperscan.__version__, platform.machine(), _cpu(), repr(list(gates)))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _cpu() -> str:
    # A database is built for the instruction set of one processor.
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


def _keep(file: Path, database: bytes) -> None:
    partial = file.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):  # no cache is no harm: the next start compiles again
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial.touch(mode=0o600)
        partial.write_bytes(database)
        partial.replace(file)
        for old in sorted(file.parent.glob("redaction-*.hsdb"), key=_age)[_MOST_KEPT:]:
            old.unlink(missing_ok=True)


def _age(file: Path) -> float:
    return -file.stat().st_mtime
