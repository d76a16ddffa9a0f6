"""Laws of who may stay when connections are slow, silent, or too many."""

import asyncio
import itertools
from collections.abc import Callable

import pytest

from sidecar.front import connections as module
from sidecar.front.bucket import Bucket
from sidecar.front.connections import DEAF_SECONDS, KEEP_ALIVE_SECONDS, ConnectionLimits, Connections, Phase


class Clock:
    """Stands still."""

    now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


class Client:
    """A connection that only notes how it ended."""

    def __init__(self) -> None:
        self.received = 0
        self.is_held = False
        self.ended: Phase | None = None

    def hang_up(self, phase: Phase) -> None:
        """Notes it."""
        self.ended = phase


LIMITS = ConnectionLimits(connections=4, busy=3, per_connection=100, overall=1000, slow_seconds=10)


def having(*phases: Phase, clock: Clock) -> tuple[Connections, list[Client]]:
    """Connections in these phases, each a minute older than the next."""
    connections = Connections(LIMITS, clock)
    clients = [Client() for _ in phases]
    for client, phase in zip(clients, phases, strict=True):
        connections.move(client, phase)
        clock.now += 60
    return connections, clients


def come(connections: Connections) -> bool:
    """A new client comes; whether it may stay."""

    async def enter() -> bool:
        return connections.enter(Client()) and connections.admit()

    return asyncio.run(enter())


@pytest.mark.parametrize(
    ("phases", "goes"),
    [
        ((Phase.IDLE, Phase.BODY, Phase.BUSY, Phase.HEAD), 3),
        ((Phase.IDLE, Phase.BODY, Phase.BUSY, Phase.IDLE), 1),
        ((Phase.BUSY, Phase.IDLE, Phase.IDLE, Phase.DEAF), 1),
        ((Phase.HEAD, Phase.HEAD, Phase.HEAD, Phase.HEAD), 0),
    ],
)
def test_the_one_that_is_missed_least_goes(phases: tuple[Phase, ...], goes: int) -> None:
    """A new connection takes the place of an unfinished head, a slow body, the longest idle; in this order."""
    connections, clients = having(*phases, clock=Clock())
    assert come(connections)
    assert [goes] == [place for place, client in enumerate(clients) if client.ended]
    assert 4 == len(connections)


@pytest.mark.parametrize("order", list(itertools.permutations([Phase.BUSY, Phase.BUSY, Phase.DEAF, Phase.IDLE])))
def test_who_is_being_answered_stays(order: tuple[Phase, ...]) -> None:
    """A busy connection, one whose answer is on its way, and one that was busy a moment ago, never go."""
    clock = Clock()
    connections, clients = having(*order, clock=clock)
    for client, phase in zip(clients, order, strict=True):
        if phase is Phase.IDLE:
            connections.move(client, phase)
    assert not come(connections)
    assert [None] * 4 == [client.ended for client in clients]


def test_a_crowd_of_busy_ones_is_not_made_larger() -> None:
    """There may be room for more connections, but not for more that all ask at once; a moment later there is."""
    clock = Clock()
    connections = Connections(LIMITS, clock)
    busy = [Client() for _ in range(3)]
    for client in busy:
        connections.move(client, Phase.IDLE)
    assert not come(connections)
    clock.now += 1.5
    assert come(connections)


def test_who_came_in_before_the_crowd_is_counted_when_it_asks() -> None:
    """Of many that came in together and ask together, as many are let through as may be busy."""
    connections = Connections(LIMITS, Clock())
    clients = [Client() for _ in range(4)]
    for client in clients:
        connections.move(client, Phase.HEAD)
    admitted = []
    for client in clients:
        admitted.append(connections.admit())
        if admitted[-1]:
            connections.move(client, Phase.BUSY)
    assert [True, True, True, False] == admitted
    assert {"too_many_connections": 1} == dict(connections.turned_away)


@pytest.mark.parametrize(("phase", "seconds"), [(Phase.HEAD, 10.0), (Phase.BODY, 10.0), (Phase.DEAF, DEAF_SECONDS)])
def test_the_overdue_go(phase: Phase, seconds: float) -> None:
    """A head, a body, an unread answer: each has its time and no more."""
    clock = Clock()
    connections = Connections(LIMITS, clock)
    client = Client()
    connections.move(client, phase)
    clock.now += seconds
    connections.sweep()
    assert client.ended is None
    clock.now += 0.1
    connections.sweep()
    assert phase is client.ended
    assert (0, {phase.value: 1}) == (len(connections), dict(connections.turned_away))


