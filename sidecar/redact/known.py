"""Short texts that come again with every event, such as folders and names of tools, and what became of them."""

from collections.abc import Sequence

from sidecar.redact.engine import Found

LONGEST_KNOWN = 200
"""Bytes: paths and names; what is longer seldom comes twice."""
_MOST = 1024
_PATHS = frozenset({"home-path", "project-folder"})
"""The only rules whose finds are remembered: a secret is forgotten with its event."""


class Known(dict[str, tuple[str | None, tuple[Found, ...]]]):
    """Text → what stands for it, None when it stays as it is, and what was taken out of it. Never holds a secret.

    What is found in a text does not depend on the texts beside it, so it is the same in every event. Bounded: when
    it is full it begins anew.
    """

    def learn(self, text: str, new: str | None, spans: Sequence[Found]) -> None:
        """Remembers a text, unless something was found in it that must not be."""
        if not spans or all(rule.id in _PATHS for _, _, rule in spans):
            if len(self) >= _MOST:
                self.clear()
            self[text] = (new, tuple(spans))
