"""A handler that does nothing, on the sidecar's server with its settings (uvicorn, httptools, uvloop).

What the server alone costs: without a framework, or as a route of the framework that the sidecar is made with.

`running()` is for benchmarks; `python -m tests.bench.empty_handler KIND PORT` is the process.
"""

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import uvicorn
import uvloop
from litestar import Litestar, Request, post

from tests.processes import processes
from tests.servers import free_port
from tests.waiting import until

Kind = Literal["bare", "route"]


@post("/", status_code=204)
async def route(request: Request[Any, Any, Any]) -> None:
    """Reads the body and answers 204."""
    await request.body()


async def handler(scope: Any, receive: Any, send: Any) -> None:
    """Reads the body and answers 204."""
    assert scope["type"] == "http"
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


class Running(NamedTuple):
    """Where it answers, and its process id."""

    url: str
    pid: int


@contextlib.contextmanager
def running(kind: Kind = "bare") -> Iterator[Running]:
    """A process of its own, as long as the block lasts.

    Args:
        kind: "bare" is called by uvicorn itself, "route" by Litestar.
    """
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.empty_handler", kind, str(port)])
    try:
        until(lambda: process.pid in processes() and _answers(port), "the empty handler listens")
        yield Running(f"http://127.0.0.1:{port}/", process.pid)
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    return False


def main(kind: str, port: int) -> None:
    """Serves until it is ended."""
    asgi: Any = Litestar([route], openapi_config=None, logging_config=None) if kind == "route" else handler
    config = uvicorn.Config(
        asgi, http="httptools", lifespan="off", log_config=None, access_log=False, server_header=False,
        date_header=False, proxy_headers=False,
    )  # fmt: skip
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve(sockets=[socket.create_server(("127.0.0.1", port), backlog=2048)]))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(sys.argv[1], int(sys.argv[2]))
