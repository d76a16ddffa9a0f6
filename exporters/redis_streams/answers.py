"""What an error of Redis means for a batch, in one line without credentials.

Only what Redis says about one entry rejects that entry. Everything that an operator can put right is
transient: the journal keeps the events until it is.
"""

from urllib.parse import urlsplit

import redis

from sidecar.errors import TransientExportError

HINTS = {
    "Authentication required": "put user and password into LEANVIBE_REDIS_URL",
    "invalid username-password": "check user and password in LEANVIBE_REDIS_URL",
    "no permissions": "let its user add to the stream: ACL SETUSER <user> ~<stream> +xadd",
    "WRONGTYPE": "that key holds something else: choose another LEANVIBE_REDIS_STREAM, or RENAME the key",
    "maxmemory": "raise maxmemory, or choose an eviction policy",
    "read only replica": "this is a replica: let LEANVIBE_REDIS_URL name the primary",
    "loading": "it is reading its data: wait",
    "MISCONF": "Redis cannot write its snapshots: see its log",
    "max number of clients": "raise maxclients, or close clients",
    "unknown command": "streams need Redis 5 or newer",
    "DB index": "check the database number at the end of LEANVIBE_REDIS_URL",
    "Timeout": "is it overloaded, does it want rediss://, or is this another server's port?",
    "not known": "correct the host in LEANVIBE_REDIS_URL",
    "connecting to": "is Redis running there?",
    "closed": "is Redis still running there, and is this its port?",
    "socket": "is Redis still running there?",
}
"""What to do, by words that Redis or redis-py says."""

ABOUT_SERVER = ("unknown command", "max number of clients", "DB index", "operation not permitted")
"""Answers of the class ERR that are not about the one entry that drew them."""

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

    An error begins with a code in capitals (https://redis.io/docs/latest/develop/reference/protocol-spec/);
    ERR, for a command's own arguments, is stripped by redis-py, where most others have a class of their own.
    """
    text = str(error)
    return (
        type(error) is redis.ResponseError
        and not text.split(" ", 1)[0].isupper()
        and not any(phrase in text for phrase in ABOUT_SERVER)
    )


def trouble(error: Exception, url: str) -> TransientExportError:
    """The error that says which Redis did not take a batch, what it answered and what to do."""
    if isinstance(error, (ValueError, TypeError)):
        return TransientExportError(
            "LEANVIBE_REDIS_URL is no URL of a Redis", hint="write redis://[user:password@]host:port/database"
        )
    answer = " ".join(str(error).split())[:LONGEST_ANSWER].rstrip(".")
    hint = next((hint for words, hint in HINTS.items() if words in answer), "")
    return TransientExportError(f"{address(url)}: {answer}", hint=hint)
