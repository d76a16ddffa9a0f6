"""Adds events to a Redis stream, a pipeline of XADD per portion of a batch."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from exporters import Outcome, Rejection
from exporters.portions import portions
from exporters.redis_streams.entry import entry
from sidecar.errors import TransientExportError
from sidecar.events import HookEvent

if TYPE_CHECKING:
    import redis  # 16 MB: nobody pays for them without this sink
    from redis.typing import EncodableT, FieldT

PORTION_BYTES = 1 << 20
"""Bytes of values in one round trip; redis-py holds them about three times."""

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
        self._client: redis.Redis | None = None
        self._largest_value = DEFAULT_LARGEST_VALUE

    def start(self) -> None:
        """Connects anew.

        Raises:
            TransientExportError: no Redis answers there, or it refuses the login.
        """
        self.close()
        self._client = self._connect()

    def export(self, batch: Sequence[HookEvent]) -> Outcome:
        """Adds the events in order.

        Rejected are events that have no readable form (a time after the year 9999) or a value larger than
        Redis takes. After an error a part of the batch may be in the stream; a repeat adds it again.

        Raises:
            TransientExportError: Redis is away, out of memory, read-only, or refuses the command.
        """
        if self._client is None:
            self.start()
        entries, rejected = self._entries(batch)
        for portion in portions([item.size for item in entries], PORTION_BYTES):
            rejected += self._add(entries[portion])
        return Outcome(tuple(sorted(rejected, key=lambda rejection: rejection.index)))

    def close(self) -> None:
        """Ends the connection; the next `export` makes a new one."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connect(self) -> "redis.Redis":
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        config = self._config
        try:
            client = redis.Redis.from_url(
                config.url,
                protocol=2,  # Redis 5 has streams and no HELLO
                retry=Retry(NoBackoff(), 0),
                socket_timeout=config.timeout,
                socket_connect_timeout=config.timeout,
            )
            with contextlib.suppress(redis.exceptions.NoPermissionError):  # a user with XADD only is enough
                client.ping()
            self._largest_value = _largest_value(client)
        except (redis.RedisError, ValueError, TypeError) as error:
            raise self._trouble(error) from None  # the cause may show the password
        return client

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
        from exporters.redis_streams.answers import is_about_entry

        answers = self._send(entries)
        failed = [(item, error) for item, error in zip(entries, answers, strict=True) if isinstance(error, Exception)]
        about_server = [error for _, error in failed if not is_about_entry(error)]
        everything = len(failed) == len(entries) > 1  # so many at once are no fault of theirs
        if about_server or everything:
            raise self._trouble((about_server or [failed[0][1]])[0])
        return [Rejection(item.position, f"Redis: {error}") for item, error in failed]

    def _send(self, entries: list[_Entry]) -> list[object]:
        import redis

        assert self._client is not None  # noqa: S101 - export() connects first
        pipeline = self._client.pipeline(transaction=False)
        for item in entries:
            fields: dict[FieldT, EncodableT] = dict(item.fields.items())
            pipeline.xadd(self._config.stream, fields, maxlen=self._config.maxlen, approximate=True)
        try:
            return pipeline.execute(raise_on_error=False)
        except redis.RedisError as error:
            raise self._trouble(error) from None

    def _trouble(self, error: Exception) -> TransientExportError:
        from exporters.redis_streams.answers import trouble

        return trouble(error, self._config.url)


def _largest_value(client: "redis.Redis") -> int:
    import redis

    try:
        answer = client.config_get("proto-max-bulk-len")
    except redis.ResponseError:  # managed servers keep CONFIG to themselves
        return DEFAULT_LARGEST_VALUE
    return int(answer.get("proto-max-bulk-len") or DEFAULT_LARGEST_VALUE)
