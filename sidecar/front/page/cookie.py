"""The page's cookie: signed with the token, never the token itself. Pure.

A browser sends a cookie of 127.0.0.1 to every port of it, so what it holds must be worth less than the token: it ends
by itself, it only reads, and a new token makes it worthless.
"""

import hashlib
import hmac

LIFE_SECONDS = 30 * 24 * 3600


def name_of(token: str) -> str:
    """The cookie's name: another sidecar on the same host name has another."""
    return f"leanvibe-{hashlib.sha256(b'name' + token.encode()).hexdigest()[:8]}"


def issue(token: str, now: float) -> str:
    """The value of a cookie that is good for `LIFE_SECONDS` from `now` (seconds since the epoch)."""
    ends = str(int(now) + LIFE_SECONDS)
    return f"{ends}.{_signature(token, ends)}"


def is_valid(token: str, value: str, now: float) -> bool:
    """Whether this value was issued with this token and has not ended at `now`; compared in constant time."""
    ends, _, signature = value.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(token, ends).encode()):
        return False
    return now < int(ends)


def set_cookie(token: str, now: float, *, secure: bool = False) -> str:
    """The Set-Cookie header (RFC 6265): out of reach for scripts, sent for no other site, with TLS by TLS only."""
    kept = f"{name_of(token)}={issue(token, now)}; Max-Age={LIFE_SECONDS}; Path=/; HttpOnly; SameSite=Strict"
    return f"{kept}; Secure" if secure else kept


def given_in(header: str, token: str) -> str:
    """Our cookie's value in a Cookie header; empty when it is not there."""
    wanted = name_of(token)
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return next((value for name, _, value in pairs if name == wanted), "")


def _signature(token: str, ends: str) -> str:
    return hmac.new(token.encode(), b"page cookie until " + ends.encode(), hashlib.sha256).hexdigest()
