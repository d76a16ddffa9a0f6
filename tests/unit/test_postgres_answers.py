import psycopg
import pytest

from exporters.postgres.answers import address, is_about_rows, trouble


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        ("postgresql://u:pw@host:7000/db?sslmode=require", "PostgreSQL at host:7000, database db"),
        ("host=host password=pw dbname=db", "PostgreSQL at host:5432, database db"),
        ("postgres://u:pw@host", "PostgreSQL at host:5432, database of the user"),
        ("postgresql://u:p/w@host:1/db", "PostgreSQL"),
        ("postgresql://u:p@w@host/db", "PostgreSQL"),
        ("http://u:pw@host/db", "PostgreSQL"),
    ],
)
def test_an_address_shows_no_credentials(dsn: str, expected: str) -> None:
    """An address is host, port and database, and less where a password could be among them."""
    assert expected == address(dsn)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (psycopg.errors.NumericValueOutOfRange, True),
        (psycopg.errors.ProgramLimitExceeded, True),
        (psycopg.errors.DeadlockDetected, False),
        (psycopg.errors.UndefinedTable, False),
        (psycopg.errors.DiskFull, False),
        (psycopg.errors.AdminShutdown, False),
        (psycopg.OperationalError, False),
    ],
)
def test_only_what_a_row_holds_rejects_it(error: type[psycopg.Error], expected: bool) -> None:
    """Data, constraints and limits are about rows; all else is about the server, and transient."""
    assert expected == is_about_rows(error())


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("received invalid response to SSL negotiation: H", "it does not answer as PostgreSQL would"),
        ("server does not support SSL, but SSL was required", "TLS does not come about"),
        ('invalid sslmode value: "pw@host"', "LEANVIBE_POSTGRES_DSN is no DSN"),
        ('definition of service "nope" not found', "its service is not defined"),
        ("server closed the connection unexpectedly", "the connection broke"),
    ],
)
def test_what_libpq_says_is_put_in_our_words(said: str, expected: str) -> None:
    """Complaints of libpq itself, which may show parts of the DSN, become ours, each with a hint."""
    shown = trouble(psycopg.OperationalError(f"connection failed: {said}"), "postgresql://u:pw@h/d")
    assert expected == shown.message.rpartition(": ")[2]
    assert shown.hint


def test_a_refusal_to_let_us_in_is_quoted_from_the_server() -> None:
    """Of all that libpq tried, the last answer of a server is passed on, in one line, with a hint."""
    error = psycopg.OperationalError(
        'connection to server at "::1" failed: Connection refused\n\tIs it running?\n'
        'connection to server at "127.0.0.1" failed: FATAL:  the database system is starting up\n'
    )
    said = trouble(error, "postgresql://u:pw@h/d")
    assert "PostgreSQL at h:5432, database d: the database system is starting up" == said.message
    assert "it is starting or stopping: wait" == said.hint
