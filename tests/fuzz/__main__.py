"""`uv run python -m tests.fuzz --cases 2000 [OPERATION …]`: made-up requests to every operation of the API."""

import argparse
import sys
import time

from sidecar.front.document import document
from tests.fuzz.api import attack, operations
from tests.sidecar_process import running_sidecar


def main() -> None:
    """Prints a line for each operation; the exit code says whether all answers were in the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2000, help="requests to each operation")
    parser.add_argument(
        "operation", nargs="*", help="such as 'POST /api/v1/observability/sql'; all when none is given"
    )
    asked = parser.parse_args()
    failed = 0
    with running_sidecar({"LEANVIBE_SQL_TIMEOUT_SECONDS": "2"}) as sidecar:
        for name, operation in operations(document()):
            if asked.operation and name not in asked.operation:
                continue
            began = time.monotonic()
            try:
                sent = attack(sidecar, operation, asked.cases, seeded=False)
                print(f"{name}: {sent} requests in {time.monotonic() - began:.0f} s", flush=True)
            except BaseException as error:  # noqa: BLE001  a group of failures; the other operations are tried too
                failed += 1
                print(f"{name}: FAILED\n{error}\n{getattr(error, 'exceptions', '')}", flush=True)
        failed += "Traceback" in sidecar.output()
    sys.exit(min(failed, 1))


if __name__ == "__main__":
    main()
