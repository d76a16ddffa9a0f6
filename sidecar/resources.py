"""Where the files that come with the sidecar are: in a wheel inside the package, in a checkout beside it."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def path(*parts: str) -> Path:
    """The file or folder of that name that came with the sidecar, such as `path("config", "redaction")`.

    Raises:
        FileNotFoundError: neither the package's `_data` nor the checkout around it has it.
    """
    for root in (_PACKAGE / "_data", _PACKAGE.parent):
        found = root.joinpath(*parts)
        if found.exists():
            return found
    raise FileNotFoundError(f"{'/'.join(parts)} is missing from this installation of leanvibe-sidecar")
