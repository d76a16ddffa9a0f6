"""Tests that need root: skipped with the reason elsewhere, but never where CI promises root."""

import os
import pwd

import pytest

IS_ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not IS_ROOT, reason="only root can act as another user")
"""For tests that act as another user. CI runs as root, so there none of them is skipped."""


def nobody() -> int:
    """The user id of a user who owns nothing."""
    return pwd.getpwnam("nobody").pw_uid
