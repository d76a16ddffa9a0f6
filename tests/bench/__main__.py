"""Every benchmark: `uv run python -m tests.bench [--only NAME…] [--soak] [--quick] [--json FILE] [--markdown FILE]`.

Each entry is a function of `Options` that returns lines (see `lines.py`); most modules also run by themselves.
`soak` takes ten minutes and runs only when named. An entry that fails is a line that says so, and exit code 1.
"""

import argparse
import importlib
import json
import sys
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import load, machine
from tests.bench.lines import Line, Options, markdown, table

ENTRIES = {
    "redact": "redact:run",
    "otlp": "otlp:run",
    "store": "store:run",
    "delivery": "delivery:run",
    "ack": "ack:run",
    "throughput": "ack:throughput",
    "growth": "growth:run",
    "million": "million:run",
    "pace": "pace:run",
    "live": "live_clients:run",
    "outage": "outage:run",
    "backlog": "backlog:run",
    "floods": "floods:run",
    "page": "page_frames:run",
    "peers": "peers:run",
    "soak": "pace:soak",
}
"""Name → module and function. One that is not there is left out."""
ONLY_WHEN_NAMED = {"soak"}
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def entries() -> list[str]:
    """Those that there are."""
    return [name for name, place in ENTRIES.items() if _is_there(*place.split(":"))]


def _is_there(module: str, function: str) -> bool:
    """Without importing it, so that asking for help takes no second."""
    file = Path(__file__).with_name(f"{module}.py")
    return file.exists() and f"\ndef {function}(" in file.read_text()


def measured(name: str, options: Options) -> list[Line]:
    """The lines of one entry; one that fails is a line that says so."""
    module, _, function = ENTRIES[name].partition(":")
    began = time.monotonic()
    try:
        lines: list[Line] = getattr(importlib.import_module(f"tests.bench.{module}"), function)(options)
    except Exception as error:  # noqa: BLE001  the others are worth having all the same
        traceback.print_exc()
        lines = [Line(f"{name} FAILED", None, "", note=f"{type(error).__name__}: {error}"[:300].replace("\n", " "))]
    print(f"\n== {name}, {time.monotonic() - began:.0f} s\n{table(lines)}", flush=True)
    return lines


def main() -> int:
    """Runs what is asked for; 1 when an entry failed."""
    given = arguments()
    options = Options(quick=given.quick)
    about = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": given.quick,
        "load_from": load.client(),
        **machine.described(),
    }
    print(", ".join(f"{name} {value}" for name, value in about.items()), flush=True)
    wanted = given.only or [name for name in entries() if given.soak or name not in ONLY_WHEN_NAMED]
    found = {name: measured(name, options) for name in wanted}
    lines = [line for part in found.values() for line in part]
    if given.json:
        told = {name: [line.as_json() for line in part] for name, part in found.items()}
        given.json.write_text(json.dumps({**about, "lines": told}, indent=1, ensure_ascii=False) + "\n")
    if given.markdown:
        words = ", ".join(f"{name} {value}" for name, value in about.items())
        put(given.markdown, f"{markdown(lines)}\n\nMeasured with: {words}.\n")
    with_budget = [line for line in lines if line.budget is not None]
    missed = [line for line in with_budget if line.verdict != "met"]
    print(f"\nbudgets: {len(with_budget) - len(missed)} of {len(with_budget)} met")
    print("\n".join(f"  {line.verdict}: {line.name}" for line in missed))
    return int(any(line.name.endswith(" FAILED") for line in lines))


def put(file: Path, text: str) -> None:
    """Writes a page, or only what stands between the marks of one that has them."""
    before, begin, rest = (file.read_text() if file.exists() else "").partition(BEGIN)
    after = rest.partition(END)[2]
    file.write_text(f"{before}{BEGIN}\n{text}{END}{after}" if begin else text)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=entries(), metavar="NAME", help=", ".join(entries()))
    parser.add_argument("--quick", action="store_true", help="short windows: to see that it works, not to quote")
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--soak", action="store_true", help="everything, and ten minutes at 100 events/s")
    parser.add_argument(
        "--markdown", type=Path, help="write the table there; between the marks of docs/performance.md"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
