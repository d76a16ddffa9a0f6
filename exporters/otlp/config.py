"""Where a signal goes and how, by the standard `OTEL_EXPORTER_OTLP_*` variables.

Source: OpenTelemetry specification, protocol/exporter.md. Times are milliseconds there, seconds here. A variable
that is set to nothing counts as not set; the signal's own variant of a variable (`_TRACES_`, `_LOGS_`,
`_METRICS_`) wins over the common one.
"""

import enum
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from exporters.otlp.proxies import proxy_for
from exporters.otlp.signals import Signal
from sidecar.errors import SettingsError

PREFIX = "OTEL_EXPORTER_OTLP_"
DEFAULT_TIMEOUT_S = 10.0
MAX_TIMEOUT_S = 600.0

Pairs = tuple[tuple[str, str], ...]


class Protocol(enum.StrEnum):
    """Transports that we speak."""

    HTTP = "http/protobuf"
    GRPC = "grpc"


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpConfig:
    """One OTLP destination.

    Args:
        endpoint: URL that requests are posted to, without credentials; for gRPC only scheme, host and port
            count.
        signal: what is sent.
        protocol: transport.
        headers: sent with each request; names in lower case.
        timeout: seconds for one request, from connecting to the last byte of the answer.
        gzip: whether requests are compressed.
        certificate: file with the authorities that may have signed the server's certificate; None for the
            system's.
        client_certificate: file with our own certificate; needs `client_key`.
        client_key: file with its private key.
        proxy: URL of an HTTP proxy; None to connect directly.
        service_name: `service.name` of everything; None for the name of who did the work.
        resource: further attributes of the resource.
    """

    endpoint: str
    signal: Signal = Signal.TRACES
    protocol: Protocol = Protocol.HTTP
    headers: Pairs = field(default=(), repr=False)
    timeout: float = DEFAULT_TIMEOUT_S
    gzip: bool = True
    certificate: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    proxy: str | None = field(default=None, repr=False)
    service_name: str | None = None
    resource: Pairs = ()

    @property
    def shown(self) -> str:
        """The endpoint as it may stand in a message: no credentials, no query."""
        return urlunsplit(urlsplit(self.endpoint)._replace(query="", fragment=""))


def config_from_env(environment: Mapping[str, str], signal: Signal = Signal.TRACES) -> OtlpConfig | None:
    """The destination of a signal that the environment names; None when it names none or switches it off.

    Raises:
        SettingsError: a variable has a value that cannot be used; the message names it, never its value's
            secrets.
    """
    given = wanted(environment, signal)
    if given is None:
        return None
    env = _own_first(environment, signal)
    protocol = _protocol(env)
    if protocol is Protocol.GRPC and "://" not in given[0]:
        given = (_with_scheme(given[0], env), given[1])
    parts = _split(*given, protocol, signal)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    certificate, key = _otlp(env, "CLIENT_CERTIFICATE"), _otlp(env, "CLIENT_KEY")
    if bool(certificate) != bool(key):
        raise SettingsError(f"{PREFIX}CLIENT_CERTIFICATE and {PREFIX}CLIENT_KEY go together", hint="set both or none")
    return OtlpConfig(
        endpoint=bare,
        signal=signal,
        protocol=protocol,
        headers=_headers(env, parts),
        timeout=_timeout(env),
        gzip=_gzip(env),
        certificate=_otlp(env, "CERTIFICATE") or None,
        client_certificate=certificate or None,
        client_key=key or None,
        proxy=_proxy(bare, env),
        service_name=_text(env, "OTEL_SERVICE_NAME") or None,
        resource=_pairs("OTEL_RESOURCE_ATTRIBUTES", _text(env, "OTEL_RESOURCE_ATTRIBUTES")),
    )


def _text(env: Mapping[str, str], name: str) -> str:
    return env.get(name, "").strip()


def _own_first(env: Mapping[str, str], signal: Signal) -> Mapping[str, str]:
    """The environment with the signal's own variables in place of the common ones."""
    prefix = signal.own_prefix
    own = {PREFIX + name.removeprefix(prefix): value for name, value in env.items() if name.startswith(prefix)}
    return {**env, **{name: value for name, value in own.items() if value.strip()}}


