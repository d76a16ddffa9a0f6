"""How encoded requests reach the backend: one protocol, a file per transport."""

from typing import Protocol

from exporters.otlp.answers import Partial


class Transport(Protocol):
    """One connection to a backend."""

    def send(self, body: bytes) -> Partial:
        """Sends an encoded request and returns what the backend said.

        Raises:
            TransientExportError: the same request may be taken later.
            PermanentExportError: it never will be.
        """

    def close(self) -> None:
        """Releases the connection; safe to call twice."""
