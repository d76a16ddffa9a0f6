"""Sends all metrics to a sink every now and then: cumulative, so that a failed attempt loses nothing."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sidecar.errors import ExportError, PermanentExportError
from sidecar.otel.metric_model import Metric
from sidecar.worker.deliver.sink import Outcome, Sink
from sidecar.worker.deliver.state import SinkState

NAME = "otlp-metrics"
INTERVAL_VARIABLE = "OTEL_METRIC_EXPORT_INTERVAL"
DEFAULT_INTERVAL_SECONDS = 60.0


class MetricExporter:
    """A thread that exports at each interval, and once more when it is stopped.

    Args:
        sink: takes metrics.
        gather: what the worker counts.
        interval: seconds between two exports.
    """

    def __init__(self, sink: Sink[Metric], gather: Callable[[], Sequence[Metric]], interval: float) -> None:
        self.state = SinkState(name=NAME)
        self.front: Sequence[Metric] = ()
        """The front's own metrics, as it told them last."""
        self._sink = sink
        self._gather = gather
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=NAME, daemon=True)

    def start(self) -> None:
        """Begins; the first export is one interval away."""
        self._thread.start()

    def close(self, seconds: float) -> None:
        """Exports a last time within `seconds` and releases the sink."""
        self._stop.set()
        self._thread.join(seconds)
        self._sink.close()

    def _run(self) -> None:
        stopping = False
        while not stopping:
            stopping = self._stop.wait(self._interval)
            self._export()

    def _export(self) -> None:
        try:
            metrics = [metric for metric in (*self.front, *self._gather()) if metric.points]
            if self.state.state != "up":
                self._sink.start()
            outcome = self._sink.export(metrics) if metrics else None
        except ExportError as error:
            fatal = isinstance(error, PermanentExportError)
            self.state.failed(f"{error}{'; the next attempt may fare better' if fatal else ''}")
            return
        except Exception as error:  # noqa: BLE001  whatever it is must not end the thread, unseen: the next one has all
            self.state.failed(f"unexpected {type(error).__name__}")
            return
        if outcome:
            self.state.skip(outcome.skipped, outcome.reason)
            self.state.notify(_refusal_in(outcome))
        self.state.succeeded(self.state.seq, len(metrics) - (outcome.skipped if outcome else 0), 0)


def _refusal_in(outcome: Outcome) -> str:
    """What the backend did not take, in one line: nothing is kept of it, since the numbers come again."""
    refused = len(outcome.rejected) + outcome.unnamed
    reason = outcome.reason or next((one.reason for one in outcome.rejected), "")
    return f"{refused} refused: {reason}" if refused else ""


def interval_of(environment: Mapping[str, Any]) -> float:
    """Seconds between two exports, by the standard variable (milliseconds); what is no time is the default."""
    try:
        seconds = float(environment.get(INTERVAL_VARIABLE, "")) / 1000
    except ValueError:
        return DEFAULT_INTERVAL_SECONDS
    return seconds if 0 < seconds <= threading.TIMEOUT_MAX else DEFAULT_INTERVAL_SECONDS
