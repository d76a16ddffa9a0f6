"""Every error of the sidecar, in one tree. One that a single module raises lives there; the tree names that module.

LeanvibeError
├── SettingsError            a setting is wrong: says which key, where it came from, what would be right
├── HooksError               hooks cannot be installed or removed: says which file and line
├── StartError               the sidecar cannot start: port taken, directory held, no right to write
├── IngestError              one posted event cannot be taken (carries the HTTP status)
│   ├── BadRequestError      400  not JSON, no object, no session
│   ├── UnknownAgentError    404  no normaliser for that agent
│   ├── MethodNotAllowedError  405  not a POST [front.receive.native]
│   ├── TooLargeError        413  a body over the limit where nothing of it can be kept
│   ├── MediaTypeError       415  not a JSON content type, or compressed
│   ├── DisconnectedError    499  the client hung up before its body was complete [front.receive.body]
│   ├── DefectError          500  our own fault: the event was not taken
│   ├── OverloadedError      503  too many large bodies at once: it was not taken
│   └── NotDurableError      503  the journal could not make it durable: it was not taken
├── JournalError             the journal file cannot be opened or read
├── StoreError               the DuckDB store cannot be opened or written
│   ├── UnstorableError      DuckDB refuses a value: trying again cannot help [worker.store.trouble]
│   ├── BrokenStoreError     what is in the file will not open [worker.store.trouble]
│   ├── UnreadableStoreError the disk does not give the file's content now [worker.store.trouble]
│   ├── StoreMemoryError     not within DuckDB's memory limit [worker.store.trouble]
│   └── InvalidatedStoreError  the open database is lost: it must be opened anew [worker.store.trouble]
├── QueryError               a question cannot be answered
│   ├── QueryRefusedError    not one read-only SELECT
│   ├── QueryFailedError     DuckDB's own complaint about the statement
│   └── QueryLimitError      over a limit: of time, or of queries at once
│       └── QueryMemoryError it needs more memory than it may have
├── AuditError               what must be on record could not be recorded, so it was not done
├── ReplayError              there is nothing to replay to, or a replay is under way
├── WorkerUnavailableError   the worker is being started again: ask again in a moment
│   └── NoWorkerError        nobody listens, so nothing was asked [wire]
├── ExportError              a sink did not take a batch
│   ├── TransientExportError try again later, after `retry_after` seconds when the sink said so
│   │   └── SignalNotTakenError  the backend takes nothing of this kind as it is set up now
│   └── PermanentExportError trying again cannot help: the batch is refused as it is
├── NotRunningError          a command found no sidecar to ask [commands.client]
│   └── NotAnsweringError    one is there, and does not answer in time [commands.client]
└── AnswerError              the sidecar refused what a command asked [commands.client]
"""

import traceback
from pathlib import Path


class LeanvibeError(Exception):
    """What went wrong, on what, and what to do about it.

    Args:
        message: one sentence: what failed and on which thing.
        hint: what the reader can do; empty when there is nothing to do.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class SettingsError(LeanvibeError):
    """A setting is wrong."""


class HooksError(LeanvibeError):
    """The hooks of an agent's settings cannot be read or changed."""


class StartError(LeanvibeError):
    """The sidecar cannot start."""


class IngestError(LeanvibeError):
    """One posted event cannot be taken; `status` is the HTTP status that says so."""

    status = 400


class BadRequestError(IngestError):
    """The body is no event."""


class UnknownAgentError(IngestError):
    """There is no normaliser for that agent."""

    status = 404


class TooLargeError(IngestError):
    """The body is over the limit and nothing of it can be kept."""

    status = 413


class MediaTypeError(IngestError):
    """The content type is not JSON or NDJSON, or the body is compressed."""

    status = 415


class DefectError(IngestError):
    """We failed on the event, which was not taken."""

    status = 500


class OverloadedError(IngestError):
    """There is too much to do at this moment; nothing was taken."""

    status = 503


class NotDurableError(IngestError):
    """The journal could not make the event durable, so it was not taken."""

    status = 503


class JournalError(LeanvibeError):
    """The journal file cannot be opened or read."""


class StoreError(LeanvibeError):
    """The DuckDB store cannot be opened or written."""


class QueryError(LeanvibeError):
    """A question cannot be answered."""


class QueryRefusedError(QueryError):
    """The statement is not one read-only SELECT."""


class QueryFailedError(QueryError):
    """DuckDB refused the statement or failed on it."""


class QueryLimitError(QueryError):
    """The statement went over a limit."""


class QueryMemoryError(QueryLimitError):
    """The statement needs more memory than it has."""


class AuditError(LeanvibeError):
    """What must be on record could not be recorded, so it was not done."""


class ReplayError(LeanvibeError):
    """A replay cannot be had: no such sink, or another one is under way."""


class WorkerUnavailableError(LeanvibeError):
    """The worker is not answering; it is being started again."""


class ExportError(LeanvibeError):
    """A sink did not take a batch."""


class TransientExportError(ExportError):
    """The sink may take the same batch later.

    Args:
        message: what the sink answered, without any credentials.
        retry_after: seconds that the sink asked us to wait; None when it did not say.
        hint: what the reader can do.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class SignalNotTakenError(TransientExportError):
    """The backend takes nothing of this kind as it is set up now: a backend for traces alone, or a wrong URL."""


class PermanentExportError(ExportError):
    """The sink will never take this batch as it is."""


def said_of(error: Exception) -> str:
    """Any error in one line. Of what is not our own, the kind and place only: its text may quote an event."""
    if isinstance(error, LeanvibeError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        file = error.filename2 or error.filename
        said = f"{file}: {error.strerror}" if file else str(error.strerror)
        return said.encode(errors="replace").decode()  # a file may be called anything
    places = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(places[-1].filename).name}:{places[-1].lineno}" if places else ""  # none: never raised
    return type(error).__name__ + where
