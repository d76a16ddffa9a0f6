"""The standard variables of OTLP."""

import pytest

from exporters.otlp.config import OtlpConfig, Protocol, config_from_env
from exporters.otlp.signals import Signal
from sidecar.errors import SettingsError

BASE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://otel.example.com/tenant/"}


def config(**more: str) -> OtlpConfig:
    found = config_from_env(BASE | {f"OTEL_EXPORTER_OTLP_{name}": value for name, value in more.items()})
    assert found is not None
    return found


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": " "},
        BASE | {"OTEL_SDK_DISABLED": "TRUE"},
        BASE | {"OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_off(env: dict[str, str]) -> None:
    """Without an endpoint, or switched off, there is no destination."""
    assert None is config_from_env(env)


def test_paths() -> None:
    """The common endpoint is a base, the one for traces is meant as it stands."""
    assert "https://otel.example.com/tenant/v1/traces" == config().endpoint
    assert "http://h:1/x?a=b" == config(TRACES_ENDPOINT="http://h:1/x?a=b").endpoint
    assert "http://h:1/" == config(TRACES_ENDPOINT="http://h:1").endpoint
    assert "http://h:1/x" == config(TRACES_ENDPOINT="http://h:1/x?key=hush").shown


@pytest.mark.parametrize("signal", Signal)
def test_signals_have_variables_of_their_own(signal: Signal) -> None:
    """Each signal has its path, its own endpoint and headers, and its switch; those of others say nothing to it."""
    base = BASE | {"OTEL_EXPORTER_OTLP_HEADERS": "a=1"}
    own = {
        f"OTEL_EXPORTER_OTLP_{signal.name}_{name}": text
        for name, text in (("ENDPOINT", "http://h:1/in"), ("HEADERS", "b=2"))
    }
    common, special = config_from_env(base, signal), config_from_env(base | own, signal)
    assert common is not None
    assert special is not None
    assert (f"https://otel.example.com/tenant/v1/{signal.value}", (("a", "1"),)) == (common.endpoint, common.headers)
    assert ("http://h:1/in", (("b", "2"),)) == (special.endpoint, special.headers)
    assert None is config_from_env(base | {f"OTEL_{signal.name}_EXPORTER": "none"}, signal)
    others = {f"OTEL_{other.name}_EXPORTER": "none" for other in Signal if other is not signal}
    assert common == config_from_env(base | others, signal)


def test_defaults() -> None:
    """Protobuf over HTTP, gzip, ten seconds."""
    found = config()
    assert (Protocol.HTTP, True, 10.0, (), None) == (
        found.protocol,
        found.gzip,
        found.timeout,
        found.headers,
        found.proxy,
    )


def test_own_variables_of_traces_win() -> None:
    """A `_TRACES_` variable wins over the common one."""
    found = config(
        TIMEOUT="1000",
        TRACES_TIMEOUT="500",
        HEADERS="a=1",
        TRACES_HEADERS="b=2",
        COMPRESSION="gzip",
        TRACES_COMPRESSION="none",
    )
    assert (0.5, (("b", "2"),), False) == (found.timeout, found.headers, found.gzip)


def test_grpc() -> None:
    """An endpoint for gRPC is taken with or without a scheme, without a path."""
    assert "https://collector:4317/" == config(PROTOCOL="grpc", ENDPOINT="collector:4317").endpoint
    bare = config(PROTOCOL="grpc", ENDPOINT="collector:4317", INSECURE="true")
    assert "http://collector:4317/" == bare.endpoint
    assert "http://collector:4317/" == config(PROTOCOL="grpc", ENDPOINT="http://collector:4317").endpoint


def test_secrets_do_not_show() -> None:
    """Neither headers nor credentials of the URL are in what may be printed."""
    found = config(ENDPOINT="https://u:hush@h/", HEADERS="authorization=hush")
    assert "hush" not in repr(found) + found.shown


@pytest.mark.parametrize(
    "wrong",
    [
        {"ENDPOINT": "localhost:4318"},
        {"ENDPOINT": "ftp://h"},
        {"ENDPOINT": "http://"},
        {"ENDPOINT": "http://h:99999"},
        {"PROTOCOL": "http/json"},
        {"TIMEOUT": "soon"},
        {"TIMEOUT": "0"},
        {"TIMEOUT": "nan"},
        {"COMPRESSION": "br"},
        {"HEADERS": "hush"},
        {"HEADERS": "a=hush%0d%0ab: c"},
        {"HEADERS": "a=hush%c3%a9"},
        {"HEADERS": "a b=hush"},
        {"CLIENT_KEY": "k.pem"},
    ],
)
def test_wrong_values_are_named(wrong: dict[str, str]) -> None:
    """A value that cannot be used is refused with the variable's name and a hint, without quoting secrets."""
    with pytest.raises(SettingsError) as caught:
        config(**wrong)
    assert "OTEL_EXPORTER_OTLP_" in caught.value.message
    assert caught.value.hint
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "env", "expected"),
    [
        ("http://h", {"http_proxy": "http://p:1"}, "http://p:1"),
        ("http://h", {"HTTPS_PROXY": "http://p:1"}, None),
        ("https://h", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("https://h", {"ALL_PROXY": "p:1"}, "http://p:1"),
        ("https://a.h:8", {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "x, .h"}, None),
        ("https://a.h:8", {"HTTPS_PROXY": "http://p:1", "no_proxy": "a.h:8"}, None),
        ("https://a.h:8", {"HTTPS_PROXY": "http://p:1", "no_proxy": "*"}, None),
        ("https://ah", {"HTTPS_PROXY": "http://p:1", "no_proxy": "h"}, "http://p:1"),
        ("http://127.0.0.1:4318", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://[::1]:4318", {"HTTP_PROXY": "http://p:1"}, None),
        ("http://localhost", {"HTTP_PROXY": "http://p:1"}, None),
    ],
)
def test_proxies(url: str, env: dict[str, str], expected: str | None) -> None:
    """Proxies are those of the environment, and never for this host itself."""
    found = config_from_env(env | {"OTEL_EXPORTER_OTLP_ENDPOINT": url})
    assert found is not None
    assert expected == found.proxy


def test_a_proxy_that_is_none_for_http_is_refused() -> None:
    """SOCKS is not spoken: better said at the start than a batch that never leaves."""
    with pytest.raises(SettingsError, match="proxy"):
        config_from_env(BASE | {"HTTPS_PROXY": "socks5://p:1"})
