"""Laws of hostile text: whatever an event holds, the page shows it as text, and nothing of it runs or breaks."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.page_stories import Story
from tests.sidecar_process import Sidecar

MARKUP = "<script>window.pwned=1</script><img src=x onerror='window.pwned=1'><svg onload=window.pwned=1>"
TEXTS = {
    "markup": MARKUP,
    "template": "{{constructor.constructor('window.pwned=1')()}} ${window.pwned=1} javascript:window.pwned=1",
    "terminal": "\x1b[31mred\x1b[0m\x1b]8;;http://evil.example\x07click\x1b]8;;\x07\x1b[2J",
    "control": "a\x00b\x07c\x7f\u0085\u2028d",
    "turned": "safe\u202egnp.exe\u2066 \u200f\u0661" + "Z\u0351\u036b" * 40,
}
HOSTILE = {"everything": " ".join(TEXTS.values()), "markup": MARKUP, "prototype": "__proto__", "empty": ""}


def hostile_story(sidecar: Sidecar, text: str) -> Story:
    """A session that puts the text wherever an agent could."""
    story = Story(sidecar, f"x{text}")
    story.prompt(text)
    call = story.starts(text or "tool", command=text, **{text or "key": text})
    story.asks(call)
    story.fails(call, text)
    agent = {"agent_id": "h" + story.session[:6], "agent_type": text}
    story.tell("SubagentStart", **agent)
    story.tell("Notification", notification_type=text, message=text, title=text)
    story.tell(text or "Event")
    story.stops(text)
    return story


def go(page: Page, sidecar: Sidecar, place: str) -> None:
    page.goto(f"{sidecar.url}/#/{place}")


@pytest.mark.parametrize("kind", sorted(HOSTILE))
def test_text_stays_text(page: Page, sidecar: Sidecar, kind: str) -> None:
    """On every view and in the details, hostile text is shown, and nothing of it becomes markup or script."""
    story = hostile_story(sidecar, HOSTILE[kind])
    expect(page.locator(f'[data-session="{story.session}"]')).to_be_visible()
    go(page, sidecar, f"session/{story.session}")
    page.get_by_test_id("turns").locator("button.call").first.click()
    expect(page.get_by_test_id("details").locator("pre").first).to_be_visible()
    page.keyboard.press("Escape")
    go(page, sidecar, f"events?session={story.session}")
    expect(page.get_by_test_id("events").locator("tbody tr")).to_have_count(8)
    expect(page.get_by_test_id("link")).to_have_text("live")

    shown = page.inner_text("body")
    assert not set("\x1b\x07\u202e\u2066\u200f\x00") & set(shown)
    assert page.evaluate("window.pwned === undefined")
    assert 0 == page.locator("main script, main img, main svg").count()


def test_markup_is_shown_as_it_was_sent(page: Page, sidecar: Sidecar) -> None:
    """A person sees the tags, character by character."""
    story = hostile_story(sidecar, MARKUP)
    go(page, sidecar, f"session/{story.session}")

    expect(page.get_by_test_id("turns").locator("h3")).to_contain_text("<script>window.pwned=1</script><img src=x")


def test_a_megabyte_is_cut_and_said_so(page: Page, sidecar: Sidecar) -> None:
    """Very long text costs little: lists hold its beginning, details a part, and how much is left is told."""
    story = Story(sidecar, "large")
    story.prompt("p" * 1_000_000)
    story.ends(story.starts("Write", file_path="a", content="x y" * 400_000), stdout="line\n" * 200_000)
    go(page, sidecar, f"session/{story.session}")
    page.get_by_test_id("turns").locator("button.call").click()

    details = page.get_by_test_id("details")
    expect(details.get_by_text("more characters").first).to_be_visible()
    assert 200_000 > len(page.content())


def test_times_that_are_none_do_no_harm(page: Page, sidecar: Sidecar) -> None:
    """Whatever a client says of the time, the page goes on."""
    for moment in ("", "yesterday", "0000-00-00T00:00:00Z", "+275760-09-13T00:00:00Z", "9999-12-31T23:59:59Z"):
        body: dict[str, Any] = {"session_id": f"time {moment}", "event_type": "PRE_TOOL_USE", "tool_name": "t"}
        sidecar.post_guide({**body, "timestamp": moment})
    after = Story(sidecar, "after")
    after.prompt("still here")

    expect(page.locator(f'[data-session="{after.session}"]')).to_be_visible()


def test_the_policy_lets_nothing_of_others_in(page: Page, sidecar: Sidecar) -> None:
    """The page may load and ask only what is its own: inline scripts, foreign hosts and frames are refused."""
    headers = sidecar.get("/").headers

    assert "default-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert ("nosniff", "no-referrer", "DENY") == tuple(
        headers[name] for name in ("x-content-type-options", "referrer-policy", "x-frame-options")
    )
    assert (
        "immutable"
        in sidecar.get(page.locator("script[src]").first.get_attribute("src") or "").headers["cache-control"]
    )
    assert 0 == page.locator("[style*='expression'], script:not([src])").count()
