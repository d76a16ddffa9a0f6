"""The OpenAPI document of everything that is served: written, not derived, so that it says what really happens."""

from sidecar.front.document.paths import PATHS
from sidecar.front.document.root import document

__all__ = ["PATHS", "document"]