def _otlp(env: Mapping[str, str], name: str) -> str:
    return _text(env, PREFIX + name)


def wanted(env: Mapping[str, str], signal: Signal) -> tuple[str, bool] | None:
    """`(URL, whether it is meant as it stands)`: the common endpoint is a base for all signals.

    None when the environment names no endpoint for the signal, or switches it or all telemetry off.
    """
    if _text(env, "OTEL_SDK_DISABLED").lower() == "true" or _text(env, signal.switch) == "none":
        return None
    own = _text(env, f"{signal.own_prefix}ENDPOINT")
    if own:
        return own, True
    base = _text(env, f"{PREFIX}ENDPOINT")
    return (base, False) if base else None


def _with_scheme(address: str, env: Mapping[str, str]) -> str:
    """For gRPC a bare `host:port` will do; it is encrypted unless `_INSECURE` says otherwise."""
    return ("http://" if _otlp(env, "INSECURE").lower() == "true" else "https://") + address


def _split(url: str, verbatim: bool, protocol: Protocol, signal: Signal) -> SplitResult:  # noqa: FBT001 - of a pair
    parts = urlsplit(url)
    try:
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(f"{PREFIX}ENDPOINT is no http or https URL", hint="for example http://localhost:4318")
    if verbatim or protocol is Protocol.GRPC:
        return parts._replace(path=parts.path or "/")
    return parts._replace(path=parts.path.rstrip("/") + signal.path)


def _protocol(env: Mapping[str, str]) -> Protocol:
    name = _otlp(env, "PROTOCOL") or Protocol.HTTP
    try:
        return Protocol(name)
    except ValueError:
        known = ", ".join(Protocol)
        raise SettingsError(f"{PREFIX}PROTOCOL is {name!r}", hint=f"use one of: {known}") from None


def _timeout(env: Mapping[str, str]) -> float:
    text = _otlp(env, "TIMEOUT")
    try:
        seconds = float(text) / 1000 if text else DEFAULT_TIMEOUT_S
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_TIMEOUT_S:
        raise SettingsError(
            f"{PREFIX}TIMEOUT is no usable time", hint=f"milliseconds, at most {MAX_TIMEOUT_S * 1000:.0f}"
        )
    return seconds


def _gzip(env: Mapping[str, str]) -> bool:
    name = _otlp(env, "COMPRESSION") or "gzip"
    if name not in {"gzip", "none"}:
        raise SettingsError(f"{PREFIX}COMPRESSION is {name!r}", hint="use gzip or none")
    return name == "gzip"


def _proxy(url: str, env: Mapping[str, str]) -> str | None:
    found = proxy_for(url, env)
    if found and urlsplit(found).scheme not in {"http", "https"}:
        raise SettingsError(
            f"the proxy for {PREFIX}ENDPOINT is none for HTTP",
            hint="check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY",
        )
    return found or None


def _headers(env: Mapping[str, str], parts: SplitResult) -> Pairs:
    """Headers as given; credentials in the URL become basic authentication unless a header says otherwise."""
    pairs = _pairs(f"{PREFIX}HEADERS", _otlp(env, "HEADERS"))
    if not all(name.isascii() and value.isascii() and " " not in name for name, value in pairs):
        raise SettingsError(f"{PREFIX}HEADERS has a character that no header can hold", hint="use ASCII")
    given = {name.lower(): value for name, value in pairs}
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        given.setdefault("authorization", "Basic " + b64encode(login.encode()).decode())
    return tuple(given.items())


def _pairs(variable: str, text: str) -> Pairs:
    """`k1=v1,k2=v2` with %-encoded values (W3C baggage without properties)."""
    found: list[tuple[str, str]] = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = item.partition("=")
        decoded = unquote(value.strip())
        if not equals or not name.strip() or not decoded.isprintable():
            raise SettingsError(
                f"item {len(found) + 1} of {variable} cannot be used",
                hint="write name=value, separated by commas, special characters %-encoded",
            )
        found.append((name.strip(), decoded))
    return tuple(found)
