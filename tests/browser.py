"""A real Chromium for tests: the system's or Debian's, driven by playwright; what a page complains of is kept."""

import contextlib
import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.sidecar_process import Sidecar
from tests.waiting import PATIENCE

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
)
PATIENCE_MS = PATIENCE * 1000


def executable() -> str:
    """The browser's path; where there is none the test is skipped, but fails in CI."""
    given = os.environ.get("CHROMIUM")
    found = given or next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        reason = "no Chromium here: apt-get install chromium, or set CHROMIUM to its path"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    return found


@contextlib.contextmanager
def running_browser(*more: str) -> Iterator[Browser]:
    """A headless browser, with more arguments if there are any."""
    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *more])
        try:
            yield browser
        finally:
            browser.close()


class Complaints(list[str]):
    """What a page complained of: script errors, violations of its policy, messages of level error."""

    def of(self, page: Page) -> Page:
        """Listens to this page."""
        page.on("pageerror", lambda error: self.append(f"error: {error}"))
        page.on("console", lambda said: said.type == "error" and self.append(f"console: {said.text}"))
        page.on("dialog", lambda dialog: (self.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        return page


def opened(context: BrowserContext, url: str, complaints: Complaints) -> Page:
    """A new page of this context at `url`."""
    page = complaints.of(context.new_page())
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    page.goto(url)
    return page


def link(sidecar: Sidecar) -> str:
    """A one-time link to the page."""
    answer = sidecar.post("/api/v1/access/codes", {}, headers={"Authorization": f"Bearer {sidecar.token}"})
    return sidecar.url + str(answer.json()["path"])


def enter(context: BrowserContext, sidecar: Sidecar) -> None:
    """Lets a browser in."""
    page = context.new_page()
    page.goto(link(sidecar))
    page.close()


def live(context: BrowserContext, sidecar: Sidecar, complaints: Complaints, place: str = "") -> Page:
    """The page at a place, once it is live."""
    page = opened(context, f"{sidecar.url}/{place}", complaints)
    expect(page.get_by_test_id("link")).to_have_text("live")
    return page
