"""Laws of what is passed on of a server's words: nothing that we sent it to be let in."""

import hiredis
import psycopg
import pytest

from exporters.postgres import answers as postgres
from exporters.redis_streams import answers as redis
from exporters.unsaid import HIDDEN, unsaid

PASSWORD = "made-up p@ss.word"
IN_URL = "made-up%20p%40ss.word"


@pytest.mark.parametrize(
    ("text", "credentials", "expected"),
    [
        ('token "abcdefgh1" is wrong', ["abcdefgh1"], f'token "{HIDDEN}" is wrong'),
        ("xabcdefgh1x", ["abcdefgh1"], f"x{HIDDEN}x"),
        ("abcdefgh123", ["abcdefgh1", "abcdefgh123"], HIDDEN),
        ("a password of a", ["a"], f"{HIDDEN} password of {HIDDEN}"),
        ("nothing to hide", ["", None], "nothing to hide"),
        (".*", [".*"], HIDDEN),
    ],
)
def test_credentials_are_taken_out(text: str, credentials: list[str | None], expected: str) -> None:
    """Wherever they stand, the longest first; a short one only where it is no part of a word."""
    assert expected == unsaid(text, credentials)


@pytest.mark.parametrize("url", [f"redis://me:{IN_URL}@host", f"redis://host?password={IN_URL}"])
@pytest.mark.parametrize("said", [f"ERR no user {PASSWORD}", f"WRONGPASS {PASSWORD} is none"])
def test_redis_quotes_no_password(url: str, said: str) -> None:
    """However the URL gives it."""
    told = str(redis.trouble(hiredis.ReplyError(said), url))

    assert HIDDEN in told
    assert PASSWORD not in told


def test_redis_quotes_no_arguments() -> None:
    """Of a command that it does not know, a server quotes the beginning of what followed, which may be cut."""
    said = "ERR unknown command 'AUTH', with args beginning with: 'made-up p' "
    told = str(redis.trouble(hiredis.ReplyError(said), f"redis://:{IN_URL}@host"))

    assert "Redis at host:6379: unknown command 'AUTH' (streams need Redis 5 or newer)" == told


@pytest.mark.parametrize(
    "dsn", [f"postgresql://me:{IN_URL}@host/db", f"host=host password='{PASSWORD}'", "host=host"]
)
def test_postgres_quotes_no_password(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it was given: in the DSN, or by PostgreSQL's own variable."""
    if dsn == "host=host":
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
    said = f'connection failed: FATAL: password authentication failed: "{PASSWORD}"'
    told = str(postgres.trouble(psycopg.OperationalError(said), dsn))

    assert f'password authentication failed: "{HIDDEN}"' in told
    assert PASSWORD not in told
