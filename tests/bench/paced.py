"""Traffic at a steady pace."""

import socket
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
        """One after the other, each in one piece, as agents send them."""
        head = f"POST {HOOKS} HTTP/1.1\r\nHost: {self._where.netloc}\r\nContent-Type: application/json\r\n"
        following = time.monotonic()
        with socket.create_connection((self._where.hostname, self._where.port), timeout=60) as connection:
            for event in events():
                if over.is_set():
                    return
                body, sent = encoded(event), time.perf_counter()
                connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
                answer = connection.recv(65_536)
                self.times.append((time.perf_counter() - sent) * 1000)
                self.refused += b" 204 " not in answer[:16]
                following += self._pause
                over.wait(max(0.0, following - time.monotonic()))
