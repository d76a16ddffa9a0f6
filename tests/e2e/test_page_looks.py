"""Laws of access for everyone, and pictures of every view: light, dark and small, in `tests/e2e/screenshots`.

With SCREENSHOTS=docs/screenshots they are written there, for the documentation.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser import Complaints, enter, live
from tests.page_stories import Story, replay
from tests.sidecar_process import Sidecar, running_sidecar

FOLDER = Path(os.environ.get("SCREENSHOTS", Path(__file__).parent / "screenshots"))
SETTINGS = {"LEANVIBE_TRACE_URL": "http://127.0.0.1:16686/trace/{trace_id}", "LEANVIBE_HOST_NAME": "workstation"}
LITTLE = 0.6
"""Seconds that a call takes in the pictures."""
SERIOUS = {"serious", "critical"}
LOOKS = [("light", 1360), ("dark", 1360), ("light", 400)]


@pytest.fixture(scope="module", name="busy")
def _busy() -> Iterator[tuple[Sidecar, Story]]:
    """A sidecar with something of everything, and the session that is looked at."""
    with running_sidecar(SETTINGS) as sidecar:
        for name in ("basic", "failure", "parallel", "subagent_sync"):
            replay(sidecar, name)
        yield sidecar, told(sidecar)


def told(sidecar: Sidecar) -> Story:
    """Four sessions at work: one fails and goes on, one asks, one waits, one has a subagent."""
    payments, infra = Story(sidecar, "payments-api"), Story(sidecar, "infra-terraform")
    docs, client = Story(sidecar, "docs-site"), Story(sidecar, "web-client")
    payments.prompt("Make the retry policy configurable and add tests")
    test = payments.starts("Bash", command="pytest -q tests/test_retry.py")
    time.sleep(LITTLE)
    payments.fails(test, "Exit code 1\n2 failed, 11 passed")
    payments.ends(payments.starts("Edit", file_path="src/retry.py"))
    payments.starts("Bash", command="pytest -q")
    infra.prompt("Clean up the old state files")
    infra.asks(infra.starts("Bash", command="rm -rf build/ .terraform/"))
    docs.prompt("Rewrite the install page")
    draft = docs.starts("Write", file_path="docs/install.md")
    time.sleep(LITTLE)
    docs.ends(draft)
    docs.stops("The install page now starts with the one command that most people need.")
    client.prompt("Find out why the bundle grew")
    client.ends(client.starts("Read", file_path="vite.config.ts"))
    client.starts("Agent", description="Look at the bundle", prompt="Which module grew?")
    agent = {"agent_id": "ab12cd34ef", "agent_type": "Explore"}
    client.tell("SubagentStart", **agent)
    build = {**agent, "tool_name": "Bash", "tool_input": {"command": "npx vite build"}, "tool_use_id": "toolu_build"}
    client.tell("PreToolUse", **build)
    time.sleep(2 * LITTLE)
    client.tell("PostToolUse", **build, tool_response={"stdout": "dist/index.js 166 kB"}, duration_ms=1240)
    client.tell("PreToolUse", **{**build, "tool_use_id": "toolu_rg", "tool_input": {"command": "rg -c import src"}})
    return client


def faults(page: Page) -> list[str]:
    """What axe finds that keeps someone out."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in SERIOUS]


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
def test_every_view_is_open_to_everyone(
    browser: Browser, busy: tuple[Sidecar, Story], complaints: Complaints, scheme: str, width: int
) -> None:
    """Axe finds no serious fault on any view, whether light, dark or small; each is kept as a picture."""
    sidecar, story = busy
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=False)  # type: ignore[arg-type]
    enter(context, sidecar)
    page = live(context, sidecar, complaints)
    for _ in range(4):
        page.get_by_label("Zoom in").click()
    FOLDER.mkdir(parents=True, exist_ok=True)
    found = {}
    for view in ("now", "session", "details", "events", "sql", "health"):
        show(page, sidecar.url, view, story.session)
        page.screenshot(path=FOLDER / f"{view}-{scheme}-{width}.png", animations="disabled")
        found[view] = faults(page)
    context.close()

    assert {view: [] for view in found} == found


def show(page: Page, url: str, view: str, session: str) -> None:
    """Brings a view to rest."""
    place = {"session": f"session/{session}", "events": "events?outcome=failed"}.get(view, view)
    if view == "details":
        page.get_by_test_id("turns").locator("button.call").nth(2).click()
        expect(page.get_by_test_id("details").locator("pre").first).to_be_visible()
        return
    page.keyboard.press("Escape")
    page.goto(f"{url}/#/{place}")
    if view == "sql":
        page.get_by_role("button", name="Run").click()
        expect(page.get_by_test_id("result")).to_be_visible()
    if view == "now":
        expect(page.get_by_test_id("health")).to_be_visible()
        page.wait_for_timeout(2500)  # so that the charts have a line to show
    if view == "events":
        expect(page.get_by_test_id("events").locator("tbody tr").first).to_be_visible()


def test_the_locked_page_is_open_to_everyone(browser: Browser, busy: tuple[Sidecar, Story]) -> None:
    """Neither is there a fault where the key is asked for."""
    page = browser.new_page()
    page.goto(busy[0].url)
    expect(page.get_by_label("Token")).to_be_visible()
    FOLDER.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=FOLDER / "locked-light-1360.png")

    assert [] == faults(page)
    page.close()
