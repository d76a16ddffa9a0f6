"""Rounds of faults: the sidecar killed at random moments under load, sinks taken away and given back."""

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.faults.tally import Tally, doubled_spans, in_postgres, in_redis, in_spans, in_store, tally
from tests.faults.traffic import Traffic
from tests.otlp_receiver import Answer, OtlpReceiver
from tests.processes import child_of
from tests.servers import Server, fresh_database, running_postgres, running_redis
from tests.sidecar_process import Sidecar
from tests.tcp_proxy import Fault, TcpProxy
from tests.waiting import until

LONGEST_ROUND = 1.6
"""Seconds; the kill comes at a random moment before, start-up included."""
CUTS = (Fault.STALL, Fault.RESET, Fault.TRUNCATE)
VICTIMS = ("front", "worker", "front and worker", "front, not waiting for its worker")
MAXLEN = 100_000_000
AGENTS = 6

Say = Callable[[str], None]


@dataclass(frozen=True)
class Sinks:
    """The real servers that the sidecar delivers to."""

    redis: Server
    postgres: Server
    dsn: str
    receiver: OtlpReceiver
    networks: Mapping[str, TcpProxy]

    def environment(self) -> dict[str, str]:
        """The settings that switch all of them on."""
        return {
            "LEANVIBE_REDIS_URL": self.networks["redis"].through(self.redis.url),
            "LEANVIBE_REDIS_MAXLEN": str(MAXLEN),
            "LEANVIBE_POSTGRES_DSN": self.networks["postgres"].through(self.dsn),
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.networks["otlp"].through(self.receiver.url),
        }

    def outage(self, rng: random.Random) -> str:
        """Takes one away, or the network to it, or none; says which."""
        servers = ("redis killed", "postgres killed", "otlp answers 503", "otlp resets", "none")
        cuts = {f"network to {name} {fault.value}": (name, fault) for name in self.networks for fault in CUTS}
        which = rng.choice((*servers, *cuts))
        if which in cuts:
            name, fault = cuts[which]
            self.networks[name].be(fault)
        match which:
            case "redis killed":
                self.redis.kill()
            case "postgres killed":
                self.postgres.kill()
            case "otlp answers 503":
                self.receiver.answer_always(Answer(status=503))
            case "otlp resets":
                self.receiver.answer_always(Answer(reset=True))
        return which

    def give_back(self) -> None:
        """All of them work again."""
        for network in self.networks.values():
            network.be(Fault.NONE)
        self.redis.start()
        self.postgres.start()
        self.receiver.answer_always(Answer())


@contextlib.contextmanager
def running_sinks() -> Iterator[Sinks]:
    """A Redis that syncs every command, a PostgreSQL and an OTLP receiver, each behind a network of its own."""
    with (
        running_redis(durable=True) as redis,
        running_postgres() as postgres,
        fresh_database(postgres) as dsn,
        OtlpReceiver() as receiver,
        contextlib.ExitStack() as stack,
    ):
        ports = {"redis": redis.port, "postgres": postgres.port, "otlp": urlsplit(receiver.url).port or 0}
        networks = {name: stack.enter_context(TcpProxy(port)) for name, port in ports.items()}
        yield Sinks(redis, postgres, dsn, receiver, networks)


def run(home: Path, sinks: Sinks, rounds: int, rng: random.Random, say: Say) -> list[Tally]:
    """Kills the sidecar that often under load, lets it deliver what is left, and counts.

    Raises:
        TimeoutError: it did not come back, or a sink did not catch up.
    """
    with contextlib.closing(Sidecar(home, sinks.environment())) as sidecar:
        sidecar.start()
        sidecar.keep_port(sidecar.port)
        traffic = Traffic(sidecar.port, AGENTS)
        traffic.start()
        for number in range(1, rounds + 1):
            outage = sinks.outage(rng)
            time.sleep(rng.uniform(0.02, LONGEST_ROUND))
            victim = rng.choice(VICTIMS)
            kill(sidecar, victim)
            sinks.give_back()
            say(f"round {number}: {victim} killed, {outage}; {len(traffic.acknowledged)} acknowledged so far")
        traffic.stop()
        say(f"{len(traffic.acknowledged)} acknowledged, {traffic.refused} refused or cut off")
        return count(sidecar, sinks, traffic.acknowledged)


def kill(sidecar: Sidecar, victim: str) -> None:
    """Kills with SIGKILL, and starts again what does not start by itself."""
    if victim == "worker":
        _kill_worker(sidecar)
        return
    if victim == "front and worker":
        _kill_worker(sidecar)
    end = sidecar.kill if victim == "front" else sidecar.crash
    end()
    sidecar.start()


def _kill_worker(sidecar: Sidecar) -> None:
    worker = child_of(sidecar.pid)
    if worker is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


def count(sidecar: Sidecar, sinks: Sinks, acknowledged: set[str]) -> list[Tally]:
    """Waits until every sink has passed everything, then holds each against the acknowledged events."""
    while not delivered(sidecar):
        pass
    ends = {one for one in acknowledged if one.startswith("PostToolUse:")}
    with contextlib.suppress(TimeoutError):  # what is missing then is told as lost
        until(lambda: ends <= {one.key for one in in_spans(sinks.receiver.spans)}, "every turn has left")
    return [
        tally("store", acknowledged, in_store(sidecar)),
        tally("redis", acknowledged, in_redis(sinks.redis.url)),
        tally("postgres", acknowledged, in_postgres(sinks.dsn)),
        tally("otlp", ends, in_spans(sinks.receiver.spans)),
        Tally("spans", (), doubled_spans(sidecar)),
    ]


def delivered(sidecar: Sidecar) -> bool:
    """Whether every sink has passed everything; false when they are getting there.

    Raises:
        TimeoutError: none of them does.
    """
    before = {name: sink["seq"] for name, sink in sidecar.health()["sinks"].items()}
    try:
        sidecar.wait_for_sinks("redis", "postgres", "otlp")
    except TimeoutError:
        if before == {name: sink["seq"] for name, sink in sidecar.health()["sinks"].items()}:
            raise
        return False
    return True
