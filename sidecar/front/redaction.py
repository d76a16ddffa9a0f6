"""The redactor of the running sidecar: the user's policy, and compiled rules that are kept between starts."""

import functools
from pathlib import Path

from sidecar.front import data_dir
from sidecar.redact import PIIRedactor, Policy, load_policy
from sidecar.settings import Settings

CACHE_FOLDER = "cache"


def redactor_of(settings: Settings) -> PIIRedactor:
    """Built before any event is taken.

    Raises:
        SettingsError: the policy cannot be read or something in it is wrong; names file and rule.
        StartError: the key of hashed redactions cannot be read or made.
    """
    return PIIRedactor(policy_of(settings), cache=settings.data_dir / CACHE_FOLDER)


def policy_of(settings: Settings) -> Policy:
    """The policy that the settings name, everything redacted when they name none. Raises as `redactor_of` does."""
    if not settings.redaction_policy:
        return Policy()
    file = Path(settings.redaction_policy).expanduser()
    return load_policy(file, functools.partial(data_dir.hash_key, settings.data_dir))
