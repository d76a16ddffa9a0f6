"""Where a Redis is and how we log in there, read from its URL."""

import ssl
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

DEFAULT_PORT = 6379
OPTIONS = frozenset({"db", "username", "password", "ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"})
"""What may stand behind the `?`, under the names that other Redis clients use."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a URL says.

    Args:
        host: name or address; empty for a socket file.
        port: 1 to 65535.
        path: the socket file; empty for a host.
        login: password, or user and password; empty without a login.
        database: number to select; 0 is what a connection has anyway.
        tls: how to talk TLS, None for none.
    """

    host: str
    port: int
    path: str
    login: tuple[str, ...]
    database: int
    tls: ssl.SSLContext | None


def place(url: str) -> Place:
    """Reads `redis://`, `rediss://` and `unix://` as other Redis clients do.

    Raises:
        ValueError: it is none of these, or has an option that is not known.
        OSError: a file that it names for TLS cannot be read.
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    if parts.scheme not in {"redis", "rediss", "unix"} or options.keys() - OPTIONS:
        raise ValueError("no URL of a Redis")
    is_file = parts.scheme == "unix"
    database = options.get("db") or ("" if is_file else parts.path.strip("/")) or "0"
    return Place(
        host="" if is_file else unquote(parts.hostname or "localhost"),
        port=parts.port or DEFAULT_PORT,
        path=unquote(parts.path) if is_file else "",
        login=_login(
            unquote(parts.username or options.get("username", "")),
            unquote(parts.password or options.get("password", "")),
        ),
        database=int(database),
        tls=_tls(options) if parts.scheme == "rediss" else None,
    )


def _login(user: str, password: str) -> tuple[str, ...]:
    if not password and not user:
        return ()
    return (user, password) if user else (password,)


def _tls(options: dict[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
    if options.get("ssl_cert_reqs") == "none":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if certificate := options.get("ssl_certfile"):
        context.load_cert_chain(certificate, options.get("ssl_keyfile"))
    return context
