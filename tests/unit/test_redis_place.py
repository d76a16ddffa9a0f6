"""Laws of reading a Redis URL."""

import ssl

import pytest

from exporters.redis_streams.place import place


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://", ("localhost", 6379, "", (), 0)),
        ("redis://host:7000/3", ("host", 7000, "", (), 3)),
        ("redis://:p%40w@host", ("host", 6379, "", ("p@w",), 0)),
        ("redis://us%2Fer:pw@[::1]/", ("::1", 6379, "", ("us/er", "pw"), 0)),
        ("redis://host/1?db=2&username=u&password=p", ("host", 6379, "", ("u", "p"), 2)),
        ("unix://:pw@/run/redis%20one.sock?db=4", ("", 6379, "/run/redis one.sock", ("pw",), 4)),
    ],
)
def test_a_url_says_where_and_how_to_log_in(url: str, expected: tuple[object, ...]) -> None:
    """Host, port, socket file, login and database are read as other Redis clients read them."""
    found = place(url)
    assert expected == (found.host, found.port, found.path, found.login, found.database)
    assert found.tls is None


@pytest.mark.parametrize("url", ["", "host:6379", "http://host", "redis://host/x", "redis://h:1x", "redis://h?o=1"])
def test_what_is_no_url_of_a_redis_is_refused(url: str) -> None:
    """Other schemes, numbers that are none and unknown options are a ValueError."""
    with pytest.raises(ValueError):
        place(url)


def test_tls_is_checked_unless_told_otherwise() -> None:
    """`rediss://` asks for a valid certificate; only `ssl_cert_reqs=none` lets any pass."""
    strict, lax = place("rediss://host").tls, place("rediss://host?ssl_cert_reqs=none").tls
    assert strict
    assert (ssl.CERT_REQUIRED, True) == (strict.verify_mode, strict.check_hostname)
    assert lax
    assert (ssl.CERT_NONE, False) == (lax.verify_mode, lax.check_hostname)
