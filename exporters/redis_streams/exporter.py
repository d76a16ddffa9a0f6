"""Adds events to a Redis stream, a pipeline of XADD per portion of a batch."""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from exporters import Outcome, Rejection
from exporters.portions import portions
from exporters.redis_streams.entry import entry
from sidecar.errors import TransientExportError
from sidecar.events import HookEvent

if TYPE_CHECKING:
    from exporters.redis_streams.connection import Argument, RedisConnection

PORTION_BYTES = 1 << 20
"""Bytes of values in one round trip, which exist about three times while they are sent."""

DEFAULT_LARGEST_VALUE = 512 << 20
"""Redis' own default of `proto-max-bulk-len`; it closes the connection on a larger value."""


@dataclass(frozen=True, slots=True)
class RedisStreamsConfig:
    """Where entries go.

    Args:
        url: `redis://`, `rediss://` (TLS) or `unix://`, with user, password and database number.
        stream: key of the stream.
        maxlen: entries that the stream keeps, approximately; the oldest go first.
        timeout: seconds that connecting, and each wait for an answer, may take.
    """

    url: str
    stream: str = "leanvibe:events"
    maxlen: int = 10_000
    timeout: float = 5.0


class _Entry(NamedTuple):
    position: int
    fields: dict[str, str | bytes]
    size: int


class RedisStreamsExporter:
    """One entry per event; a batch sent twice gives entries with the same `event_id` twice.

    What an operator can put right, a wrong URL and a missing right included, is a `TransientExportError`.
    """

    def __init__(self, config: RedisStreamsConfig) -> None:
        self._config = config
        self._connection: RedisConnection | None = None
        self._largest_value = DEFAULT_LARGEST_VALUE

    def start(self) -> None:
        """Connects anew.

        Raises:
            TransientExportError: no Redis answers there, or it refuses the login.
        """
        self.close()
        self._connection = self._connect()

    def export(self, batch: Sequence[HookEvent]) -> Outcome:
        """Adds the events in order.

        Rejected are events that have no readable form (a time after the year 9999) or a value larger than
        Redis takes. After an error a part of the batch may be in the stream; a repeat adds it again.

        Raises:
            TransientExportError: Redis is away, out of memory, read-only, or refuses the command.
        """
        if self._connection is None:
            self.start()
        entries, rejected = self._entries(batch)
        for portion in portions([item.size for item in entries], PORTION_BYTES):
            rejected += self._add(entries[portion])
        return Outcome(tuple(sorted(rejected, key=lambda rejection: rejection.index)))

    def close(self) -> None:
        """Ends the connection; the next `export` makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connect(self) -> "RedisConnection":
        import hiredis

        from exporters.redis_streams.connection import RedisConnection
        from exporters.redis_streams.place import place

        try:
            with contextlib.ExitStack() as unless_ready:
                connection = RedisConnection.reach(place(self._config.url), self._config.timeout)
                unless_ready.callback(connection.close)
                self._largest_value = _largest_value(connection)
                unless_ready.pop_all()
        except (hiredis.HiredisError, OSError, ValueError) as error:
            raise self._trouble(error) from None  # the cause may show the password
        return connection

    def _entries(self, batch: Sequence[HookEvent]) -> tuple[list[_Entry], list[Rejection]]:
        entries: list[_Entry] = []
        rejected: list[Rejection] = []
        for index, event in enumerate(batch):
            try:
                entries.append(self._entry(index, event))
            except ValueError as error:
                rejected.append(Rejection(index, str(error)))
        return entries, rejected

    def _entry(self, index: int, event: HookEvent) -> _Entry:
        fields = entry(event)
        sizes = [len(value) for value in fields.values()]
        if max(sizes) > self._largest_value:
            raise ValueError(f"a value of {max(sizes)} bytes, and Redis takes {self._largest_value}")
        return _Entry(index, fields, sum(sizes))

    def _add(self, entries: list[_Entry]) -> list[Rejection]:
        from exporters.redis_streams.answers import answer_of, is_about_entry

        answers = self._send(entries)
        failed = [(item, error) for item, error in zip(entries, answers, strict=True) if isinstance(error, Exception)]
        about_server = [error for _, error in failed if not is_about_entry(error)]
        if about_server or (len(failed) == len(entries) and self._is_said_to_all(entries, failed[0][1])):
            raise self._trouble((about_server or [failed[0][1]])[0])
        return [Rejection(item.position, f"Redis: {answer_of(error, self._config.url)}") for item, error in failed]

    def _is_said_to_all(self, entries: list[_Entry], error: Exception) -> bool:
        """Whether what every entry was answered is about none of them, such as a used-up quota in words of a vendor.

        So many at once are no fault of theirs. A lone one's answer is compared with that to a command which holds
        nothing at all.
        """
        if len(entries) > 1:
            return True
        (answer,) = self._exchange([["XADD", self._config.stream]], 1)
        return str(answer) == str(error)

    def _send(self, entries: list[_Entry]) -> list[object]:
        return self._exchange((self._command(item) for item in entries), len(entries))

    def _exchange(self, commands: "Iterable[Sequence[Argument]]", count: int) -> list[object]:
        import hiredis

        connection = self._connection
        if connection is None:
            raise TransientExportError("the connection was closed meanwhile")  # by a stop that did not wait longer
        try:
            return connection.send(commands, count)
        except (hiredis.HiredisError, OSError) as error:
            self.close()  # answers that are still to come would be taken for those of the next batch
            raise self._trouble(error) from None

    def _command(self, item: _Entry) -> list[str | bytes | int]:
        command: list[str | bytes | int] = ["XADD", self._config.stream, "MAXLEN", "~", self._config.maxlen, "*"]
        for field, value in item.fields.items():
            command += (field, value)
        return command

    def _trouble(self, error: Exception) -> TransientExportError:
        from exporters.redis_streams.answers import trouble

        return trouble(error, self._config.url)


def _largest_value(connection: "RedisConnection") -> int:
    import hiredis

    try:
        answer = connection.call("CONFIG", "GET", "proto-max-bulk-len")
    except hiredis.ReplyError:  # managed servers keep CONFIG to themselves
        return DEFAULT_LARGEST_VALUE
    return int(answer[1]) if isinstance(answer, list) and answer else DEFAULT_LARGEST_VALUE
