"""Fixtures for tests of the page: one browser and one sidecar for a module, a page that was let in for each test."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState

from tests.browser import Complaints, enter, live, running_browser
from tests.sidecar_process import Sidecar, running_sidecar

TRACE = "http://127.0.0.1:16686/trace/{trace_id}"


@pytest.fixture(scope="module", name="browser")
def _browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module", name="sidecar")
def _sidecar() -> Iterator[Sidecar]:
    with running_sidecar({"LEANVIBE_TRACE_URL": TRACE}) as sidecar:
        yield sidecar


@pytest.fixture(name="complaints")
def _complaints() -> Iterator[Complaints]:
    complaints = Complaints()
    yield complaints
    assert [] == complaints


@pytest.fixture(scope="module", name="pass_")
def _pass(browser: Browser, sidecar: Sidecar) -> StorageState:
    """The cookie of a browser that came by a link."""
    context = browser.new_context()
    enter(context, sidecar)
    state = context.storage_state()
    context.close()
    return state


@pytest.fixture(name="context")
def _context(browser: Browser, pass_: StorageState) -> Iterator[BrowserContext]:
    """A browser that has been let in."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, storage_state=pass_)
    yield context
    context.close()


@pytest.fixture(name="page")
def _page(context: BrowserContext, sidecar: Sidecar, complaints: Complaints) -> Page:
    return live(context, sidecar, complaints)
