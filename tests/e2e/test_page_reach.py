"""Laws of the page for whoever uses it by keyboard, by ear, or in colours of their own."""

from playwright.sync_api import Browser, Page, StorageState, expect

from tests.browser import Complaints, live
from tests.page_stories import Story
from tests.sidecar_process import Sidecar

FOCUSED = "document.activeElement.tagName"
SCROLLED = "window.scrollY"
GROUND = "element => getComputedStyle(element).backgroundColor"
OUTLINE = "element => getComputedStyle(element).outlineStyle"


def test_a_followed_link_leads_into_its_view(page: Page, sidecar: Sidecar) -> None:
    """The view behind a link that is gone has the focus and begins at its top; Back comes to where one was."""
    story = Story(sidecar, "followed")
    story.prompt("Go")
    for _ in range(40):
        story.ends(story.starts("Bash", command="ls"))
    page.set_viewport_size({"width": 800, "height": 300})
    link = page.get_by_test_id("timeline").get_by_role("link", name="followed")
    link.scroll_into_view_if_needed()
    assert page.evaluate(SCROLLED) > 0
    link.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("turns")).to_contain_text("Go")

    assert ("MAIN", 0) == (page.evaluate(FOCUSED), page.evaluate(SCROLLED))
    expect(page.get_by_role("main", name="Session")).to_be_visible()
    page.get_by_test_id("turns").locator("button.call").last.scroll_into_view_if_needed()
    before = page.evaluate(SCROLLED)
    page.get_by_role("link", name="Health").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("performance")).to_be_visible()
    assert "A" == page.evaluate(FOCUSED), "what is still there keeps the focus"
    page.go_back()
    page.wait_for_function(f"window.scrollY > {before - 400}")


def test_forced_colours_lose_no_meaning(browser: Browser, sidecar: Sidecar, pass_: StorageState) -> None:
    """Where grounds are taken away, the shown view is outlined, and the legend keeps the timeline's colours."""
    Story(sidecar, "forced").prompt("Go")
    with browser.new_context(storage_state=pass_, forced_colors="active") as context:
        page = live(context, sidecar, Complaints())
        current, other = page.locator("nav a[aria-current]"), page.locator("nav a:not([aria-current])").first
        assert ("solid", "none") == (current.evaluate(OUTLINE), other.evaluate(OUTLINE))
        swatches = [page.locator(f"i.swatch.{name}").evaluate(GROUND) for name in ("ok", "open", "bad", "none")]
        assert len(set(swatches)) == len(swatches)
