"""Laws of the live page, in a real browser: what a person sees of their agents, and finds out about them."""

from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests import recorded
from tests.browser import Complaints, enter, link, live, opened
from tests.page_stories import Story, replay
from tests.servers import free_port
from tests.sidecar_process import Sidecar, running_sidecar

RED = {"rgb(179, 38, 30)", "rgb(245, 154, 145)"}


def card(page: Page, session: str) -> str:
    """Where a session is on the overview: as a card, or in the list of those that ended."""
    return f'[data-session="{session}"]'


def expect_state(page: Page, session: str, state: str) -> None:
    expect(page.locator(card(page, session))).to_have_attribute("data-state", state)


def test_without_the_token_nothing_is_shown(browser: Browser, sidecar: Sidecar) -> None:
    """The page alone tells nothing: it asks for the key, takes no wrong one, and opens with the right one."""
    Story(sidecar, "secret-project").prompt("a secret prompt")
    context = browser.new_context()
    page = opened(context, sidecar.url, Complaints())  # the browser reports the refusals
    expect(page.get_by_role("heading", name="This page needs a key")).to_be_visible()
    assert "secret" not in page.content()

    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("alert")).to_contain_text("not the token")
    page.get_by_label("Token").fill(sidecar.token)
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("heading", name="secret-project")).to_be_visible()
    context.close()


def test_a_link_opens_once(browser: Browser, sidecar: Sidecar) -> None:
    """A link's code lets the first in that brings it; the token is in no address and out of a script's reach."""
    address = link(sidecar)
    first, second = browser.new_context(), browser.new_context()
    page = opened(first, address, Complaints())
    expect(page.get_by_test_id("link")).to_have_text("live")
    late = opened(second, address, Complaints())
    expect(late.get_by_role("heading", name="This page needs a key")).to_be_visible()

    (cookie,) = first.cookies()
    assert (True, "Strict") == (cookie["httpOnly"], cookie["sameSite"])
    assert sidecar.token not in cookie["value"]
    assert "" == page.evaluate("document.cookie")
    assert "code" not in page.url
    first.close()
    second.close()


def test_recorded_sessions_are_shown(page: Page, sidecar: Sidecar) -> None:
    """Replayed at ten times their speed, every recorded session appears, and ends as ended."""
    for session in [replay(sidecar, name) for name in recorded.NAMES if name != "subagent_sync"]:
        more = page.locator("section", has=page.get_by_test_id("ended")).get_by_role("button")
        if more.count() and "more" in more.inner_text():
            more.click()
        expect_state(page, session, "ended")


def test_a_session_changes_before_ones_eyes(page: Page, sidecar: Sidecar) -> None:
    """Each step of a session is its state on the page: working, asking, working, waiting for its person, ended."""
    story = Story(sidecar, "payments")
    story.prompt("Fix the retry policy")
    expect_state(page, story.session, "working")
    call = story.starts("Bash", command="rm -rf build")
    story.asks(call)
    expect_state(page, story.session, "permission")
    expect(page.locator(card(page, story.session))).to_contain_text("asks to use Bash")
    story.ends(call)
    expect_state(page, story.session, "working")
    story.stops("All green.")
    expect_state(page, story.session, "you")
    expect(page.locator(card(page, story.session))).to_contain_text("All green.")
    story.tell("SessionEnd", reason="other")
    expect_state(page, story.session, "ended")


def test_who_waits_comes_first(page: Page, sidecar: Sidecar) -> None:
    """A permission wait stands before everything else, and in the page's title."""
    asking, working = Story(sidecar, "asking"), Story(sidecar, "working")
    asking.prompt("Tidy up")
    call = asking.starts("Bash", command="ls")
    asking.asks(call)
    working.prompt("Work on")
    expect_state(page, working.session, "working")

    first = page.get_by_test_id("cards").locator("article").first
    expect(first).to_have_attribute("data-session", asking.session)
    assert "Permission wanted" in page.title()
    for story in (asking, working):
        story.tell("SessionEnd", reason="other")
    expect_state(page, asking.session, "ended")
    expect(page).not_to_have_title("Permission wanted")


def test_subagents_have_lanes_and_branches(page: Page, sidecar: Sidecar) -> None:
    """A subagent is a lane of the timeline, and a branch below the call that started it; failures are red."""
    session = replay(sidecar, "subagent_sync")
    page.goto(f"{sidecar.url}/#/session/{session}")

    lanes = page.get_by_test_id("timeline").locator(f'[data-lane^="{session}/"]')
    expect(lanes).to_have_count(2)
    tree = page.get_by_test_id("turns")
    expect(tree.locator("ul ul button.call")).to_have_count(3)
    failed = tree.locator('[data-outcome="error"] .outcome')
    expect(failed).to_have_text("failed")
    assert failed.evaluate("element => getComputedStyle(element).color") in RED


def test_details_show_input_and_result(page: Page, sidecar: Sidecar) -> None:
    """A click on a call shows what went in and came out, redacted, and a link to its trace; Escape closes it."""
    story = Story(sidecar, "details")
    story.prompt("Look")
    call = story.starts("Bash", command="echo mail user@example.com")
    story.ends(call, stdout="the very result")
    page.goto(f"{sidecar.url}/#/session/{story.session}")
    page.get_by_test_id("turns").locator("button.call").click()

    details = page.get_by_test_id("details")
    expect(details).to_contain_text("mail [EMAIL_REDACTED]")
    expect(details).to_contain_text("the very result")
    assert "http://127.0.0.1:16686/trace/" in (
        details.get_by_role("link", name="Trace").first.get_attribute("href") or ""
    )
    page.keyboard.press("Escape")
    expect(details).to_have_count(0)


