"""leanvibe-sidecar: sees what coding agents do, safely."""

__version__ = "0.1.0"