@pytest.mark.parametrize(("phase", "seconds"), [(Phase.IDLE, KEEP_ALIVE_SECONDS - 70), (Phase.BUSY, 10_000)])
def test_the_idle_and_the_busy_may_wait(phase: Phase, seconds: float) -> None:
    """Nobody is ended for asking nothing for a while, nor for a question that takes long."""
    clock = Clock()
    connections, clients = having(phase, clock=clock)
    clock.now += seconds
    connections.sweep()
    assert clients[0].ended is None


def test_who_asks_nothing_for_long_goes_uncounted() -> None:
    """An idle connection ends after the keep-alive time; nobody was turned away."""
    clock = Clock()
    connections, clients = having(Phase.IDLE, clock=clock)
    clock.now += KEEP_ALIVE_SECONDS + 1
    connections.sweep()
    assert Phase.IDLE is clients[0].ended
    assert (0, {}) == (len(connections), dict(connections.turned_away))


def test_a_body_has_time_as_it_comes() -> None:
    """A large body that keeps coming is not slow."""
    clock = Clock()
    connections, clients = having(Phase.BODY, clock=clock)
    clients[0].received = 16 * 1024 * 60
    connections.sweep()
    assert clients[0].ended is None
    clock.now += 11
    connections.sweep()
    assert Phase.BODY is clients[0].ended


def test_time_in_which_we_do_not_read_does_not_count() -> None:
    """A client that is held back by us is not slow, and does not lose its place."""
    clock = Clock()
    connections = Connections(LIMITS, clock)
    client = Client()
    client.is_held = True
    connections.move(client, Phase.BODY)
    for _ in range(100):
        clock.now += 0.5
        connections.sweep()
    assert client.ended is None
    client.is_held = False
    clock.now += 9
    connections.sweep()
    assert client.ended is None


def test_leaving_twice_is_harmless() -> None:
    """Whoever is gone is gone."""
    connections, clients = having(Phase.IDLE, clock=Clock())
    connections.leave(clients[0])
    connections.leave(clients[0])
    assert 0 == len(connections)


def takes(bucket: Bucket, count: int, wait: Callable[[float], None]) -> float:
    """Takes so many, waiting as told; the seconds waited."""
    waited = 0.0
    for _ in range(count):
        seconds = bucket.take()
        wait(seconds)
        waited += seconds
    return waited


def test_a_bucket_holds_the_rate() -> None:
    """Up to a second's worth passes at once; beyond it, as many as the rate in each second."""
    clock = Clock()
    bucket = Bucket(100, clock)

    def wait(seconds: float) -> None:
        clock.now += seconds

    assert 0 == takes(bucket, 100, wait)
    assert 3.0 == pytest.approx(takes(bucket, 300, wait))
    clock.now += 1000
    assert 0 == takes(bucket, 100, wait)
    assert bucket.take() > 0


def test_the_rate_of_all_counts_too() -> None:
    """A connection within its own rate waits when all together are beyond theirs."""
    connections = Connections(ConnectionLimits(4, 3, 100, 10, 10), Clock())
    assert 0 == sum(connections.debt(connections.bucket()) for _ in range(10))
    assert connections.debt(connections.bucket()) > 0


def test_one_that_cannot_be_hung_up_on_is_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transport that fails to close costs nobody the sweeping of the others, then and later."""
    monkeypatch.setattr(module, "SWEEP_SECONDS", 0.001)

    class Stuck(Client):
        def hang_up(self, phase: Phase) -> None:
            """Fails as a transport of a closed socket does."""
            super().hang_up(phase)
            raise RuntimeError("the handler is closed")

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: faults.append(told["exception"]))
        clock = Clock()
        connections = Connections(LIMITS, clock)
        clients = [Stuck(), Client()]
        for client in clients:
            connections.enter(client)
        clock.now += 60
        async with asyncio.timeout(10):
            while len(connections):  # noqa: ASYNC110  it sets no event
                await asyncio.sleep(0)
        assert [Phase.HEAD] * 2 == [client.ended for client in clients]

    faults: list[Exception] = []
    asyncio.run(run())
    assert [RuntimeError] == [type(fault) for fault in faults]
