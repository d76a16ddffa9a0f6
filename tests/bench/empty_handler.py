"""A handler that does nothing, on the sidecar's server with its settings (uvicorn, httptools, uvloop).

What the server alone costs.

`running()` is for benchmarks; `python -m tests.bench.empty_handler PORT` is the process.
"""

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import uvicorn
import uvloop

from tests.processes import processes
from tests.servers import free_port
from tests.waiting import until


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
def running() -> Iterator[Running]:
    """A process of its own, as long as the block lasts."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.empty_handler", str(port)])
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


def main(port: int) -> None:
    """Serves until it is ended."""
    config = uvicorn.Config(
        handler, http="httptools", lifespan="off", log_config=None, access_log=False, server_header=False,
        date_header=False, proxy_headers=False,
    )  # fmt: skip
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve(sockets=[socket.create_server(("127.0.0.1", port), backlog=2048)]))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main(int(sys.argv[1]))
