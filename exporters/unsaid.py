"""A server's words without our credentials: some quote what they were sent, and log and health pass them on."""

import re
from collections.abc import Iterable

HIDDEN = "[…]"
_SHORT = 8
"""Characters below which a credential is taken for one only where it stands alone: it may be a part of a word."""


def unsaid(text: str, credentials: Iterable[str | None]) -> str:
    """The text without these credentials. Pure.

    Args:
        text: what a server said.
        credentials: as they were sent; empty ones and None say nothing.
    """
    for one in sorted(filter(None, credentials), key=len, reverse=True):
        text = re.sub(_alone(one) if len(one) < _SHORT else re.escape(one), HIDDEN, text)
    return text


def _alone(credential: str) -> str:
    return rf"(?<!\w){re.escape(credential)}(?!\w)"
