import hiredis
import pytest

from exporters.redis_streams.answers import address, is_about_entry, trouble


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("ERR max request size exceeded", True),
        ("ERR wrong number of arguments for 'xadd' command", True),
        ("ERR unknown command `XADD`", False),
        ("ERR max number of clients reached", False),
        ("WRONGTYPE Operation against a key", False),
        ("NEWCODE of a later Redis", False),
        ("OOM command not allowed", False),
        ("NOPERM no permissions", False),
        ("CLUSTERDOWN the cluster is down", False),
    ],
)
def test_only_an_answer_about_the_entry_rejects_it(answer: str, expected: bool) -> None:
    """An error with a code of its own is about the server; so are the known ones of the general class."""
    assert expected == is_about_entry(hiredis.ReplyError(answer))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://user:pw@host:7000/1?password=pw", "Redis at host:7000"),
        ("rediss://:pw@host", "Redis at host:6379"),
        ("redis://", "Redis at localhost:6379"),
        ("unix://user:pw@/run/redis.sock?db=1&password=pw", "Redis at /run/redis.sock"),
        ("redis://:pw@[::1", "Redis"),
        ("redis://u:p/w@host", "Redis"),
    ],
)
def test_an_address_shows_no_credentials(url: str, expected: str) -> None:
    """An address is host and port, or the socket, and nothing else of the URL."""
    assert expected == address(url)


def test_an_answer_is_one_short_line() -> None:
    """However long and many-lined an answer is, one line of it goes on."""
    message = str(trouble(hiredis.ReplyError("ERR a\r\nb\n" + "c" * 1000), "redis://:pw@host"))
    assert message.startswith("Redis at host:6379: a b ccc")
    assert 250 > len(message)
