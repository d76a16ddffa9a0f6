"""What an error of Redis means for a batch, in one line without credentials.

Only what Redis says about one entry rejects that entry. Everything that an operator can put right is
transient: the journal keeps the events until it is.
"""

import socket
import ssl
from urllib.parse import parse_qs, unquote, urlsplit

import hiredis

from exporters.unsaid import unsaid
from sidecar.errors import TransientExportError

HINTS = {
    "Authentication required": "put user and password into LEANVIBE_REDIS_URL",
    "invalid username-password": "check user and password in LEANVIBE_REDIS_URL",
    "invalid password": "check user and password in LEANVIBE_REDIS_URL",
    "no permissions": "let its user add to the stream: ACL SETUSER <user> ~<stream> +xadd",
    "without any password": "it wants no password: take it out of LEANVIBE_REDIS_URL",
    "WRONGTYPE": "that key holds something else: choose another LEANVIBE_REDIS_STREAM, or RENAME the key",
    "maxmemory": "raise maxmemory, or choose an eviction policy",
    "read only replica": "this is a replica: let LEANVIBE_REDIS_URL name the primary",
    "loading": "it is reading its data: wait",
    "MISCONF": "Redis cannot write its snapshots: see its log",
    "max number of clients": "raise maxclients, or close clients",
    "unknown command": "streams need Redis 5 or newer",
    "DB index": "check the database number at the end of LEANVIBE_REDIS_URL",
    "last possible ID": "somebody gave it an entry with the highest ID: RENAME the key, or choose another"
    " LEANVIBE_REDIS_STREAM",
    "NOREPLICAS": "its replicas are away: see min-replicas-to-write",
    "BUSY": "a script holds it up: SCRIPT KILL ends one",
    "MOVED": "this is one of a cluster: let LEANVIBE_REDIS_URL name the one that holds the stream",
}
"""What to do, by words that Redis says."""

BROKEN: tuple[tuple[type[Exception], str, str], ...] = (
    (hiredis.ProtocolError, "it does not answer as Redis would", "is this another server's port?"),
    (
        TimeoutError,
        "it does not answer",
        "is it overloaded, does it want rediss://, or is this another server's port?",
    ),
    (socket.gaierror, "its host name is not known", "correct the host in LEANVIBE_REDIS_URL"),
    (ConnectionRefusedError, "it refuses connections", "is Redis running there?"),
    (FileNotFoundError, "a file that the URL names is not there", "correct the path in LEANVIBE_REDIS_URL"),
    (ssl.SSLError, "TLS does not come about", "compare rediss:// and its certificates with the server's settings"),
    (OSError, "the connection broke", "is Redis still running there, and is this its port?"),
)
"""Our words for what a connection may meet, and what to do; the first that fits."""

ABOUT_SERVER = ("unknown command", "max number of clients", "DB index", "operation not permitted", "last possible ID")
"""Answers of the class ERR that are not about the one entry that drew them."""

QUOTED = ", with args beginning with"
"""What follows are the words of the command that was refused: of AUTH they are the password."""

LONGEST_ANSWER = 200
"""Characters of an answer that are passed on."""


def address(url: str) -> str:
    """Where a Redis URL points, without user, password and query; never raises."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "Redis"
    if parts.scheme == "unix":
        return f"Redis at {parts.path}"
    return f"Redis at {host or 'localhost'}:{port or 6379}"


def is_about_entry(error: Exception) -> bool:
    """Whether Redis refused the one entry, and not everything that we could send it.

    An error begins with a code in capitals (https://redis.io/docs/latest/develop/reference/protocol-spec/), of which
    ERR is for a command's own arguments.
    """
    text = str(error)
    return text.startswith("ERR ") and not any(phrase in text for phrase in ABOUT_SERVER)


def answer_of(error: Exception, url: str) -> str:
    """What Redis said, in one line of bounded length, without what it quotes of a command and its credentials."""
    said = unsaid(str(error).removeprefix("ERR ").partition(QUOTED)[0], _credentials(url))
    return " ".join(said.split())[:LONGEST_ANSWER].rstrip(".")


def _credentials(url: str) -> list[str | None]:
    try:
        parts = urlsplit(url)
        given = [parts.password, *parse_qs(parts.query).get("password", ())]
    except ValueError:
        return []
    return [*given, *(unquote(one) for one in given if one)]


def trouble(error: Exception, url: str) -> TransientExportError:
    """The error that says which Redis did not take a batch, what it answered and what to do."""
    if isinstance(error, ValueError) and not isinstance(error, OSError):  # a certificate's error is both
        return TransientExportError(
            "LEANVIBE_REDIS_URL is no URL of a Redis", hint="write redis://[user:password@]host:port/database"
        )
    if isinstance(error, hiredis.ReplyError):
        answer = answer_of(error, url)
        hint = next((hint for words, hint in HINTS.items() if words in str(error)), "")
    else:
        answer, hint = next((answer, hint) for kind, answer, hint in BROKEN if isinstance(error, kind))
    return TransientExportError(f"{address(url)}: {answer}", hint=hint)
