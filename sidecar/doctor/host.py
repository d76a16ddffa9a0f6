"""Whether the sidecar, its port, its disk and its files are as they should be."""

import os
import shutil
import socket
import ssl
import stat
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sidecar import __version__, trust
from sidecar.doctor.finding import Finding, note, ok, wrong
from sidecar.hooks.table import dir_option, quoted
from sidecar.private import OTHERS
from sidecar.state_dir import unless_default

CLOCK_SECONDS = 60.0
VERSION_SECONDS = 10.0
TLS_SECONDS = 2.0
"""As long as the client would wait."""
HTTPS_PORT = 443
SINK_ADVICE = "start that server or correct its setting; nothing is lost meanwhile"
PROCESSOR_ADVICE = (
    "who posts what cannot be taken is told why in the answer; GET /hook-performance?detail=1 tells times"
)
MEGABYTE = 1024 * 1024


def start(data_dir: Path) -> str:
    """How a sidecar of a data directory is started."""
    option = dir_option(unless_default(data_dir))
    return f"leanvibe service install{option} keeps it running, leanvibe serve{option} runs it here"


def running_finding(data_dir: Path, facts: Mapping[str, Any] | None, holder: str | None, url: str) -> Finding:
    """Whether a sidecar serves the data directory.

    Args:
        data_dir: the directory.
        facts: what `server.json` says of a process that is there.
        holder: who answers at `url` when it is not that one.
        url: where the hooks go.
    """
    if facts is not None:
        return ok("sidecar", f"pid {facts.get('pid')} serves {data_dir} at {facts.get('url')}")
    if holder is not None:
        other = f"leanvibe serve --port PORT{dir_option(unless_default(data_dir))}"
        return wrong("port", f"{url} is held by {holder}", f"stop that, or choose another: {other}")
    return wrong("sidecar", f"no sidecar serves {data_dir}: events wait for the next one", start(data_dir))


def version_finding(health: Mapping[str, Any]) -> Finding:
    """Whether the running sidecar is this version."""
    if health.get("version") == __version__:
        return ok("version", f"{__version__}, as this command")
    return wrong(
        "version", f"the running sidecar is {health.get('version')}, this command {__version__}", "restart it"
    )


def certificate_finding(url: str, more: str, shown: str) -> Finding | None:
    """Whether Claude Code trusts what listens where the hooks go; None for plain HTTP, and when nobody listens.

    Args:
        url: where the hooks go.
        more: what the client trusts besides the system's authorities: `NODE_EXTRA_CA_CERTS` of its environment.
        shown: the file of the certificate that the sidecar shows; empty when it is not known.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        return None
    todo = f'put "NODE_EXTRA_CA_CERTS": "{shown or "CERT.pem"}" into "env" of Claude Code\'s settings'
    try:
        trusted = trust.context(more)
    except OSError as error:
        return wrong("certificate", f"NODE_EXTRA_CA_CERTS names {more}, which is no certificate: {error}", todo)
    try:
        with socket.create_connection((parts.hostname, parts.port or HTTPS_PORT), TLS_SECONDS) as plain:
            trusted.wrap_socket(plain, server_hostname=parts.hostname).close()
    except ssl.SSLCertVerificationError as error:
        return wrong("certificate", f"Claude Code does not trust {url}: {error.verify_message}", todo)
    except (OSError, ValueError, OverflowError):  # the probe tells, of a port that is none too
        return None
    return ok("certificate", "Claude Code trusts the certificate")


def health_findings(health: Mapping[str, Any]) -> Iterator[Finding]:
    """Every component and sink that is not well; one line when all are."""
    parts = {
        **health.get("components", {}),
        **{f"sink {name}": part for name, part in health.get("sinks", {}).items()},
    }
    bad = {name: part for name, part in parts.items() if part.get("status") != "healthy"}
    for name, part in bad.items():
        yield wrong(name, f"{part.get('status')}: {_reason(part)}", SINK_ADVICE if "sink" in name else _advice(name))
    if not bad:
        yield ok("health", f"{', '.join(parts)} are healthy")


def _reason(part: Mapping[str, Any]) -> str:
    behind = f"{part['lag_events']} events behind" if "lag_events" in part else "it does not say why"
    return str(part.get("error") or part.get("last_error") or behind)


def _advice(component: str) -> str:
    return PROCESSOR_ADVICE if component == "hook_processor" else "see its log"


def disk_finding(data_dir: Path, min_free_mb: int) -> Finding:
    """Whether the data directory's disk has room."""
    there = next(path for path in (data_dir, *data_dir.parents) if path.exists())
    free = shutil.disk_usage(there).free // MEGABYTE
    if free >= min_free_mb:
        return ok("disk", f"{free} MB are free")
    return wrong("disk", f"only {free} MB are free for {data_dir}", "make room, or move it: LEANVIBE_DATA_DIR")


def modes_finding(data_dir: Path) -> Finding:
    """Whether the data directory and all in it are its owner's alone."""
    if not data_dir.exists():
        return note("files", f"{data_dir} is not there yet")
    open_to_others = [path for path in (data_dir, *data_dir.rglob("*")) if _mode(path) & OTHERS]
    if open_to_others:
        return wrong("files", f"others may read {open_to_others[0]}", f"chmod -R go= {quoted(str(data_dir))}")
    if data_dir.stat().st_uid != os.getuid():
        return wrong("files", f"{data_dir} belongs to another user", "run as that user, or choose another directory")
    return ok("files", f"{data_dir} is private")


def clock_finding(newest_seconds: float | None, now: float) -> Finding:
    """Whether the clock runs on: nothing that is stored may come from the future. Seconds since the epoch."""
    if newest_seconds is not None and newest_seconds > now + CLOCK_SECONDS:
        ahead = round(newest_seconds - now)
        return wrong("clock", f"the newest event is {ahead} s in the future: the clock was set back", "set the clock")
    return ok("clock", f"it is {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(now))} UTC")


def client_version() -> str | None:
    """What `claude --version` says, nothing when it does not answer; None when there is none to ask."""
    program = shutil.which("claude")
    if program is None:
        return None
    try:
        run = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout.strip()


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.lstat().st_mode)
    except OSError:  # it has gone since it was listed
        return 0
