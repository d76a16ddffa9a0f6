"""Traffic at a steady pace."""

import http.client
import threading
import time
from urllib.parse import urlsplit

from tests.bench.bodies import encoded, events

HOOKS = "/api/v1/hooks/claude-code"
PER_SECOND = 100


class Paced:
    """Posts distinct native events at a steady pace over one connection; keeps what each took, in milliseconds."""

    def __init__(self, url: str, per_second: float = PER_SECOND) -> None:
        self._where = urlsplit(url)
        self._pause = 1 / per_second
        self.times: list[float] = []
        self.refused = 0

    def run(self, over: threading.Event) -> None:
        """One after the other."""
        assert self._where.hostname
        connection = http.client.HTTPConnection(self._where.hostname, self._where.port, timeout=60)
        following = time.monotonic()
        for event in events():
            if over.is_set():
                return
            body, sent = encoded(event), time.perf_counter()
            connection.request("POST", HOOKS, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            self.times.append((time.perf_counter() - sent) * 1000)
            self.refused += answer.status != 204
            following += self._pause
            over.wait(max(0.0, following - time.monotonic()))
