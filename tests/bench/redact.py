"""How fast redaction is, and how much memory it takes: `uv run python -m tests.bench.redact`.

Processor time of decode, redact and encode together, medians, over bodies that carry home paths as every real
event does. The texts are the standard library's own sources, directory listings and prose. Budgets stand
beside the figures.
"""

import base64
import json
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sidecar.redact import PIIRedactor, decode, encode
from tests.bench.lines import Line, Options, table

SECRETS = (
    "AKIAIOSFODNN7EXAMPLE ghp_0123456789abcdefghijABCDEFGHIJ012345 jane@example.com +14155552671 "
    "password=hunter2x sk-ant-api03-FAKEfake0FAKEfakeFAKEfake "
    "xoxb-123456789012-1234567890123-AbCdEfGhIjKlMnOpQrStUvWx 078-05-1120 "
)
MEGABYTE = 1_000_000
_FEWEST = 3
_BATCH = 0.005
HOSTILE = {
    "one digit": "1",
    "cards": "4111 1111 1111 1111 ",
    "a@": "a@",
    "+1 2": "+1 2 ",
    "password=": "password=",
    "key:": "key: ",
    "://a:": "://a:",
    "PEM heads": "-----BEGIN PRIVATE KEY-----",
    "eyJ": "eyJ",
    "/home/a": "/home/a",
    "sk-": "sk-",
    "mysql a": "mysql a ",
    "a.": "a.",
    "1.": "1.",
    "quotes": '"',
}


def body(size: int, text: str) -> bytes:
    """A PostToolUse body of about that many bytes, with the paths of a developer's machine."""
    event = {
        "session_id": "02639198-5b19-43b8-be2b-d0421d0fd7a3",
        "transcript_path": "/Users/jane/.claude/projects/-Users-jane-shop/02639198-5b19-43b8-be2b.jsonl",
        "cwd": "/Users/jane/shop",
        "permission_mode": "default",
        "hook_event_name": "PostToolUse",
        "tool_name": "Bash",
        "tool_input": {"command": "ls /Users/jane/shop/src", "description": "List files"},
        "tool_response": {"stdout": "", "stderr": "", "interrupted": False},
        "tool_use_id": "toolu_56e3aae2ac774f9e90d12e",
    }
    room = max(0, size - len(json.dumps(event)))
    return json.dumps({**event, "tool_response": {"stdout": text[:room], "stderr": ""}}).encode()


def median(work: Callable[[], object], seconds: float = 1.0) -> float:
    """Median processor seconds of one call, over batches for about that long; neighbours do not count."""
    begin = time.process_time()
    work()
    batch = max(1, int(_BATCH / max(time.process_time() - begin, 1e-6)))
    times: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(times) < _FEWEST:
        begin = time.process_time()
        for _ in range(batch):
            work()
        times.append((time.process_time() - begin) / batch)
    return statistics.median(times)


def texts() -> dict[str, str]:
    """A megabyte or more of each kind of text."""
    sources = sorted(Path(statistics.__file__).parent.glob("*.py"))
    code = "".join(file.read_text("utf-8", "replace") for file in sources[:90])
    listing = "\n".join(
        f"-rw-r--r--  1 jane staff {n * 37 % 9000:5d} Nov 22 07:{n % 60:02d} module_{n}.py" for n in range(20_000)
    )
    prose = "The agent read the file, changed two functions and ran the tests again; all of them passed. " * 12_000
    return {"code": code, "listing": listing, "prose": prose}


def resident() -> float:
    """Peak resident memory in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024 * 1024)


def run(options: Options) -> list[Line]:
    """Every figure with its budget: start, memory, plain bodies, secrets, hostile input."""
    before = resident()
    begin = time.process_time()
    redactor = PIIRedactor()
    lines = [
        Line("redaction: ready", (time.process_time() - begin) * 1e3, "ms", budget=300),
        Line("redaction: resident", resident() - before, "MB", budget=25),
    ]
    with tempfile.TemporaryDirectory() as folder:
        PIIRedactor(cache=Path(folder))
        begin = time.process_time()
        PIIRedactor(cache=Path(folder))
        lines.append(Line("redaction: ready, rules cached", (time.process_time() - begin) * 1e3, "ms", budget=300))
    return [*lines, *figures(redactor, options.of(100, 10) / 100)]


def figures(redactor: PIIRedactor, seconds: float) -> Iterator[Line]:
    """Processor time of bodies of each kind, each over about so many seconds."""

    def whole(raw: bytes) -> Callable[[], object]:
        return lambda: encode(redactor.redact(decode(raw)).value)

    for name, text in texts().items():
        for label, size, budget in (
            ("1 KB", 1_000, 20),
            ("100 KB", 100_000, 600),
            ("1 MB", MEGABYTE, 10_000),
        ):
            spent = median(whole(body(size, text)), seconds) * 1e6
            yield Line(f"redaction: {label} of {name}", spent, "µs", budget=budget)
    spent = median(whole(body(1_000, SECRETS + "x" * 1_000)), seconds) * 1e6
    yield Line("redaction: 1 KB with 8 secrets", spent, "µs", budget=100)
    hostile = {name: unit * (MEGABYTE // len(unit)) for name, unit in HOSTILE.items()}
    hostile["base64"] = base64.b64encode(random.Random(1).randbytes(MEGABYTE * 3 // 4)).decode()
    for name, text in hostile.items():
        spent = median(whole(body(MEGABYTE, text)), 0) * 1e3
        yield Line(f"redaction: 1 MB of {name}", spent, "ms", budget=1_000)


if __name__ == "__main__":
    print(table(run(Options())))
