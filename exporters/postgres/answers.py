"""What an error of PostgreSQL means for a batch, in one line without credentials.

Only what is wrong with a row rejects that row. Everything that an operator can put right (login, database,
table, right, disk) is transient: the journal keeps the events until it is.

Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

import os

import psycopg
from psycopg.conninfo import conninfo_to_dict

from exporters.unsaid import unsaid
from sidecar.errors import TransientExportError

ROW_CLASSES = ("22", "23", "54", "P0001")
"""Data exception, constraint violation, program limit exceeded (a long index entry, deep nesting), and the refusal by
a trigger that somebody added, which is to a row what a constraint is."""

CHECK = "23514"

HINTS = {
    CHECK: "the table lacks its default partition: CREATE TABLE leanvibe_events_default PARTITION OF leanvibe_events"
    " DEFAULT",
    "25006": "it is read-only: let LEANVIBE_POSTGRES_DSN name the primary",
    "28": "check user and password in LEANVIBE_POSTGRES_DSN, and pg_hba.conf",
    "3D000": "create the database, or correct its name in LEANVIBE_POSTGRES_DSN",
    "3F000": "create the schema, or correct the search_path of the user",
    "42501": "GRANT INSERT ON leanvibe_events, SELECT ON leanvibe_schema_version; CREATE on the schema to make them",
    "42703": "run leanvibe db upgrade",
    "42P01": "run leanvibe db upgrade",
    "53100": "its disk is full: make room",
    "53300": "raise max_connections, or close clients",
    "55P03": "another session holds a lock: see pg_stat_activity",
    "57014": "another session holds a lock, or the server is overloaded: see pg_stat_activity",
    "57P03": "it is starting or stopping: wait",
}
"""What to do, by SQLSTATE or its first two characters."""

CONNECTING = {
    "password authentication failed": HINTS["28"],
    "no password supplied": "put user and password into LEANVIBE_POSTGRES_DSN",
    "no pg_hba.conf entry": HINTS["28"],
    "too many clients": HINTS["53300"],
    "database system is": HINTS["57P03"],
    "database ": HINTS["3D000"],
    "role ": HINTS["28"],
}
"""What to do, by words of a server that refuses to let us in; libpq passes no SQLSTATE on then."""

UNREACHABLE = {
    "no password supplied": ("it wants a password", "put user and password into LEANVIBE_POSTGRES_DSN"),
    "response": ("it does not answer as PostgreSQL would", "is this another server's port?"),
    "resolve host": ("its host name is not known", "correct the host in LEANVIBE_POSTGRES_DSN"),
    "refused": ("it refuses connections", "is PostgreSQL running there?"),
    "No such file": ("its socket is not there", "is PostgreSQL running there?"),
    "service": ("its service is not defined", "see pg_service.conf, or write the DSN out"),
    "SSL": ("TLS does not come about", "compare sslmode in LEANVIBE_POSTGRES_DSN with the server's settings"),
    "timeout": ("it does not answer as PostgreSQL would", "is this another server's port, or a firewall?"),
    "no answer": ("it does not answer any more", "is it overloaded, or the network cut?"),
    "invalid": (
        "LEANVIBE_POSTGRES_DSN is no DSN",
        "write postgresql://user:password@host:port/database",
    ),
}
"""Our words for libpq's, which may show parts of a mistyped DSN, and what to do."""


SECRET = ("password", "sslpassword", "oauth_client_secret")
"""Parameters of a DSN that no answer may quote."""


def address(dsn: str) -> str:
    """Where a DSN points, without user and password; never raises."""
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return "PostgreSQL"
    host, port = str(parts.get("host") or "localhost"), str(parts.get("port") or "5432")
    if "@" in host or not port.replace(",", "").isdigit():  # a password with a / or @ that is not escaped
        return "PostgreSQL"
    return f"PostgreSQL at {host}:{port}, database {parts.get('dbname') or 'of the user'}"


def is_about_rows(error: psycopg.Error) -> bool:
    """Whether PostgreSQL refused what one of the rows holds.

    A row for which there is no partition, or whose partition is being made, has the code of a check that it does not
    pass, but no check has a name then: the next attempt finds one.
    """
    if error.sqlstate == CHECK and not error.diag.constraint_name:
        return False
    return (error.sqlstate or "").startswith(ROW_CLASSES)


def refusal(error: psycopg.Error) -> str:
    """Why a row was refused: code and name of the error, which hold nothing of the row itself."""
    constraint = error.diag.constraint_name
    named = f", constraint {constraint}" if constraint else ""
    return f"PostgreSQL: {error.sqlstate} {type(error).__name__}{named}"


def trouble(error: psycopg.Error, dsn: str) -> TransientExportError:
    """The error that says which PostgreSQL did not take a batch, what it answered and what to do."""
    if error.sqlstate:
        answer = _answer(error)
        hint = HINTS.get(error.sqlstate) or HINTS.get(error.sqlstate[:2], "")
    else:
        answer, hint = _no_connection(error)
    return TransientExportError(f"{address(dsn)}: {unsaid(answer, _credentials(dsn))}", hint=hint)


def _credentials(dsn: str) -> list[str | None]:
    given = [os.environ.get("PGPASSWORD")]
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return given
    return [*given, *(str(parts[name]) for name in SECRET if parts.get(name))]


def _answer(error: psycopg.Error) -> str:
    """What PostgreSQL said. The words of a trigger may be those of the row, which no status or log may show."""
    where = error.diag.context or ""
    if " function " in f" {where}" and "inline_code_block" not in where:  # which is a migration of ours
        return f"a trigger or function on its tables fails with {error.sqlstate} (its log has the words)"
    return " ".join((error.diag.message_primary or "").split())


def _no_connection(error: psycopg.Error) -> tuple[str, str]:
    text = str(error)
    if isinstance(error, psycopg.ProgrammingError):
        return UNREACHABLE["invalid"]
    if "FATAL: " in text:
        answer = text.rpartition("FATAL: ")[2].splitlines()[0].strip()
        return answer, next((hint for words, hint in CONNECTING.items() if words in answer), "")
    known = (said for words, said in UNREACHABLE.items() if words in text)
    return next(known, ("the connection broke", "is PostgreSQL running there, and is this its port?"))
