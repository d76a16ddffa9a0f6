"""The durable log that everything else reads: one SQLite file in WAL mode, appended to in groups."""

from sidecar.journal.reader import JournalReader
from sidecar.journal.writer import Appended, Entry, JournalWriter

__all__ = ["Appended", "Entry", "JournalReader", "JournalWriter"]
