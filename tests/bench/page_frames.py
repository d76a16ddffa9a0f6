"""How smooth the page stays: `uv run python -m tests.bench.page_frames`.

Ten thousand events are in the page's window and all of them in view, 200 more arrive each second, and the browser
tells the time between its frames. In a headless Chromium without a graphics card: on a desk it is faster.
"""

import statistics
import threading
import time
from typing import Any

from playwright.sync_api import Page

from tests.bench.lines import Line, Options, table
from tests.browser import Complaints, enter, live, running_browser
from tests.sidecar_process import Sidecar, running_sidecar

IN_WINDOW = 10_000
PER_SECOND = 200
SECONDS = 20
SESSIONS = 12
STEPS = 10
FRAMES = """seconds => new Promise(resolve => {
  const gaps = []; let last = performance.now(); const end = last + seconds * 1000;
  const step = now => { gaps.push(now - last); last = now; now < end ? requestAnimationFrame(step) : resolve(gaps); };
  requestAnimationFrame(step);
})"""


def run(options: Options) -> list[Line]:
    """Frame times at rest and under load."""
    with running_sidecar() as sidecar, running_browser() as browser:
        context = browser.new_context(viewport={"width": 1360, "height": 900})
        enter(context, sidecar)
        page = live(context, sidecar, Complaints())
        for first in range(0, IN_WINDOW, 500):
            post(sidecar, first, 500)
        page.get_by_text(f"{SESSIONS} sessions").or_(page.get_by_test_id("cards")).first.wait_for()
        for _ in range(3):
            page.get_by_label("Zoom in").click()
        time.sleep(3)
        rest = frames("none arriving", page.evaluate(FRAMES, 5))
        return rest + frames(f"{PER_SECOND} events/s", under_load(sidecar, page, options.of(SECONDS, 5)))


def under_load(sidecar: Sidecar, page: Page, seconds: int) -> list[float]:
    """Frame times in milliseconds while events arrive at their pace."""
    stop = threading.Event()
    teller = threading.Thread(target=tell, args=(sidecar, stop))
    teller.start()
    time.sleep(2)
    gaps: list[float] = page.evaluate(FRAMES, seconds)
    stop.set()
    teller.join()
    return gaps


def tell(sidecar: Sidecar, stop: threading.Event) -> None:
    """`PER_SECOND` events each second, in ten portions."""
    began, count = time.monotonic(), 0
    while not stop.is_set():
        post(sidecar, IN_WINDOW + count, PER_SECOND // STEPS)
        count += PER_SECOND // STEPS
        time.sleep(max(0.0, began + count / PER_SECOND - time.monotonic()))


def post(sidecar: Sidecar, first: int, count: int) -> None:
    """So many events of calls that begin and end, in a dozen sessions."""
    answer = sidecar.post_guide([event(number) for number in range(first, first + count)])
    assert answer.is_success, answer.text


def event(number: int) -> dict[str, Any]:
    """The start or the end of one call."""
    call, ends = divmod(number, 2)
    body = {"session_id": f"session {call % SESSIONS}", "tool_name": ("Bash", "Read", "Edit")[call % 3]}
    body |= {"tool_use_id": f"call-{call}", "event_type": "POST_TOOL_USE" if ends else "PRE_TOOL_USE"}
    return body | {"parameters": {"command": f"step {call}"}, "prompt_id": f"turn {call // 500}"}


def frames(title: str, gaps: list[float]) -> list[Line]:
    """The time between frames."""
    cuts = statistics.quantiles(gaps, n=100)
    slow = sum(gap > 50 for gap in gaps)
    words = f"p50 {cuts[49]:.1f} ms, longest {max(gaps):.0f} ms, {slow} of {len(gaps)} over 50 ms"
    return [Line(f"page, {IN_WINDOW:,} events in view, {title}: frame p95", cuts[94], "ms", comparison=words)]


if __name__ == "__main__":
    print(table(run(Options())))
