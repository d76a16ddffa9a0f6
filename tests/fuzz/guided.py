"""Coverage-guided fuzzing: `uv run --with atheris python -m tests.fuzz.guided intake|batch -max_total_time=60`.

What follows the target's name goes to libFuzzer: a folder of recorded bodies to begin with helps it most. A crash is
anything but a refusal in our own words.
"""

import sys

import atheris

with atheris.instrument_imports(include=["sidecar"]):
    from sidecar.agents import normaliser_of
    from sidecar.errors import IngestError
    from sidecar.front.receive.batch import incoming_events
    from sidecar.intake import incoming_of, prepared
    from sidecar.redact import PIIRedactor

REDACTOR = PIIRedactor(engine="python")


def intake(data: bytes) -> None:
    """One body becomes an event or is refused."""
    try:
        prepared(incoming_of(data), normaliser_of("claude-code"), REDACTOR, "host")
    except IngestError:
        return


def batch(data: bytes) -> None:
    """A body is cut into events or is refused."""
    kind = "application/x-ndjson" if data[:1] == b"\n" else "application/json"
    try:
        incoming_events(data, kind)
    except IngestError:
        return


if __name__ == "__main__":
    target = {"intake": intake, "batch": batch}[sys.argv[1]]
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target)
    atheris.Fuzz()
