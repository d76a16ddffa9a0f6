"""Laws of the page's key: a code opens once, a cookie is worth less than the token."""

import pytest

from sidecar.front.page import codes, cookie
from sidecar.front.page.codes import OneTimeCodes
from sidecar.front.page.files import POLICY, page_files
from sidecar.front.receive.guards import AccessPolicy, refusal_of
from sidecar.paths import API

TOKEN, NOW = "right", 1_770_000_000.0


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time that it shows."""
        return self.now


def refused(
    value: str, *, token: str = TOKEN, now: float = NOW, path: str = f"{API}/events", **more: str
) -> int | None:
    """The status with which a request that brings this Cookie header is refused; None when it passes."""
    policy = AccessPolicy(frozenset({"localhost"}), token, lambda: now)
    sent = {"host": "localhost:1", "cookie": value, **{name.replace("_", "-"): text for name, text in more.items()}}
    refusal = refusal_of(policy, path, {name.encode(): text.encode() for name, text in sent.items()})
    return refusal.status if refusal else None


def given(token: str = TOKEN, now: float = NOW) -> str:
    return cookie.set_cookie(token, now).partition(";")[0]


def test_a_code_is_good_once() -> None:
    """The first use of a code is good, every later one is not; nor is a code that was never given."""
    box = OneTimeCodes()
    code = box.issue()

    assert [True, False, False] == [box.use(code), box.use(code), box.use("")]


def test_a_code_ends() -> None:
    """After its life a code is good no more."""
    clock = Clock()
    box = OneTimeCodes(clock)
    code = box.issue()
    clock.now = codes.LIFE_SECONDS

    assert not box.use(code)


def test_codes_are_bounded() -> None:
    """However many are asked for, only the newest are kept."""
    box = OneTimeCodes()
    first, *_, last = [box.issue() for _ in range(codes.MAX_CODES + 1)]

    assert [False, True] == [box.use(first), box.use(last)]


def test_the_cookie_lets_its_page_read() -> None:
    """With the cookie, alone or among others, reading passes; without it, or with another's, it does not."""
    assert None is refused(given())
    assert None is refused(f"a=b; {given()}; c=d")
    assert [401] * 4 == [refused(other) for other in ("", "a=b", given("other"), given().replace("=", "x=", 1))]


def test_the_cookie_ends() -> None:
    """A cookie that was kept too long, whose end was moved, or that is older than the token, opens nothing."""
    name, _, value = given().partition("=")
    ends, _, signature = value.partition(".")
    later = f"{name}={int(ends) + 1}.{signature}"

    assert 401 == refused(given(), now=NOW + cookie.LIFE_SECONDS)
    assert 401 == refused(later)
    assert 401 == refused(given(), token="new")


@pytest.mark.parametrize("value", ["", ".", "x.", "1", "²." + "0" * 64, "9" * 400 + ".x", "\xff.\xff"])
def test_no_cookie_makes_it_fail(value: str) -> None:
    """Whatever a cookie holds, there is an answer, and it is no."""
    assert 401 == refused(f"{cookie.name_of(TOKEN)}={value}")


def test_the_cookie_is_not_the_token() -> None:
    """Nothing that a browser is given holds the token, and scripts cannot read it."""
    header = cookie.set_cookie(TOKEN, NOW)

    assert TOKEN not in header
    assert all(part in header for part in ("HttpOnly", "SameSite=Strict", "Path=/"))


def test_the_cookie_does_not_help_other_pages() -> None:
    """A request that another page made is refused with the cookie as without it."""
    assert 403 == refused(given(), origin="http://127.0.0.1:9")
    assert 403 == refused(given(), sec_fetch_site="same-site")


def test_a_link_from_elsewhere_leads_to_the_page_only() -> None:
    """A person may follow a link to the page; nothing else may be asked for from elsewhere, nor the page framed."""
    visit = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}

    assert None is refused("", path="/", **visit)
    assert 403 == refused("", path="/open", **visit)
    assert 403 == refused(given(), **visit)
    assert 403 == refused("", path="/", **{**visit, "sec_fetch_dest": "iframe"})
    assert 403 == refused("", path="/", **{**visit, "sec_fetch_mode": "no-cors"})


def test_the_page_is_complete() -> None:
    """Everything that the document loads is there, and its policy allows no inline script."""
    files = page_files()
    document = files[""].content.decode()
    loaded = [part.split('"')[0].lstrip("/") for part in document.replace("src=", "href=").split('href="')[1:]]

    assert loaded
    assert set() == set(loaded) - set(files)
    assert "unsafe" not in POLICY
    assert "<script>" not in document
