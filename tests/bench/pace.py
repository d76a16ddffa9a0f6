"""What the sidecar costs at rest and at 100 events/s with all sinks on; and the same for ten minutes (`soak`).

`uv run python -m tests.bench --only pace`, or `--only soak`.
"""

import statistics
import time
from typing import NamedTuple

from tests.background import beside
from tests.bench.bodies import of_size
from tests.bench.least import append_share, handler_share
from tests.bench.lines import Line, Options, median
from tests.bench.machine import both, p, private_mb, processor_seconds, share
from tests.bench.million import private
from tests.bench.paced import PER_SECOND, Paced
from tests.bench.sinks import Sinks, all_sinks, drained
from tests.sidecar_process import Sidecar, running_sidecar

SOAK_SECONDS = 600
SAMPLE_SECONDS = 10


class Sample(NamedTuple):
    """Private memory in MB, percent of a core of both and of the front, microseconds an event."""

    front_mb: float
    worker_mb: float
    share: float
    front_share: float
    micros: float


def run(options: Options) -> list[Line]:
    """At rest, then at its pace for half a minute."""
    return paced(options, options.of(30, 5), options.of(5, 2), at_rest=True)


def soak(options: Options) -> list[Line]:
    """Ten minutes of it."""
    return paced(options, options.of(SOAK_SECONDS, 30), SAMPLE_SECONDS, at_rest=False)


def paced(options: Options, seconds: int, sample: int, *, at_rest: bool) -> list[Line]:
    """Memory, processor time, latency and what arrived, over so many seconds in samples."""
    with all_sinks() as sinks, running_sidecar(sinks.environment) as sidecar:
        lines = resting(sidecar, options) if at_rest else []
        with beside(Paced(sidecar.url)) as traffic:
            time.sleep(options.of(5, 1))
            samples = [sampled(sidecar, traffic, sample) for _ in range(seconds // sample)]
        drained(sidecar)
        lines += arrived(sidecar, sinks, traffic)
    least = options.of(10, 3)
    handler, append = handler_share(PER_SECOND, least), append_share(of_size(1_000), PER_SECOND, least)
    title = f"at {PER_SECOND} events/s, all sinks, {seconds} s"
    front, total = [one.front_mb for one in samples], [one.front_mb + one.worker_mb for one in samples]
    shares = f"front {statistics.median(one.front_share for one in samples):.1f}, worker "
    shares += f"{statistics.median(one.share - one.front_share for one in samples):.1f}; at that pace an empty "
    shares += f"handler takes {handler:.1f}, a bare append + fdatasync {append:.1f}"
    return [
        *lines,
        median(
            f"{title}: CPU of both",
            [one.micros * PER_SECOND / 1e4 for one in samples],
            "% of a core",
            budget=5,
            comparison=shares,
            note=pace_note(samples),
        ),
        median(f"{title}: CPU", [one.micros for one in samples], "µs/event"),
        Line(f"{title}: private memory of both", max(total), "MB", budget=120, spread=(min(total), max(total))),
        Line(f"{title}: private memory of the front", max(front), "MB", budget=50, spread=(min(front), max(front))),
        Line(f"{title}: memory grew", level(total), "MB", comparison="last third against the second, medians"),
        Line(f"{title}: ack p50", p(50, traffic.times), "ms", comparison=f"p99 {p(99, traffic.times):.1f} ms"),
    ]


def pace_note(samples: list[Sample]) -> str:
    """Says so when acknowledgements were too slow for the pace: the share is then scaled up to it."""
    reached = statistics.median(one.share * 1e4 / max(one.micros, 1) for one in samples)
    return f"only {reached:.0f} events/s were reached, scaled up" if reached < PER_SECOND * 0.95 else ""


def resting(sidecar: Sidecar, options: Options) -> list[Line]:
    """What it costs while nothing happens."""
    time.sleep(options.of(5, 1))
    idle = share(both(sidecar), options.of(5, 2), options.of(5, 2))
    return [
        private(sidecar, "at rest, all sinks: private memory of both"),
        median("at rest, all sinks: CPU of both", idle, "% of a core", budget=0.5),
    ]


def sampled(sidecar: Sidecar, traffic: Paced, seconds: int) -> Sample:
    """What both processes took in so long."""
    pids = both(sidecar)
    before, count, began = [processor_seconds(pid) for pid in pids], len(traffic.times), time.monotonic()
    time.sleep(seconds)
    front, worker = (processor_seconds(pid) - spent for pid, spent in zip(pids, before, strict=True))
    took, count = time.monotonic() - began, len(traffic.times) - count
    memory = map(private_mb, pids)
    return Sample(*memory, (front + worker) / took * 100, front / took * 100, (front + worker) / max(1, count) * 1e6)


def level(total: list[float]) -> float:
    """How much the last third of the samples is above the one before, in MB."""
    third = max(1, len(total) // 3)
    return statistics.median(total[-third:]) - statistics.median(total[-2 * third : -third] or total[:third])


def arrived(sidecar: Sidecar, sinks: Sinks, traffic: Paced) -> list[Line]:
    """Every event in every sink, and in the store."""
    sent = len(traffic.times)
    counts = {**sinks.counts(), "store": sidecar.count()}
    lacking = sent - min(counts.values())
    words = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    return [
        Line("of these events lacking in a sink or the store", lacking, "events", budget=0,
             comparison=f"{sent:,} sent; {words}; {sinks.spans:,} spans", note=f"{traffic.refused} refused"),
    ]  # fmt: skip
