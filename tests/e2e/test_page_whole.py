"""Laws of a page that holds only a part of what happened: what it tells of a session, and its lists, lack nothing."""

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

from tests.browser import Complaints, enter, live
from tests.page_stories import Story
from tests.servers import free_port
from tests.sidecar_process import Sidecar, running_sidecar

LOADED = 3000
"""Events that the page loads when it is opened."""
HELD = 12_000
"""Events after which it forgets the oldest."""
ROWS = """rows => rows.map(row => Number(row.querySelector("td:nth-child(5)").innerText))"""
FOLLOWS = "numbers => numbers.every((one, i) => i === 0 || one === numbers[i - 1] - 1)"


def crowd(sidecar: Sidecar, count: int, session: str = "crowd", first: int = 0) -> None:
    """Ends of calls, numbered."""
    for at in range(first, first + count, 1000):
        numbers = range(at, min(at + 1000, first + count))
        body = {"session_id": session, "event_type": "POST_TOOL_USE", "tool_name": "Read"}
        events = [{**body, "tool_use_id": f"{session}-{n}", "parameters": {"query": str(n)}} for n in numbers]
        assert 200 == sidecar.post_guide(events).status_code


def card(page: Page, story: Story) -> Locator:
    return page.locator(f'[data-session="{story.session}"]')


@pytest.fixture(scope="module", name="old")
def _old(sidecar: Sidecar) -> dict[str, Story]:
    """Sessions whose beginnings are further back than what the page loads."""
    stories = {name: Story(sidecar, name) for name in ("resumed", "long", "patient")}
    for name, story in stories.items():
        story.prompt(f"the first prompt of {name}")
        story.fails(story.starts("Bash", command="make"), "Exit code 2")
    stories["patient"].asks(stories["patient"].starts("Bash", command="rm -rf build"))
    stories["resumed"].tell("SessionEnd", reason="other")
    crowd(sidecar, LOADED + 500)
    return stories


def test_a_session_that_comes_back_is_counted_as_a_whole(page: Page, sidecar: Sidecar, old: dict[str, Story]) -> None:
    """Of a session whose first event since long comes by the feed, the page tells what SQL tells of all of it."""
    story = old["resumed"]
    story.tell("SessionStart", source="resume")
    story.prompt("go on")
    story.fails(story.starts("Bash", command="make"), "Exit code 2")

    expect(card(page, story)).to_contain_text("2 failed")
    assert [[2]] == sidecar.sql(f"SELECT errors FROM sessions WHERE session_id = '{story.session}'")


def test_a_turn_is_as_old_as_its_prompt(context: BrowserContext, sidecar: Sidecar, old: dict[str, Story]) -> None:
    """A turn that began before what the page has loaded shows its prompt, and how long it runs since that."""
    story = old["long"]
    story.starts("Bash", command="the latest call")
    page = live(context, sidecar, Complaints())

    expect(card(page, story)).to_contain_text("the first prompt of long")
    ((seconds,),) = sidecar.sql(
        f"SELECT epoch(now() - min(received_at)) FROM events WHERE session_id = '{story.session}'"
    )
    shown = card(page, story).locator(".row .soft").inner_text()
    told = float(shown.split()[-2]) + (60 * float(shown.split()[-4]) if "min" in shown else 0)
    assert told >= int(seconds) - 1


def test_who_waited_long_is_shown_though_the_store_was_away(
    context: BrowserContext, sidecar: Sidecar, old: dict[str, Story]
) -> None:
    """A page whose questions fail at first asks again: a session that waits since before what it loaded comes up."""
    refused: list[str] = []

    def refuse_some(route: Route) -> None:
        refused.append(route.request.url)
        if len(refused) > 3:
            route.continue_()
        else:
            route.fulfill(status=503, json={"error": "the worker is being started"})

    context.route("**/observability/sql", refuse_some)
    page = live(context, sidecar, Complaints())  # the browser reports the refusals

    expect(card(page, old["patient"])).to_have_attribute("data-state", "permission")
    assert len(refused) > 3
    page.goto(f"{sidecar.url}/#/now?session={old['patient'].session}")
    expect(page.get_by_test_id("cards").locator("article")).to_have_count(1)


def test_the_list_of_events_has_no_gap(page: Page, sidecar: Sidecar) -> None:
    """However many events arrive while it is looked at: the list goes from the latest back without a hole."""
    crowd(sidecar, 400, "listed")
    page.goto(f"{sidecar.url}/#/events?session=listed")
    rows = page.get_by_test_id("events").locator("tbody tr")
    page.get_by_role("button", name="Search further back").click()
    expect(rows).to_have_count(400)
    crowd(sidecar, 300, "listed", first=400)
    expect(rows.first).to_contain_text("699")

    numbers = rows.evaluate_all(ROWS)
    assert page.evaluate(FOLLOWS, numbers), numbers
    while rows.count() < 700:
        page.get_by_role("button", name="Search further back").click()
    assert list(range(699, -1, -1)) == rows.evaluate_all(ROWS)


def test_a_session_that_is_looked_at_keeps_its_calls(page: Page, sidecar: Sidecar) -> None:
    """What others do meanwhile, however much, takes no call from the session that a person looks at."""
    story = Story(sidecar, "looked-at")
    page.goto(f"{sidecar.url}/#/session/{story.session}")
    expect(page.get_by_text("The store holds no session of this id")).to_be_visible()
    story.prompt("Look")
    for _ in range(5):
        story.ends(story.starts("Bash", command="ls"))
    calls = page.get_by_test_id("turns").locator("button.call")
    expect(calls).to_have_count(5)
    crowd(sidecar, HELD + 2000, "others")
    story.starts("Read", file_path="the-last")

    expect(page.get_by_test_id("turns")).to_contain_text("the-last")
    expect(calls).to_have_count(6)


def test_another_history_is_begun_anew(browser: Browser) -> None:
    """When the sidecar has lost its data the page shows nothing of before, and says so while it cannot read."""
    with running_sidecar(port=free_port()) as sidecar, browser.new_context() as context:
        story = Story(sidecar, "lost")
        for _ in range(5):
            story.prompt("of before")
        enter(context, sidecar)
        page = live(context, sidecar, Complaints(), f"#/session/{story.session}")  # the browser reports the loss
        expect(page.get_by_test_id("turns")).to_contain_text("of before")
        sidecar.stop()
        for path in (*sidecar.data_dir.glob("journal*"), *sidecar.data_dir.glob("store*")):
            path.unlink()
        context.route("**/observability/events?*", lambda route: route.abort())
        sidecar.start()
        expect(page.get_by_role("alert")).to_contain_text("does not answer", timeout=40_000)

        context.unroute("**/observability/events?*")
        expect(page.get_by_text("The store holds no session of this id")).to_be_visible()
