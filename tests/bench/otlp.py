"""How fast events become spans and spans reach a backend: `uv run python -m tests.bench.otlp`.

Everything but the receiver runs on one thread, and its CPU time counts, so that the receiver next door does
not. The last line compares with encoding alone, within the same run.
"""

import time
from collections.abc import Callable

import msgspec

from exporters.otlp import Identity, OtlpConfig, OtlpExporter
from exporters.otlp.encode import request_bytes, wire_span
from sidecar.events import HookEvent
from sidecar.otel.model import Span
from sidecar.otel.turns import TurnAssembler
from tests import recorded
from tests.bench.lines import Line, Options, median, table
from tests.otlp_receiver import OtlpReceiver

SESSIONS = ("basic", "parallel", "subagent")
COPIES = 600
BATCH = 512


def many_sessions(copies: int) -> list[HookEvent]:
    """Recorded sessions, many times over, each copy a session of its own."""
    found = []
    for copy in range(copies):
        for name in SESSIONS:
            for one in recorded.session(name):
                ids = {"session_id": f"{one.session_id}-{copy}", "event_id": f"{name}-{copy}-{one.event_id}"}
                found.append(msgspec.structs.replace(one, received_at=one.received_at + copy * 10**7, **ids))
    return found


def assemble(events: list[HookEvent]) -> list[Span]:
    """All spans of the events, fed as the journal is read."""
    turns, left = TurnAssembler(), []
    for begin in range(0, len(events), BATCH):
        left += turns.feed(events[begin : begin + BATCH], 0)
    return left + turns.feed([], events[-1].received_at + 10**10)


def export(exporter: OtlpExporter, spans: list[Span]) -> None:
    """Sends all spans in batches."""
    for begin in range(0, len(spans), BATCH):
        exporter.export(spans[begin : begin + BATCH])


def encode(spans: list[Span]) -> None:
    """Encodes all spans and sends none."""
    for span in spans:
        wire_span(span).SerializeToString()
    request_bytes([])


def timed(work: Callable[[], object]) -> float:
    """CPU seconds of this thread."""
    begun = time.thread_time()
    work()
    return time.thread_time() - begun


def run(options: Options) -> list[Line]:
    """Rates of one core; medians of several passes over the same events."""
    events = many_sessions(options.of(COPIES, COPIES // 10))
    passes = [one_pass(events) for _ in range(options.rounds)]
    mapping, sending, encoding, spans = zip(*passes, strict=True)
    count = spans[0]
    both = [one + other for one, other in zip(mapping, sending, strict=True)]
    return [
        median("OTLP: events mapped", [len(events) / one for one in mapping], "/s of CPU"),
        median("OTLP: spans mapped", [count / one for one in mapping], "/s of CPU"),
        median("OTLP: spans exported", [count / one for one in sending], "/s of CPU"),
        median("OTLP: mapped and exported", [count / one for one in both], "spans/s on one core", budget=10_000,
               at_least=True),
        median("OTLP: mapped and exported : encoding alone",
               [one / alone for one, alone in zip(both, encoding, strict=True)], "×"),
    ]  # fmt: skip


def one_pass(events: list[HookEvent]) -> tuple[float, float, float, int]:
    """CPU seconds of mapping, sending, encoding alone; and how many spans."""
    spans: list[Span] = []
    mapping = timed(lambda: spans.extend(assemble(events)))
    with OtlpReceiver(drop=True) as receiver:
        exporter = OtlpExporter(OtlpConfig(endpoint=f"{receiver.url}/v1/traces"), Identity("bench"))
        exporter.start()
        sending = timed(lambda: export(exporter, spans))
        exporter.close()
    return mapping, sending, timed(lambda: encode(spans)), len(spans)


if __name__ == "__main__":
    print(table(run(Options())))
