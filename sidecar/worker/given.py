"""The settings as the front hands them over: checked there, and only read here."""

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import msgspec

if TYPE_CHECKING:  # what checks settings would take 5 MB of the worker's memory for nothing
    from sidecar.settings import Settings


def settings_of(line: bytes) -> "Settings":
    """What `Settings.as_json` wrote, value by value; nothing but the values can be asked.

    Raises:
        msgspec.DecodeError: it is not JSON.
    """
    values = msgspec.json.decode(line)
    return cast("Settings", SimpleNamespace(**{**values, "data_dir": Path(values["data_dir"])}))
