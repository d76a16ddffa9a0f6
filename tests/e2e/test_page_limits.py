"""Laws of the page where clocks differ, sessions are long and screens are narrow."""

import datetime as dt
import re

import pytest
from playwright.sync_api import Browser, expect

from tests.browser import Complaints, enter, link, opened
from tests.sidecar_process import Sidecar, running_sidecar

LONG = 700
"""Calls of a turn whose events are more than the page loads of a session at once."""
HOURS = pytest.mark.parametrize("hours", [-3, 3])


def prompt(session: str, text: str) -> dict[str, str]:
    return {"session_id": session, "prompt_id": "p", "hook_event_name": "UserPromptSubmit", "prompt": text}


def long_turn(sidecar: Sidecar) -> None:
    """A prompt and then many calls, every tenth of which fails."""
    assert 204 == sidecar.post_native(prompt("long", "do a lot")).status_code
    for number in range(LONG):
        call = {"session_id": "long", "prompt_id": "p", "tool_name": "Bash", "tool_use_id": str(number)}
        end = "PostToolUse" if number % 10 else "PostToolUseFailure"
        for name in ("PreToolUse", end):
            assert 204 == sidecar.post_native({**call, "hook_event_name": name}).status_code


@HOURS
def test_the_hosts_clock_counts(browser: Browser, hours: int) -> None:
    """A browser whose clock is wrong shows sessions as they are at the host: at work, and for how long."""
    with running_sidecar() as sidecar, browser.new_context() as context:
        enter(context, sidecar)
        context.clock.install(time=dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours))
        context.clock.resume()
        page = opened(context, f"{sidecar.url}/#/session/s", Complaints())
        assert 204 == sidecar.post_native(prompt("s", "hello")).status_code

        expect(page.get_by_test_id("state")).to_have_text("working")
        expect(page.get_by_test_id("turns")).to_contain_text("hello")
        expect(page.get_by_test_id("turns")).to_contain_text(re.compile(r"running, [\d.]+ s"))


def test_what_is_told_of_a_turn_is_of_all_of_it(browser: Browser) -> None:
    """Or it is said that it is not: its prompt, its length and what failed are told once its beginning is loaded."""
    with running_sidecar() as sidecar, browser.new_context() as context:
        long_turn(sidecar)
        enter(context, sidecar)
        page = opened(context, f"{sidecar.url}/#/session/long", Complaints())
        turns = page.get_by_test_id("turns")

        expect(turns).to_contain_text("Its beginning is not loaded")
        expect(turns).to_contain_text("failed since then")
        expect(turns).not_to_contain_text("running, ")
        page.get_by_role("button", name="Load more of it").click()

        expect(turns).to_contain_text("do a lot")
        expect(turns).to_contain_text(f"{LONG // 10} failed")
        expect(turns).not_to_contain_text("since then")


def test_nothing_is_beside_a_narrow_screen(browser: Browser) -> None:
    """At 320 pixels, which is 400 % on a small laptop, no view must be moved sideways (WCAG 1.4.10)."""
    with running_sidecar() as sidecar, browser.new_context(viewport={"width": 320, "height": 600}) as context:
        body = {
            "session_id": "s",
            "hook_event_name": "Notification",
            "message": "waiting",
            "cwd": "/srv/" + "x" * 200,
        }
        for one in (prompt("s", "y" * 300), {**body, "notification_type": "permission_prompt"}):
            assert 204 == sidecar.post_native(one).status_code
        page = opened(context, link(sidecar), Complaints())
        for view in ("", "events", "sql", "health", "session/s"):
            page.goto(f"{sidecar.url}/#/{view}")
            expect(page.get_by_role("main")).to_be_visible()
            page.wait_for_timeout(300)

            assert 320 == page.evaluate("document.documentElement.scrollWidth"), view
