"""How fast events become spans and spans reach a backend: `uv run python -m tests.bench.otlp`.

Everything but the receiver runs on one thread, and its CPU time counts, so that the receiver next door does
not. The last line compares with encoding alone, within the same run.
"""

import sys
import time
from collections.abc import Callable

import msgspec

from exporters.otlp import Identity, OtlpConfig, OtlpExporter
from exporters.otlp.encode import request_bytes, wire_span
from sidecar.events import HookEvent
from sidecar.otel.model import Span
from sidecar.otel.turns import TurnAssembler
from tests import recorded
from tests.otlp_receiver import OtlpReceiver

SESSIONS = ("basic", "parallel", "subagent")
COPIES = 600
BATCH = 512


def many_sessions() -> list[HookEvent]:
    """Recorded sessions, many times over, each copy a session of its own."""
    found = []
    for copy in range(COPIES):
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


def main() -> None:
    """Prints one figure a line."""
    events = many_sessions()
    spans: list[Span] = []
    mapping = timed(lambda: spans.extend(assemble(events)))
    with OtlpReceiver(drop=True) as receiver:
        exporter = OtlpExporter(OtlpConfig(endpoint=f"{receiver.url}/v1/traces"), Identity("bench"))
        exporter.start()
        sending = timed(lambda: export(exporter, spans))
        exporter.close()
    encoding = timed(lambda: encode(spans))
    whole = len(spans) / (mapping + sending)
    sys.stdout.write(
        f"events mapped    {len(events) / mapping:>9,.0f} /s\n"
        f"spans mapped     {len(spans) / mapping:>9,.0f} /s\n"
        f"spans exported   {len(spans) / sending:>9,.0f} /s\n"
        f"both             {whole:>9,.0f} spans/s on one core\n"
        f"both : encoding  {(mapping + sending) / encoding:>9.2f}\n"
    )


if __name__ == "__main__":
    main()
