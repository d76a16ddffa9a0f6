"""OTLP over HTTP with protobuf bodies, by urllib3: one POST, no retry, no redirect, no `.netrc`."""

import gzip
import ssl
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as Urllib3TimeoutError

from exporters.otlp.answers import Partial, partial_success, refusal
from exporters.otlp.config import OtlpConfig
from exporters.otlp.timely import timely
from sidecar.errors import PermanentExportError, TransientExportError

FASTEST_GZIP = 1
"""Level 9 costs ten times the time for a tenth of the bytes."""

MAX_ANSWER_BYTES = 65_536
SUCCESS = range(200, 300)
USER_AGENT = "leanvibe-sidecar"


class HttpTransport:
    """Posts requests to one URL over a kept connection.

    Raises:
        PermanentExportError: a certificate or key file cannot be used.
    """

    def __init__(self, config: OtlpConfig) -> None:
        self._config = config
        self._headers = _headers(config)
        self._pool = _pool(config)

    def send(self, body: bytes) -> Partial:
        """Posts one request, within the configured timeout, and reads the whole answer."""
        payload = gzip.compress(body, FASTEST_GZIP, mtime=0) if self._config.gzip else body
        try:
            answer = self._post(payload)
            received = _read(answer)
        except (HTTPError, OSError) as error:
            raise _unreachable(self._config, error) from None
        if answer.status not in SUCCESS:
            raise refusal(answer.status, answer.headers, self._config.shown, received)
        return partial_success(received, answer.headers.get("Content-Type", ""), self._config.shown)

    def close(self) -> None:
        """Closes the kept connection."""
        self._pool.clear()

    def _post(self, payload: bytes) -> urllib3.BaseHTTPResponse:
        return self._pool.request(
            "POST",
            self._config.endpoint,
            body=payload,
            headers=self._headers,
            timeout=urllib3.Timeout(total=self._config.timeout),
            retries=False,
            redirect=False,
            preload_content=False,
        )


def _headers(config: OtlpConfig) -> dict[str, str]:
    fixed = {"content-type": "application/x-protobuf", "user-agent": USER_AGENT}
    if config.gzip:
        fixed["content-encoding"] = "gzip"
    return dict(config.headers) | fixed


def _pool(config: OtlpConfig) -> urllib3.PoolManager:
    tls = _tls(config) if config.endpoint.startswith("https:") else None
    if config.proxy:
        login = urlsplit(config.proxy).netloc.rpartition("@")[0]
        headers = urllib3.make_headers(proxy_basic_auth=unquote(login)) if login else None
        return timely(urllib3.ProxyManager(config.proxy, 1, proxy_headers=headers, maxsize=1, ssl_context=tls))
    return timely(urllib3.PoolManager(num_pools=1, maxsize=1, ssl_context=tls))


def _tls(config: OtlpConfig) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=config.certificate)
        if config.client_certificate:
            context.load_cert_chain(config.client_certificate, config.client_key)
    except (OSError, ValueError) as error:
        raise PermanentExportError(
            f"the TLS files for {config.shown} cannot be used: {type(error).__name__}",
            hint="check OTEL_EXPORTER_OTLP_CERTIFICATE, _CLIENT_CERTIFICATE and _CLIENT_KEY",
        ) from None
    return context


def _read(answer: urllib3.BaseHTTPResponse) -> bytes:
    """The answer's body up to a bound.

    A server that refuses a request unread ends by a reset: what it said before that is the whole of its refusal.
    """
    received = bytearray()
    try:
        while chunk := answer.read1(MAX_ANSWER_BYTES):
            received += chunk
            if len(received) > MAX_ANSWER_BYTES:
                answer.close()
                return bytes(received)
    except (HTTPError, OSError):
        if answer.status in SUCCESS or not received:
            raise
    answer.release_conn()
    return bytes(received)


def _unreachable(config: OtlpConfig, error: Exception) -> TransientExportError:
    """Names the kind of failure only: urllib3's own texts quote the whole URL."""
    refused = isinstance(error, urllib3.exceptions.NewConnectionError)  # a timeout by its ancestry
    hint = "it is tried again by itself; is the backend up?"
    if isinstance(error, Urllib3TimeoutError) and not refused:
        said = f"did not answer within {config.timeout:g} s"
    elif isinstance(error, urllib3.exceptions.SSLError):
        said = "has no TLS certificate that we trust"
    elif isinstance(error, urllib3.exceptions.ProtocolError):
        said = "broke off, or does not answer as HTTP would"
        hint = "it is tried again by itself; is the backend up, and is this its port?"
    else:
        said = f"cannot be reached: {type(error).__name__}"
    return TransientExportError(f"{config.shown} {said}", hint=hint)
