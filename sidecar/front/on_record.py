"""What a start puts on record: its settings, and the redaction rules when they are not those of the start before."""

import os
from typing import Any

from sidecar import __version__, private
from sidecar.audit.facts import differing, rules_hash
from sidecar.front.auditor import Auditor
from sidecar.log import LOGGER
from sidecar.settings import Settings

RULES_FILE = "audit.rules"
"""The hash of the rules that the last start put on record."""


def own_process() -> dict[str, Any]:
    """Who: the sidecar itself."""
    return {"actor": "sidecar", "origin": f"pid {os.getpid()}, uid {os.getuid()}"}


def started(auditor: Auditor, settings: Settings) -> None:
    """Records a start; when that fails events are taken all the same: health says so, and reading is refused."""
    rules = rules_hash(settings.redaction_policy)
    told = {"version": __version__, "redaction_rules": rules, "settings": differing(settings)}
    auditor.record("start", own_process(), told)
    file = settings.data_dir / RULES_FILE
    try:
        before = private.read(file).decode("ascii", "replace") if file.exists() else None
        if before != rules:
            auditor.record("redaction.rules", own_process(), {"before": before, "now": rules})
            private.replace(file, rules.encode())
    except OSError as error:
        LOGGER.warning("cannot keep %s: %s", file, error.strerror)
    if auditor.trouble:
        LOGGER.error("%s", auditor.trouble)
