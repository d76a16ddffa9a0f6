"""Laws of the live page's figures: they are those that SQL gives for the same events."""

import os
import re
import signal
from collections import Counter
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from sidecar.otel import failures
from tests import recorded
from tests.browser import Complaints, opened
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

    expect(page.get_by_test_id("link")).to_have_text("live")
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


def test_a_crowd_hides_nobody_who_waits(page: Page, sidecar: Sidecar) -> None:
    """With more open sessions than cards the rest is counted and in reach, and who waits for a person is first."""
    waiting = Story(sidecar, "patient")
    waiting.prompt("Clean up")
    waiting.asks(waiting.starts("Bash", command="rm -rf build"))
    began = [{"session_id": f"crowd-{i}", "event_type": "AGENT_START", "cwd": f"/srv/p{i}"} for i in range(700)]
    assert 200 == sidecar.post_guide(began).status_code

    cards = page.get_by_test_id("cards").locator("article")
    expect(cards).to_have_count(60)
    expect(cards.first).to_have_attribute("data-session", waiting.session)
    page.get_by_role("button", name="more open sessions").click()
    expect(cards).not_to_have_count(60)
    sidecar.post_guide([{**one, "event_type": "AGENT_STOP"} for one in began])


def test_details_close_with_their_view(page: Page, sidecar: Sidecar) -> None:
    """The browser's Back leaves no details of another view behind; tabs and history name what they show."""
    story = Story(sidecar, "looked-at")
    story.prompt("Look")
    page.goto(f"{sidecar.url}/#/health")
    page.get_by_role("link", name="Events", exact=True).click()
    page.get_by_test_id("events").locator("button.link").first.click()
    expect(page.get_by_test_id("details")).to_be_visible()
    expect(page).to_have_title(re.compile("Events$"))
    page.go_back()

    expect(page).to_have_title(re.compile("Health$"))
    expect(page.get_by_test_id("details")).to_have_count(0)


def test_a_stopped_worker_is_not_a_stopped_sidecar(context: BrowserContext, sidecar: Sidecar) -> None:
    """While only the store cannot be read the page says so, and comes by itself when it can."""
    worker = sidecar.worker_pid
    os.kill(worker, signal.SIGSTOP)
    try:
        page = opened(context, sidecar.url, Complaints())
        expect(page.get_by_role("heading", name="The events cannot be read now")).to_be_visible(timeout=40_000)
    finally:
        os.kill(worker, signal.SIGCONT)
    expect(page.get_by_test_id("link")).to_have_text("live")
