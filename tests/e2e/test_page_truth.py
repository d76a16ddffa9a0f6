"""Laws of the live page's figures: they are those that SQL gives for the same events."""

import re
from collections import Counter
from pathlib import Path

from playwright.sync_api import Page, expect

from sidecar.otel import failures
from tests import recorded
from tests.page_stories import Story, replay
from tests.sidecar_process import Sidecar

BATCH = Path(__file__).parents[2] / "sidecar" / "dashboard" / "src" / "model" / "batch.ts"
CALLS = """rows => rows.map(row => [row.querySelector(".tool").innerText, row.dataset.outcome])"""


def calls_shown(page: Page, sidecar: Sidecar, session: str) -> Counter[tuple[str, str]]:
    """Tool and outcome of each call on the session's page."""
    page.goto(f"{sidecar.url}/#/session/{session}")
    rows = page.get_by_test_id("turns").locator("button.call")
    (count,) = sidecar.sql(f"SELECT count(*) FROM tool_calls WHERE session_id = '{session}'")
    expect(rows).to_have_count(count[0])
    return Counter((tool, outcome) for tool, outcome in rows.evaluate_all(CALLS))


def test_calls_and_outcomes_are_those_of_sql(page: Page, sidecar: Sidecar) -> None:
    """Each recorded session's page shows the calls and outcomes of `tool_calls`: also what only a batch tells of."""
    for session in [replay(sidecar, name, speed=100.0) for name in recorded.NAMES]:
        found = sidecar.sql(f"SELECT tool_name, outcome FROM tool_calls WHERE session_id = '{session}'")
        assert Counter((tool, outcome) for tool, outcome in found) == calls_shown(page, sidecar, session)


def test_counts_are_of_the_whole_session(page: Page, sidecar: Sidecar) -> None:
    """A page that loads only the last events of a session counts all that failed in it."""
    story = Story(sidecar, "long-one")
    story.prompt("Try until it works")
    for _ in range(5):
        story.fails(story.starts("Bash", command="make"), "Exit code 2")
    other = {"session_id": "crowd", "hook_event_name": "PostToolUse", "tool_name": "Read"}
    for _ in range(4):
        events = [{**other, "tool_use_id": f"t{i}", "event_type": "POST_TOOL_USE"} for i in range(1000)]
        assert 200 == sidecar.post_guide(events).status_code
    story.fails(story.starts("Bash", command="make"), "Exit code 2")
    page.reload()

    expect(page.locator(f'[data-session="{story.session}"]')).to_contain_text("6 failed")


def test_an_interrupted_turn_is_over(page: Page, sidecar: Sidecar) -> None:
    """A turn that its person broke off is told so when the next one begins, and none of its calls goes on running."""
    story = Story(sidecar, "broken-off")
    story.prompt("First")
    story.starts("Bash", command="sleep 1000")
    story.prompt("Second")
    page.goto(f"{sidecar.url}/#/session/{story.session}")

    turns = page.get_by_test_id("turns").locator("li.turn")
    expect(turns.nth(1)).to_contain_text("interrupted")
    expect(turns.nth(1).locator('[data-outcome="unfinished"]')).to_contain_text("no result")
    expect(turns.nth(0)).to_contain_text("running")


def test_a_session_that_nobody_knows_has_no_state(page: Page, sidecar: Sidecar) -> None:
    """An address of a session that the store does not hold says just that, and does not call it ended."""
    page.goto(f"{sidecar.url}/#/session/never-heard-of")
    expect(page.get_by_text("The store holds no session of this id")).to_be_visible()
    expect(page.get_by_test_id("state")).to_have_count(0)


def test_page_and_telemetry_read_a_refusal_alike() -> None:
    """What the page takes for a refusal in a batch's text is what spans and SQL take for one."""
    (pattern,) = re.findall(r"const DENIED =\s+/(.+)/i;", BATCH.read_text())

    assert failures._DENIED.pattern == pattern