def test_filters_are_in_the_address(
    page: Page, context: BrowserContext, sidecar: Sidecar, complaints: Complaints
) -> None:
    """What is chosen stands in the URL, and whoever opens that URL sees the same."""
    story = Story(sidecar, "filtered")
    story.prompt("Try")
    story.fails(story.starts("Zap", command="x"), "Exit code 9")
    story.ends(story.starts("Zap", command="y"))
    page.goto(f"{sidecar.url}/#/events")
    page.get_by_label("Tool").select_option("Zap")
    page.get_by_label("Outcome").select_option("failed")
    rows = page.get_by_test_id("events").locator("tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Exit code 9")

    shared = opened(context, page.url, complaints)
    expect(shared.get_by_test_id("events").locator("tbody tr")).to_have_count(1)
    expect(shared.get_by_label("Tool")).to_have_value("Zap")


def test_search_reaches_into_the_store(page: Page, sidecar: Sidecar) -> None:
    """Text is found anywhere in what is stored, also where the page itself holds only the beginning."""
    story = Story(sidecar, "searched")
    story.prompt("Go")
    story.ends(story.starts("Read", file_path="a.txt"), stdout="x" * 5000 + " needle-in-the-store")
    page.goto(f"{sidecar.url}/#/events?text=needle-in-the-store")

    rows = page.get_by_test_id("events").locator("tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("PostToolUse")
    expect(page.get_by_text("That is all the store holds.")).to_be_visible()


def test_sql_answers_sort_and_download(page: Page, sidecar: Sidecar, tmp_path: Path) -> None:
    """A query's answer is a table that sorts, a chart, and a CSV file; a refusal says why."""
    page.goto(f"{sidecar.url}/#/sql")
    page.get_by_role("textbox", name="SQL").fill("SELECT 'n' || i AS name, (i * 7) % 5 AS size FROM range(5) AS t(i)")
    page.get_by_role("button", name="Run").click()
    table = page.get_by_test_id("result")
    expect(table.locator("tbody tr")).to_have_count(5)
    expect(page.locator("canvas")).to_be_visible()
    table.get_by_role("button", name="size").click()
    assert ["0", "1", "2", "3", "4"] == table.locator("tbody tr td:nth-child(2)").all_inner_texts()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    download.value.save_as(tmp_path / "out.csv")
    assert "name,size\r\nn0,0\r\n" in (tmp_path / "out.csv").read_bytes().decode()


def test_sql_refusals_are_told(context: BrowserContext, sidecar: Sidecar) -> None:
    """What may not run is refused with the reason."""
    page = live(context, sidecar, Complaints(), "#/sql")  # the browser reports the refusal
    page.get_by_role("textbox", name="SQL").fill("DELETE FROM events")
    page.get_by_role("textbox", name="SQL").press("Control+Enter")

    expect(page.get_by_role("alert")).to_contain_text("DELETE is not allowed")


def test_it_works_by_keyboard_and_on_a_phone(page: Page, sidecar: Sidecar) -> None:
    """Without a mouse and at 400 pixels everything is in reach, and nothing runs off the side."""
    story = Story(sidecar, "narrow")
    story.prompt("A rather long prompt that has to be cut somewhere before it runs off the side of a small screen")
    page.set_viewport_size({"width": 400, "height": 800})
    for place in ("now", "events", "sql", "health", f"session/{story.session}"):
        page.goto(f"{sidecar.url}/#/{place}")
        assert 400 >= page.evaluate("document.documentElement.scrollWidth"), place

    page.goto(f"{sidecar.url}/#/now")
    page.locator(card(page, story.session)).get_by_role("link").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="narrow")).to_be_visible()
    page.get_by_role("group", name="Timeline").focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Back to live")).to_be_visible()
    page.keyboard.press("End")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_it_comes_back_after_a_restart(browser: Browser) -> None:
    """The page says when it is not live, comes back by itself, and has each event once, missed ones too."""
    with running_sidecar(port=free_port()) as sidecar:
        context = browser.new_context()
        enter(context, sidecar)
        page = live(context, sidecar, Complaints(), "#/events")  # the browser reports the lost connection
        story = Story(sidecar, "restarted")
        story.prompt("before")
        sidecar.stop()
        expect(page.get_by_test_id("link")).to_contain_text("not live")
        sidecar.start()
        story.stops("missed or not")
        expect(page.get_by_test_id("link")).to_have_text("live", timeout=30_000)
        story.prompt("after")

        rows = page.get_by_test_id("events").locator("tbody tr")
        expect(rows).to_have_count(3)
        expect(rows.first).to_contain_text("after")
        context.close()


def test_an_empty_page_says_what_to_do(browser: Browser) -> None:
    """Before the first event the page tells how to get one; the first event shows by itself."""
    with running_sidecar() as sidecar:
        context = browser.new_context()
        enter(context, sidecar)
        page = live(context, sidecar, Complaints())
        expect(page.get_by_text("leanvibe hooks install")).to_be_visible()
        Story(sidecar, "first").prompt("hello")
        expect(page.get_by_role("heading", name="first")).to_be_visible()
        context.close()
