"""Who may do what: decided before any route sees a request.

* The Host header must name this machine: a page whose domain was pointed at 127.0.0.1 (DNS rebinding) is refused.
* A request that a browser sent for another origin is refused, whatever it asks for.
* Sending events needs no token from loopback; with `ingest = "token"` the ingest token, which opens nothing else.
* Answers that hold no content need none either, unless `metrics = "token"`.
* A POST without the token to a path that is none is told where events go: that the path is none is no secret.
* Everything that reads events needs the token for reading, or the cookie that the page got by a one-time link; a new
  token is made for who has the old one, never for a cookie.
"""

import hmac
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from sidecar.front.page import cookie
from sidecar.paths import API, CLAUDE_CODE, CODES, HOOKS, OPEN_LINK, ROTATE, SIGN_IN

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
PAGE_PATHS = frozenset({"/", "/favicon.svg", OPEN_LINK, SIGN_IN})
"""The page itself holds no event; the last two check code and token themselves."""
OPEN_PATHS = PAGE_PATHS | {f"{API}/health"}
"""Health says no more than its status where the others are closed."""
OPEN_TREES = ("/assets",)
STATUS_PATHS = frozenset({f"{API}/hook-performance", "/metrics"})
STATUS_TREES = ("/schema",)
INGEST_PATHS = frozenset({f"{API}/hook-events"})
INGEST_TREES = (HOOKS,)
POST_PATHS = frozenset({f"{API}/sql", f"{API}/replay", CODES, ROTATE})
"""What else is posted to; a POST to no path at all is most likely an event that went astray."""
SAFE_SITES = frozenset({"same-origin", "none"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused: HTTP status, what, and what to do."""

    status: int
    message: str
    hint: str


NO_TOKEN = Refusal(
    401, "reading events needs the token", "leanvibe open, or Authorization: Bearer with <data-dir>/token"
)
NO_SUCH_PATH = Refusal(
    404,
    "nothing is posted to here",
    f"events go to {CLAUDE_CODE} (or another agent), in the guide's format to {API}/hook-events",
)
NO_INGEST_TOKEN = Refusal(
    401,
    "sending events needs the ingest token",
    "leanvibe hooks install writes it into the hooks; or Authorization: Bearer with <data-dir>/ingest-token",
)


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """The host names that are ours, in lower case without port, and the token that reading needs.

    `ingest_token` is None where sending needs none; `closed` where the status needs the token too.
    """

    hosts: frozenset[str]
    token: str
    clock: Callable[[], float] = time.time
    ingest_token: str | None = None
    closed: bool = False


def access_policy(
    bound_host: str,
    allowed_hosts: Iterable[str],
    token: str,
    ingest_token: str | None = None,
    *,
    closed: bool = False,
) -> AccessPolicy:
    """The policy of a sidecar that listens on `bound_host`."""
    named = {name.lower() for name in allowed_hosts}
    bound = bound_host.lower()
    as_host = f"[{bound}]" if ":" in bound else bound  # an IPv6 address has brackets there (RFC 3986, 3.2.2)
    return AccessPolicy(LOCAL_NAMES | named | {as_host}, token, ingest_token=ingest_token, closed=closed)


def refusal_of(policy: AccessPolicy, path: str, headers: Mapping[bytes, bytes], method: str = "") -> Refusal | None:
    """Why this request may not pass; None when it may. Pure.

    Args:
        policy: the hosts and the token.
        path: the request's path, without query.
        headers: lower-case header names to values; of a repeated header the last.
        method: of the request; empty where it says nothing.
    """
    if host_name(headers.get(b"host", b"").decode("latin-1")) not in policy.hosts:
        return Refusal(421, "this host name is not served", "ask 127.0.0.1 or set LEANVIBE_ALLOWED_HOSTS")
    if not _same_origin(headers) and not _is_visit(path, headers):
        return Refusal(403, "requests from other web pages are refused", "ask from the sidecar's own page")
    if _is_in(path, INGEST_PATHS, INGEST_TREES):
        return None if _may_send(policy, headers) else NO_INGEST_TOKEN
    if _is_in(path, OPEN_PATHS, OPEN_TREES) or (not policy.closed and _is_in(path, STATUS_PATHS, STATUS_TREES)):
        return None
    if _has_token(policy.token, headers) or (path != ROTATE and _has_cookie(policy, headers)):
        return None
    return NO_SUCH_PATH if method == "POST" and not _is_in(path, POST_PATHS, ()) else NO_TOKEN


def refusal_of_socket(policy: AccessPolicy, path: str, headers: Mapping[bytes, bytes]) -> Refusal | None:
    """As `refusal_of`, for a WebSocket: whatever its path says, it is for who may read. Pure."""
    return refusal_of(policy, path, headers) or (None if may_read(policy, headers) else NO_TOKEN)


def may_read(policy: AccessPolicy, headers: Mapping[bytes, bytes]) -> bool:
    """Whether the request brings the token for reading, or a cookie that is good. Pure but for the clock."""
    return _has_token(policy.token, headers) or _has_cookie(policy, headers)


def host_name(host: str) -> str:
    """The name in a Host header, in lower case, without its port; IPv6 keeps its brackets."""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()


def _same_origin(headers: Mapping[bytes, bytes]) -> bool:
    site = headers.get(b"sec-fetch-site")
    if site is not None and site.decode("latin-1") not in SAFE_SITES:
        return False
    origin = headers.get(b"origin")
    if origin is None:
        return True
    host = headers.get(b"host", b"").decode("latin-1").lower()
    try:
        return urlsplit(origin.decode("latin-1")).netloc.lower() == host
    except ValueError:  # no URL, so not ours
        return False


def _is_visit(path: str, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a person follows a link to the page from elsewhere: the page alone tells and changes nothing."""
    told = (headers.get(b"sec-fetch-mode"), headers.get(b"sec-fetch-dest"))
    return path == "/" and told == (b"navigate", b"document") and b"origin" not in headers


def _is_in(path: str, paths: frozenset[str], trees: tuple[str, ...]) -> bool:
    plain = path.rstrip("/") or "/"
    return plain in paths or any(plain == tree or plain.startswith(tree + "/") for tree in trees)


def _may_send(policy: AccessPolicy, headers: Mapping[bytes, bytes]) -> bool:
    """The owner's token sends too: whoever reads everything may also add to it."""
    if policy.ingest_token is None:
        return True
    return _has_token(policy.ingest_token, headers) or _has_token(policy.token, headers)


def _has_token(token: str, headers: Mapping[bytes, bytes]) -> bool:
    scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
    return scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), token.encode())


def _has_cookie(policy: AccessPolicy, headers: Mapping[bytes, bytes]) -> bool:
    given = cookie.given_in(headers.get(b"cookie", b"").decode("latin-1"), policy.token)
    return bool(given) and cookie.is_valid(policy.token, given, policy.clock())
