"""OTLP over gRPC, with the same encoded requests as over HTTP. Importing this loads grpcio."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from exporters.otlp.answers import Partial, from_protobuf, not_otlp
from exporters.otlp.config import OtlpConfig
from exporters.otlp.proxies import is_loopback
from sidecar.errors import ExportError, PermanentExportError, SignalNotTakenError, TransientExportError

DETAILS = "grpc-status-details-bin"

OF_THE_REQUEST = frozenset({grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED})
"""The backend will never take this request (OTLP specification 1.9, "OTLP/gRPC Response"), unless it sends a
RetryInfo. All other refusals pass, or are put right by an operator."""


class GrpcTransport:
    """Calls the service of one signal over one channel.

    Raises:
        PermanentExportError: a certificate or key file cannot be used.
    """

    def __init__(self, config: OtlpConfig) -> None:
        self._config = config
        self._channel = _channel(config)
        self._export = self._channel.unary_unary(config.signal.grpc_method)

    def send(self, body: bytes) -> Partial:
        """Sends one request within the configured timeout."""
        try:
            answer: bytes = self._export(
                body,
                timeout=self._config.timeout,
                metadata=self._config.headers,
                compression=grpc.Compression.Gzip if self._config.gzip else grpc.Compression.NoCompression,
            )
            return from_protobuf(answer)
        except grpc.RpcError as error:
            raise _refusal(error, self._config.shown) from None
        except DecodeError:
            raise not_otlp(self._config.shown) from None

    def close(self) -> None:
        """Closes the channel."""
        self._channel.close()


def _channel(config: OtlpConfig) -> Any:
    parts = urlsplit(config.endpoint)
    options = [("grpc.enable_retries", 0)]
    if is_loopback(parts.hostname or ""):
        options.append(("grpc.enable_http_proxy", 0))
    if parts.scheme == "http":
        return grpc.insecure_channel(parts.netloc, options)
    return grpc.secure_channel(parts.netloc, _credentials(config), options)


def _credentials(config: OtlpConfig) -> Any:
    names = (config.certificate, config.client_key, config.client_certificate)
    try:
        authorities, key, chain = (Path(name).read_bytes() if name else None for name in names)
    except OSError as error:
        raise PermanentExportError(
            f"the TLS files for {config.shown} cannot be read: {type(error).__name__}",
            hint="check OTEL_EXPORTER_OTLP_CERTIFICATE, _CLIENT_CERTIFICATE and _CLIENT_KEY",
        ) from None
    return grpc.ssl_channel_credentials(authorities, key, chain)


def _refusal(error: Any, shown: str) -> ExportError:
    code = error.code()
    wait = _retry_info(error)
    message = f"{shown} answered {code.name}"
    hint = "it is tried again by itself; check OTEL_EXPORTER_OTLP_ENDPOINT, _PROTOCOL and _HEADERS"
    if code in OF_THE_REQUEST and wait is None:
        return PermanentExportError(message, hint="the backend will never take this request; its log may say why")
    refused = SignalNotTakenError if code is grpc.StatusCode.UNIMPLEMENTED else TransientExportError
    return refused(message, retry_after=wait, hint=hint)


def _retry_info(error: Any) -> float | None:
    """Seconds that the server asks to wait, from the details of its status; None when it does not say."""
    details = next((value for key, value in error.trailing_metadata() or () if key == DETAILS), None)
    if details is None:
        return None
    found = RetryInfo()
    try:
        unpacked = any(one.Unpack(found) for one in Status.FromString(details).details)
    except DecodeError:
        return None
    return max(0.0, found.retry_delay.ToTimedelta().total_seconds()) if unpacked else None
