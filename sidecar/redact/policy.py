"""What is to be redacted: the user's choice."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """Which rules act, and how."""
