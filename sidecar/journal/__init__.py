"""The durable log that everything else reads: one SQLite file in WAL mode, appended to in groups."""

from sidecar.journal.insertion import Appended, Entry
from sidecar.journal.reader import JournalReader
from sidecar.journal.writer import JournalWriter

__all__ = ["Appended", "Entry", "JournalReader", "JournalWriter"]
