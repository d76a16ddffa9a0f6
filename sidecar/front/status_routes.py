"""Routes that tell how the sidecar is and hold no content of any event."""

from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Request, Response, get, route
from litestar.handlers import HTTPRouteHandler

from sidecar.front.exposition import exposition
from sidecar.front.health import performance_answer
from sidecar.front.monitor import PerformanceMonitor
from sidecar.front.stages import Stages
from sidecar.otel.metric_model import Metric
from sidecar.paths import API

BRIEF = ("status", "service")
"""What health tells anyone."""


def status_routes(
    monitor: PerformanceMonitor,
    stages: Stages,
    health: Callable[[], dict[str, Any]],
    gather: Callable[[], Awaitable[list[Metric]]],
    tells_all: Callable[[Request[Any, Any, Any]], bool],
) -> list[HTTPRouteHandler]:
    """The handlers of performance, health and metrics.

    Args:
        monitor: what happened of late.
        stages: where the time of events goes.
        health: every component and sink.
        gather: every metric.
        tells_all: whether who asks is told more of the health than its status.
    """

    @get(f"{API}/hook-performance", summary="Throughput, latency and success rate; with detail=1 by stage")
    async def hook_performance(detail: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002  a filter
        return performance_answer(monitor.snapshot(), stages.window() if detail else None)

    @route(f"{API}/health", http_method=["GET", "HEAD"], summary="Every component and sink")
    async def health_route(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        answer = health()
        code = 503 if answer["status"] == "unhealthy" else 200
        brief = {name: answer[name] for name in BRIEF}
        return Response(answer if tells_all(request) else brief, status_code=code)

    @get("/metrics", summary="Prometheus text or OpenMetrics")
    async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
        body, content_type = exposition(await gather(), request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": content_type})  # as a media type it got a second charset

    return [hook_performance, health_route, metrics]
